//! What documents say about a question: by the words that they share with it, and by how close they
//! lie to it in meaning.

mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::warn;
use voiceagent_core::{
    Error, Result,
    embedding::{Embedder, Embedding, HashingEmbedder, Purpose},
    registry::Registry,
};

use crate::{
    config::{Config, KnowledgeConfig},
    server,
};

/// Numbers of a point that is made without a vendor: so many words and pieces of words of a document
/// seldom share one.
const LOCAL_DIMENSIONS: usize = 2_048;
/// From where a point without a vendor is near: found with the questions of
/// `testdata/knowledge.json`.
const LOCAL_NEAR: f32 = 0.2;
/// Somebody on the phone waits for an answer; without a point words alone decide.
const PATIENCE: Duration = Duration::from_millis(800);
/// How much of a document a point is made of, in bytes: models read some 2,000 tokens.
const LONGEST: usize = 8 * 1024;

/// A document as it is searched.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) category: String,
    pub(crate) text: String,
    pub(crate) updated_at: i64,
    /// What the text is known by: a changed one is another.
    pub(crate) digest: String,
}

impl Document {
    pub(crate) fn new(
        (id, category): (String, String),
        (title, text): (String, String),
        updated_at: i64,
    ) -> Self {
        let mut document = Self { id, title, category, text, updated_at, digest: String::new() };
        let hash: [u8; 32] = Sha256::digest(document.whole().as_bytes()).into();
        document.digest = base64_simd::URL_SAFE_NO_PAD.encode_to_string(hash);
        document
    }

    fn whole(&self) -> String {
        format!("{}. {}", self.title, self.text)
    }
}

/// Knows where documents and questions lie in meaning. The lock is held for a look, and over no wait.
#[derive(Debug)]
pub struct Librarian {
    embedder: Arc<dyn Embedder>,
    space: String,
    near: f32,
    /// Points of documents by the digests of their texts.
    points: Mutex<BTreeMap<String, Embedding>>,
}

impl Default for Librarian {
    /// One that asks nobody: it knows words and pieces of words, so that it finds what is misspelt,
    /// and no meaning.
    fn default() -> Self {
        let embedder = Arc::new(HashingEmbedder::new(LOCAL_DIMENSIONS));
        Self::new(embedder, "hashing", LOCAL_NEAR)
    }
}

impl Librarian {
    /// One that asks this embedder. `space` names its model, whose points are compared with each
    /// other alone; from a similarity of `near` on a document answers a question.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>, space: impl Into<String>, near: f32) -> Self {
        Self { embedder, space: space.into(), near, points: Mutex::default() }
    }

    /// The one of a configuration; where it names no embedder, where models are turned off, or no
    /// calls are answered, one that asks nobody.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field of the table
    /// `[knowledge.embedding]`.
    pub(crate) fn of(config: &Config, registry: &Registry) -> Result<Self> {
        let KnowledgeConfig { embedding, near } = &config.knowledge;
        let asks = config.switches.model && config.server.roles.media;
        let Some(embedding) = embedding.as_ref().filter(|_| asks) else {
            return Ok(Self::default());
        };
        let table = "knowledge.embedding";
        let embedder = server::provider(table, Some(embedding), &registry.embedding)?;
        // Addresses may hold more than an address.
        let settings = embedding.to_value();
        let model = ["provider", "base_url", "location", "model", "dimensions"]
            .map(|field| settings[field].to_string());
        let hash: [u8; 32] = Sha256::digest(model.join(" ").as_bytes()).into();
        let hash = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&hash[..9]);
        Ok(Self::new(embedder, format!("{} {hash}", embedding.provider), *near))
    }

    /// Whether points cost nothing, so that none are kept.
    pub(crate) fn is_local(&self) -> bool {
        self.embedder.capabilities().batch.is_none()
    }

    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    /// The point of a question; `None` where it cannot be had in time.
    pub(crate) async fn question(&self, question: &str) -> Option<Embedding> {
        let asked = [self.told(question)];
        match timeout(PATIENCE, self.embedder.embed(&asked, Purpose::Query)).await {
            Ok(Ok(points)) => points.into_iter().next(),
            Ok(Err(error)) => {
                warn!(%error, "a question is looked up by its words alone");
                None
            }
            Err(_) => {
                warn!("a question is looked up by its words alone: the embedder takes too long");
                None
            }
        }
    }

    /// Makes the points of documents, in order.
    ///
    /// # Errors
    ///
    /// When the embedder fails.
    pub(crate) async fn points(&self, documents: &[Document]) -> Result<Vec<Embedding>> {
        let texts: Vec<Arc<str>> =
            documents.iter().map(|document| self.told(&document.whole())).collect();
        self.embedder.embed(&texts, Purpose::Document).await
    }

    /// What an embedder is given. One that knows no meaning would take "do you" for half of it.
    fn told(&self, text: &str) -> Arc<str> {
        if self.is_local() {
            return words::telling(text).join(" ").into();
        }
        text[..text.floor_char_boundary(LONGEST)].into()
    }

    /// The documents whose points are not known here.
    pub(crate) fn unknown(&self, documents: &[Document]) -> Vec<Document> {
        let points = self.known();
        let unknown = documents.iter().filter(|one| !points.contains_key(&one.digest));
        unknown.cloned().collect()
    }

    /// Learns points by the digests of their texts, and forgets all that are of none of these
    /// documents.
    pub(crate) fn learn(
        &self,
        points: impl IntoIterator<Item = (String, Embedding)>,
        documents: &[Document],
    ) {
        let are: BTreeSet<&str> = documents.iter().map(|one| one.digest.as_str()).collect();
        let mut known = self.known();
        known.extend(points);
        known.retain(|digest, _| are.contains(digest.as_str()));
    }

    /// The documents that answer a question, the best first, and how well each does, from 0 to 1.
    ///
    /// A share of words and a cosine cannot be compared. Each is measured by the most that it can be,
    /// which for a cosine is the best of all documents, and the mean of the two decides (S. Bruch,
    /// S. Gai, A. Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42, 2023).
    /// Where nothing is near, the words alone do.
    pub(crate) fn rank(
        &self,
        documents: Vec<Document>,
        question: &str,
        point: Option<&Embedding>,
    ) -> Vec<(Document, f64)> {
        let shares = words::shares(question, &documents);
        let near: Vec<f32> = {
            let points = self.known();
            let similarity = |one: &Document| {
                Some(points.get(&one.digest)?.similarity(point?)).filter(|near| near.is_finite())
            };
            documents.iter().map(|one| similarity(one).unwrap_or(0.0)).collect()
        };
        let best = near.iter().copied().fold(0.0, f32::max);
        let tells = best >= self.near;
        let mut found = Vec::new();
        for ((document, share), near) in documents.into_iter().zip(shares).zip(near) {
            if share < words::LEAST && near < self.near {
                continue;
            }
            let score = match tells {
                true => f64::midpoint(share, f64::from(near.max(0.0) / best)),
                false => share,
            };
            found.push((document, score));
        }
        found.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        found
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Embedding>> {
        // Nothing can be half-done in a panic that matters: a point that is missing is made again.
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A point as text: its numbers, the lowest byte first.
pub(crate) fn written(point: &Embedding) -> String {
    let bytes: Vec<u8> = point.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// A point that was [written].
///
/// # Errors
///
/// When the text is none.
pub(crate) fn read(text: &str) -> Result<Embedding> {
    let strange = || Error::new(voiceagent_core::ErrorKind::Protocol, "read a point", "it is none");
    let bytes = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| strange())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(strange());
    }
    Ok(Embedding::new(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
}

#[cfg(test)]
mod tests;
