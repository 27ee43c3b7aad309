//! The contract of a call leg: a phone line, a browser, a terminal.

mod quality;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    CallId, ErrorKind, GenerationId, Link, MarkId, Private, Result,
    audio::{AudioFormat, AudioFrame},
    stt::Transcript,
};

pub use quality::LineQuality;

/// One leg of one call, ready to be opened.
///
/// A transport carries either audio or text ([`Media`]). Either way, the far end reports what has
/// been played (or shown, or spoken by a page) through marks, and that report is what the session
/// takes as *heard*.
///
/// # Implementing
///
/// `open` returns a [`Link`] whose pump owns the socket. The pump
/// - delivers inbound frames in order, and drops what it cannot read instead of ending,
/// - obeys [`Outbound::Clear`] before any audio that is still queued behind it,
/// - answers [`Outbound::Transfer`] with [`Inbound::Transferred`] once others have the call, or with
///   [`Inbound::NotTransferred`],
/// - answers each [`Outbound::Mark`] with [`Inbound::MarkPlayed`] when everything sent before it
///   has been played, if it claims [`TransportCapabilities::marks`],
/// - says by [`Inbound::HandingOver`] when the application has others asked to take the call, if it
///   lets it,
/// - says by [`Inbound::Held`] when the far end takes no audio for a while, if it can tell,
/// - sends [`Inbound::HungUp`] once when the far end goes, and then returns.
///
/// ```
/// use async_trait::async_trait;
/// use voiceagent_core::{Link, Result, transport::*};
///
/// /// A line on which nobody ever says anything.
/// #[derive(Debug)]
/// struct DeadLine(CallInfo);
///
/// #[async_trait]
/// impl Transport for DeadLine {
///     fn call(&self) -> &CallInfo {
///         &self.0
///     }
///     fn capabilities(&self) -> TransportCapabilities {
///         TransportCapabilities::default()
///     }
///     async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
///         Ok(Link::spawn(16, |mut peer| async move {
///             while let Some(outbound) = peer.recv().await {
///                 if matches!(outbound, Outbound::HangUp) {
///                     peer.send(Inbound::HungUp).await?;
///                     break;
///                 }
///             }
///             Ok(())
///         }))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Debug + Send + 'static {
    /// Who calls whom, and in which media.
    fn call(&self) -> &CallInfo;

    /// What the leg can do.
    fn capabilities(&self) -> TransportCapabilities;

    /// Starts the flow of media.
    ///
    /// # Errors
    ///
    /// When the leg has gone, or cannot be accepted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up: nobody is left on a line that nobody answers.
    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>>;
}

/// What is known about a call before its first frame.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallInfo {
    /// The carrier's name for the call.
    pub id: CallId,
    /// Which side began it.
    pub direction: Direction,
    /// The caller's number or address.
    pub from: Option<Private>,
    /// The number or address that was called.
    pub to: Option<Private>,
    /// What the leg carries.
    pub media: Media,
    /// Parameters that came with the call, such as the ones of a `<Stream>`.
    pub parameters: BTreeMap<String, String>,
}

impl CallInfo {
    /// An inbound call with this id and media, and nothing else known.
    pub fn new(id: impl Into<CallId>, media: Media) -> Self {
        Self {
            id: id.into(),
            direction: Direction::Inbound,
            from: None,
            to: None,
            media,
            parameters: BTreeMap::new(),
        }
    }

    /// Says which side began the call.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Says who calls.
    #[must_use]
    pub fn with_from(mut self, from: impl Into<Arc<str>>) -> Self {
        self.from = Some(Private::new(from));
        self
    }

    /// Says who is called.
    #[must_use]
    pub fn with_to(mut self, to: impl Into<Arc<str>>) -> Self {
        self.to = Some(Private::new(to));
        self
    }

    /// Attaches the parameters that came with the call.
    #[must_use]
    pub fn with_parameters(mut self, parameters: BTreeMap<String, String>) -> Self {
        self.parameters = parameters;
        self
    }
}

/// Which side began a call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a call has two sides")]
pub enum Direction {
    /// The far end called us.
    Inbound,
    /// We called the far end.
    Outbound,
}

/// What a leg carries.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Media {
    /// Audio, in the formats that the carrier uses in each direction.
    Audio {
        /// From the caller to us.
        inbound: AudioFormat,
        /// From us to the caller.
        outbound: AudioFormat,
    },
    /// Text: the far end recognizes and speaks by itself, or a person reads and types.
    Text,
}

impl Media {
    /// Audio in the same format in both directions.
    #[must_use]
    pub const fn audio(format: AudioFormat) -> Self {
        Self::Audio { inbound: format, outbound: format }
    }
}

