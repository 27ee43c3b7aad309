//! Requests to a running call.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{Error, ErrorKind, Result, session::SettingsChange, turn::Expected};

/// Lets tools and the owner of a call steer it. A clone steers the same call.
#[derive(Clone)]
pub struct Line {
    requests: Option<mpsc::Sender<LineRequest>>,
}

impl Line {
    pub(crate) fn new(requests: mpsc::Sender<LineRequest>) -> Self {
        Self { requests: Some(requests) }
    }

    /// A line to no call; each request is refused as [`ErrorKind::Closed`].
    #[must_use]
    pub const fn detached() -> Self {
        Self { requests: None }
    }

    /// Says `text` as soon as the agent is free. A user who interrupts the agent before does not
    /// hear it: a barge-in drops what is queued, up to what is [announced](Self::announce).
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

    /// Ends the call once the caller has heard what the agent is saying.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn hang_up(&self) -> Result<()> {
        self.request(LineRequest::HangUp)
    }

    /// Hands the call to a configured target once the caller has heard what the agent is saying.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub fn transfer(&self, to: impl Into<Arc<str>>) -> Result<()> {
        self.request(LineRequest::Transfer(to.into()))
    }

    fn request(&self, request: LineRequest) -> Result<()> {
        let closed = || Error::new(ErrorKind::Closed, "steer", "the call has ended");
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
    HangUp,
    Interrupt,
    Say { text: Arc<str>, interruptible: bool },
    Transfer(Arc<str>),
    Wait(Duration),
}
