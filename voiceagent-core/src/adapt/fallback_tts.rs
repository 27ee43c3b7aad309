mod speaker;
mod speech;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use self::speaker::Speaker;
use super::{
    chain::{Chain, REST, now},
    failover::Losses,
    formats,
};
use crate::{
    Error, ErrorKind, Link, Result,
    audio::{AudioFormat, Transcoder},
    duration,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// Texts of an answer and their audio, as in the driver.
const LINK: usize = 256;

/// A voice that goes on with the next one when one is lost, refuses or stalls.
///
/// Before its first audio the next voice says everything. After it, the next one says the rest from
/// the word that was reached: the words that were complete are told by their times where the voice
/// has them, else by the texts that it has [completed](TtsEvent::Spoken) and the share that the
/// audio since then is of the text at the pace of that voice, rounded down to a word. A word within
/// which the audio ended is said again. The caller hears another voice from there on, as different
/// as the two are: choose voices of one sex and language.
///
/// A voice has stalled when its first audio takes longer than 1.5 s, or when nothing comes for 2 s
/// while it owes some: once it has all of the text, and before that of whole clauses as far as it is
/// sure that they were not spoken, by the times of words, the ends of texts, or because nobody says
/// them in the audio since it had them. What waits for the end of a clause is not owed. One that says it has finished and made no sound has failed.
///
/// A call stays with the voice that it has. One that failed is tried last until it has
/// [rested](super::CircuitBreaker). Each voice is tried once for what is being said; when none is
/// left, the error of the first is reported, and the next thing to say is tried with all of them.
///
/// What is [claimed](TextToSpeech::capabilities) holds for every one of them, and events that are
/// not claimed are left out. Formats are those of the first that the others make, converted or not.
///
/// ```
/// use std::sync::Arc;
/// use voiceagent_core::{adapt::FallbackTts, tts::TextToSpeech};
///
/// fn resilient(first: Arc<dyn TextToSpeech>, second: Arc<dyn TextToSpeech>) -> FallbackTts {
///     FallbackTts::new(first, vec![second])
/// }
/// ```
#[derive(Debug)]
pub struct FallbackTts {
    chain: Arc<Chain<dyn TextToSpeech>>,
    settings: TtsFailover,
}

/// Limits of a [`FallbackTts`]. In a configuration, times are written as `"1.5s"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TtsFailover {
    /// How long a voice may take to open.
    #[serde(deserialize_with = "duration::deserialize")]
    pub opening: Duration,
    /// How long it may take for its first audio.
    #[serde(deserialize_with = "duration::deserialize")]
    pub first_audio: Duration,
    /// How long it may be silent while it owes audio. The session gives up after
    /// [`SynthesisConfig::stall_timeout`](crate::session::SynthesisConfig), which should be longer.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stall: Duration,
    /// How long one that failed once is tried last.
    #[serde(deserialize_with = "duration::deserialize")]
    pub rest: Duration,
}

impl Default for TtsFailover {
    fn default() -> Self {
        Self {
            opening: Duration::from_secs(2),
            first_audio: Duration::from_millis(1_500),
            stall: Duration::from_secs(2),
            rest: REST,
        }
    }
}

impl FallbackTts {
    /// Speaks with `first`, and with those in `then` in their order when it fails.
    #[must_use]
    pub fn new(first: Arc<dyn TextToSpeech>, then: Vec<Arc<dyn TextToSpeech>>) -> Self {
        Self::with_settings(first, then, TtsFailover::default())
    }

    /// The same with limits of one's own.
    #[must_use]
    pub fn with_settings(
        first: Arc<dyn TextToSpeech>,
        then: Vec<Arc<dyn TextToSpeech>>,
        settings: TtsFailover,
    ) -> Self {
        Self { chain: Arc::new(Chain::new(first, then, settings.rest)), settings }
    }
}

#[async_trait]
impl TextToSpeech for FallbackTts {
    fn name(&self) -> &str {
        "fallback"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let all = |can: fn(&TtsCapabilities) -> bool| self.chain.all(|it| can(&it.capabilities()));
        let first = self.chain.provider(0).capabilities().formats;
        let make = |fits: &dyn Fn(&[AudioFormat]) -> bool| {
            self.chain.all(|it| fits(&it.capabilities().formats))
        };
        TtsCapabilities {
            formats: formats::common(first, make, |wanted, own| Transcoder::new(own, wanted)),
            streaming_text: all(|can| can.streaming_text),
            cancel: all(|can| can.cancel),
            word_timings: all(|can| can.word_timings),
            segments: all(|can| can.segments),
            // Whose text it is depends on who spoke.
            tells_heard: false,
            phonemes: {
                let first = self.chain.provider(0).capabilities().phonemes;
                first.filter(|_| self.chain.all(|it| it.capabilities().phonemes == first))
            },
        }
    }

    /// Opens the first voice that can be.
    ///
    /// # Errors
    ///
    /// That of the one which was tried last, when none could be opened.
    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let claims = self.capabilities();
        let mut last = Error::config("there is no voice to open");
        let mut losses = Losses::default();
        for index in self.chain.order() {
            match open(&self.chain, index, &options, self.settings.opening).await {
                Ok(voice) => {
                    let chain = self.chain.clone();
                    let speaker =
                        Speaker::new(chain, self.settings, options, claims, voice, losses);
                    return Ok(Link::spawn(LINK, |peer| speaker.run(peer)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a voice cannot be opened; the next one is tried");
                    self.chain.failed(index, &error);
                    losses.note(index, &error);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

/// A voice that was opened.
struct Voice {
    index: usize,
    link: Link<TtsInput, TtsEvent>,
    transcoder: Transcoder,
    /// Whether it begins before it has all of the text.
    streams: bool,
    /// Whether it tells when a text is complete.
    tells_texts: bool,
    opened: Instant,
    /// Whether it has said anything.
    works: bool,
}

async fn open(
    chain: &Chain<dyn TextToSpeech>,
    index: usize,
    options: &TtsOptions,
    limit: Duration,
) -> Result<Voice> {
    let tts = chain.provider(index);
    let named = |error: Error| error.with_provider(tts.name().to_owned());
    let (can, wanted) = (tts.capabilities(), options.format);
    let format = formats::choose(&can.formats, wanted, |it| Transcoder::new(it, wanted));
    let format = format.map_err(named)?;
    let transcoder = Transcoder::new(format, wanted)?;
    let options = TtsOptions { format, ..options.clone() };
    let link = timeout(limit, tts.open(options)).await;
    let late = |_| named(Error::new(ErrorKind::Timeout, "open", "it did not open in time"));
    let (link, opened) = (link.map_err(late)??, now());
    let (streams, tells_texts) = (can.streaming_text, can.segments);
    Ok(Voice { index, link, transcoder, streams, tells_texts, opened, works: false })
}
