//! Scripted vendors on loopback that speak the real protocols.
//!
//! A vendor listens on a port of its own of 127.0.0.1, validates what it is sent, plays its script
//! and keeps a record. Dropping its handle ends it and all its connections.

mod assemblyai;
mod azure;
mod carrier_api;
mod cartesia;
mod cartesia_ink;
pub mod chat;
mod contexts;
mod deepgram_agent;
mod deepgram_flux;
mod deepgram_flux_speak;
mod deepgram_listen;
mod deepgram_speak;
mod ears;
mod elevenlabs;
mod elevenlabs_scribe;
mod elevenlabs_stream;
mod embeddings;
mod gemini_live;
mod hearing;
mod http;
mod openai_http;
mod openai_listen;
mod openai_live;
mod openai_realtime;
mod openai_speech;
mod openai_transcriptions;
mod outbox;
mod query;
mod realtime;
mod record;
mod server;
mod soniox;
mod sound;
mod speechmatics;
mod turn_script;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use voiceagent_core::audio::AudioFormat;

use self::{
    openai_transcriptions::Transcriptions,
    server::{Control, Script, Server, State},
};

pub use carrier_api::{ApiRequest, CarrierApi};
pub use deepgram_listen::ListenScript;
pub use deepgram_speak::SpeakScript;
pub use realtime::RealtimeScript;
pub use record::{Record, Refusal};
pub use sound::{silence, speech};
pub use turn_script::TurnScript;

/// A vendor that a conformance suite can drive.
///
/// Third parties implement it for a scripted server of their own.
#[async_trait]
pub trait ScriptedVendor: Send + Sync {
    /// The base address to configure a provider with.
    fn url(&self) -> String;

    /// The one key that is accepted.
    fn key(&self) -> &str;

    /// Connections that were accepted so far, open or not.
    fn accepted(&self) -> usize;

    /// Waits until this many connections are open.
    async fn until_connections(&self, count: usize);

    /// Cuts all connections without a word. A recognizer's script goes on where they were.
    fn drop_connections(&self);

    /// Says nothing any more on the connections that are open.
    fn stall(&self);

    /// Keeps what it would say on the connections that are open; with `false`, says it and goes on.
    fn hold(&self, holds: bool);

    /// Sends a text message on all connections that are open.
    fn push(&self, message: &str);

    /// Refuses connections from now on, or accepts them again.
    fn refuse(&self, refusal: Option<Refusal>);

    /// Takes connections but never answers their handshakes, or behaves again.
    fn ignore_handshakes(&self, ignore: bool);

    /// How long a connection may be idle; `None` for ever.
    fn idle_limit(&self) -> Option<Duration> {
        None
    }

    /// The audio of a text, for vendors that speak.
    fn audio(&self, format: AudioFormat, text: &str) -> Bytes {
        let _ = (format, text);
        Bytes::new()
    }
}

/// A scripted service of speech: AssemblyAI, Azure, Cartesia, Deepgram, ElevenLabs, Gemini, OpenAI, Soniox,
/// Speechmatics.
///
/// ```
/// use voiceagent_testkit::vendor::{ListenScript, ScriptedVendor, SpeechVendor};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let vendor = SpeechVendor::listen(ListenScript::utterances(["hello", "good bye"])).await;
/// assert!(vendor.url().starts_with("ws://127.0.0.1:"));
/// # }
/// ```
#[derive(Debug)]
pub struct SpeechVendor {
    server: Server,
    idle_limit: Option<Duration>,
    voice: Option<SpeakScript>,
    /// Whether white space counts as one space between words, and as none around them.
    joins_words: bool,
}

impl SpeechVendor {
    /// The one key that these vendors accept.
    pub const KEY: &'static str = "scripted-vendor-key";

