//! A voice from scratch, registered by name, and run through the conformance suite.
//!
//! The vendor's protocol is a WebSocket with JSON in and audio out (Deepgram, "Text to Speech
//! WebSocket"), because a scripted vendor for it is at hand. `cargo run -p voiceagent-testkit
//! --example own_voice` prints the report.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
        protocol::WebSocketConfig,
    },
};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result, Secret,
    audio::AudioFormat,
    registry::Registry,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::{
    conformance::{self, Report},
    vendor::{ScriptedVendor, SpeakScript, SpeechVendor},
};

const NAME: &str = "own";

/// A vendor that reads nothing for so long is as good as gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// An answer is a few dozen texts; whoever has more waiting has stopped reading.
const QUEUE: usize = 64;

/// Some seconds of audio; a vendor that sends more at once is broken, and is left.
const LARGEST_MESSAGE: usize = 1 << 20;

/// The name under which users choose the voice; `provider = "own"` in their configuration.
fn register(registry: &mut Registry) {
    registry.tts.register(NAME, |config: OwnVoiceConfig| {
        Ok(Arc::new(OwnVoice { config }) as Arc<dyn TextToSpeech>)
    });
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnVoiceConfig {
    url: String,
    key: Secret,
    #[serde(default = "patience", deserialize_with = "voiceagent_core::duration::deserialize")]
    connect_timeout: Duration,
}

fn patience() -> Duration {
    Duration::from_secs(3)
}

#[derive(Debug)]
struct OwnVoice {
    config: OwnVoiceConfig,
}

#[async_trait]
impl TextToSpeech for OwnVoice {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut claims = TtsCapabilities::new(vec![AudioFormat::MULAW_8K]);
        claims.streaming_text = true;
        claims.cancel = true;
        claims.segments = true;
        claims
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        if options.format != AudioFormat::MULAW_8K {
            return Err(error(ErrorKind::Unsupported, "open", "the format is not spoken"));
        }
        let socket = Some(self.config.connect().await?);
        let config = self.config.clone();
        let voice = Voice { config, socket, pending: VecDeque::new(), may_repeat: true };
        Ok(Link::spawn(QUEUE, |peer| voice.pump(peer)))
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl OwnVoiceConfig {
    async fn connect(&self) -> Result<Socket> {
        let url =
            format!("{}/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000", self.url);
        let mut request = url.into_client_request().map_err(|_| {
            Error::config("field `url` is no WebSocket address").with_provider(NAME)
        })?;
        let mut key = HeaderValue::from_str(&format!("Token {}", self.key.expose()))
            .map_err(|_| Error::config("field `key` is no header value").with_provider(NAME))?;
        key.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, key);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        let connecting = connect_async_with_config(request, Some(limits), true);
        match timeout(self.connect_timeout, connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let kind = ErrorKind::from_http_status(response.status().as_u16());
                let wait = response.headers().get(header::RETRY_AFTER);
                let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
                // The vendor's own words may repeat the key, so they are not passed on.
                let refused = error(kind, "connect", "the vendor refused");
                Err(wait.map_or(refused, |seconds| {
                    error(kind, "connect", "the vendor is busy")
                        .with_retry_after(Duration::from_secs(seconds))
                }))
            }
            Ok(Err(_)) => Err(error(ErrorKind::Disconnected, "connect", "no connection")),
            Err(_) => Err(error(ErrorKind::Timeout, "connect", "no answer in time")),
        }
    }
}

/// The pump's state.
struct Voice {
    config: OwnVoiceConfig,
    /// `None` after a loss; the next text connects again.
    socket: Option<Socket>,
    /// What the vendor has been given and has not finished.
    pending: VecDeque<TtsInput>,
    /// Whether what is pending may be said again from its beginning: once, and not after a sound.
    may_repeat: bool,
}

