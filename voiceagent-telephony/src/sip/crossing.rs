use std::time::Duration;

use rsipstack::transaction::key::TransactionRole;
use voiceagent_core::Result;

use crate::random::random_number;

/// How long we wait before a description that has crossed one of the other side is sent again: 2.1
/// to 4 s where the call is ours, else up to 2 s, in steps of 10 ms, so that only one of both sides
/// comes first (RFC 3261, section 14.1).
///
/// # Errors
///
/// When the system has no randomness.
pub(super) fn pause(role: TransactionRole) -> Result<Duration> {
    let (shortest, longest) = match role {
        TransactionRole::Client => (210, 400),
        TransactionRole::Server => (0, 200),
    };
    let steps = shortest + random_number("step back")? % (longest - shortest + 1);
    Ok(Duration::from_millis(u64::from(steps) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp52_whoever_has_called_waits_longer_than_whoever_was_called() {
        let all = |role| (0..1_000).map(move |_| pause(role).unwrap().as_millis());
        let (ours, theirs) = (TransactionRole::Client, TransactionRole::Server);
        assert!(all(ours).all(|pause| (2_100..=4_000).contains(&pause) && pause % 10 == 0));
        assert!(all(theirs).all(|pause| pause <= 2_000));
        // By chance they are all on one side less than once in 10^300 times.
        assert!(all(ours).any(|pause| pause < 3_000) && all(ours).any(|pause| pause > 3_000));
        assert!(all(theirs).any(|pause| pause < 1_000) && all(theirs).any(|pause| pause > 1_000));
    }
}
