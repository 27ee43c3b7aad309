use std::time::Duration;

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{AnswerFormat, FinishReason, LanguageModel, LlmEvent, LlmRequest, Message};
use crate::{Error, ErrorKind, Result, tool::Schema};

/// How often an answer is asked for: once more if it does not fit.
const TRIES: usize = 2;

/// The longest answer, in bytes: far more than anybody wants to know of a call.
const LONGEST: usize = 1 << 20;

/// Asks a model for data in place of words, such as what a call has come to.
///
/// The form comes from `T` and its doc comments. Where the vendor can be held to a form
/// ([`LlmCapabilities::structured`](super::LlmCapabilities::structured)) it is, and elsewhere the
/// model is told. An answer that does not fit the form is asked for once more, with what is wrong
/// about it.
///
/// This is for requests outside of a call's turns: nobody hears the answer.
///
/// ```
/// use std::time::Duration;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use voiceagent_core::llm::{LlmRequest, Message, extract};
/// # use futures_util::{StreamExt, stream::{self, BoxStream}};
/// # use voiceagent_core::{Result, llm::*};
/// # #[derive(Debug)] struct Model;
/// # #[async_trait::async_trait]
/// # impl LanguageModel for Model {
/// #     fn name(&self) -> &str { "model" }
/// #     fn capabilities(&self) -> LlmCapabilities { LlmCapabilities::default() }
/// #     async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
/// #         let said = r#"{"name":"Robin Vega","wants_a_call_back":true}"#.to_owned();
/// #         let events = [LlmEvent::Text(said), LlmEvent::Finished(FinishReason::Stop)];
/// #         Ok(stream::iter(events.map(Ok)).boxed())
/// #     }
/// # }
///
/// #[derive(Debug, Deserialize, JsonSchema)]
/// struct Outcome {
///     /// The caller's name, if it was said.
///     name: Option<String>,
///     /// Whether somebody is to call back.
///     wants_a_call_back: bool,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let transcript = "Caller: Robin Vega here. Please call me back.";
/// let question = vec![Message::User { text: transcript.into() }];
/// let request = LlmRequest::new("What has this call come to?", question);
/// let outcome: Outcome = extract(&Model, request, Duration::from_secs(30)).await.unwrap();
/// assert_eq!((outcome.name.as_deref(), outcome.wants_a_call_back), (Some("Robin Vega"), true));
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`] for a type whose schema says more than can be checked, and for one of whose
/// form no vendor can be held to: what is no struct on the outside, and maps, tuples and values of
/// any kind within. Those of the model, [`ErrorKind::Timeout`] after `deadline`, and
/// [`ErrorKind::Protocol`] when neither answer fits.
///
/// # Cancel safety
///
/// Dropping the future ends the request.
pub async fn extract<T: DeserializeOwned + JsonSchema>(
    llm: &dyn LanguageModel,
    request: LlmRequest,
    deadline: Duration,
) -> Result<T> {
    let format = AnswerFormat::of::<T>();
    format.check()?;
    let schema = Schema::compile(&format.schema)?;
    let mut request = if llm.capabilities().structured {
        request.with_format(format)
    } else {
        told(request, &format)
    };
    request.whole = true;
    let late = || Error::new(ErrorKind::Timeout, "extract", "there is no answer in time");
    let asked = timeout(deadline, ask(llm, request, &schema)).await;
    asked.unwrap_or_else(|_| Err(late())).map_err(|error| match error.provider() {
        Some(_) => error,
        None => error.with_provider(llm.name().to_owned()),
    })
}

async fn ask<T: DeserializeOwned>(
    llm: &dyn LanguageModel,
    mut request: LlmRequest,
    schema: &Schema,
) -> Result<T> {
    let mut wrong = String::new();
    for _ in 0..TRIES {
        let answer = answer(llm, request.clone()).await?;
        wrong = match read(object(&answer), schema) {
            Ok(data) => return Ok(data),
            Err(wrong) => wrong,
        };
        let complaint = format!("{wrong}. Answer again, with the JSON object alone.");
        let said = Message::Assistant { text: answer.into(), interrupted: false };
        let complaint = Message::User { text: complaint.into() };
        request.messages = request.messages.iter().cloned().chain([said, complaint]).collect();
    }
    Err(Error::new(ErrorKind::Protocol, "extract", wrong))
}

/// The data of an answer; else what is wrong about it, without anything that it says.
fn read<T: DeserializeOwned>(answer: &str, schema: &Schema) -> std::result::Result<T, String> {
    let value = serde_json::from_str(answer)
        .map_err(|wrong| format!("the answer is no JSON from column {} on", wrong.column()))?;
    schema.validate(&value).map_err(|wrong| format!("the answer does not fit: {wrong}"))?;
    // What a schema cannot say, such as a date that there is not.
    serde_json::from_value(value).map_err(|_| "a value of the answer makes no sense".to_owned())
}

/// All that a model says.
async fn answer(llm: &dyn LanguageModel, request: LlmRequest) -> Result<String> {
    let cut_off = || Error::new(ErrorKind::Protocol, "extract", "the answer is not complete");
    let mut events = llm.generate(request).await?;
    let (mut text, mut is_complete) = (String::new(), false);
    while let Some(event) = events.next().await {
        match event? {
            LlmEvent::Finished(reason) => is_complete = reason == FinishReason::Stop,
            LlmEvent::Text(more) if text.len() + more.len() > LONGEST => return Err(cut_off()),
            LlmEvent::Text(more) => text.push_str(&more),
            LlmEvent::Connected { .. }
            | LlmEvent::FailedOver(_)
            | LlmEvent::Limits(_)
            | LlmEvent::Progress
            | LlmEvent::ToolCall(_)
            | LlmEvent::Usage(_) => {}
        }
    }
    if is_complete { Ok(text) } else { Err(cut_off()) }
}

/// The object in an answer: models that are only told like to put words or a fence around it.
fn object(answer: &str) -> &str {
    match (answer.find('{'), answer.rfind('}')) {
        (Some(begin), Some(end)) if begin < end => &answer[begin..=end],
        _ => answer,
    }
}

/// The request with the form in words.
fn told(mut request: LlmRequest, format: &AnswerFormat) -> LlmRequest {
    let form = format!(
        "{}\n\nAnswer with one JSON object that fits this JSON Schema, and with nothing else:\n{}",
        request.instructions, format.schema,
    );
    request.instructions = form.trim_start().into();
    request
}

#[cfg(test)]
mod tests;
