mod body;
mod config;
mod pump;
mod request;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderValue},
};
use tokio::time::timeout;
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use self::{pump::Pump, request::Requests};
use super::{config::BASE_URL, llm::authorize};
use crate::wire::{
    http::{self, Refusal},
    llm::client::{add_headers, base_url, below},
};

pub use config::OpenAiTtsConfig;

/// Items that wait in each direction of a link: more texts than a reply has, and some seconds of
/// audio, because servers send it in pieces of some kB.
const CAPACITY: usize = 128;

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
    headers: HeaderMap<HeaderValue>,
    speech: Url,
    models: Url,
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
        let base = base_url(config.base_url(), BASE_URL)?;
        let mut headers = HeaderMap::new();
        authorize(&mut headers, config.api_key.as_ref())?;
        add_headers(&mut headers, &config.headers)?;
        Ok(Self {
            speech: below(&base, &["audio", "speech"]),
            models: below(&base, &["models"]),
            config,
            name,
            headers,
        })
    }

    /// A client of its own for each call, so that the call's connection ends with it.
    fn client(&self) -> Result<Client> {
        let unfit = |error| Error::config("TLS cannot be set up").with_source(error);
        http::client()?.default_headers(self.headers.clone()).build().map_err(unfit)
    }

    /// Opens a connection ahead, by asking for the head of a page. Not every server has the page;
    /// the connection is open all the same.
    async fn reach(&self, client: &Client) -> Result<()> {
        let asked = client.head(self.models.clone()).send();
        let late = || Error::new(ErrorKind::Timeout, "open", "the vendor did not answer in time");
        let response = timeout(self.config.connect_timeout, asked)
            .await
            .map_err(|_| late())?
            .map_err(|error| http::unanswered(error, "open"))?;
        match response.status().as_u16() {
            401..=403 | 429 | 500 | 502 | 503 | 529 => {
                Err(Refusal::read(response).await.into_error("open"))
            }
            _ => Ok(()),
        }
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
        let client = self.client().map_err(named)?;
        self.reach(&client).await.map_err(named)?;
        let requests = Requests::new(client, self.speech.clone(), self.config.clone());
        let pump = Pump::new(requests, Arc::clone(&self.name));
        Ok(Link::spawn(CAPACITY, |peer| pump.run(peer)))
    }
}

impl fmt::Debug for OpenAiTts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiTts")
            .field("name", &self.name)
            .field("host", &self.speech.host_str())
            .field("model", &self.config.model)
            .field("voice", &self.config.voice)
            .finish_non_exhaustive()
    }
}
