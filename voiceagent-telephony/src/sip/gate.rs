use std::time::Duration;

use tokio::time::Instant;

/// Lets so many through in a second, and as many at once.
#[derive(Debug)]
pub(super) struct Gate {
    each: Duration,
    burst: Duration,
    /// When the bucket will be empty again.
    until: Option<Instant>,
}

impl Gate {
    pub(super) fn new(per_second: u32) -> Self {
        let second = Duration::from_secs(1);
        Self { each: second / per_second.max(1), burst: second, until: None }
    }

    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let until = self.until.map_or(now, |until| until.max(now)) + self.each;
        let is_admitted = until <= now + self.burst;
        if is_admitted {
            self.until = Some(until);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_as_many_calls_as_are_allowed() {
        let (mut gate, begin) = (Gate::new(50), Instant::now());
        let flood = |gate: &mut Gate, at| (0..1_000).filter(|_| gate.admits(at)).count();
        assert_eq!(flood(&mut gate, begin), 50);
        assert_eq!(flood(&mut gate, begin + Duration::from_millis(100)), 5);
        assert_eq!(flood(&mut gate, begin + Duration::from_secs(60)), 50);
    }
}
