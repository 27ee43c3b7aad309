use rsipstack::{
    sip::{Header, Request},
    transaction::key::TransactionRole,
};
use tracing::debug;
use voiceagent_core::{CallTime, Error, ErrorKind, Result};

use super::{
    answers, crossing,
    refresh::{Refresh, Refreshed},
    session_timer::{Due, SessionTimer},
};

/// Has both sides say from time to time that the call goes on (RFC 4028).
#[derive(Debug)]
pub(super) struct Confirmation {
    timer: Option<SessionTimer>,
    /// Whether the other side takes an `UPDATE`.
    can_update: bool,
    /// Whether a description of ours waits for its answer.
    is_describing: bool,
}

impl Confirmation {
    pub(super) const fn new(timer: Option<SessionTimer>, can_update: bool) -> Self {
        Self { timer, can_update, is_describing: false }
    }

    /// Says whether the other side takes an `UPDATE`.
    pub(super) const fn set_updates(&mut self, can_update: bool) {
        self.can_update = can_update;
    }

    /// Whether a description of ours waits for its answer.
    pub(super) const fn is_describing(&self) -> bool {
        self.is_describing
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Due> {
        self.timer.as_mut()?.poll(now)
    }

    pub(super) fn poll_timeout(&self) -> Option<CallTime> {
        self.timer.as_ref().map(SessionTimer::poll_timeout)
    }

    /// Takes a request of the other side that confirms the call; what our answer says of it.
    pub(super) fn asked(&mut self, now: CallTime, request: &Request) -> Vec<Header> {
        if let Some(asked) = answers::session_expires(request) {
            let timer = self.timer.insert(SessionTimer::new(now, asked));
            return timer.headers();
        }
        let Some(timer) = &mut self.timer else { return vec![] };
        // Without a word of it in our answer there would be no timer for the other side any more
        // (RFC 4028, section 7.2): it would not confirm the call again.
        timer.go_on(now, answers::knows_timers(request), answers::least_interval(request));
        timer.headers()
    }

    /// Our own request, with the description that holds where the other side takes no other.
    pub(super) fn ask(&mut self, description: Option<&str>) -> Option<Refresh> {
        let refresh = Refresh::new(self.timer.as_ref()?, self.can_update, description);
        self.is_describing = !self.can_update;
        Some(refresh)
    }

    /// Takes the answer to it.
    ///
    /// # Errors
    ///
    /// [`Disconnected`](ErrorKind::Disconnected) when the other side does not know the call any
    /// more, and when the system has no randomness.
    pub(super) fn answered(
        &mut self,
        now: CallTime,
        outcome: Refreshed,
        role: TransactionRole,
    ) -> Result<()> {
        self.is_describing = false;
        let Some(timer) = &mut self.timer else { return Ok(()) };
        match outcome {
            Refreshed::Confirmed(expires) => timer.confirmed(now, expires),
            Refreshed::Crossed => timer.ask_again(now + crossing::pause(role)?),
            Refreshed::Untaken if self.can_update => {
                self.can_update = false;
                timer.ask_again(now);
            }
            Refreshed::Later(wait) => timer.ask_later(now, wait),
            Refreshed::TooShort(least) if timer.lengthen(now, least) => {}
            Refreshed::Gone => {
                let why = "the other side does not know the call any more";
                return Err(Error::new(ErrorKind::Disconnected, "talk", why).with_provider("sip"));
            }
            refused => debug!(?refused, "the call was not confirmed"),
        }
        Ok(())
    }
}
