use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{Client, Response, Url, header::CONTENT_TYPE};
use serde::Serialize;
use tokio::time::sleep;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{
    super::server::{content_type, within},
    FORMAT, OpenAiTtsConfig,
};
use crate::wire::{
    http::Refusal,
    llm::body,
    voice::{body::Body, reader::Reads},
};

/// The request, as the OpenAI API reference has it.
#[derive(Serialize)]
struct Speech<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

/// Asks for speech.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client,
    url: Url,
    config: OpenAiTtsConfig,
}

impl Requests {
    pub(super) const fn new(client: Client, url: Url, config: OpenAiTtsConfig) -> Self {
        Self { client, url, config }
    }
}

impl Reads for Requests {
    // "Create speech" takes so much in one request.
    const LONGEST: usize = 4_096;

    fn read(&self, input: &str, wait: Duration) -> BoxStream<'static, Result<Bytes>> {
        let stall = self.config.stall_timeout;
        let asked = encode(&self.config, input).map(|body| {
            let request = self.client.post(self.url.clone());
            request.header(CONTENT_TYPE, "application/json").body(body).send()
        });
        let response = async move {
            sleep(wait).await;
            let response = within(stall, "audio", asked?).await?;
            accept(response).await
        };
        let pieces = stream::once(response).flat_map(move |response| match response {
            Ok(response) => pieces(response, stall),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        pieces.boxed()
    }
}

fn encode(config: &OpenAiTtsConfig, input: &str) -> Result<Vec<u8>> {
    let speech = Speech {
        model: &config.model,
        input,
        voice: &config.voice,
        response_format: "pcm",
        instructions: config.instructions.as_deref(),
        speed: config.speed,
    };
    body::body(&speech, &config.extra_body)
}

/// The pieces of a response's audio, each within a deadline.
fn pieces(response: Response, stall: Duration) -> BoxStream<'static, Result<Bytes>> {
    let reading = Some((response, Body::new(FORMAT)));
    let pieces = stream::unfold(reading, move |reading| async move {
        let (mut response, mut body) = reading?;
        match within(stall, "audio", response.chunk()).await {
            Ok(Some(piece)) => match body.take(piece) {
                Ok(samples) => Some((Ok(samples), Some((response, body)))),
                Err(error) => Some((Err(error), None)),
            },
            Ok(None) => Some((Ok(body.finish()), None)),
            Err(error) => Some((Err(error), None)),
        }
    });
    pieces.boxed()
}

/// Refuses a response that is no PCM. Some servers report errors with status 200.
async fn accept(response: Response) -> Result<Response> {
    if !response.status().is_success() {
        return Err(Refusal::read(response).await.into_error("speak"));
    }
    let kind = content_type(response.headers());
    if kind.ends_with("json") {
        return Err(Refusal::read(response).await.into_error("speak"));
    }
    let compressed = ["aac", "flac", "mp3", "mpeg", "ogg", "opus", "webm"];
    if compressed.iter().any(|name| kind == format!("audio/{name}")) {
        let message = format!("the server sends {kind} in place of PCM");
        return Err(Error::new(ErrorKind::Unsupported, "speak", message));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sent(config: &OpenAiTtsConfig) -> Value {
        serde_json::from_slice(&encode(config, "Hello.").unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(
            sent(&OpenAiTtsConfig::default()),
            json!({ "model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy",
                "response_format": "pcm" })
        );
    }

    #[test]
    fn settings_and_further_fields_are_sent() {
        let config = OpenAiTtsConfig {
            speed: Some(1.5),
            instructions: Some("Whisper.".into()),
            extra_body: serde_json::from_value(json!({ "lang_code": "b", "speed": 2 })).unwrap(),
            ..OpenAiTtsConfig::default()
        };
        let sent = sent(&config);
        assert_eq!(sent["instructions"], "Whisper.");
        assert_eq!((&sent["lang_code"], &sent["speed"]), (&json!("b"), &json!(2)));
    }
}
