use std::time::Duration;

use super::{
    EndpointingConfig, SessionConfig, pace::Pace, patience::Progress, user_turn::UserTurn,
};
use crate::CallTime;

/// How long a detector and a recognizer may disagree about whether the user speaks.
const DISAGREEMENT: Duration = Duration::from_millis(600);

/// How much of the longest delay is waited at least after a number or a name that may be all,
/// where words tell.
const PLAUSIBLE: f32 = 0.2;
/// Words that are complete with this probability are not waited on: that would delay many for the
/// sake of few.
const CLOSED: f32 = 0.6;
/// A turn detector has told within this whether the turn is over, or is not waited for.
const PREDICTION: Duration = Duration::from_millis(150);
/// How long a voice without a pause may be speech where no words could have told so yet.
const WORDLESS: Duration = Duration::from_secs(10);

/// Decides when the user's turn is over. All delays count from the user's last speech.
#[derive(Debug)]
pub(super) struct Endpointing {
    config: EndpointingConfig,
    /// A model of the recognizer's vendor decides; our own delay is the fallback.
    vendor_decides: bool,
    /// A turn detector predicts.
    has_detector: bool,
    /// The owner of the call ends turns.
    is_manual: bool,
    score: Option<Score>,
    /// What the words alone say about the turn.
    wording: Option<f32>,
    /// How far the user has come with what the agent asked for.
    progress: Progress,
    pub(super) pace: Pace,
}

#[derive(Debug)]
struct Score {
    text_len: usize,
    probability: f32,
}

/// What becomes of an open turn if nothing more happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It is over.
    Commit,
    /// It was nothing.
    Discard,
    /// The detector hears somebody of whom nothing is understood.
    Doubt,
}

impl Endpointing {
    pub(super) fn new(config: &SessionConfig) -> Self {
        Self {
            config: settings(config),
            vendor_decides: config.stt_end_of_turn,
            has_detector: config.turn_detector,
            is_manual: is_manual(config),
            score: None,
            wording: None,
            progress: Progress::default(),
            pace: Pace::default(),
        }
    }

    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, config: &SessionConfig) {
        self.config = settings(config);
        self.is_manual = is_manual(config);
        self.wording = self.wording.filter(|_| config.reads_words());
    }

    /// How long a voice is believed of which nothing is understood.
    pub(super) fn watchdog(&self) -> Duration {
        self.config.watchdog
    }

    /// Notes a prediction for the turn when its text had this length.
    pub(super) fn on_score(&mut self, text_len: usize, probability: f32) {
        let probability = if probability.is_finite() { probability.clamp(0.0, 1.0) } else { 1.0 };
        self.score = Some(Score { text_len, probability });
    }

    /// Notes how far the user has come with what the agent asked for.
    pub(super) fn on_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// Notes how likely it is that nothing follows, by the words so far.
    pub(super) fn on_words(&mut self, complete: Option<f32>) {
        self.wording = complete;
    }

    pub(super) fn reset(&mut self) {
        self.score = None;
        self.wording = None;
        self.progress = Progress::default();
    }

    /// What becomes of the turn if nothing more happens, and when; `None` while that cannot be
    /// said.
    pub(super) fn outcome(&self, turn: &UserTurn) -> Option<(CallTime, Outcome)> {
        if let Some(by) = turn.commit_by {
            return Some(match (turn.is_empty(), turn.is_told()) {
                (true, true) => (CallTime::ZERO, Outcome::Discard),
                (true, false) => (by, Outcome::Discard),
                (false, true) => (CallTime::ZERO, Outcome::Commit),
                (false, false) => (by, Outcome::Commit),
            });
        }
        if self.is_manual {
            return None;
        }
        if turn.is_empty() {
            return Some((self.noise_ends(turn)?, Outcome::Discard));
        }
        if let Some(since) = turn.speaking_since {
            // What the detector took up again right after it was reset has had its chance.
            let patience = if turn.ended_by_stt.is_some() || turn.is_doubtful {
                DISAGREEMENT
            } else {
                self.config.watchdog
            };
            let reset = turn.doubted.map(|(at, _)| at);
            let last = [turn.last_change, turn.ended_by_stt, reset].into_iter().flatten();
            return Some((last.fold(since, CallTime::max) + patience, Outcome::Doubt));
        }
        let last_speech = turn.last_speech?;
        let end = if let Some(ended) = turn.ended_by_stt.filter(|_| self.progress != Progress::Open)
        {
            let end = last_speech + self.delay_after_silence(turn);
            if self.owes_score(turn) { end.max(ended + PREDICTION) } else { end }
        } else if turn.is_settled() {
            last_speech + self.delay(turn)
        } else {
            let delay = self.delay(turn).max(self.config.transcript_timeout);
            turn.final_by.max(last_speech + delay)
        };
        // Voices of which nothing is understood do not put the answer off for ever.
        let latest = turn.last_change.map(|words| words + self.delay(turn) + self.config.watchdog);
        let end = latest.map_or(end, |latest| end.min(latest.max(last_speech)));
        Some((end.max(turn.not_before), Outcome::Commit))
    }

    /// Whether the turn detector has yet to say what it makes of the text.
    fn owes_score(&self, turn: &UserTurn) -> bool {
        let is_known = |score: &Score| score.text_len == turn.text().len();
        self.has_detector && !self.vendor_decides && !self.score.as_ref().is_some_and(is_known)
    }

    /// When a turn of which nothing was understood is over.
    fn noise_ends(&self, turn: &UserTurn) -> Option<CallTime> {
        if !turn.begun {
            return None;
        }
        match (turn.speaking_since, turn.last_speech) {
            (Some(since), _) => Some(since.max(turn.begun_at) + self.config.watchdog),
            // A detector tells the end of the voice; or the words did that a final has taken back.
            (None, Some(end)) => Some(end + self.config.transcript_timeout),
            (None, None) => Some(turn.begun_at + self.config.watchdog),
        }
    }

    /// A continuous function of the prediction: no cliff between the shortest and the longest.
    pub(super) fn delay(&self, turn: &UserTurn) -> Duration {
        let EndpointingConfig { min_delay, max_delay, entity_max_delay, .. } = self.config;
        match self.progress {
            Progress::Complete => return min_delay,
            Progress::Open => return entity_max_delay.max(min_delay),
            Progress::Unknown | Progress::Dictating | Progress::Plausible => {}
        }
        if self.vendor_decides && !turn.is_belated() {
            return max_delay;
        }
        let (least, most) = self.delays();
        let more = most.saturating_sub(least);
        match self.openness(turn) {
            // Who would have more to say has had the time for it.
            Some(_) if turn.was_given_up() => least,
            Some(open) => least + more.mul_f32(open),
            None if self.progress == Progress::Plausible => least + more / 2,
            None => least,
        }
    }

    /// The delay of a turn that the recognizer has called over. One that predicts is believed. One
    /// that counts silence knows less than words and detectors do: where they tell of more, the
    /// delay grows from nothing to the longest.
    fn delay_after_silence(&self, turn: &UserTurn) -> Duration {
        if self.vendor_decides || self.progress == Progress::Complete {
            return Duration::ZERO;
        }
        let (_, most) = self.delays();
        self.openness(turn).map_or(Duration::ZERO, |open| most.mul_f32(open))
    }

    /// The shortest and the longest delay.
    fn delays(&self) -> (Duration, Duration) {
        let EndpointingConfig { min_delay, max_delay, entity_max_delay, learn, .. } = self.config;
        let (least, most) =
            if learn { self.pace.delays(min_delay, max_delay) } else { (min_delay, max_delay) };
        let is_dictating = self.progress == Progress::Dictating;
        (least, if is_dictating { most.max(entity_max_delay) } else { most })
    }

    /// How surely the user has more to say, from 0 to 1; `None` where nobody predicts.
    fn openness(&self, turn: &UserTurn) -> Option<f32> {
        let score = self.score.as_ref().filter(|score| score.text_len == turn.text().len());
        match (score, self.wording) {
            (Some(score), _) => Some(1.0 - score.probability),
            (None, Some(wording)) if self.progress == Progress::Plausible => {
                Some(openness(wording).max(PLAUSIBLE))
            }
            (None, wording) => wording.map(openness),
        }
    }

    /// The longest pause within a turn that is taken for one.
    pub(super) fn longest_pause(&self) -> Duration {
        self.config.max_delay
    }
}

