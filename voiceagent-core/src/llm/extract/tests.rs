use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use serde::Deserialize;

use super::*;
use crate::llm::LlmCapabilities;

#[derive(Debug, Deserialize, Eq, JsonSchema, PartialEq)]
struct Outcome {
    booked: bool,
    day: Option<String>,
}

/// A model with a list of answers, which keeps what it was asked.
#[derive(Debug)]
struct Model {
    structured: bool,
    answers: Mutex<Vec<&'static str>>,
    ends: FinishReason,
    asked: Mutex<Vec<LlmRequest>>,
}

impl Model {
    fn new(structured: bool, answers: &[&'static str]) -> Self {
        let answers = Mutex::new(answers.iter().copied().rev().collect());
        Self { structured, answers, ends: FinishReason::Stop, asked: Mutex::default() }
    }

    async fn outcome(&self) -> Result<Outcome> {
        let question = vec![Message::User { text: "Book me for Friday.".into() }];
        extract(self, LlmRequest::new("What came of it?", question), Duration::from_secs(30)).await
    }

    fn asked(&self) -> Vec<LlmRequest> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl LanguageModel for Model {
    fn name(&self) -> &str {
        "model"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_structured_outputs(self.structured)
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        self.asked.lock().unwrap().push(request);
        let Some(answer) = self.answers.lock().unwrap().pop() else {
            return Ok(stream::pending().boxed());
        };
        let pieces = answer.chars().map(|letter| LlmEvent::Text(letter.to_string()));
        let events: Vec<_> = pieces.chain([LlmEvent::Finished(self.ends)]).map(Ok).collect();
        Ok(stream::iter(events).boxed())
    }
}

const GOOD: &str = r#"{"booked":true,"day":"Friday"}"#;

fn good() -> Outcome {
    Outcome { booked: true, day: Some("Friday".to_owned()) }
}

#[tokio::test]
async fn an_answer_is_of_use_only_if_one_model_has_written_it() {
    for structured in [true, false] {
        let model = Model::new(structured, &[GOOD]);
        model.outcome().await.unwrap();
        assert!(model.asked()[0].whole);
    }
}

#[tokio::test]
async fn a_vendor_that_can_be_held_to_a_form_is() {
    let model = Model::new(true, &[GOOD]);
    assert_eq!(model.outcome().await.unwrap(), good());
    let asked = model.asked().remove(0);
    assert_eq!(asked.format.as_ref().map(|format| &*format.name), Some("Outcome"));
    assert_eq!(&*asked.instructions, "What came of it?");
}

#[tokio::test]
async fn another_is_told_and_may_wrap_its_answer() {
    let model = Model::new(false, &["Sure:\n```json\n{\"booked\":false,\"day\":null}\n```"]);
    assert_eq!(model.outcome().await.unwrap(), Outcome { booked: false, day: None });
    let asked = model.asked().remove(0);
    assert_eq!(asked.format, None);
    assert!(asked.instructions.contains("\"booked\""), "{}", asked.instructions);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_once_more_with_what_is_wrong() {
    for (bad, told) in [
        (r#"{"booked":"yes","day":null}"#, "$.booked"),
        (r#"{"booked":true}"#, "day"),
        ("I do not know.", "no JSON"),
    ] {
        let model = Model::new(true, &[bad, GOOD]);
        assert_eq!(model.outcome().await.unwrap(), good());
        let messages = model.asked().pop().unwrap().messages;
        let [_, Message::Assistant { text, .. }, Message::User { text: complaint }] = &*messages
        else {
            panic!("{messages:?}")
        };
        assert_eq!(&**text, bad);
        assert!(complaint.contains(told), "{complaint}");
    }
}

#[tokio::test]
async fn two_answers_that_do_not_fit_are_an_error_that_repeats_neither() {
    let bad = r#"{"booked":"a secret","day":null}"#;
    let model = Model::new(true, &[bad, bad, GOOD]);
    let error = model.outcome().await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Protocol, Some("model")));
    assert!(error.message().contains("$.booked"), "{error}");
    assert!(!error.message().contains("secret"), "{error}");
    assert_eq!(model.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let model = Model { ends: FinishReason::Length, ..Model::new(true, &[GOOD]) };
    assert_eq!(model.outcome().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_says_nothing_is_given_up() {
    let error = Model::new(true, &[]).outcome().await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Timeout, Some("model")));
}

/// What becomes of a question for a type.
async fn refused<T: DeserializeOwned + JsonSchema>() -> (ErrorKind, String, usize) {
    let model = Model::new(true, &["{}", "{}"]);
    let asked = extract::<T>(&model, LlmRequest::new("", []), Duration::from_secs(30)).await;
    let error = asked.err().expect("no form that vendors take");
    (error.kind(), error.message().to_owned(), model.asked().len())
}

#[tokio::test]
async fn a_type_that_no_vendor_can_be_held_to_is_refused_before_anybody_is_asked() {
    use std::collections::BTreeMap;

    #[derive(Deserialize, JsonSchema)]
    struct In<T> {
        #[serde(rename = "inner")]
        _inner: T,
    }
    #[derive(Deserialize, JsonSchema)]
    struct Flat<T> {
        #[serde(rename = "name")]
        _name: String,
        #[serde(flatten)]
        _rest: T,
    }
    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Asked {
        Visit { _day: String },
        Nothing,
    }

    for ((kind, message, asked), told) in [
        (refused::<Vec<Outcome>>().await, "$ "),
        (refused::<Option<Outcome>>().await, "$ "),
        (refused::<String>().await, "$ "),
        (refused::<Asked>().await, "$ "),
        (refused::<BTreeMap<String, u8>>().await, "$ "),
        (refused::<In<BTreeMap<String, u8>>>().await, "$.inner "),
        (refused::<In<Vec<BTreeMap<String, Outcome>>>>().await, "$.inner[] "),
        (refused::<In<(u8, String)>>().await, "$.inner "),
        (refused::<In<serde_json::Value>>().await, "$.inner "),
        (refused::<Flat<BTreeMap<String, u8>>>().await, "$ "),
        (refused::<Flat<Asked>>().await, "$ "),
    ] {
        assert_eq!((kind, asked), (ErrorKind::Config, 0), "{message}");
        assert!(message.contains(told), "{message} does not name {told}");
    }
    let chosen = Model::new(true, &[r#"{"inner":{"kind":"Nothing"}}"#]);
    let asked = LlmRequest::new("", []);
    extract::<In<Asked>>(&chosen, asked, Duration::from_secs(30)).await.unwrap();
}
