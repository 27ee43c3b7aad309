use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use voiceagent_core::{Error, Result, stt::WordTiming};

use crate::wire::secrets::Secrets;

/// A vendor's messages. Pure: no clock, no socket.
pub(crate) trait ContextCodec: Send + 'static {
    /// The vendor's name in errors.
    const PROVIDER: &'static str;
    /// The longest text of one message, in characters.
    const LONGEST: usize;
    /// How the vendor is told that the connection ends.
    const GOODBYE: Option<&'static str>;
    /// After how long without audio or text a context is ended, because its vendor forgets it soon
    /// after. The rest of the texts then begins another one.
    const PATIENCE: Option<Duration>;
    /// Whether the vendor may wait for more text before it speaks. A context is then ended after
    /// [`PATIENCE`](Self::PATIENCE) although audio is owed.
    const HOLDS_BACK: bool = false;
    /// Whether a connection serves one context after another. One that does not is left with its
    /// context, be it spoken or stopped.
    const SHARES: bool = true;

    /// A connection begins, on which there is no context.
    fn connected(&mut self) {}

    /// The messages with which a context begins.
    fn begin(&mut self, context: u64) -> Vec<String>;

    /// The message that says a text.
    fn say(&mut self, context: u64, text: &str) -> String;

    /// The messages after which no more text comes, and the rest is spoken.
    fn end(&mut self, context: u64) -> Vec<String>;

    /// The message that stops a context, if there is something to stop. `heard` is how much of
    /// its audio was heard, if that is known.
    fn cancel(&mut self, context: u64, heard: Option<Duration>) -> Option<String>;

    /// Whether the vendor is not done with stopping. Until it is, no context begins.
    fn is_stopping(&self) -> bool {
        false
    }

    /// The message that keeps a context alive that has nothing to say, if the vendor has one.
    fn keep_alive(&mut self, context: u64) -> Option<String> {
        let _ = context;
        None
    }

    /// Takes audio that comes without a name.
    fn decode_audio(&mut self, payload: Bytes) -> Said {
        let _ = payload;
        Said::Other
    }

    /// Takes a message of the vendor. Its complaints are repeated without the `secrets`.
    ///
    /// # Errors
    ///
    /// `Protocol` for a message that makes no sense, which is to be skipped.
    fn decode(&mut self, text: &str, secrets: &Secrets) -> Result<Said>;
}

/// What a vendor says of a context.
#[derive(Debug)]
pub(crate) enum Said {
    /// Audio, and the words whose times came with it, counted from the beginning of the context.
    Audio(u64, Bytes, Vec<WordTiming>),
    /// No more comes of a context.
    Done(u64, Vec<WordTiming>),
    /// A context has failed, or all of them.
    Failed(Option<u64>, Error),
    /// What was heard of the text of a context that was stopped.
    Heard(u64, Arc<str>),
    /// Nothing to react to.
    Other,
    /// Times of words, counted from the beginning of the context.
    Words(u64, Vec<WordTiming>),
}
