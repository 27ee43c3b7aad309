mod config;
mod request;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use self::request::Requests;
use super::{families::warn_of_end, server::Server};
use crate::wire::voice::{CAPACITY, reader::Reader};

pub use config::OpenAiTtsConfig;

/// The format that is called `pcm`.
const FORMAT: AudioFormat = AudioFormat::PCM_24K;

/// A voice behind OpenAI's `/v1/audio/speech`, which Kokoro, LocalAI and others speak too.
///
/// The first text of a generation is one request, and what comes while it is spoken is the next.
/// The audio comes as it is made. Each text is reported with [`TtsEvent::Spoken`] when its audio is
/// complete; times of words this protocol has none. An interruption closes the request.
///
/// Wire facts: OpenAI API reference, "Create speech"; types of the Python SDK 3.52.0.
pub struct OpenAiTts {
    config: OpenAiTtsConfig,
    name: Arc<str>,
    server: Server,
}

impl OpenAiTts {
    /// Sets the voice up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config` for a missing key (OpenAI's own service needs one), and for a value out of its
    /// range; the message names the field.
    pub fn new(config: OpenAiTtsConfig) -> Result<Self> {
        let name = config.name.clone().unwrap_or_else(|| "openai".into());
        Self::with_name(config, name.clone()).map_err(|error| error.with_provider(name.to_string()))
    }

    fn with_name(config: OpenAiTtsConfig, name: Arc<str>) -> Result<Self> {
        config.validate()?;
        warn_of_end(config.base_url(), &config.model);
        let of = (&name, &*config.model);
        let server = Server::new(config.base_url(), of, config.api_key.as_ref(), &config.headers)?;
        Ok(Self { config, name, server })
    }
}

#[async_trait]
impl TextToSpeech for OpenAiTts {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(vec![FORMAT]);
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.segments = true;
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let named = |error: Error| error.with_provider(self.name.to_string());
        if options.format != FORMAT {
            let message = format!("no speech in {:?}", options.format);
            return Err(named(Error::new(ErrorKind::Unsupported, "open", message)));
        }
        let client = self.server.connect(self.config.connect_timeout).await.map_err(named)?;
        let speech = self.server.page(&["audio", "speech"]);
        let requests = Requests::new(client, speech, self.config.clone());
        let reader = Reader::new(requests, Arc::clone(&self.name), FORMAT);
        Ok(Link::spawn(CAPACITY, |peer| reader.run(peer)))
    }
}

impl fmt::Debug for OpenAiTts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiTts")
            .field("name", &self.name)
            .field("server", &self.server)
            .field("model", &self.config.model)
            .field("voice", &self.config.voice)
            .finish_non_exhaustive()
    }
}
