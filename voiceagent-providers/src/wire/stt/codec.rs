use std::time::Duration;

use voiceagent_core::{Result, stt::SttEvent};

use crate::wire::secrets::Secrets;

/// What differs between vendors. Pure: no clock, no socket.
///
/// All positions count from the beginning of the stream, over all connections.
pub(crate) trait SttCodec: Send + 'static {
    /// The vendor's name in errors.
    const PROVIDER: &'static str;
    /// How the vendor is told that the stream ends.
    const GOODBYE: &'static str;
    /// The message that keeps a connection alive while the audio pauses.
    const KEEP_ALIVE: &'static str;

    /// Takes a message of the vendor; whether it shows that recognition works. Its complaints are
    /// repeated without the `secrets`.
    ///
    /// # Errors
    ///
    /// `Protocol` for a message that makes no sense, which is to be skipped; any other kind when
    /// the vendor said that it cannot go on.
    fn decode(&mut self, text: &str, secrets: &Secrets, events: &mut Vec<SttEvent>)
    -> Result<bool>;

    /// Up to where audio will not be needed again.
    fn covered(&self) -> Duration;

    /// Whether the vendor owes an end of turn.
    fn in_turn(&self) -> bool;

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

    /// The message that asks for a final now; `None` when the vendor has none.
    fn finalize(&mut self) -> Option<&'static str>;

    /// Whether a final that was asked for is still owed.
    fn owes_final(&self) -> bool;

    /// Nothing more will come of what was said so far: makes the best of it.
    fn settle(&mut self, events: &mut Vec<SttEvent>);
}
