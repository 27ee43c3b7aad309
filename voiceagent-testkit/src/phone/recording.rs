use std::time::Duration;

/// What happened on the caller's side. Times count from the beginning of the stream.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// What the caller heard: stretches of audio without a gap.
    pub heard: Vec<Stretch>,
    /// What arrived, in the order of arrival.
    pub wire: Vec<(Duration, Wire)>,
    /// The clears that arrived.
    pub clears: Vec<Cleared>,
    /// The marks that were echoed.
    pub marks: Vec<MarkEcho>,
    /// How the connection ended.
    pub closed: Option<(Duration, Closed)>,
}

impl Recording {
    /// All audio that was heard, without the pauses.
    #[must_use]
    pub fn audio(&self) -> Vec<u8> {
        self.heard.iter().flat_map(|stretch| stretch.audio.iter().copied()).collect()
    }
}

/// Audio that was played without a gap, in the carrier's format.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stretch {
    /// When its first sample was played.
    pub began: Duration,
    /// The samples.
    pub audio: Vec<u8>,
}

/// A message that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Wire {
    /// Audio of this many bytes.
    Audio(usize),
    /// The request to drop what was not played.
    Clear,
    /// A key that is to be pressed towards the far end.
    Key(String),
    /// A mark with this name.
    Mark(String),
    /// Something that a carrier would drop with a warning.
    Unknown(String),
}

/// A clear, and what it did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cleared {
    /// When it arrived.
    pub at: Duration,
    /// Bytes of audio that it dropped.
    pub dropped: usize,
}

/// A mark that was echoed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MarkEcho {
    /// When it was echoed.
    pub at: Duration,
    /// Its name.
    pub name: String,
    /// Whether the audio before it was played; else, a clear returned it.
    pub played: bool,
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Closed {
    /// The server said goodbye with this code.
    ByServer(u16),
    /// The connection was lost.
    Lost,
    /// We hung up.
    ByUs,
}
