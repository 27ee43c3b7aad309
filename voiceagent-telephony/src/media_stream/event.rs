use std::{borrow::Cow, collections::BTreeMap};

use voiceagent_core::{MarkId, audio::AudioFormat};

use crate::DtmfKey;

/// What a message of a media stream says, in the words that all vendors share.
#[derive(Debug, PartialEq)]
pub(crate) enum Event<'a> {
    /// A key was pressed.
    Dtmf(DtmfKey),
    /// Everything that was sent before the mark has been played, or was cleared.
    Mark(MarkId),
    /// A piece of audio.
    Media(MediaChunk<'a>),
    /// Something that a call does not need: greetings, answers to clear, later inventions.
    Other,
    /// The stream begins.
    Start(Box<StreamStart>),
    /// The stream has ended.
    Stop,
}

/// A piece of audio as it came in, still encoded for the wire.
#[derive(Debug, PartialEq)]
pub(crate) struct MediaChunk<'a> {
    /// Base64 in the standard alphabet, with or without padding.
    pub(crate) payload: Cow<'a, str>,
    /// Its number among the pieces of its track.
    pub(crate) number: Option<u64>,
    /// Milliseconds since the stream began.
    pub(crate) timestamp: Option<u64>,
}

/// What is known when a stream begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamStart {
    pub(crate) call: String,
    pub(crate) stream: String,
    pub(crate) account: Option<String>,
    /// `None` when the vendor names a format that this build cannot carry.
    pub(crate) format: Option<AudioFormat>,
    pub(crate) parameters: BTreeMap<String, String>,
}
