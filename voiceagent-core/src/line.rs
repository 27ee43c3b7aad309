//! Requests to a running call.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;

use crate::{Error, ErrorKind, Result};

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

    /// Says `text` as soon as the agent is free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the call has ended, [`ErrorKind::Stalled`] when too many
    /// requests are waiting.
    pub fn say(&self, text: impl Into<Arc<str>>) -> Result<()> {
        self.request(LineRequest::Say(text.into()))
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
    HangUp,
    Interrupt,
    Say(Arc<str>),
    Transfer(Arc<str>),
}
