mod alignment;
mod outage;
mod overlap;
mod requests;
mod service;
mod spelling;
mod stage;
mod stream;
mod tape;
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::time::timeout;

use self::stream::Stream;
use super::{
    chain::{Chain, REST},
    failover::Losses,
    formats,
};
use crate::{
    Error, ErrorKind, Link, Result,
    audio::{AudioFormat, Transcoder},
    duration,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

/// Audio of 2.5 s in frames of 20 ms, as adapters hold.
const LINK: usize = 128;

/// A recognizer that goes on with the next one when one is lost, refuses or stalls.
///
/// All audio of which no final has come is kept, and played to the next recognizer as fast as it
/// [takes it](SttCapabilities::pace_percent), in a format that it takes. So nothing that was said
/// is lost. What a final covers is told by the times of its words, by the request to finalize that
/// it answers, or by the pause in which it comes. A final without times that comes while somebody
/// speaks covers an unknown part; the audio is played again then, and the words that were told
/// already are left out.
///
/// A recognizer has stalled when it says nothing about half a second of loud audio for three
/// seconds, or of less where it noticed itself that somebody speaks: that alone says nothing. It has
/// too when it brings no final for a second after it was asked for one, or for as long as it
/// [claims to need](SttCapabilities::finalize_ms), but three seconds at most. One whose final may have
/// been about something older is asked again when it says no more for as long, unless it ends turns
/// by itself, and has stalled if it does not answer that either. Where all of them are
/// silent about it, it was a noise. One that reconnects by itself may do so unnoticed for that long.
///
/// A call stays with the recognizer that it has. One that failed is tried last by new calls, until
/// it has [rested](super::CircuitBreaker). One whose vendor asks to be left alone for longer than
/// another takes to open is given up at once. When none can be opened, all are tried again for five
/// seconds, but no sooner than the first of them [asked for](Error::retry_after), during which audio
/// is kept as well; then the link ends with the last error.
///
/// What is [claimed](SpeechToText::capabilities) holds for every one of them, and events that are
/// not claimed are left out. Formats are those of the first that the others take, converted or not;
/// packets (Opus) cannot be kept.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use voiceagent_core::{
///     adapt::{FallbackStt, SttFailover},
///     stt::SpeechToText,
/// };
///
/// fn resilient(first: Arc<dyn SpeechToText>, second: Arc<dyn SpeechToText>) -> FallbackStt {
///     let mut settings = SttFailover::default();
///     settings.stall = Duration::from_millis(2_500);
///     FallbackStt::with_settings(first, vec![second], settings)
/// }
/// ```
#[derive(Debug)]
pub struct FallbackStt {
    chain: Arc<Chain<dyn SpeechToText>>,
    settings: SttFailover,
}

/// Limits of a [`FallbackStt`]. In a configuration, times are written as `"2.5s"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SttFailover {
    /// How long a recognizer may take to open, and may ask to be left alone while it serves.
    #[serde(deserialize_with = "duration::deserialize")]
    pub opening: Duration,
    /// How long it may be silent about loud audio.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stall: Duration,
    /// How long it may take for a final that it was asked for, where it does not
    /// [claim to need longer](SttCapabilities::finalize_ms); and then no longer than `stall`.
    #[serde(deserialize_with = "duration::deserialize")]
    pub finalize: Duration,
    /// How much audio is kept that no final covers: 30 s are 240 kB of mu-law. The oldest is lost
    /// beyond that.
    #[serde(deserialize_with = "duration::deserialize")]
    pub tape: Duration,
    /// How long one that failed once is tried last.
    #[serde(deserialize_with = "duration::deserialize")]
    pub rest: Duration,
}

impl Default for SttFailover {
    fn default() -> Self {
        Self {
            opening: Duration::from_secs(2),
            stall: Duration::from_secs(3),
            finalize: Duration::from_secs(1),
            tape: Duration::from_secs(30),
            rest: REST,
        }
    }
}

impl FallbackStt {
    /// Listens with `first`, and with those in `then` in their order when it fails.
    #[must_use]
    pub fn new(first: Arc<dyn SpeechToText>, then: Vec<Arc<dyn SpeechToText>>) -> Self {
        Self::with_settings(first, then, SttFailover::default())
    }

    /// The same with limits of one's own.
    #[must_use]
    pub fn with_settings(
        first: Arc<dyn SpeechToText>,
        then: Vec<Arc<dyn SpeechToText>>,
        settings: SttFailover,
    ) -> Self {
        Self { chain: Arc::new(Chain::new(first, then, settings.rest)), settings }
    }
}

#[async_trait]
impl SpeechToText for FallbackStt {
    fn name(&self) -> &str {
        "fallback"
    }

    fn capabilities(&self) -> SttCapabilities {
        let all = |can: fn(&SttCapabilities) -> bool| self.chain.all(|it| can(&it.capabilities()));
        let first = self.chain.provider(0).capabilities().formats;
        let takes = |fits: &dyn Fn(&[AudioFormat]) -> bool| {
            self.chain.all(|it| fits(&it.capabilities().formats))
        };
        let formats = formats::common(first, takes, Transcoder::new);
        SttCapabilities {
            formats,
            interim: all(|can| can.interim),
            finalize: all(|can| can.finalize),
            end_of_turn: all(|can| can.end_of_turn),
            semantic_end_of_turn: all(|can| can.semantic_end_of_turn),
            eager_end_of_turn: all(|can| can.eager_end_of_turn),
            speech_started: all(|can| can.speech_started),
            word_timings: all(|can| can.word_timings),
            pace_percent: None,
            // They hear the same callers: whoever was told their language tells it for all.
            language: self.chain.providers().find_map(|it| it.capabilities().language),
            finalize_ms: self
                .chain
                .providers()
                .filter_map(|it| it.capabilities().finalize_ms)
                .max(),
        }
    }

    /// Opens the first recognizer that can be.
    ///
    /// # Errors
    ///
    /// That of the one which was tried last, when none could be opened.
    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let claims = self.capabilities();
        let mut last = Error::config("there is no recognizer to open");
        let mut losses = Losses::default();
        for index in self.chain.order() {
            match open(&self.chain, index, &options, self.settings.opening).await {
                Ok(opened) => {
                    let chain = self.chain.clone();
                    let stream =
                        Stream::new(chain, self.settings, options, claims, opened, losses)?;
                    return Ok(Link::spawn(LINK, |peer| stream.run(peer)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a recognizer cannot be opened; the next one is tried");
                    self.chain.failed(index, &error);
                    losses.note(index, &error);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

/// A recognizer that was opened.
struct Opened {
    index: usize,
    format: AudioFormat,
    link: Link<SttInput, SttEvent>,
}

async fn open(
    chain: &Chain<dyn SpeechToText>,
    index: usize,
    options: &SttOptions,
    limit: Duration,
) -> Result<Opened> {
    let stt = chain.provider(index);
    let named = |error: Error| error.with_provider(stt.name().to_owned());
    let (accepted, wanted) = (stt.capabilities().formats, options.format);
    let format = formats::choose(&accepted, wanted, |it| Transcoder::new(wanted, it));
    let format = format.map_err(named)?;
    // Who asks for more than the next one takes to open is not waited for.
    let patience = match chain.providers().nth(1) {
        Some(_) => options.patience.min(limit),
        None => options.patience,
    };
    let options = SttOptions { format, patience, replays: true, ..options.clone() };
    let link = timeout(limit, stt.open(options)).await;
    let late = |_| named(Error::new(ErrorKind::Timeout, "open", "it did not open in time"));
    let link = link.map_err(late)??;
    Ok(Opened { index, format, link })
}
