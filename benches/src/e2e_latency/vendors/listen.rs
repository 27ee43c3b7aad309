use std::{future::pending, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use voiceagent_core::{
    SpeechDetector, SpeechEdge,
    audio::{AudioFormat, AudioFrame, MediaTime},
    vad::{Telephone, VadFactory},
};

use super::{
    super::{
        log::{Log, What},
        script::{ENDPOINTING, INTERIM_EVERY, TRANSCRIPT, Utterance},
        tag::{FRAME, Tag},
    },
    Encoding,
};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

/// The vendor names each connection; the clients of some frameworks insist.
const REQUEST: &str = "7c4a1f5e-0b7d-4e0e-9a53-1f6f3b1f0c11";

/// Serves one connection of `/v1/listen`.
pub(super) async fn serve(
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    said: &'static [Utterance],
    log: Arc<Log>,
) {
    let vad = Telephone::default();
    let detector = SpeechDetector::new(&vad, FORMAT, vad.gate())
        .expect("the agent's own detector hears mu-law");
    let mut ears = Ears {
        socket,
        encoding,
        said,
        log,
        detector,
        call: None,
        waiting: BytesMut::new(),
        position: 0,
        reported: 0,
        speech: None,
    };
    ears.run().await;
}

/// What the recognizer understands of one line.
struct Ears {
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    /// What may be said on it.
    said: &'static [Utterance],
    log: Arc<Log>,
    detector: SpeechDetector,
    call: Option<u32>,
    /// Less than a frame. Clients cut the line where they like.
    waiting: BytesMut,
    /// Samples heard.
    position: u64,
    /// Samples that a final covers.
    reported: u64,
    speech: Option<Speech>,
}

/// An utterance from its tag to the end of its turn.
struct Speech {
    text: String,
    began: u64,
    ends: u64,
    interim_at: u64,
    /// When its final is due; known once its last frame has been heard.
    final_at: Option<Instant>,
    final_sent: bool,
}

impl Ears {
    async fn run(&mut self) {
        while self.step().await.is_some() {}
        self.note(What::LineEnded);
    }

    async fn step(&mut self) -> Option<()> {
        let due = self.speech.as_ref().filter(|speech| !speech.final_sent);
        let due = due.and_then(|speech| speech.final_at);
        tokio::select! {
            message = self.socket.next() => match message?.ok()? {
                Message::Binary(audio) => self.on_audio(audio).await,
                Message::Text(text) => self.on_text(&text).await,
                Message::Close(_) => None,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Some(()),
            },
            () = at(due) => self.send_final(false).await,
        }
    }

    async fn on_audio(&mut self, audio: Bytes) -> Option<()> {
        self.waiting.extend_from_slice(&self.encoding.decode(audio));
        while self.waiting.len() >= FRAME {
            let frame = self.waiting.split_to(FRAME).freeze();
            self.on_frame(frame).await?;
        }
        Some(())
    }

    async fn on_frame(&mut self, audio: Bytes) -> Option<()> {
        if let Some(tag) = Tag::read(&audio) {
            self.on_tag(tag, audio.len());
        }
        let frame = AudioFrame::new(FORMAT, MediaTime(self.position), audio);
        self.position += frame.samples();
        if let (Some(edge), Some(call)) = (self.detector.push(&frame), self.call) {
            let since = |at: MediaTime| {
                std::time::Instant::now() - FORMAT.duration_of(self.position - at.0)
            };
            self.log.note(
                call,
                match edge {
                    SpeechEdge::Started { since: at } => What::SpeechStarted { since: since(at) },
                    SpeechEdge::Stopped { since: at } => What::SpeechStopped { since: since(at) },
                },
            );
        }
        self.follow().await
    }

    fn on_tag(&mut self, tag: Tag, length: usize) {
        if self.call.replace(tag.call).is_none() {
            self.log.note(tag.call, What::CallHeard);
        }
        let Some(utterance) = self.said.get(tag.utterance) else { return };
        let began = self.position + FORMAT.samples(length);
        self.speech = Some(Speech {
            text: utterance.text(tag.call),
            began,
            ends: began + FORMAT.samples(utterance.speech().len()),
            interim_at: began + FORMAT.samples_in(INTERIM_EVERY),
            final_at: None,
            final_sent: false,
        });
    }

    /// Says what the audio heard so far calls for.
    async fn follow(&mut self) -> Option<()> {
        let Some(speech) = &mut self.speech else { return Some(()) };
        if self.position >= speech.ends {
            speech.final_at.get_or_insert_with(|| Instant::now() + TRANSCRIPT);
        } else if self.position >= speech.interim_at {
            speech.interim_at += FORMAT.samples_in(INTERIM_EVERY);
            let text = said(&speech.text, self.position - speech.began, speech.ends - speech.began);
            return self.send_result(&text, json!({ "is_final": false })).await;
        }
        if speech.final_sent && self.position >= speech.ends + FORMAT.samples_in(ENDPOINTING) {
            self.speech = None;
            self.note(What::EndpointSent);
            let end = json!({ "is_final": true, "speech_final": true });
            return self.send_result("", end).await;
        }
        Some(())
    }

    async fn on_text(&mut self, text: &str) -> Option<()> {
        let message: Value = serde_json::from_str(text).ok()?;
        match message["type"].as_str() {
            Some("Finalize") => self.send_final(true).await,
            Some("CloseStream") => {
                let _ = self.socket.close(None).await;
                None
            }
            _ => Some(()),
        }
    }

    async fn send_final(&mut self, asked: bool) -> Option<()> {
        let open = self.speech.as_mut().filter(|speech| !speech.final_sent);
        let text = open.map_or_else(String::new, |speech| {
            speech.final_sent = true;
            speech.text.clone()
        });
        if !text.is_empty() {
            self.note(What::FinalSent);
        }
        self.send_result(&text, json!({ "is_final": true, "from_finalize": asked })).await
    }

    async fn send_result(&mut self, text: &str, mut message: Value) -> Option<()> {
        let start = seconds(self.reported);
        if message["is_final"] == true {
            self.reported = self.position;
        }
        let words: Vec<_> = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| json!({ "word": word, "confidence": 0.98, "start": start, "end": start }))
            .collect();
        for flag in ["is_final", "speech_final", "from_finalize"] {
            if message.get(flag).is_none() {
                message[flag] = false.into();
            }
        }
        message["type"] = "Results".into();
        message["channel_index"] = json!([0, 1]);
        message["metadata"] = json!({ "request_id": REQUEST });
        message["start"] = start.into();
        message["duration"] = (seconds(self.position) - start).into();
        message["channel"] = json!({ "alternatives": [
            { "transcript": text, "confidence": 0.98, "words": words }] });
        self.socket.send(Message::text(message.to_string())).await.ok()
    }

    fn note(&self, what: What) {
        if let Some(call) = self.call {
            self.log.note(call, what);
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// The words of a text that have been said when `part` of `whole` has been heard.
fn said(text: &str, part: u64, whole: u64) -> String {
    let words: Vec<_> = text.split(' ').collect();
    let count = words.len() as u64 * part / whole.max(1);
    words[..usize::try_from(count).unwrap_or(0).min(words.len())].join(" ")
}

fn seconds(samples: u64) -> f64 {
    Duration::as_secs_f64(&FORMAT.duration_of(samples))
}