    /// Starts AssemblyAI's `/v3/ws`. It tells of no end ahead, and ends each turn with its silence.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn assemblyai(script: TurnScript) -> Self {
        Self::starting(assemblyai::AssemblyAi(script)).await
    }

    /// Starts Azure's `/speech/recognition/conversation`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn azure_listen(script: TurnScript) -> Self {
        Self::starting(azure::AzureListen(script)).await
    }

    /// Starts Azure's `/cognitiveservices/websocket/v2`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn azure_speak(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        let server = Server::start(Arc::new(azure::AzureSpeak(script))).await;
        Self { server, idle_limit: None, voice, joins_words: false }
    }

    /// Starts Cartesia's `/tts/websocket`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn cartesia(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        Self { voice, joins_words: false, ..Self::starting(cartesia::Cartesia(script)).await }
    }

    /// Starts ElevenLabs' `multi-stream-input` for the voice `scripted-voice`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn elevenlabs(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        Self { voice, joins_words: true, ..Self::starting(elevenlabs::ElevenLabs(script)).await }
    }

    /// Starts ElevenLabs' `stream-input` for the voice `scripted-voice`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn elevenlabs_stream(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        Self {
            voice,
            joins_words: true,
            ..Self::starting(elevenlabs_stream::ElevenLabsStream(script)).await
        }
    }

    /// Starts OpenAI's `/v1/embeddings`, below the address with the path `/v1`. Its points are those
    /// of a [`HashingEmbedder`](voiceagent_core::embedding::HashingEmbedder).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_embeddings() -> Self {
        let serve = |tcp, state| openai_http::serve(tcp, |_| embeddings::OpenAi, state);
        let server = Server::serve(serve).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts Vertex AI's `text-embedding-005` of the project `scripted` in `europe-west4`. Its points
    /// are those of a [`HashingEmbedder`](voiceagent_core::embedding::HashingEmbedder).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn vertex_embeddings() -> Self {
        let serve = |tcp, state| openai_http::serve(tcp, |_| embeddings::Vertex, state);
        let server = Server::serve(serve).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts Gemini's `BidiGenerateContent`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn gemini_live(script: RealtimeScript) -> Self {
        let server = Server::start(Arc::new(gemini_live::GeminiLive(script))).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts Deepgram's `/v1/agent/converse`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn deepgram_agent(script: RealtimeScript) -> Self {
        let server = Server::start(Arc::new(deepgram_agent::DeepgramAgent(script))).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts Deepgram's `/v1/listen`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn listen(script: ListenScript) -> Self {
        let idle_limit = Some(script.idle_limit);
        let server = Server::start(Arc::new(script)).await;
        Self { server, idle_limit, voice: None, joins_words: false }
    }

    /// Starts Deepgram's `/v2/listen`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn flux(script: TurnScript) -> Self {
        Self::starting(deepgram_flux::DeepgramFlux(script)).await
    }

    /// Starts Deepgram's `/v1/speak`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn speak(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        let server = Server::start(Arc::new(script)).await;
        Self { server, idle_limit: None, voice, joins_words: false }
    }

    /// Starts Deepgram's `/v2/speak`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn flux_speak(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        let server = Server::start(Arc::new(deepgram_flux_speak::DeepgramFluxSpeak(script))).await;
        Self { server, idle_limit: None, voice, joins_words: false }
    }

    /// Starts OpenAI's `/v1/live/sessions`, below the address with the path `/v1`. Its audio flows all
    /// the time, as many times faster than it plays as the script says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_live(script: RealtimeScript) -> Self {
        let server = Server::start(Arc::new(openai_live::OpenAiLive(script))).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts OpenAI's `/v1/realtime`, below the address with the path `/v1`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_realtime(script: RealtimeScript) -> Self {
        let server = Server::start(Arc::new(openai_realtime::OpenAiRealtime(script))).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts OpenAI's `/v1/audio/speech`, below the address with the path `/v1`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_speech(script: SpeakScript) -> Self {
        let voice = Some(script.clone());
        let serve = move |tcp, state| {
            let speech = openai_speech::Speech(script.clone());
            openai_http::serve(tcp, |_| speech, state)
        };
        Self { server: Server::serve(serve).await, idle_limit: None, voice, joins_words: false }
    }

    /// Starts Cartesia's `/stt/turns/websocket`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn ink_turns(script: TurnScript) -> Self {
        Self::starting(cartesia_ink::InkTurns(script)).await
    }

    /// Starts Cartesia's `/stt/websocket`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn ink_manual(script: TurnScript) -> Self {
        Self::starting(cartesia_ink::InkManual(script)).await
    }

    /// Starts ElevenLabs' `/v1/speech-to-text/realtime`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn scribe(script: TurnScript) -> Self {
        Self::starting(elevenlabs_scribe::Scribe(script)).await
    }

    /// Starts OpenAI's `/v1/realtime` for transcription, below the address with the path `/v1`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_listen(script: TurnScript) -> Self {
        Self::starting(openai_listen::OpenAiListen(script)).await
    }

    /// Starts OpenAI's `/v1/audio/transcriptions`, below the address with the path `/v1`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn openai_transcriptions(script: TurnScript) -> Self {
        let serve = move |tcp, state| {
            let script = script.clone();
            let begin = |state: &State| Transcriptions::new(script, state);
            openai_http::serve(tcp, begin, state)
        };
        let server = Server::serve(serve).await;
        Self { server, idle_limit: None, voice: None, joins_words: false }
    }

    /// Starts Soniox' `/transcribe-websocket`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn soniox(script: TurnScript) -> Self {
        Self::starting(soniox::Soniox(script)).await
    }

    /// Starts Speechmatics' `/v2`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn speechmatics(script: TurnScript) -> Self {
        Self::starting(speechmatics::Speechmatics(script)).await
    }

    async fn starting(script: impl Script) -> Self {
        let server = Server::start(Arc::new(script)).await;
        let idle_limit = server.state.idle().map(|idle| idle.limit);
        Self { server, idle_limit, voice: None, joins_words: false }
    }

    /// Ends idle connections after this time, if its vendor ends any: what takes minutes there is
    /// checked in seconds.
    #[must_use]
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.server.state.set_idle_limit(limit);
        self.idle_limit = self.idle_limit.map(|_| limit);
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Closes all open connections with this code and reason.
    pub fn close_connections(&self, code: u16, reason: &str) {
        self.server.state.command(Control::Close(code, reason.into()));
    }

    /// What each accepted connection has sent so far, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.server.state.records()
    }

    /// Waits until the records satisfy a condition.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn until(&self, holds: impl Fn(&[Record]) -> bool + Send + Sync) {
        self.server.state.until(|state| holds(&state.records())).await;
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.state.connections()
    }
}

