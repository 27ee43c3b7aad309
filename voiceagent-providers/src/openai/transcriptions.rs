mod answer;
mod config;
mod form;
mod pump;
mod request;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
    vad::{Earshot, VadFactory},
};

use self::{pump::Pump, request::Requests};
use super::{families::warn_of_end, server::Server};
use crate::wire::stt::{CAPACITY, Cutting, Segmenter};

pub use config::OpenAiSttConfig;

/// What Whisper hears, and the only format that some servers take.
const FORMAT: AudioFormat = AudioFormat::PCM_16K;

/// Recognition behind OpenAI's `/v1/audio/transcriptions`, which speaches, whisper.cpp, vLLM, Groq
/// and others speak too.
///
/// Such servers take whole utterances. A voice activity detector of its own cuts them out of the
/// audio, and each is one request, in order; words come when an utterance is over. A request that
/// fails is sent again with the same audio.
///
/// Wire facts: OpenAI API reference, "Create transcription"; types of the Python SDK 3.52.0.
///
/// ```
/// use voiceagent_core::stt::SpeechToText;
/// use voiceagent_providers::openai::{OpenAiStt, OpenAiSttConfig};
///
/// let mut speaches = OpenAiSttConfig::default();
/// speaches.base_url = Some("http://localhost:8000/v1".into());
/// speaches.model = "Systran/faster-whisper-small".into();
/// assert!(OpenAiStt::new(speaches)?.capabilities().finalize);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
pub struct OpenAiStt {
    config: Arc<OpenAiSttConfig>,
    name: Arc<str>,
    server: Server,
    vad: Arc<dyn VadFactory>,
}

impl OpenAiStt {
    /// Sets the recognizer up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config` for a missing key (OpenAI's own service needs one), and for a value out of its
    /// range; the message names the field.
    pub fn new(config: OpenAiSttConfig) -> Result<Self> {
        let name = config.name.clone().unwrap_or_else(|| "openai".into());
        Self::with_name(config, name.clone()).map_err(|error| error.with_provider(name.to_string()))
    }

    /// Cuts utterances by this detector in place of [`Earshot`].
    #[must_use]
    pub fn with_vad(mut self, vad: Arc<dyn VadFactory>) -> Self {
        self.vad = vad;
        self
    }

    fn with_name(config: OpenAiSttConfig, name: Arc<str>) -> Result<Self> {
        config.validate()?;
        warn_of_end(config.base_url(), &config.model);
        let of = (&name, &*config.model);
        let server = Server::new(config.base_url(), of, config.api_key.as_ref(), &config.headers)?;
        Ok(Self { config: Arc::new(config), name, server, vad: Arc::new(Earshot::default()) })
    }

    fn segmenter(&self) -> Result<Segmenter> {
        let OpenAiSttConfig { pre_roll, longest, min_silence, .. } = *self.config;
        let mut gate = self.vad.gate();
        gate.min_silence = min_silence;
        Segmenter::new(&*self.vad, FORMAT, Cutting { gate, pre_roll, longest })
    }
}

#[async_trait]
impl SpeechToText for OpenAiStt {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![FORMAT]);
        capabilities.claim_finalize(self.config.stall_timeout);
        capabilities.speech_started = true;
        capabilities.word_timings = self.config.word_timings;
        capabilities.language = self.config.language.clone();
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let named = |error: Error| error.with_provider(self.name.to_string());
        if options.format != FORMAT {
            let message = format!("no transcription of {:?}", options.format);
            return Err(named(Error::new(ErrorKind::Unsupported, "open", message)));
        }
        let segmenter = self.segmenter().map_err(named)?;
        let client = self.server.connect(self.config.connect_timeout).await.map_err(named)?;
        let page = self.server.page(&["audio", "transcriptions"]);
        let requests = Requests::new(client, page, Arc::clone(&self.config), options.language);
        let pump = Pump::new(segmenter, requests, Arc::clone(&self.name), options.patience);
        Ok(Link::spawn(CAPACITY, |peer| pump.run(peer)))
    }
}

impl fmt::Debug for OpenAiStt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiStt")
            .field("name", &self.name)
            .field("server", &self.server)
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
