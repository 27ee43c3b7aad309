use std::{
    io::{ErrorKind, Result},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::broadcast,
    time::{Instant, sleep_until},
};
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    http::{HttpConnection, HttpRequest, push_chunk},
    server::{Control, State},
};

/// The audio that the protocol calls `pcm`.
pub(super) const FORMAT: AudioFormat = AudioFormat::PCM_24K;

/// Audio comes in pieces of this length, which is no whole number of samples.
const PIECE: usize = 4_801;

/// How long a piece lasts.
const PIECE_TIME: Duration = Duration::from_millis(100);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\n\
    transfer-encoding: chunked\r\n\r\n";

const BEARER: &str = "Bearer scripted-vendor-key";

const KNOWN: [&str; 7] =
    ["input", "instructions", "model", "response_format", "speed", "stream_format", "voice"];

/// Serves OpenAI's `/v1/audio/speech` (OpenAI API reference, "Create speech"), and the head of
/// `/v1/models`, until the client or the script ends the connection.
pub(super) async fn serve(tcp: TcpStream, script: SpeakScript, state: Arc<State>) {
    if state.is_silent() {
        let _held = tcp;
        return std::future::pending().await;
    }
    let control = state.control();
    let (number, _open) = state.open(Vec::new());
    let Ok(http) = HttpConnection::new(tcp) else { return };
    let mut connection = Connection { http, script, state, number, control, stalled: false };
    // However it ends, the client sees the end.
    let _ = connection.run().await;
}

struct Connection {
    http: HttpConnection,
    script: SpeakScript,
    state: Arc<State>,
    number: usize,
    control: broadcast::Receiver<Control>,
    stalled: bool,
}

impl Connection {
    async fn run(&mut self) -> Result<()> {
        loop {
            let request = tokio::select! {
                request = self.http.request() => request?,
                Ok(control) = self.control.recv() => {
                    match control {
                        Control::Close(..) | Control::Drop => return Ok(()),
                        Control::Stall => self.stalled = true,
                        Control::Text(text) => self.http.write(text.as_bytes()).await?,
                    }
                    continue;
                }
            };
            let Some(request) = request else { return Ok(()) };
            self.answer(&request).await?;
        }
    }

    async fn answer(&mut self, request: &HttpRequest) -> Result<()> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if !body.is_empty() {
            self.state.note(self.number, body.clone(), false);
        }
        if self.stalled {
            return self.stall().await;
        }
        if let Some(refusal) = self.state.refusal() {
            let wait = refusal.retry_after.map(|wait| wait.as_secs().to_string());
            return self.refuse(refusal.status, &refusal.reason, wait.as_deref()).await;
        }
        if request.header("authorization") != Some(BEARER) {
            return self.refuse(401, "invalid_api_key", None).await;
        }
        match (&*request.method, &*request.path) {
            ("HEAD", "/v1/models") => self.http.respond(200, &[("content-length", "2")], "").await,
            ("POST", "/v1/audio/speech") => match input(&body) {
                Ok(input) => self.speak(&input).await,
                Err(param) => self.refuse(400, param, None).await,
            },
            _ => self.refuse(404, "unknown_url", None).await,
        }
    }

    async fn speak(&mut self, input: &str) -> Result<()> {
        let mut audio: Bytes = self.script.audio(FORMAT, input);
        let mut due = Instant::now() + self.script.first_audio_delay;
        self.until(due).await?;
        self.http.write(HEAD).await?;
        while !audio.is_empty() {
            let mut out = Vec::new();
            push_chunk(&mut out, &audio.split_to(PIECE.min(audio.len())));
            self.http.write(&out).await?;
            due += PIECE_TIME / self.script.speed.max(1);
            self.until(due).await?;
        }
        self.http.write(b"0\r\n\r\n").await
    }

    /// Waits until it is time to send more, or the client or the script ends the connection.
    async fn until(&mut self, due: Instant) -> Result<()> {
        loop {
            tokio::select! {
                () = sleep_until(due) => return Ok(()),
                read = self.http.more() => if read? == 0 { return Err(ended()) },
                Ok(control) = self.control.recv() => match control {
                    Control::Close(..) | Control::Drop => return Err(ended()),
                    Control::Stall => return self.stall().await,
                    // Between two chunks nothing else has a place.
                    Control::Text(_) => {}
                },
            }
        }
    }

    /// Says nothing until the client gives up, or the script ends the connection.
    async fn stall(&mut self) -> Result<()> {
        loop {
            tokio::select! {
                read = self.http.more() => if read? == 0 { return Err(ended()) },
                Ok(Control::Close(..) | Control::Drop) = self.control.recv() => {
                    return Err(ended());
                }
            }
        }
    }

    async fn refuse(&mut self, status: u16, code: &str, retry_after: Option<&str>) -> Result<()> {
        let error = json!({ "message": code, "type": "invalid_request_error", "code": code });
        let body = json!({ "error": error }).to_string();
        let length = body.len().to_string();
        let mut headers = vec![("content-length", &*length)];
        headers.extend(retry_after.map(|wait| ("retry-after", wait)));
        self.http.respond(status, &headers, &body).await
    }
}

fn ended() -> std::io::Error {
    ErrorKind::ConnectionAborted.into()
}

/// The text of a request; the error is the name of a field that is refused.
fn input(body: &str) -> std::result::Result<String, &'static str> {
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
