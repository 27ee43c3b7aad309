//! The handle of a running conversation.

use std::{convert::Infallible, fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::{CallTime, Event, Line, transport::CallInfo};

/// A running conversation. Dropping it ends the call.
pub struct Call {
    info: Arc<CallInfo>,
    line: Line,
    events: mpsc::Receiver<(CallTime, Event)>,
    /// Tells the call's task, by its end, that nobody owns the call any more.
    _owned: oneshot::Sender<Infallible>,
}

impl Call {
    pub(crate) fn new(
        info: Arc<CallInfo>,
        line: Line,
        events: mpsc::Receiver<(CallTime, Event)>,
        owned: oneshot::Sender<Infallible>,
    ) -> Self {
        Self { info, line, events, _owned: owned }
    }

    /// Who calls whom.
    #[must_use]
    pub fn info(&self) -> &CallInfo {
        &self.info
    }

    /// Steers the call: says something, interrupts, hangs up, transfers.
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The next thing that happened; `None` when the call is over and everything it started has
    /// ended. An owner who does not read loses events, and nothing else; an
    /// [observer](crate::observer::Observer) sees all of them.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next_event(&mut self) -> Option<(CallTime, Event)> {
        self.events.recv().await
    }

    /// Lets the conversation run to its end.
    pub async fn finished(mut self) {
        while self.next_event().await.is_some() {}
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.info.id).finish_non_exhaustive()
    }
}
