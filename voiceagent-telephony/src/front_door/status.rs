use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::CallId;

use crate::recent::Recent;

/// Calls whose state is kept, to tell late reports from news. A call takes 100 bytes.
const CALLS: usize = 4_096;

/// How far a call has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallStatus {
    /// The callee's line was busy.
    Busy,
    /// It was withdrawn before it was answered.
    Canceled,
    /// It was answered and has ended.
    Completed,
    /// It could not be made.
    Failed,
    /// It was answered and goes on.
    InProgress,
    /// The carrier has begun to make it.
    Initiated,
    /// Nobody answered.
    NoAnswer,
    /// It waits to be made.
    Queued,
    /// The callee's phone rings.
    Ringing,
}

impl CallStatus {
    /// Whether the call is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.rank() == 4
    }

    /// Reads the word of any carrier; no two mean different things by the same one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "busy" | "rejected" => Self::Busy,
            "cancel" | "canceled" | "cancelled" => Self::Canceled,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "answered" | "in-progress" => Self::InProgress,
            "initiated" | "started" => Self::Initiated,
            "no-answer" | "timeout" | "unanswered" => Self::NoAnswer,
            "queued" => Self::Queued,
            "ringing" => Self::Ringing,
            _ => return None,
        })
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Initiated => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            Self::Busy | Self::Canceled | Self::Completed | Self::Failed | Self::NoAnswer => 4,
        }
    }
}

/// A call has come further.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusEvent {
    /// The call.
    pub call: CallId,
    /// What it has come to.
    pub status: CallStatus,
    /// How long it lasted, once it has ended.
    pub duration: Option<Duration>,
}

/// Where each call stands. Reports may come twice, late and in any order.
#[derive(Debug)]
pub(super) struct Statuses(Mutex<Recent<CallId, Option<CallStatus>>>);

impl Statuses {
    /// Whether the report is news: a call never goes back, and never leaves a final state.
    pub(super) fn advance(&self, call: &CallId, status: CallStatus) -> bool {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = calls.of(call);
        let news = known.is_none_or(|known| status.rank() > known.rank());
        if news {
            *known = Some(status);
        }
        news
    }

    /// Whether the call is known to be over.
    pub(super) fn is_over(&self, call: &CallId) -> bool {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(call).copied().flatten().is_some_and(CallStatus::is_final)
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(CALLS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_or_repeated_report_changes_nothing() {
        let statuses = Statuses::default();
        let call = CallId::new("CA1");
        let news = ["ringing", "initiated", "ringing", "completed", "in-progress", "failed"]
            .map(|status| statuses.advance(&call, CallStatus::parse(status).unwrap()));
        assert_eq!(news, [true, false, false, true, false, false]);
        assert!(statuses.advance(&CallId::new("CA2"), CallStatus::InProgress));
        let is_over = ["CA1", "CA2", "CA3"].map(|call| statuses.is_over(&CallId::new(call)));
        assert_eq!(is_over, [true, false, false]);
    }

    #[test]
    fn memory_is_bounded() {
        let statuses = Statuses::default();
        let advance =
            |call: usize| statuses.advance(&CallId::new(call.to_string()), CallStatus::Completed);
        for call in 0..=CALLS {
            assert!(advance(call));
        }
        assert!(!advance(1), "kept");
        assert!(advance(0), "forgotten");
    }
}
