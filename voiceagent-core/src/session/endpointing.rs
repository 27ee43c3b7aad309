use std::time::Duration;

use super::{EndpointingConfig, user_turn::UserTurn};
use crate::CallTime;

/// Decides when the user's turn is over. All delays count from the user's last speech.
#[derive(Debug)]
pub(super) struct Endpointing {
    config: EndpointingConfig,
    /// A model of the recognizer's vendor decides; our own delay is the fallback.
    vendor_decides: bool,
    score: Option<Score>,
}

#[derive(Debug)]
struct Score {
    text_len: usize,
    probability: f32,
}

impl Endpointing {
    pub(super) fn new(config: EndpointingConfig, vendor_decides: bool) -> Self {
        Self { config, vendor_decides, score: None }
    }

    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, config: EndpointingConfig) {
        self.config = config;
    }

    /// Notes a prediction for the turn when its text had this length.
    pub(super) fn on_score(&mut self, text_len: usize, probability: f32) {
        let probability = if probability.is_finite() { probability.clamp(0.0, 1.0) } else { 1.0 };
        self.score = Some(Score { text_len, probability });
    }

    pub(super) fn reset(&mut self) {
        self.score = None;
    }

    /// When the turn is over if nothing more happens; `None` while that cannot be said.
    pub(super) fn deadline(&self, turn: &UserTurn) -> Option<CallTime> {
        if turn.is_empty() {
            return None;
        }
        if turn.speaking_since.is_some() {
            // A detector that never hears the end must not keep the turn open for ever.
            return turn.last_change.map(|at| at + self.config.watchdog);
        }
        let last_speech = turn.last_speech?;
        if turn.ended_by_stt {
            return Some(last_speech);
        }
        let delay = self.delay(turn);
        let delay =
            if turn.is_settled() { delay } else { delay.max(self.config.transcript_timeout) };
        Some(last_speech + delay)
    }

    /// A continuous function of the prediction: no cliff between the shortest and the longest.
    pub(super) fn delay(&self, turn: &UserTurn) -> Duration {
        if self.vendor_decides {
            return self.config.max_delay;
        }
        let min = self.config.min_delay;
        let more = self.config.max_delay.saturating_sub(min);
        match &self.score {
            Some(score) if score.text_len == turn.text().len() => {
                min + more.mul_f32(1.0 - score.probability)
            }
            Some(_) | None => min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stt::Transcript;

    fn ms(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn spoken(text: &Transcript, at: u64) -> UserTurn {
        let mut turn = UserTurn::new();
        turn.push(ms(at), text);
        turn.last_speech = Some(ms(1_000));
        turn
    }

    fn endpointing() -> Endpointing {
        Endpointing::new(EndpointingConfig::default(), false)
    }

    #[test]
    fn t2_the_delay_counts_from_the_last_speech() {
        let turn = spoken(&Transcript::final_("yes"), 1_150);
        assert_eq!(endpointing().deadline(&turn), Some(ms(1_300)));
    }

    #[test]
    fn the_vendors_end_does_not_end_a_turn_while_the_user_speaks() {
        let mut turn = spoken(&Transcript::final_("yes"), 1_150);
        turn.speaking_since = Some(ms(900));
        turn.ended_by_stt = true;
        assert_eq!(endpointing().deadline(&turn), None);
    }

    #[test]
    fn t4_the_final_is_waited_for_but_not_for_ever() {
        let interim = spoken(&Transcript::interim("yes"), 900);
        assert_eq!(endpointing().deadline(&interim), Some(ms(2_000)));
        let early = spoken(&Transcript::final_("yes"), 600);
        assert_eq!(endpointing().deadline(&early), Some(ms(2_000)), "more may be on its way");
    }

    #[test]
    fn t11_the_delay_falls_evenly_with_the_prediction() {
        let turn = spoken(&Transcript::final_("well"), 1_100);
        let mut endpointing = endpointing();
        let mut last = ms(u64::MAX / 1_000);
        for probability in [0.0, 0.25, 0.5, 0.75, 1.0] {
            endpointing.on_score(4, probability);
            let deadline = endpointing.deadline(&turn).unwrap();
            assert!(deadline < last);
            last = deadline;
        }
        assert_eq!(last, ms(1_300));
    }

    #[test]
    fn a_prediction_for_an_older_text_is_not_used() {
        let turn = spoken(&Transcript::final_("well then"), 1_100);
        let mut endpointing = endpointing();
        endpointing.on_score(4, 0.0);
        assert_eq!(endpointing.deadline(&turn), Some(ms(1_300)));
    }

    #[test]
    fn the_recognizers_end_of_turn_ends_it_at_once() {
        let mut turn = spoken(&Transcript::final_("yes"), 1_150);
        turn.ended_by_stt = true;
        assert_eq!(endpointing().deadline(&turn), Some(ms(1_000)));
    }
}
