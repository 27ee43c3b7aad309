use std::{collections::VecDeque, time::Duration};

use crate::CallTime;

/// Pauses that are remembered: who has calmed down is not judged by how the call began.
const MEMORY: usize = 16;
/// Fewer pauses than this tell nothing about a caller.
const FEWEST: usize = 3;
/// How much longer than the usual pause of a caller is waited.
const MARGIN: Duration = Duration::from_millis(100);

/// Learns from the pauses that a caller makes within turns how long this caller may be silent and
/// still go on.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pauses: VecDeque<Duration>,
    /// Pauses of the open turn, which may yet turn out to be noise.
    open: VecDeque<Duration>,
    /// When the user fell silent before the last turn was taken, until the agent is heard: who
    /// goes on before has been cut off.
    cut: Option<CallTime>,
}

impl Pace {
    /// Notes that the user spoke on (or anew), in a turn in which they last spoke at
    /// `last_speech`.
    pub(super) fn on_speech(&mut self, since: CallTime, last_speech: Option<CallTime>) {
        if let Some(end) = last_speech.or(self.cut.take()) {
            if self.open.len() == MEMORY {
                self.open.pop_front();
            }
            self.open.push_back(since - end);
        }
    }

    /// Notes that the turn was taken: what was heard in it was speech.
    pub(super) fn on_turn(&mut self, last_speech: CallTime, longest: Duration) {
        self.cut = Some(last_speech);
        let pauses = self.open.drain(..).filter(|pause| *pause <= longest);
        self.pauses.extend(pauses);
        let surplus = self.pauses.len().saturating_sub(MEMORY);
        self.pauses.drain(..surplus);
    }

    /// Notes that nothing was understood of the turn.
    pub(super) fn on_noise(&mut self) {
        self.open.clear();
    }

    /// Notes that the agent is heard: whoever speaks now speaks to what it says.
    pub(super) fn on_agent(&mut self) {
        self.cut = None;
    }

    /// The shortest and the longest delay for this caller, within those that are set: a little
    /// longer than three of four pauses, and twice as long as any.
    pub(super) fn delays(&self, min: Duration, max: Duration) -> (Duration, Duration) {
        if self.pauses.len() < FEWEST {
            return (min, max);
        }
        let mut pauses: Vec<Duration> = self.pauses.iter().copied().collect();
        pauses.sort_unstable();
        let usual = pauses[pauses.len() * 3 / 4];
        let longest = pauses[pauses.len() - 1];
        let least = (usual + MARGIN).clamp(min, max);
        (least, (longest * 2).clamp(least, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(300);
    const MAX: Duration = Duration::from_millis(2_500);

    fn after(pauses: &[u64]) -> Pace {
        let mut pace = Pace::default();
        let end = CallTime::from_millis(1_000);
        for pause in pauses {
            pace.on_speech(end + Duration::from_millis(*pause), Some(end));
            pace.on_turn(end, MAX);
        }
        pace
    }

    #[test]
    fn t11_few_pauses_teach_nothing() {
        assert_eq!(after(&[900, 900]).delays(MIN, MAX), (MIN, MAX));
    }

    #[test]
    fn t11_a_slow_caller_gets_more_time_and_a_quick_one_does_not_wait_for_the_longest() {
        let ms = Duration::from_millis;
        assert_eq!(after(&[700, 800, 900, 600]).delays(MIN, MAX), (ms(1_000), ms(1_800)));
        assert_eq!(after(&[210, 220, 230]).delays(MIN, MAX), (ms(330), ms(460)));
    }

    #[test]
    fn t11_what_is_learned_stays_between_the_shortest_and_the_longest_delay() {
        for pauses in [&[0, 0, 0][..], &[2_400; 40], &[9_000; 40], &[1, 2_500, 2_500]] {
            let (least, most) = after(pauses).delays(MIN, MAX);
            assert!(MIN <= least && least <= most && most <= MAX, "{pauses:?}: {least:?} {most:?}");
        }
    }

    #[test]
    fn t11_a_caller_who_calms_down_is_forgiven() {
        let mut pauses = vec![2_000; 8];
        pauses.extend([250; 16]);
        assert_eq!(after(&pauses).delays(MIN, MAX).0, Duration::from_millis(350));
    }

    #[test]
    fn t11_who_was_cut_off_teaches_and_a_noise_does_not() {
        let end = CallTime::from_millis(1_000);
        let mut pace = Pace::default();
        for _ in 0..4 {
            pace.on_turn(end, MAX);
            pace.on_speech(end + Duration::from_millis(800), None);
        }
        assert_eq!(pace.delays(MIN, MAX).0, Duration::from_millis(900));
        let mut noisy = Pace::default();
        for _ in 0..4 {
            noisy.on_turn(end, MAX);
            noisy.on_speech(end + Duration::from_millis(800), None);
            noisy.on_noise();
        }
        assert_eq!(noisy.delays(MIN, MAX), (MIN, MAX));
    }
}
