use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use voiceagent_core::{Result, stt::SttEvent};

use crate::wire::{secrets::Secrets, ws::Frame};

/// What differs between vendors. Pure: no clock, no socket.
///
/// All positions count from the beginning of the stream, over all connections.
pub(crate) trait SttCodec: Send + 'static {
    /// The vendor's name in errors.
    const PROVIDER: &'static str;
    /// The message that keeps a connection alive while the audio pauses; `None` where only audio
    /// does, so that silence is sent.
    const KEEP_ALIVE: Option<&'static str> = None;

    /// How the vendor is told that the stream ends; `None` where a close is enough.
    fn goodbye(&self) -> Option<Frame> {
        None
    }

    /// A piece of audio as a message.
    fn pack(&mut self, audio: Bytes) -> Frame {
        Frame::Binary(audio)
    }

    /// All audio before `position` was sent on this connection.
    fn on_sent(&mut self, position: Duration) {
        let _ = position;
    }

    /// Takes a message of the vendor; whether it shows that recognition works. Its complaints are
    /// repeated without the `secrets`.
    ///
    /// # Errors
    ///
    /// `Protocol` for a message that makes no sense, which is to be skipped; any other kind when
    /// the vendor said that it cannot go on.
    fn decode(&mut self, text: &str, secrets: &Secrets, events: &mut Vec<SttEvent>)
    -> Result<bool>;

    /// Whether a message only says that audio has come, which a vendor may say that recognizes
    /// nothing any more.
    fn is_receipt(&self, text: &str) -> bool {
        let _ = text;
        false
    }

    /// Up to where audio will not be needed again.
    fn covered(&self) -> Duration;

    /// Whether the vendor owes an end of turn, for which it needs audio.
    fn in_turn(&self) -> bool {
        false
    }

    /// Whether the vendor must say hello before it takes audio.
    fn awaits_hello(&self) -> bool;

    /// Takes a message before the vendor's hello; whether it is that.
    ///
    /// # Errors
    ///
    /// When the vendor said that it takes no audio.
    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        let _ = (text, secrets);
        Ok(false)
    }

    /// The connection is lost, and the audio before `kept` cannot be played again.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>);

    /// A new connection begins at `zero`.
    fn connected(&mut self, zero: Duration);

    /// The message that asks for a final now; `None` when the vendor has none, or nothing to tell.
    fn finalize(&mut self) -> Option<Cow<'static, str>>;

    /// Whether a final that was asked for is still owed.
    fn owes_final(&self) -> bool;

    /// Nothing more will come of what was said so far: makes the best of it.
    fn settle(&mut self, events: &mut Vec<SttEvent>);
}