impl Voice {
    async fn pump(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                // What is to be given up overtakes the audio that keeps coming.
                input = peer.recv() => match input {
                    // The owner has gone; dropping the socket closes it.
                    None => return Ok(()),
                    Some(input) => self.take(input, &peer).await?,
                },
                message = receive(&mut self.socket) => match message {
                    Some(message) => self.hear(message, &peer).await?,
                    None => self.recover(&peer).await?,
                },
            }
        }
    }

    async fn take(&mut self, input: TtsInput, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        match input {
            TtsInput::Text { ref text, .. } => {
                let text = text.clone();
                self.pending.push_back(input);
                if self.say(&text).await.is_err() {
                    self.recover(peer).await?;
                }
                Ok(())
            }
            TtsInput::Finish { .. } => {
                self.pending.push_back(input);
                self.finish(peer).await
            }
            // A session cancels one generation before it begins the next, so all that is pending
            // is the one that nobody wants. A new connection has nothing left of it.
            TtsInput::Cancel { .. } | _ => {
                self.pending.clear();
                self.may_repeat = true;
                self.socket = None;
                Ok(())
            }
        }
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        if self.socket.is_none() {
            self.socket = Some(self.config.connect().await?);
        }
        let lost = || error(ErrorKind::Disconnected, "speak", "the connection was lost");
        let stuck = || error(ErrorKind::Stalled, "speak", "the vendor does not read");
        let socket = self.socket.as_mut().ok_or_else(lost)?;
        // The flush makes the vendor speak now and not when its buffer is full.
        for message in [json!({ "type": "Speak", "text": text }), json!({ "type": "Flush" })] {
            let sent = timeout(WRITE_DEADLINE, socket.send(Message::text(message.to_string())));
            sent.await.map_err(|_| stuck())?.map_err(|_| lost())?;
        }
        Ok(())
    }

    async fn hear(&mut self, message: Message, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let Some(TtsInput::Text { generation, .. }) = self.pending.front() else { return Ok(()) };
        let generation = *generation;
        match message {
            Message::Binary(payload) => {
                self.may_repeat = false;
                peer.send(TtsEvent::Audio { generation, payload }).await
            }
            // What cannot be read is passed over: vendors add messages without asking.
            Message::Text(text) if kind_of(&text).as_deref() == Some("Flushed") => {
                self.may_repeat = false;
                self.pending.pop_front();
                peer.send(TtsEvent::Spoken { generation, texts: 1 }).await?;
                self.finish(peer).await
            }
            _ => Ok(()),
        }
    }

    /// Tells of the generations whose texts have all been spoken.
    async fn finish(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        while let Some(TtsInput::Finish { generation }) = self.pending.front() {
            let generation: GenerationId = *generation;
            self.pending.pop_front();
            self.may_repeat = true;
            peer.send(TtsEvent::Finished { generation }).await?;
        }
        Ok(())
    }

    /// After a loss. Nobody notices one between generations, or one before the first sound: what
    /// is pending is said again. One in the middle is reported, and the voice goes on.
    async fn recover(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        self.socket = None;
        if self.pending.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.may_repeat, false) {
            self.may_repeat = true;
            self.pending.clear();
            return peer
                .report(error(ErrorKind::Disconnected, "speak", "lost in the middle"))
                .await;
        }
        for input in self.pending.clone() {
            if let TtsInput::Text { text, .. } = input {
                self.say(&text).await?;
            }
        }
        Ok(())
    }
}

/// The next message; `None` when the connection is lost. Waits for ever where there is none.
async fn receive(socket: &mut Option<Socket>) -> Option<Message> {
    match socket {
        Some(socket) => socket.next().await?.ok(),
        None => std::future::pending().await,
    }
}

fn kind_of(text: &str) -> Option<String> {
    let message: Value = serde_json::from_str(text).ok()?;
    message["type"].as_str().map(str::to_owned)
}

fn error(kind: ErrorKind, operation: &'static str, message: &'static str) -> Error {
    Error::new(kind, operation, message).with_provider(NAME)
}

/// Runs the suite on the voice as users get it: by name, from configuration.
async fn report() -> Report {
    let mut registry = Registry::default();
    register(&mut registry);
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let make = |url: &str| {
        let config = json!({
            "provider": NAME,
            "url": url,
            "key": SpeechVendor::KEY,
            "connect_timeout": { "secs": 1, "nanos": 0 },
        });
        registry.tts.build(config).expect("the configuration is complete")
    };
    assert!(vendor.url().starts_with("ws://"), "the scripted vendor needs no TLS");
    conformance::tts(NAME, &vendor, make).await
}

#[expect(clippy::print_stdout, reason = "the report is the program's output")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{}", report().await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_own_voice_passes_the_suite() {
        report().await.assert();
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let mut registry = Registry::default();
        register(&mut registry);
        let config = json!({ "provider": NAME, "url": "ws://x", "key": "k", "speed": 2 });
        assert!(registry.tts.build(config).unwrap_err().message().contains("speed"));
    }
}