#[async_trait]
impl ScriptedVendor for SpeechVendor {
    fn url(&self) -> String {
        format!("ws://{}", self.server.address)
    }

    fn key(&self) -> &str {
        Self::KEY
    }

    fn accepted(&self) -> usize {
        self.server.state.accepted()
    }

    async fn until_connections(&self, count: usize) {
        self.server.state.until(|state| state.connections() == count).await;
    }

    fn drop_connections(&self) {
        self.server.state.command(Control::Drop);
    }

    fn refuse(&self, refusal: Option<Refusal>) {
        self.server.state.set_refusal(refusal);
    }

    fn ignore_handshakes(&self, ignore: bool) {
        self.server.state.set_silent(ignore);
    }

    fn stall(&self) {
        self.server.state.command(Control::Stall);
    }

    fn hold(&self, holds: bool) {
        self.server.state.command(Control::Hold(holds));
    }

    fn push(&self, message: &str) {
        self.server.state.command(Control::Text(message.into()));
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    fn audio(&self, format: AudioFormat, text: &str) -> Bytes {
        let Some(voice) = &self.voice else { return Bytes::new() };
        if self.joins_words {
            let words: Vec<_> = text.split_whitespace().collect();
            return voice.audio(format, &words.join(" "));
        }
        voice.audio(format, text)
    }
}
