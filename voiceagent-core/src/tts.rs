//! The contract of speech synthesis.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    GenerationId, Link, Result, adapt::Failover, audio::AudioFormat, spoken::Phonemes,
    stt::WordTiming,
};

/// Turns text into audio.
///
/// # Implementing
///
/// `open` connects (within a deadline of its own) and returns a [`Link`] that serves one
/// generation after another. The pump
/// - answers with audio of exactly the format that was asked for, in the order of the text,
/// - begins to speak before [`TtsInput::Finish`], if it claims
///   [`TtsCapabilities::streaming_text`],
/// - keeps back no clause for longer than a second, though it may be what its vendor waits to
///   have more of: whoever owes audio and is silent counts as [stalled](crate::adapt::FallbackTts),
/// - sends [`TtsEvent::Finished`] once for each [`TtsInput::Finish`], after the last audio,
/// - sends nothing more of a generation after [`TtsInput::Cancel`], as soon as it can,
/// - reconnects when the socket is lost between generations, and reports the loss (without
///   ending) when it happens in the middle of one; what goes wrong with a generation that was
///   cancelled is reported to nobody, since a fault belongs to what is being spoken.
#[async_trait]
pub trait TextToSpeech: Debug + Send + Sync + 'static {
    /// The provider's name, as in the registry.
    fn name(&self) -> &str;

    /// What the provider can do.
    fn capabilities(&self) -> TtsCapabilities;

    /// Opens a voice.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up, and leaves no connection open.
    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>>;
}

/// What a synthesizer can do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TtsCapabilities {
    /// Formats that it can produce, best first. The call's own format is used when it is among
    /// them.
    pub formats: Vec<AudioFormat>,
    /// Audio begins before the text is complete.
    pub streaming_text: bool,
    /// [`TtsInput::Cancel`] stops the vendor's work.
    pub cancel: bool,
    /// [`TtsEvent::Words`] arrive.
    pub word_timings: bool,
    /// [`TtsEvent::Spoken`] arrive.
    pub segments: bool,
    /// [`TtsEvent::Heard`] answers [`TtsInput::Interrupt`].
    #[serde(default)]
    pub tells_heard: bool,
    /// How sounds may be written in a text, so that they are spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phonemes: Option<Phonemes>,
}

impl TtsCapabilities {
    /// Nothing but audio, in these formats. Set the fields that hold in addition.
    #[must_use]
    pub fn new(formats: Vec<AudioFormat>) -> Self {
        Self { formats, ..Self::default() }
    }
}

/// Arguments of one [`TextToSpeech::open`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TtsOptions {
    /// The format of the audio that is wanted.
    pub format: AudioFormat,
    /// BCP 47 tag of the language; `None` for the voice's own.
    pub language: Option<Arc<str>>,
}

impl TtsOptions {
    /// Options for audio of this format.
    #[must_use]
    pub const fn new(format: AudioFormat) -> Self {
        Self { format, language: None }
    }
}

/// What a synthesizer is given.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TtsInput {
    /// Stop this generation; it was interrupted.
    Cancel {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// There is no more text for this generation.
    Finish {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Stop this generation, of which so much audio was heard. It comes in place of the first
    /// [`TtsInput::Cancel`], to voices that claim [`TtsCapabilities::tells_heard`].
    Interrupt {
        /// The attempt to speak.
        generation: GenerationId,
        /// How much of its audio was heard, from its beginning; never zero.
        heard: Duration,
    },
    /// Say this after what was given before. A clause or a sentence, never half a word.
    Text {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text, with the white space that separates it from the text before.
        text: Arc<str>,
    },
}

/// What a synthesizer reports.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TtsEvent {
    /// The next piece of audio, of any length.
    Audio {
        /// The attempt to speak.
        generation: GenerationId,
        /// Whole samples in the format that was asked for.
        payload: Bytes,
    },
    /// Another voice goes on with this generation. Only chains of them say so.
    ///
    /// The audio so far holds the next `texts` texts completely, and `bytes` of the one behind them;
    /// from there the audio goes on. A word within which the first voice ended is said again.
    Continued {
        /// The attempt to speak.
        generation: GenerationId,
        /// How many [`TtsInput::Text`]s, in order, behind those that were [told](Self::Spoken).
        texts: u32,
        /// How much of the next one, to the beginning of a word.
        bytes: u32,
        /// How much behind that was said already, and is said again.
        again: u32,
    },
    /// Another voice has taken over. Only chains of them say so.
    FailedOver(Failover),
    /// All audio of a finished generation has been sent.
    Finished {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// What was heard of a generation that was interrupted, as its vendor knows it.
    Heard {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text up to there, from the beginning of the generation; in the vendor's spelling,
        /// as long as its letters and digits are those of the text.
        text: Arc<str>,
    },
    /// The audio of the next `texts` texts is complete: it ends with what was sent last.
    ///
    /// This ties text to audio where a vendor has no word timings.
    Spoken {
        /// The attempt to speak.
        generation: GenerationId,
        /// How many [`TtsInput::Text`]s, in order.
        texts: u32,
    },
    /// When words are spoken, counted from the beginning of the generation.
    Words {
        /// The attempt to speak.
        generation: GenerationId,
        /// The words, in order; they continue the ones that were sent before.
        words: Vec<WordTiming>,
    },
}
