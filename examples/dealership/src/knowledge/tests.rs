use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::Deserialize;
use voiceagent_core::{ErrorKind, embedding::EmbedderCapabilities};

use super::*;
use crate::store::{Store, tests::friday};

#[derive(Deserialize)]
struct Corpus {
    documents: Vec<Written>,
    words: Vec<(String, String)>,
    misheard: Vec<(String, String)>,
    unknown: Vec<String>,
}

#[derive(Deserialize)]
struct Written {
    id: String,
    category: String,
    title: String,
    text: String,
}

fn corpus() -> Corpus {
    serde_json::from_str(include_str!("../../testdata/knowledge.json")).unwrap()
}

async fn filled(store: &Store) -> Corpus {
    let corpus = corpus();
    for Written { id, category, title, text } in &corpus.documents {
        store.write_document(id, (title, category, text), friday()).await.unwrap();
    }
    corpus
}

/// Of how many questions the document that answers them is among the first three.
async fn recall(store: &Store, questions: &[(String, String)]) -> usize {
    let mut found = 0;
    for (question, answer) in questions {
        let passages = store.search(question, None, 3).await.unwrap();
        found += usize::from(passages.iter().any(|one| one.id == *answer));
    }
    found
}

async fn unanswered(store: &Store, questions: &[String]) -> usize {
    let mut none = 0;
    for question in questions {
        none += usize::from(store.search(question, None, 3).await.unwrap().is_empty());
    }
    none
}

/// Knows that two words mean the same; counts what it was asked; fails if it is to.
#[derive(Clone, Debug, Default)]
struct Scholar {
    asked: Arc<Mutex<Vec<(usize, Purpose)>>>,
    fails: bool,
}

impl Scholar {
    fn store(&self, store: Store) -> Store {
        store.reading_by(Librarian::new(Arc::new(self.clone()), "scholar", 0.4))
    }

    fn asked(&self) -> Vec<(usize, Purpose)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Embedder for Scholar {
    fn name(&self) -> &str {
        "scholar"
    }

    fn capabilities(&self) -> EmbedderCapabilities {
        EmbedderCapabilities::new(Some(2_048), Some(100))
    }

    async fn embed(&self, texts: &[Arc<str>], purpose: Purpose) -> Result<Vec<Embedding>> {
        self.asked.lock().unwrap().push((texts.len(), purpose));
        if self.fails {
            return Err(Error::new(ErrorKind::Timeout, "embed", "it takes too long"));
        }
        let words = |text: &str| words::telling(text).join(" ").replace("courtesy", "loaner");
        Ok(texts.iter().map(|text| HashingEmbedder::new(2_048).point(&words(text))).collect())
    }
}

#[tokio::test]
async fn questions_find_their_documents_also_where_they_are_misheard() {
    let store = Store::fresh().await;
    let corpus = filled(&store).await;
    let by_words = Scholar { fails: true, ..Scholar::default() }.store(store.clone());
    let all = (corpus.words.len(), corpus.misheard.len(), corpus.unknown.len());
    assert_eq!(all, (29, 27, 10));
    let words = (
        recall(&by_words, &corpus.words).await,
        recall(&by_words, &corpus.misheard).await,
        unanswered(&by_words, &corpus.unknown).await,
    );
    let both = (
        recall(&store, &corpus.words).await,
        recall(&store, &corpus.misheard).await,
        unanswered(&store, &corpus.unknown).await,
    );
    assert_eq!((words, both), ((29, 7, 10), (29, 20, 9)));
}

#[tokio::test]
async fn a_document_is_found_by_its_meaning_once_it_has_a_point() {
    let scholar = Scholar::default();
    let store = scholar.store(Store::fresh().await);
    let count = filled(&store).await.documents.len();
    let asked = async || {
        let found = store.search("is a courtesy for me", None, 3).await.unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(asked().await, Vec::<String>::new(), "no document shares the word");
    assert_eq!(store.place_documents().await.unwrap(), count);
    assert_eq!(asked().await, ["loaner-cars"]);
    assert_eq!(
        scholar.asked(),
        [(1, Purpose::Query), (count, Purpose::Document), (1, Purpose::Query)],
        "documents are placed once"
    );
    let text = ("Shuttle", "policies", "A courtesy courtesy courtesy");
    store.write_document("shuttle", text, friday()).await.unwrap();
    assert_eq!(store.place_documents().await.unwrap(), 1, "what has changed is placed anew");
    let found: BTreeSet<String> = asked().await.into_iter().collect();
    assert!(found.contains("shuttle"), "{found:?}");
    assert_eq!(store.place_documents().await.unwrap(), 0);
    // Another program makes no points that are there.
    let other = Scholar::default();
    let elsewhere = other.store(store.clone());
    assert_eq!(elsewhere.place_documents().await.unwrap(), 0);
    let found = elsewhere.search("is a courtesy for me", Some("policies"), 1).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(other.asked().iter().all(|(_, purpose)| *purpose == Purpose::Query));
}

#[tokio::test(start_paused = true)]
async fn a_caller_does_not_wait_for_an_embedder_that_hangs() {
    #[derive(Debug)]
    struct Hangs;

    #[async_trait]
    impl Embedder for Hangs {
        fn name(&self) -> &str {
            "hangs"
        }

        fn capabilities(&self) -> EmbedderCapabilities {
            EmbedderCapabilities::new(None, Some(1))
        }

        async fn embed(&self, _: &[Arc<str>], _: Purpose) -> Result<Vec<Embedding>> {
            std::future::pending().await
        }
    }
    let librarian = Librarian::new(Arc::new(Hangs), "hangs", 0.4);
    let begun = tokio::time::Instant::now();
    assert_eq!(librarian.question("when are you open").await, None);
    assert_eq!(begun.elapsed(), PATIENCE);
    let named = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let text = named("Hours", "We are open on weekdays.");
    let documents = vec![Document::new(named("hours", "hours"), text, 0)];
    let found = librarian.rank(documents, "when are you open", None);
    assert_eq!(found.len(), 1, "its words tell");
}

#[test]
fn a_point_is_read_as_it_was_written() {
    let point = HashingEmbedder::new(7).point("Oil change");
    let same = read(&written(&point)).unwrap();
    assert_eq!(same.values().len(), 7);
    assert!(same.similarity(&point) > 0.999_99);
    for wrong in ["AAAAA", "!", "AAAAAAA="] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn points_are_compared_with_those_of_the_same_model_alone() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let librarian = |text: &str| {
        let text =
            format!("[knowledge.embedding]\nprovider = \"openai\"\napi_key = \"hush\"\n{text}");
        Librarian::of(&Config::parse(&text, &|_| None).unwrap(), &registry).unwrap()
    };
    let usual = librarian("");
    assert_eq!(usual.space(), librarian("timeout = \"2s\"\n").space());
    for other in ["model = \"text-embedding-3-large\"\n", "dimensions = 256\n"] {
        assert_ne!(usual.space(), librarian(other).space(), "{other}");
    }
    assert!(!usual.is_local() && !usual.space().contains("hush"));
    let off = librarian("[switches]\nmodel = false\n");
    assert!(off.is_local(), "no vendor is asked where models are turned off");
}
