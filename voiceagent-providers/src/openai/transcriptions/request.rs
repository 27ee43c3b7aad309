use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{Client, Response, Url, header::CONTENT_TYPE};
use tokio::time::sleep;
use voiceagent_core::{Result, audio::Clip, stt::SttEvent};

use super::{
    super::server::{content_type, within},
    FORMAT, OpenAiSttConfig,
    answer::Answer,
    form::{self, Form},
};
use crate::wire::{http::Refusal, stt::Utterance};

/// Asks for transcripts.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client,
    page: Url,
    config: Arc<OpenAiSttConfig>,
    /// The language of the call.
    language: Option<Arc<str>>,
}

/// A request that can be sent as often as it takes.
#[derive(Debug)]
pub(super) struct Request {
    start: Duration,
    body: Bytes,
}

impl Requests {
    pub(super) const fn new(
        client: Client,
        page: Url,
        config: Arc<OpenAiSttConfig>,
        language: Option<Arc<str>>,
    ) -> Self {
        Self { client, page, config, language }
    }

    /// The request for the transcript of an utterance.
    pub(super) fn prepare(&self, utterance: &Utterance) -> Result<Request> {
        let wav = Clip::new(FORMAT, &utterance.audio)?.to_wav();
        let body = encode(&self.config, self.language.as_deref(), &wav);
        Ok(Request { start: utterance.start, body })
    }

    /// The events of the answer, asked for after `wait`: the last is a final, or an error. Dropping
    /// it ends the request.
    pub(super) fn send(
        &self,
        request: &Request,
        wait: Duration,
    ) -> BoxStream<'static, Result<SttEvent>> {
        let (limit, start) = (self.config.stall_timeout, request.start);
        let asked = self.client.post(self.page.clone()).header(CONTENT_TYPE, form::CONTENT_TYPE);
        let asked = asked.body(request.body.clone());
        let response = async move {
            sleep(wait).await;
            let response = within(limit, "transcript", asked.send()).await?;
            if response.status().is_success() {
                Ok(response)
            } else {
                Err(Refusal::read(response).await.into_error("transcribe"))
            }
        };
        let events = stream::once(response).flat_map(move |response| match response {
            Ok(response) => events(response, start, limit),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        events.boxed()
    }
}

fn encode(config: &OpenAiSttConfig, language: Option<&str>, wav: &[u8]) -> Bytes {
    let mut form = Form::default();
    form.field("model", &config.model);
    if let Some(language) = language.or(config.language.as_deref()) {
        form.field("language", language.split('-').next().unwrap_or(language));
    }
    if let Some(prompt) = &config.prompt {
        form.field("prompt", prompt);
    }
    if let Some(temperature) = config.temperature {
        form.field("temperature", &temperature.to_string());
    }
    if config.word_timings {
        form.field("response_format", "verbose_json");
        form.field("timestamp_granularities[]", "word");
        form.field("timestamp_granularities[]", "segment");
    } else {
        form.field("response_format", "json");
    }
    if config.stream {
        form.field("stream", "true");
    }
    config.extra.iter().for_each(|(field, value)| form.field(field, value));
    form.wav(wav);
    form.finish()
}

fn events(
    response: Response,
    start: Duration,
    limit: Duration,
) -> BoxStream<'static, Result<SttEvent>> {
    let is_stream = content_type(response.headers()) == "text/event-stream";
    let reading = Some((response, Answer::new(start, is_stream)));
    let events = stream::unfold(reading, move |reading| async move {
        let (mut response, mut answer) = reading?;
        loop {
            if let Some(event) = answer.poll() {
                return Some((Ok(event), Some((response, answer))));
            }
            if answer.is_done() {
                return None;
            }
            let taken = match within(limit, "transcript", response.chunk()).await {
                Ok(Some(piece)) => answer.feed(&piece),
                Ok(None) => answer.end(),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                return Some((Err(error), None));
            }
        }
    });
    events.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(config: &OpenAiSttConfig, language: Option<&str>) -> Vec<String> {
        let body = String::from_utf8(encode(config, language, b"RIFF").to_vec()).unwrap();
        let fields = body.split("; name=\"").skip(1).map(|part| {
            let (name, rest) = part.split_once('"').unwrap();
            let value = rest.split("\r\n\r\n").nth(1).and_then(|it| it.split("\r\n").next());
            format!("{name}={}", value.unwrap())
        });
        fields.collect()
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let sent = fields(&OpenAiSttConfig::default(), None);
        assert_eq!(sent, ["model=gpt-transcribe", "response_format=json", "file=RIFF"]);
    }

    #[test]
    fn settings_and_further_fields_are_sent() {
        let config = OpenAiSttConfig {
            language: Some("de".into()),
            prompt: Some("Silverado".into()),
            temperature: Some(0.2),
            word_timings: true,
            extra: vec![("vad_filter".to_owned(), "true".to_owned())],
            ..OpenAiSttConfig::default()
        };
        let expected = [
            "model=gpt-transcribe",
            "language=en",
            "prompt=Silverado",
            "temperature=0.2",
            "response_format=verbose_json",
            "timestamp_granularities[]=word",
            "timestamp_granularities[]=segment",
            "vad_filter=true",
            "file=RIFF",
        ];
        assert_eq!(fields(&config, Some("en-US")), expected);
        assert_eq!(fields(&config, None)[1], "language=de");
        let config = OpenAiSttConfig { stream: true, ..OpenAiSttConfig::default() };
        assert!(fields(&config, None).contains(&"stream=true".to_owned()));
    }
}
