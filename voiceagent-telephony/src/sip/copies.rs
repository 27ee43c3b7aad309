use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use rsipstack::sip::{Request, prelude::HeadersExt as _};
use tokio::time::Instant;

use crate::recent::Recent;

/// Calls that are remembered: as many as begin within [`WINDOW`] at 128 a second. Beyond, the oldest
/// are forgotten, and a copy of one rings.
const ROOM: usize = 4_096;

/// For how long: as long as a transaction goes on that was answered with 200 (64 times T1; RFC 6026,
/// section 7.1).
const WINDOW: Duration = Duration::from_secs(32);

/// The calls that have begun to ring, to tell copies of their requests that have come by another way
/// (RFC 3261, section 8.2.2.2). What is only repeated has the same branch, and never gets here.
#[derive(Debug)]
pub(super) struct Copies {
    seen: Recent<u64, Option<Instant>>,
    /// A request counts by its hash: what others write may be long.
    hasher: RandomState,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { seen: Recent::new(ROOM), hasher: RandomState::new() }
    }

    /// What all copies of a request share, and other requests do not.
    pub(super) fn key(&self, request: &Request) -> Option<u64> {
        let call = request.header_value("call-id").or_else(|| request.header_value("i"))?;
        let tag = request.from_header().ok()?.tag().ok()??;
        let number = request.cseq_header().ok()?.seq().ok()?;
        Some(self.hasher.hash_one((call, tag.value(), number, request.method.to_string())))
    }

    /// Whether this one rings already, or has.
    pub(super) fn has(&self, key: u64, now: Instant) -> bool {
        let since = self.seen.get(&key).copied().flatten();
        since.is_some_and(|since| now < since + WINDOW)
    }

    /// This one rings from now on.
    pub(super) fn note(&mut self, key: u64, now: Instant) {
        *self.seen.of(&key) = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(copies: &Copies, tag: &str, call: &str, number: u32, branch: &str) -> Option<u64> {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\n\
             From: <sip:a@b>{tag}\r\nTo: <sip:a@b>\r\nCall-ID: {call}\r\n\
             CSeq: {number} INVITE\r\n\r\n"
        );
        copies.key(&Request::try_from(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_request_is_known_by_tag_call_and_number_for_as_long_as_its_transaction() {
        let (mut copies, begin) = (Copies::new(), Instant::now());
        let first = key(&copies, ";tag=1", "c", 7, "one").unwrap();
        assert!(!copies.has(first, begin));
        copies.note(first, begin);
        assert_eq!(key(&copies, ";tag=1", "c", 7, "two"), Some(first), "by another way");
        for (tag, call, number) in [(";tag=2", "c", 7), (";tag=1", "d", 7), (";tag=1", "c", 8)] {
            let other = key(&copies, tag, call, number, "one").unwrap();
            assert!(!copies.has(other, begin), "{tag} {call} {number}");
        }
        assert_eq!(key(&copies, "", "c", 7, "one"), None, "nothing tells whose it is");
        assert!(copies.has(first, begin + WINDOW - Duration::from_millis(1)));
        assert!(!copies.has(first, begin + WINDOW));
    }
}
