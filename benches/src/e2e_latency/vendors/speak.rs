use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use voiceagent_core::audio::AudioFormat;
use voiceagent_testkit::tone;

use super::{
    super::{
        log::{Log, What},
        script::{FIRST_AUDIO, PER_CHARACTER},
    },
    Encoding,
};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

/// Audio leaves in pieces of 100 ms, ten times faster than it plays.
const PIECE: usize = 800;
const PIECE_EVERY: Duration = Duration::from_millis(10);

/// Serves one connection of `/v1/speak`.
pub(super) async fn serve(socket: WebSocketStream<TcpStream>, encoding: Encoding, log: Arc<Log>) {
    let mut voice = Voice {
        socket,
        encoding,
        log,
        call: None,
        text: String::new(),
        first: String::new(),
        queue: VecDeque::new(),
    };
    while voice.step().await.is_some() {}
    voice.note(What::LineEnded);
}

/// The synthesizer of one line. Its audio spells what it says, so that a phone can tell which words
/// it has played.
struct Voice {
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    log: Arc<Log>,
    call: Option<u32>,
    text: String,
    /// The first piece of `text`.
    first: String,
    queue: VecDeque<(Instant, Item)>,
}

enum Item {
    Audio { payload: Bytes, first: bool },
    Flushed,
}

impl Voice {
    async fn step(&mut self) -> Option<()> {
        let due = self.queue.front().map(|(due, _)| *due);
        let due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            message = self.socket.next() => match message?.ok()? {
                Message::Text(text) => self.on_text(&text).await,
                Message::Close(_) => None,
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                    Some(())
                }
            },
            () = due => self.send().await,
        }
    }

    async fn on_text(&mut self, text: &str) -> Option<()> {
        let message: Value = serde_json::from_str(text).ok()?;
        match (message["type"].as_str()?, message["text"].as_str()) {
            ("Speak", Some(text)) => {
                if self.text.is_empty() {
                    text.clone_into(&mut self.first);
                }
                self.text.push_str(text);
            }
            ("Flush", _) => self.flush(),
            ("Clear", _) => {
                self.text.clear();
                self.queue.clear();
                return self.say(&json!({ "type": "Cleared", "sequence_id": 0 })).await;
            }
            ("Close", _) => {
                let _ = self.socket.close(None).await;
                return None;
            }
            _ => {}
        }
        Some(())
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let named = text.split("caller ").nth(1).and_then(|rest| rest.split(',').next());
        self.call = named.and_then(|call| call.parse().ok()).or(self.call);
        let mut audio = tone::spell(FORMAT, &text, PER_CHARACTER);
        let piece = std::mem::take(&mut self.first);
        self.note(What::FlushReceived { first: piece });
        let now = Instant::now();
        let mut due = self.queue.back().map_or(now + FIRST_AUDIO, |(due, _)| *due);
        let mut first = true;
        while !audio.is_empty() {
            let payload = audio.split_to(PIECE.min(audio.len()));
            self.queue.push_back((due, Item::Audio { payload, first }));
            due += PIECE_EVERY;
            first = false;
        }
        self.queue.push_back((due, Item::Flushed));
    }

    async fn send(&mut self) -> Option<()> {
        match self.queue.pop_front()?.1 {
            Item::Audio { payload, first } => {
                if first {
                    self.note(What::AudioSent);
                }
                let payload = self.encoding.encode(payload);
                self.socket.send(Message::Binary(payload)).await.ok()
            }
            Item::Flushed => self.say(&json!({ "type": "Flushed", "sequence_id": 0 })).await,
        }
    }

    async fn say(&mut self, message: &Value) -> Option<()> {
        self.socket.send(Message::text(message.to_string())).await.ok()
    }

    fn note(&self, what: What) {
        if let Some(call) = self.call {
            self.log.note(call, what);
        }
    }
}
