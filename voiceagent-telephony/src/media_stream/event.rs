use std::borrow::Cow;

use voiceagent_core::MarkId;

use super::start::StreamStart;
use crate::DtmfKey;

/// What a message of a media stream says, in the words that all carriers share.
#[derive(Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// What had not been played was dropped.
    Cleared,
    /// The carrier could not do what it was asked.
    Complaint,
    /// A key was pressed.
    Dtmf(DtmfKey),
    /// Everything that was sent before the mark has been played, or was cleared.
    Mark(MarkId),
    /// A piece of audio.
    Media(MediaChunk<'a>),
    /// Something that a call does not need: greetings, later inventions.
    Other,
    /// The stream begins.
    Start(Box<StreamStart>),
    /// The stream has ended.
    Stop,
}

/// A piece of audio as it came in, still encoded for the wire.
#[derive(Debug, PartialEq)]
pub(super) struct MediaChunk<'a> {
    /// Base64 in the standard alphabet, with or without padding.
    pub(super) payload: Cow<'a, str>,
    /// Its number among the pieces of its track.
    pub(super) number: Option<u64>,
    /// Milliseconds since a moment of the carrier's choice.
    pub(super) timestamp: Option<u64>,
}
