//! The contract of speech recognition.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Link, Result,
    adapt::Failover,
    audio::{AudioFormat, AudioFrame},
};

/// How long a recognizer that is asked to wait is waited for, unless said otherwise: as long as a
/// lost one is opened again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns a stream of audio into text.
///
/// # Implementing
///
/// `open` connects (within a deadline of its own) and returns a [`Link`]. The pump
/// - sends interim transcripts that *replace* each other, and finals that never change,
/// - answers [`SttInput::Finalize`] with a final soon, if it claims
///   [`SttCapabilities::finalize`]: an empty one where there is nothing to say. One that ends turns
///   by itself may answer within a turn only,
/// - keeps the connection alive through silence, and reconnects with the audio that was not
///   finalised, so that a lost socket costs no words,
/// - tries no sooner than a vendor [asks for](crate::Error::retry_after), and ends with that error at
///   once where this is later than [`SttOptions::patience`] allows,
/// - ends with an error only when it cannot go on.
#[async_trait]
pub trait SpeechToText: Debug + Send + Sync + 'static {
    /// The provider's name, as in the registry.
    fn name(&self) -> &str;

    /// What the provider can do.
    fn capabilities(&self) -> SttCapabilities;

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up, and leaves no connection open.
    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>>;
}

/// What a recognizer can do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SttCapabilities {
    /// Formats that it takes, best first. The call's own format is used when it is among them.
    pub formats: Vec<AudioFormat>,
    /// Interim transcripts arrive while the user speaks.
    pub interim: bool,
    /// [`SttInput::Finalize`] brings a final.
    pub finalize: bool,
    /// [`SttEvent::EndOfTurn`] arrives.
    pub end_of_turn: bool,
    /// [`SttEvent::EndOfTurn`] is a prediction from what was said and how, not a count of silence.
    /// The session then leaves the decision to it, and counts silence only as a fallback.
    pub semantic_end_of_turn: bool,
    /// [`SttEvent::EagerEndOfTurn`] and [`SttEvent::TurnResumed`] arrive.
    pub eager_end_of_turn: bool,
    /// [`SttEvent::SpeechStarted`] arrives.
    pub speech_started: bool,
    /// Transcripts carry the times of their words.
    pub word_timings: bool,
    /// BCP 47 tag of the language that it expects while [`SttOptions::language`] tells none; `None`
    /// if nobody has said so. Unless it is English, what it understands is not read as such.
    #[serde(default)]
    pub language: Option<Arc<str>>,
    /// The fastest pace at which it takes audio, in percent of real time; `None` if it takes audio
    /// as fast as it comes. Some vendors end a stream that is faster than 125.
    #[serde(default)]
    pub pace_percent: Option<u32>,
    /// How long a final may take that was asked for, in milliseconds, before the provider itself
    /// takes its vendor for lost; `None` if it does not say. A chain gives it that long.
    #[serde(default)]
    pub finalize_ms: Option<u32>,
}

impl SttCapabilities {
    /// Nothing but finals, in these formats. Set the fields that hold in addition.
    #[must_use]
    pub fn new(formats: Vec<AudioFormat>) -> Self {
        Self { formats, ..Self::default() }
    }

    /// Claims that a final comes when it is asked for, within so long at most.
    pub fn claim_finalize(&mut self, within: Duration) {
        self.finalize = true;
        self.finalize_ms = Some(u32::try_from(within.as_millis()).unwrap_or(u32::MAX));
    }
}

/// Arguments of one [`SpeechToText::open`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SttOptions {
    /// The format of the audio that will be sent.
    pub format: AudioFormat,
    /// BCP 47 tag of the expected language; `None` for the provider's default.
    pub language: Option<Arc<str>>,
    /// How long the vendor may ask to be left alone while the stream is open, from one proof that
    /// it is well to the next. Whoever opens the stream knows what else there is: 5 s unless set,
    /// and in a chain as long as the next recognizer may take to open.
    pub patience: Duration,
    /// Whether the audio of which no final has come is heard again by another recognizer when this
    /// one is lost. One that gives up then leaves what it understood so far unsaid; else it makes
    /// a final of it. A chain sets it.
    pub replays: bool,
}

impl SttOptions {
    /// Options for audio of this format.
    #[must_use]
    pub const fn new(format: AudioFormat) -> Self {
        Self { format, language: None, patience: PATIENCE, replays: false }
    }
}

/// What a recognizer is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SttInput {
    /// The next piece of audio.
    Audio(AudioFrame),
    /// Do not wait for more: say now what has been understood so far.
    Finalize,
}

/// What a recognizer reports.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SttEvent {
    /// The user has probably finished; [`SttEvent::EndOfTurn`] or [`SttEvent::TurnResumed`]
    /// follows. The transcript so far is worth starting a draft on.
    EagerEndOfTurn,
    /// The user has finished. All finals of the turn have been sent.
    EndOfTurn,
    /// Another recognizer has taken over. Only chains of them say so.
    FailedOver(Failover),
    /// The user began to speak.
    SpeechStarted,
    /// Text.
    Transcript(Transcript),
    /// The user went on after [`SttEvent::EagerEndOfTurn`].
    TurnResumed,
}

/// Recognized text.
///
/// A final is appended to the turn. An interim replaces the interim before it, and stands for
/// everything that was said since the last final.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Transcript {
    /// The text; may be empty.
    pub text: Arc<str>,
    /// Whether the text will not change any more.
    pub is_final: bool,
    /// How sure the recognizer is, from 0 to 1; 1 when it does not say.
    pub confidence: f32,
    /// Times of the words, in order; empty when the recognizer has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordTiming>,
}

impl Transcript {
    /// Text that may still change.
    pub fn interim(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), is_final: false, confidence: 1.0, words: Vec::new() }
    }

    /// Text that will not change.
    pub fn final_(text: impl Into<Arc<str>>) -> Self {
        Self { is_final: true, ..Self::interim(text) }
    }

    /// Says how sure the recognizer is.
    #[must_use]
    pub fn with_confidence(mut self, confidence: f32) -> Self {
        self.confidence = confidence;
        self
    }

    /// Attaches the times of the words.
    #[must_use]
    pub fn with_words(mut self, words: Vec<WordTiming>) -> Self {
        self.words = words;
        self
    }
}

/// When a word is spoken, from the beginning of its stream or generation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct WordTiming {
    /// The word, as it stands in the text.
    pub word: Arc<str>,
    /// When it begins.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
}
