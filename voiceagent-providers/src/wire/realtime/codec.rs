use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::{
    Result,
    realtime::{RealtimeEvent, RealtimeInput},
};

use crate::wire::secrets::Secrets;

/// What differs between vendors. Pure: no clock, no socket.
pub(crate) trait RealtimeCodec: Send + 'static {
    /// The vendor's name in errors.
    const PROVIDER: &'static str;

    /// Says what a connection begins with.
    fn begin(&mut self, out: &mut Out);

    /// Whether the vendor takes audio now.
    fn is_ready(&self) -> bool;

    /// Takes what the session says.
    fn take(&mut self, input: RealtimeInput, out: &mut Out);

    /// Takes a message of the vendor; whether it shows that the vendor works at what it owes. Its
    /// complaints are repeated without the `secrets`.
    ///
    /// # Errors
    ///
    /// `Protocol` for a message that makes no sense, which is to be skipped; any other kind when
    /// the vendor said that it cannot go on.
    fn decode(&mut self, text: &str, secrets: &Secrets, out: &mut Out) -> Result<bool>;

    /// Takes a binary message of the vendor; whether it shows that the vendor works at what it owes.
    /// It is JSON, as some vendors send it, unless the vendor sends its audio so.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Self::decode).
    fn decode_binary(&mut self, payload: Bytes, secrets: &Secrets, out: &mut Out) -> Result<bool> {
        self.decode(str::from_utf8(&payload).unwrap_or_default(), secrets, out)
    }

    /// What is sent when nothing else was for so long, so that the vendor stays.
    fn keep_alive(&self) -> Option<(Duration, &'static str)> {
        None
    }

    /// Whether the vendor was asked for something that is not complete.
    fn owes(&self) -> bool;

    /// Whether the conversation can be left now, and gone on with elsewhere.
    fn is_idle(&self) -> bool;

    /// Whether the vendor asked, since the last time, that the connection be left.
    fn is_dismissed(&mut self) -> bool {
        false
    }

    /// Whether the vendor goes on with this conversation on another connection, which
    /// [`begin`](Self::begin) asks it to.
    fn is_resumable(&self) -> bool {
        false
    }
}

/// What a codec wants sent, and told.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// To the vendor, as it is; it leaves before the messages.
    pub(crate) audio: Vec<Bytes>,
    /// To the vendor, as JSON.
    pub(crate) messages: Vec<String>,
    /// To the session.
    pub(crate) events: Vec<RealtimeEvent>,
}
