//! Requests to a running call.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use crate::{
    Error, ErrorKind, GenerationId, Result, ToolCallId, session::SettingsChange, turn::Expected,
};

/// Lets tools and the owner of a call steer it. A clone steers the same call.
#[derive(Clone)]
pub struct Line {
    requests: Option<mpsc::Sender<LineRequest>>,
    /// Where the call may be transferred to, if that is settled here.
    targets: Option<Arc<[Arc<str>]>>,
    /// The tool call that steers by it, if one does.
    tool: Option<(GenerationId, ToolCallId)>,
}

impl Line {
    pub(crate) fn new(
        requests: mpsc::Sender<LineRequest>,
        targets: Option<Arc<[Arc<str>]>>,
    ) -> Self {
        Self { requests: Some(requests), targets, tool: None }
    }

    /// The same line in the hands of a tool.
    pub(crate) fn for_tool(&self, generation: GenerationId, id: ToolCallId) -> Self {
        Self { tool: Some((generation, id)), ..self.clone() }
    }

    /// A line to no call; each request is refused as [`ErrorKind::Closed`].
    #[must_use]
    pub const fn detached() -> Self {
        Self { requests: None, targets: None, tool: None }
    }

    /// Says `text` as soon as the agent is free: between its answers, and while tools run. A user
    /// who interrupts the agent before does not hear it: a barge-in drops what is queued, up to
    /// what is [announced](Self::announce).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the call has ended, [`ErrorKind::Stalled`] when too many
    /// requests are waiting.
    pub fn say(&self, text: impl Into<Arc<str>>) -> Result<()> {
        self.request(LineRequest::Say { text: text.into(), interruptible: true })
    }

    /// Says `text` as soon as the agent is free, and does not let the user stop it.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn announce(&self, text: impl Into<Arc<str>>) -> Result<()> {
        self.request(LineRequest::Say { text: text.into(), interruptible: false })
    }

    /// Says `text` as [`say`](Self::say) does, and returns when that is over: whether the caller
    /// heard all of it.
    ///
    /// A tool may wait for this in its call. It does so in its own time, which includes the time
    /// for which the user holds the floor.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say), and [`ErrorKind::Closed`] when the call ends meanwhile.
    ///
    /// # Cancel safety
    ///
    /// The text is said also when the future is dropped.
    pub async fn say_until_heard(&self, text: impl Into<Arc<str>>) -> Result<bool> {
        let (heard, is_heard) = oneshot::channel();
        self.request(LineRequest::SayUntilHeard { text: text.into(), heard })?;
        is_heard.await.map_err(|_| closed())
    }

    /// Ends the user's turn now: whoever let go of the key has finished.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn commit_turn(&self) -> Result<()> {
        self.request(LineRequest::CommitTurn)
    }

    /// Changes settings of the running call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] naming the field and what it accepts, else as [`say`](Self::say).
    pub fn configure(&self, change: SettingsChange) -> Result<()> {
        change.validate()?;
        self.request(LineRequest::Configure(Box::new(change)))
    }

    /// Tells what the user's next turn holds; `None` when it may be anything.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn expect(&self, what: Option<Expected>) -> Result<()> {
        self.request(LineRequest::Expect(what))
    }

    /// Gives the user time: for so long, silence is not taken as absence.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn wait_for(&self, period: Duration) -> Result<()> {
        self.request(LineRequest::Wait(period))
    }

    /// Stops what the agent is saying.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn interrupt(&self) -> Result<()> {
        self.request(LineRequest::Interrupt)
    }

    /// Ends the call once the caller has heard what the agent is saying. If a tool asks for it, the
    /// model may have its last words after that; one that has said goodbye with its call of nothing
    /// but such tools is not asked again.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn hang_up(&self) -> Result<()> {
        self.request(LineRequest::HangUp { tool: self.tool.clone() })
    }

    /// Hands the call to a configured target once the caller has heard what the agent is saying.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rejected`] when `to` is none of
    /// [`SessionConfig::transfer_targets`](crate::SessionConfig::transfer_targets), else as
    /// [`say`](Self::say).
    pub fn transfer(&self, to: impl Into<Arc<str>>) -> Result<()> {
        let to = to.into();
        if self.targets.as_ref().is_some_and(|targets| !targets.contains(&to)) {
            let why = "that is no place to which calls may be transferred";
            return Err(Error::new(ErrorKind::Rejected, "transfer", why));
        }
        self.request(LineRequest::Transfer(to))
    }

    fn request(&self, request: LineRequest) -> Result<()> {
        self.requests.as_ref().ok_or_else(closed)?.try_send(request).map_err(
            |refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    Error::new(ErrorKind::Stalled, "steer", "too many requests are waiting")
                }
                mpsc::error::TrySendError::Closed(_) => closed(),
            },
        )
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "steer", "the call has ended")
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("attached", &self.requests.is_some()).finish()
    }
}

/// What can be asked of a running call.
#[derive(Debug)]
pub(crate) enum LineRequest {
    CommitTurn,
    Configure(Box<SettingsChange>),
    Expect(Option<Expected>),
    HangUp { tool: Option<(GenerationId, ToolCallId)> },
    Interrupt,
    Say { text: Arc<str>, interruptible: bool },
    SayUntilHeard { text: Arc<str>, heard: oneshot::Sender<bool> },
    Transfer(Arc<str>),
    Wait(Duration),
}
