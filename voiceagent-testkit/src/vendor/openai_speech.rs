use std::{io, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    http::{HttpRequest, push_chunk},
    openai_http::{Connection, Endpoint},
};

/// The audio that the protocol calls `pcm`.
pub(super) const FORMAT: AudioFormat = AudioFormat::PCM_24K;

/// Audio comes in pieces of this length, which is no whole number of samples.
const PIECE: usize = 4_801;

/// How long a piece lasts.
const PIECE_TIME: Duration = Duration::from_millis(100);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\n\
    transfer-encoding: chunked\r\n\r\n";

const KNOWN: [&str; 7] =
    ["input", "instructions", "model", "response_format", "speed", "stream_format", "voice"];

/// OpenAI's `/v1/audio/speech` (OpenAI API reference, "Create speech").
pub(super) struct Speech(pub(super) SpeakScript);

impl Endpoint for Speech {
    const PATH: &'static str = "/v1/audio/speech";

    fn note(&self, request: &HttpRequest) -> String {
        String::from_utf8_lossy(&request.body).into_owned()
    }

    async fn answer(
        &mut self,
        request: &HttpRequest,
        connection: &mut Connection,
    ) -> io::Result<Result<(), &'static str>> {
        let input = match input(&self.note(request)) {
            Ok(input) => input,
            Err(param) => return Ok(Err(param)),
        };
        let mut audio: Bytes = self.0.audio(FORMAT, &input);
        let mut due = Instant::now() + self.0.first_audio_delay;
        connection.until(due).await?;
        connection.http.write(HEAD).await?;
        while !audio.is_empty() {
            let mut out = Vec::new();
            push_chunk(&mut out, &audio.split_to(PIECE.min(audio.len())));
            connection.http.write(&out).await?;
            due += PIECE_TIME / self.0.speed.max(1);
            connection.until(due).await?;
        }
        connection.http.write(b"0\r\n\r\n").await?;
        Ok(Ok(()))
    }
}

/// The text of a request; the error is the name of a field that is refused.
fn input(body: &str) -> Result<String, &'static str> {
    let request: Value = serde_json::from_str(body).map_err(|_| "body")?;
    let fields = request.as_object().ok_or("body")?;
    if fields.keys().any(|key| !KNOWN.contains(&&**key)) {
        return Err("unknown_field");
    }
    if !request["model"].is_string() || !request["voice"].is_string() {
        return Err("model_or_voice");
    }
    if request["response_format"] != "pcm" {
        return Err("response_format");
    }
    let speed = &request["speed"];
    if !speed.is_null() && !speed.as_f64().is_some_and(|speed| (0.25..=4.0).contains(&speed)) {
        return Err("speed");
    }
    let input = request["input"].as_str().ok_or("input")?;
    let fits = (1..=4_096).contains(&input.chars().count());
    fits.then(|| input.to_owned()).ok_or("input")
}