/// What a leg can do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TransportCapabilities {
    /// [`Outbound::Clear`] drops audio that was sent and not yet played.
    pub clear: bool,
    /// [`Outbound::Mark`] is answered when everything before it has been played.
    pub marks: bool,
    /// [`Inbound::Dtmf`] arrives.
    pub dtmf: bool,
    /// [`Outbound::Transfer`] works, and is answered with [`Inbound::Transferred`] or
    /// [`Inbound::NotTransferred`].
    pub transfer: bool,
    /// The longest that the answer to [`Outbound::Transfer`] takes; `None` for one that comes within
    /// 20 s. After that the caller is told that the call cannot be transferred.
    #[serde(default)]
    pub longest_transfer: Option<Duration>,
    /// [`Inbound::AnsweredBy`] arrives, early in each call that we make.
    pub answerer: bool,
}

impl TransportCapabilities {
    /// Says whether sent audio can be dropped.
    #[must_use]
    pub const fn with_clear(mut self, clear: bool) -> Self {
        self.clear = clear;
        self
    }

    /// Says whether marks are answered.
    #[must_use]
    pub const fn with_marks(mut self, marks: bool) -> Self {
        self.marks = marks;
        self
    }

    /// Says whether keys arrive.
    #[must_use]
    pub const fn with_dtmf(mut self, dtmf: bool) -> Self {
        self.dtmf = dtmf;
        self
    }

    /// Says whether the call can be transferred.
    #[must_use]
    pub const fn with_transfer(mut self, transfer: bool) -> Self {
        self.transfer = transfer;
        self
    }

    /// Says how long the answer to a transfer may take.
    #[must_use]
    pub const fn with_longest_transfer(mut self, longest: Duration) -> Self {
        self.longest_transfer = Some(longest);
        self
    }

    /// Says whether the carrier tells who answers a call that we make.
    #[must_use]
    pub const fn with_answerer(mut self, answerer: bool) -> Self {
        self.answerer = answerer;
        self
    }
}

/// What a leg brings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inbound {
    /// Who took a call that we made, as far as the carrier can tell.
    AnsweredBy(Answerer),
    /// A piece of the caller's audio.
    Audio(AudioFrame),
    /// The beep of an answering machine was heard: it records from now on.
    Beep,
    /// A key of the phone: `0` to `9`, `*`, `#`, `A` to `D`.
    Dtmf(char),
    /// The application has others asked to take the call, beside the session: an attended transfer.
    /// Or that has come to nothing, and the call goes on. Once for each change; when others have the
    /// call, [`Transferred`](Self::Transferred) says so. Meanwhile the agent begins to say nothing,
    /// and what is said to it waits.
    HandingOver(bool),
    /// The far end has put the call on hold, or takes it back: once for each change.
    ///
    /// While a call is on hold, the leg plays nothing, keeps what it has been sent, answers no mark of
    /// it, and brings silence in place of what the far end plays to whoever waits. A leg that tells
    /// it claims [`clear`](TransportCapabilities::clear): what has been sent and not played is taken
    /// back by the session, and sent once more behind the hold.
    Held(bool),
    /// The far end has gone.
    HungUp,
    /// The far end of a text leg stopped what it was saying, and says how much of it was heard.
    ///
    /// For peers that decide about barge-in themselves, such as a carrier's text relay.
    Interrupted {
        /// The heard beginning of what we sent; `None` when the peer does not know.
        heard: Option<Arc<str>>,
    },
    /// Everything that was sent before this mark has been played.
    MarkPlayed(MarkId),
    /// The call was not handed over, and goes on: what [`Outbound::Transfer`] asked for failed.
    NotTransferred(ErrorKind),
    /// How well the line carries sound so far; where the leg can tell, about once a second and before
    /// [`HungUp`](Self::HungUp).
    Quality(LineQuality),
    /// The user of a text leg began to speak or type.
    SpeechStarted,
    /// What the user of a text leg said or typed.
    Transcript(Transcript),
    /// The call was handed over, as [`Outbound::Transfer`] asked.
    Transferred,
}

/// Who or what takes a call that we made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answerer {
    /// A person.
    Human,
    /// An answering machine, or anything else that does not listen.
    Machine,
    /// The carrier listened and cannot tell.
    Unknown,
}

/// What a leg is asked to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outbound {
    /// Play this after what was sent before.
    Audio(AudioFrame),
    /// Drop what was sent and has not been played.
    Clear,
    /// End the call.
    HangUp,
    /// Report when everything sent before has been played.
    Mark(MarkId),
    /// Say or show this text after what was sent before (text legs).
    Text {
        /// The attempt to speak that it belongs to.
        generation: GenerationId,
        /// The text.
        text: Arc<str>,
    },
    /// All text of the generation has been sent (text legs).
    TextEnd {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Hand the call to this configured target.
    Transfer(Arc<str>),
}

/// The longest message that a leg should be asked to play at once.
///
/// Larger pieces save work on both sides; this one adds no audible delay because it is cut from
/// audio that is ahead of the playhead anyway.
pub const LARGEST_PIECE: Duration = Duration::from_millis(100);
