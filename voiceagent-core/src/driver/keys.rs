use tracing::warn;

use crate::CallTime;

/// Keys that a phone sends in a second; the fastest dialler needs 80 ms for each (ITU-T Q.24).
const MOST: usize = 20;

/// Takes the keys of a line, and leaves out what no phone can send.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// When the last of them came; the oldest stands at `oldest`.
    came: [Option<CallTime>; MOST],
    oldest: usize,
    is_flooded: bool,
}

impl Keys {
    /// Whether a key that comes now is one that somebody can have pressed.
    pub(super) fn take(&mut self, now: CallTime) -> bool {
        let second = std::time::Duration::from_secs(1);
        if self.came[self.oldest].is_some_and(|came| now - came < second) {
            if !self.is_flooded {
                warn!("more keys came than a phone can send; the rest of them is left out");
            }
            self.is_flooded = true;
            return false;
        }
        self.is_flooded = false;
        self.came[self.oldest] = Some(now);
        self.oldest = (self.oldest + 1) % MOST;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keys: &mut Keys, times: impl IntoIterator<Item = u64>) -> usize {
        times.into_iter().filter(|at| keys.take(CallTime::from_millis(*at))).count()
    }

    #[test]
    fn ra32_of_a_flood_of_keys_twenty_in_a_second_are_taken_and_then_all_again() {
        let mut keys = Keys::default();
        assert_eq!(taken(&mut keys, 0..1_000), MOST);
        assert_eq!(taken(&mut keys, 1_000..2_000), MOST, "the next second");
        assert_eq!(taken(&mut keys, (2_000..9_000).step_by(80)), 88, "a fast dialler");
    }
}
