use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rsipstack::{
    dialog::{DialogId, dialog_layer::DialogLayer},
    sip::{Method, Request, SipMessage, prelude::HeadersExt as _},
    transaction::{
        endpoint::EndpointInnerRef,
        key::{TransactionKey, TransactionRole},
    },
};

use super::answers::Refusal;

/// Requests that are being answered at the same time, of calls that go on and of all others. It
/// bounds what a flood costs.
const TASKS: usize = 4_096;

/// Where a request belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// To no call yet.
    First,
    /// To a call that we have.
    Within,
    /// To a call that we do not have.
    Lost,
}

impl Place {
    pub(super) fn of(dialogs: &DialogLayer, request: &Request) -> Self {
        if !is_within(request) {
            return Self::First;
        }
        let id = DialogId::try_from((request, TransactionRole::Server));
        match id.ok().and_then(|id| dialogs.get_dialog(&id)) {
            Some(_) => Self::Within,
            None => Self::Lost,
        }
    }
}

/// Whether a request says that it belongs to a call.
pub(super) fn is_within(request: &Request) -> bool {
    request.to_header().is_ok_and(|to| matches!(to.tag(), Ok(Some(_))))
}

/// Requests that are being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Of calls that go on.
    pub(super) within: usize,
    pub(super) others: usize,
}

impl Load {
    /// Whether there may be a transaction for a request. What ends something always has one.
    ///
    /// # Errors
    ///
    /// With what is said to whoever asks to begin or change a call; others are told nothing.
    pub(super) fn admits(self, method: &Method, place: Place) -> Result<(), Refusal> {
        let busy = if place == Place::Within { self.within } else { self.others };
        match (method, place) {
            (Method::Bye | Method::Ack | Method::Cancel, _) => Ok(()),
            // Its answer would be repeated for half a minute.
            (Method::Invite, Place::Lost) => Err(Refusal::NoSuchCall),
            _ if busy >= TASKS => Err(Refusal::Unavailable),
            _ => Ok(()),
        }
    }
}

/// The answer to a call that is not read on. It is forgotten at once, as is what acknowledges it
/// (RFC 3261, section 8.2.7), so that a flood leaves nothing behind.
pub(super) fn refuse(
    endpoint: &EndpointInnerRef,
    message: &SipMessage,
    refusal: Refusal,
) -> Option<SipMessage> {
    let SipMessage::Request(request) = message else { return None };
    if request.method != Method::Invite {
        return None;
    }
    let mut answer = endpoint.make_response(request, refusal.status(), None);
    // The one of a call is not ours to change.
    if !is_within(request) {
        // A repetition gets the same.
        let mut tag = DefaultHasher::new();
        request.header_value("call-id")?.hash(&mut tag);
        let tag = format!("{:016x}", tag.finish());
        answer.to_header_mut().ok()?.mut_tag(tag.into()).ok()?;
    }
    answer.headers.extend(refusal.headers(request));
    Some(SipMessage::Response(answer))
}

/// Whether a request repeats one that is being answered, or has been.
pub(super) fn is_repeated(endpoint: &EndpointInnerRef, request: &Request) -> bool {
    TransactionKey::from_request(request, TransactionRole::Server).is_ok_and(|key| {
        endpoint.transactions.contains_key(&key)
            || endpoint.finished_transactions.contains_key(&key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_others_keeps_no_request_of_a_call_from_being_answered() {
        let flood = Load { within: 0, others: TASKS };
        for method in [Method::Invite, Method::Info, Method::Options] {
            assert_eq!(flood.admits(&method, Place::Within), Ok(()));
            assert_eq!(flood.admits(&method, Place::First), Err(Refusal::Unavailable));
            let full = Load { within: TASKS, others: 0 };
            assert_eq!(full.admits(&method, Place::Within), Err(Refusal::Unavailable));
            assert_eq!(full.admits(&method, Place::First), Ok(()));
        }
    }

    #[test]
    fn what_ends_something_is_always_answered_and_what_wants_a_lost_call_never_waits() {
        let full = Load { within: TASKS, others: TASKS };
        for place in [Place::First, Place::Within, Place::Lost] {
            for method in [Method::Bye, Method::Ack, Method::Cancel] {
                assert_eq!(full.admits(&method, place), Ok(()));
            }
        }
        let idle = Load { within: 0, others: 0 };
        for load in [full, idle] {
            assert_eq!(load.admits(&Method::Invite, Place::Lost), Err(Refusal::NoSuchCall));
        }
        assert_eq!(idle.admits(&Method::Info, Place::Lost), Ok(()));
    }
}
