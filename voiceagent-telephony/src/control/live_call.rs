use std::time::SystemTime;

use voiceagent_core::{CallId, transport::Direction};

use crate::front_door::CallStatus;

/// A call that waits, rings or goes on, as a carrier lists it. What a carrier does not tell is `None`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LiveCall {
    /// The carrier's name for it.
    pub id: CallId,
    /// Which side began it.
    pub direction: Option<Direction>,
    /// The other side's number or address, of which only the last two characters are told: a list
    /// is shown on screens and kept in logs.
    pub number: Option<String>,
    /// When it began.
    pub since: Option<SystemTime>,
    /// How far it has come.
    pub status: CallStatus,
}

impl LiveCall {
    /// A call of which no more is known than that it goes on.
    #[must_use]
    pub fn named(id: impl Into<CallId>) -> Self {
        let status = CallStatus::InProgress;
        Self { id: id.into(), direction: None, number: None, since: None, status }
    }
}

/// Puts calls of a list that was asked for later before those that are known already: a call that
/// stands in both has come further meanwhile.
pub(crate) fn add_further(known: &mut Vec<LiveCall>, further: Vec<LiveCall>) {
    known.retain(|call| further.iter().all(|other| other.id != call.id));
    known.splice(0..0, further);
}

/// A number or an address, but for its last two characters; `None` where there is none.
pub(crate) fn masked(number: &str) -> Option<String> {
    let count = number.chars().count();
    let last = number.chars().skip(count.saturating_sub(2));
    (count > 2).then(|| "*".repeat(count - 2).chars().chain(last).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_comes_further_while_lists_are_read_is_told_once() {
        let call = |id: &str, status| LiveCall { status, ..LiveCall::named(id) };
        let mut known = vec![call("a", CallStatus::Ringing), call("b", CallStatus::Ringing)];
        add_further(&mut known, vec![call("b", CallStatus::InProgress)]);
        assert_eq!(known, [call("b", CallStatus::InProgress), call("a", CallStatus::Ringing)]);
    }

    #[test]
    fn of_a_number_only_the_end_is_told() {
        assert_eq!(masked("+14155550123").as_deref(), Some("**********23"));
        assert_eq!(masked("sip:zoë").as_deref(), Some("*****oë"));
        assert_eq!(masked("42"), None);
        assert_eq!(masked(""), None);
    }
}
