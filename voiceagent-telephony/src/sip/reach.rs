use std::time::Duration;

use rsipstack::sip::Response;
use tokio::sync::watch;

use super::{
    refusal::{code, retry_after},
    registration::backoff,
};

/// Whether somebody answers when we ask whether they are there (`OPTIONS`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SipReach {
    /// They have not been asked yet, or the first question is on its way.
    #[default]
    Unknown,
    /// They have answered, with whatever but 503 and 408: a refusal is an answer.
    Reachable,
    /// They have not answered, cannot be connected to, or say that they are not available (503).
    Unreachable,
}

/// Somebody whom a server asks whether they are there: its trunk, or a registrar.
#[derive(Clone, Debug)]
pub struct SipNeighbor {
    pub(super) name: String,
    pub(super) is_trunk: bool,
    pub(super) reach: watch::Receiver<SipReach>,
}

impl SipNeighbor {
    /// The address of the trunk or of the registrar, as it is configured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the trunk, by which numbers are called.
    #[must_use]
    pub const fn is_trunk(&self) -> bool {
        self.is_trunk
    }

    /// Whether they answer, now and whenever it changes. It does not change any more when the
    /// server and its calls are gone.
    #[must_use]
    pub fn reach(&self) -> watch::Receiver<SipReach> {
        self.reach.clone()
    }

    /// Waits until they answer again, after they have not; for ever where nobody asks any more.
    ///
    /// # Cancel safety
    ///
    /// What has been seen so far is forgotten when the future is dropped.
    pub(super) async fn returns(&self) {
        let mut reach = self.reach.clone();
        for awaited in [SipReach::Unreachable, SipReach::Reachable] {
            if reach.wait_for(|reach| *reach == awaited).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// How it has gone with asking somebody.
#[derive(Debug)]
pub(super) struct Asking {
    /// Between two questions.
    pub(super) every: Duration,
    /// Questions one after the other that were not answered.
    failures: u32,
}

impl Asking {
    pub(super) const fn new(every: Duration) -> Self {
        Self { every, failures: 0 }
    }

    /// What the outcome of a question says, and how long to wait for the next. Who does not answer is
    /// asked again sooner: after a second, twice that, and so on up to the usual time, or when they
    /// say.
    pub(super) fn heard(&mut self, answer: Option<&Response>) -> (SipReach, Duration) {
        let is_there = |answer: &Response| !matches!(code(&answer.status_code), 408 | 503);
        if answer.is_some_and(is_there) {
            self.failures = 0;
            return (SipReach::Reachable, self.every);
        }
        self.failures = self.failures.saturating_add(1);
        let wait = answer.and_then(retry_after).unwrap_or_default();
        (SipReach::Unreachable, backoff(self.failures).min(self.every).max(wait))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    fn answer(status: u16, headers: &str) -> Response {
        let text = format!("SIP/2.0 {status} x\r\n{headers}\r\n");
        Response::try_from(text.as_bytes()).unwrap()
    }

    #[test]
    fn whatever_is_answered_but_that_nobody_is_available_is_an_answer() {
        let every = Duration::from_secs(30);
        for status in [200, 401, 403, 404, 405, 407, 481, 486, 500, 501] {
            let heard = Asking::new(every).heard(Some(&answer(status, "")));
            assert_eq!(heard, (SipReach::Reachable, every), "{status}");
        }
        for status in [408, 503] {
            let (reach, _) = Asking::new(every).heard(Some(&answer(status, "")));
            assert_eq!(reach, SipReach::Unreachable, "{status}");
        }
        assert_eq!(Asking::new(every).heard(None).0, SipReach::Unreachable);
    }

    #[test]
    fn who_is_silent_is_asked_again_soon_and_then_as_usual() {
        let mut asking = Asking::new(Duration::from_secs(10));
        let waits: Vec<_> = (0..6).map(|_| asking.heard(None).1.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(asking.heard(Some(&answer(200, ""))).1.as_secs(), 10);
        assert_eq!(asking.heard(None).1.as_secs(), 1, "it begins anew");
        let later = answer(503, "Retry-After: 120\r\n");
        assert_eq!(asking.heard(Some(&later)).1.as_secs(), 120);
    }

    #[test]
    fn only_whoever_has_been_away_returns() {
        let (said, reach) = watch::channel(SipReach::Reachable);
        let neighbor = SipNeighbor { name: String::new(), is_trunk: false, reach };
        let mut returns = pin!(neighbor.returns());
        let mut returned = |now| {
            said.send_replace(now);
            returns.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        assert!(!returned(SipReach::Reachable));
        assert!(!returned(SipReach::Unreachable));
        assert!(returned(SipReach::Reachable));
    }
}