/// How much of the longest delay is waited after words that are complete with this probability.
fn openness(complete: f32) -> f32 {
    ((CLOSED - complete) / CLOSED).clamp(0.0, 1.0)
}

fn settings(config: &SessionConfig) -> EndpointingConfig {
    let mut endpointing = config.endpointing;
    if !config.stt_interim {
        endpointing.watchdog = endpointing.watchdog.max(WORDLESS);
    }
    endpointing
}

/// What is typed is ended by whoever types it.
fn is_manual(config: &SessionConfig) -> bool {
    config.endpointing.manual && config.format.is_some()
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

    /// When the turn is over.
    fn deadline(endpointing: &Endpointing, turn: &UserTurn) -> Option<CallTime> {
        let (at, outcome) = endpointing.outcome(turn)?;
        (outcome == Outcome::Commit).then_some(at)
    }

    fn endpointing() -> Endpointing {
        Endpointing::new(&SessionConfig { vad: true, ..SessionConfig::default() })
    }

    #[test]
    fn t2_the_delay_counts_from_the_last_speech() {
        let turn = spoken(&Transcript::final_("yes"), 1_150);
        assert_eq!(deadline(&endpointing(), &turn), Some(ms(1_300)));
    }

    #[test]
    fn the_vendors_end_does_not_end_a_turn_while_the_user_speaks() {
        let mut turn = spoken(&Transcript::final_("yes"), 1_150);
        turn.speaking_since = Some(ms(900));
        turn.ended_by_stt = Some(ms(1_200));
        assert_eq!(deadline(&endpointing(), &turn), None);
    }

    #[test]
    fn t4_the_final_is_waited_for_but_not_for_ever() {
        let interim = spoken(&Transcript::interim("yes"), 900);
        assert_eq!(deadline(&endpointing(), &interim), Some(ms(2_000)));
        let early = spoken(&Transcript::final_("yes"), 600);
        assert_eq!(deadline(&endpointing(), &early), Some(ms(2_000)), "more may be on its way");
    }

    #[test]
    fn t11_the_delay_falls_evenly_with_the_prediction() {
        let turn = spoken(&Transcript::final_("well"), 1_100);
        let mut endpointing = endpointing();
        let mut last = ms(u64::MAX / 1_000);
        for probability in [0.0, 0.25, 0.5, 0.75, 1.0] {
            endpointing.on_score(4, probability);
            let deadline = deadline(&endpointing, &turn).unwrap();
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
        assert_eq!(deadline(&endpointing, &turn), Some(ms(1_300)));
    }

    #[test]
    fn the_recognizers_end_of_turn_ends_it_at_once() {
        let mut turn = spoken(&Transcript::final_("yes"), 1_150);
        turn.ended_by_stt = Some(ms(1_200));
        assert_eq!(deadline(&endpointing(), &turn), Some(ms(1_000)));
    }

    #[test]
    fn t11_a_recognizer_that_counts_silence_ends_no_turn_that_is_predicted_to_go_on() {
        let mut turn = spoken(&Transcript::final_("I need the"), 1_150);
        turn.ended_by_stt = Some(ms(1_300));
        let mut endpointing = endpointing();
        let mut last = ms(u64::MAX / 1_000);
        for complete in [0.0, 0.2, 0.4, 0.6] {
            endpointing.on_words(Some(complete));
            let deadline = deadline(&endpointing, &turn).unwrap();
            assert!(deadline < last, "{complete}");
            last = deadline;
        }
        assert_eq!(last, ms(1_000), "no cliff: what is complete is over");
        endpointing.on_score(10, 0.0);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(3_500)), "a detector knows better");
        endpointing.on_progress(Progress::Complete);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(1_000)));
        let config = SessionConfig { vad: true, stt_end_of_turn: true, ..SessionConfig::default() };
        let mut believed = Endpointing::new(&config);
        believed.on_words(Some(0.0));
        assert_eq!(deadline(&believed, &turn), Some(ms(1_000)), "this one predicts");
    }

    #[test]
    fn a_recognizer_that_predicts_is_believed_more_than_a_detector() {
        let mut turn = spoken(&Transcript::final_("yes"), 1_100);
        let config = SessionConfig { vad: true, stt_end_of_turn: true, ..SessionConfig::default() };
        let mut endpointing = Endpointing::new(&config);
        endpointing.on_score(3, 1.0);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(3_500)), "it waits for more");
        turn.ended_by_stt = Some(ms(1_200));
        endpointing.on_score(3, 0.0);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(1_000)));
    }

    #[test]
    fn t12_what_must_go_on_is_waited_for_and_what_is_complete_is_not() {
        let turn = spoken(&Transcript::final_("four one five"), 1_100);
        let mut endpointing = endpointing();
        endpointing.on_score(13, 0.9);
        endpointing.on_progress(Progress::Open);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(5_000)), "a model knows less");
        endpointing.on_score(13, 0.0);
        endpointing.on_progress(Progress::Complete);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(1_300)));
        endpointing.on_progress(Progress::Dictating);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(5_000)), "the longest delay is longer");
        endpointing.on_score(1, 0.0);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(1_300)), "only a prediction uses it");
        endpointing.on_progress(Progress::Plausible);
        assert_eq!(deadline(&endpointing, &turn), Some(ms(2_400)), "half way");
    }

    #[test]
    fn t11_words_lengthen_the_delay_until_a_detector_knows_better() {
        let turn = spoken(&Transcript::final_("I need the"), 1_100);
        let after = |endpointing: &Endpointing| deadline(endpointing, &turn).unwrap();
        let mut endpointing = endpointing();
        let mut last = ms(u64::MAX / 1_000);
        for complete in [0.0, 0.2, 0.4, 0.59] {
            endpointing.on_words(Some(complete));
            assert!(after(&endpointing) < last, "{complete}");
            last = after(&endpointing);
        }
        assert!(last < ms(1_350), "no cliff: {last:?}");
        endpointing.on_words(Some(0.7));
        assert_eq!(after(&endpointing), ms(1_300));
        endpointing.on_progress(Progress::Plausible);
        assert_eq!(after(&endpointing), ms(1_740), "more may come");
        endpointing.on_score(10, 1.0);
        assert_eq!(after(&endpointing), ms(1_300));
    }

    #[test]
    fn t7_speech_of_which_nothing_was_understood_is_dropped() {
        let mut turn = UserTurn::new();
        assert_eq!(endpointing().outcome(&turn), None);
        turn.begin(ms(900));
        turn.last_speech = Some(ms(1_000));
        assert_eq!(endpointing().outcome(&turn), Some((ms(2_000), Outcome::Discard)));
        turn.speaking_since = Some(ms(900));
        assert_eq!(endpointing().outcome(&turn), Some((ms(5_900), Outcome::Discard)));
    }
}
