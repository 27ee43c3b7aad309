use std::time::Duration;

use tokio::time::Instant;

/// Loud audio that a recognizer should have something to say about. With less, it may have been a
/// knock on the table.
const UTTERANCE: Duration = Duration::from_millis(500);
/// The same where a final was asked for, or the recognizer itself has noticed that somebody speaks.
const WORD: Duration = Duration::from_millis(300);

/// Notices that a recognizer makes no progress. Time is an argument.
#[derive(Debug)]
pub(super) struct Watch {
    stall: Duration,
    finalize: Duration,
    /// Whether it speaks while it listens, so that its silence tells something before a pause.
    interim: bool,
    /// Loud audio since anything came, and since a final came.
    unanswered: Duration,
    unfinished: Duration,
    first_loud: Option<Instant>,
    last_loud: Option<Instant>,
    /// It has noticed that somebody speaks, and brought no final since.
    has_noticed: bool,
    asked: Option<Instant>,
}

impl Watch {
    pub(super) const fn new(stall: Duration, finalize: Duration, interim: bool) -> Self {
        Self {
            stall,
            finalize,
            interim,
            unanswered: Duration::ZERO,
            unfinished: Duration::ZERO,
            first_loud: None,
            last_loud: None,
            has_noticed: false,
            asked: None,
        }
    }

    /// So much loud audio was there for it to hear.
    pub(super) fn on_loud(&mut self, now: Instant, loud: Duration) {
        if loud.is_zero() {
            return;
        }
        self.unanswered += loud;
        self.unfinished += loud;
        self.first_loud.get_or_insert(now);
        self.last_loud = Some(now);
    }

    /// It was asked for a final.
    pub(super) fn on_asked(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// It may not have told so much loud audio with its last final.
    pub(super) fn on_doubt(&mut self, loud: Duration) {
        self.unfinished = self.unfinished.max(loud);
    }

    /// It noticed that somebody speaks. That answers nothing: the words are still owed.
    pub(super) const fn on_notice(&mut self) {
        self.has_noticed = true;
    }

    /// It said something of what was spoken.
    pub(super) fn on_event(&mut self, is_final: bool) {
        self.unanswered = Duration::ZERO;
        self.first_loud = None;
        self.last_loud = None;
        self.has_noticed = !is_final;
        if is_final {
            self.unfinished = Duration::ZERO;
            self.asked = None;
        }
    }

    /// When it has stalled, if it says nothing until then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = if self.interim { self.first_loud } else { self.last_loud };
        let enough = if self.has_noticed { WORD } else { UTTERANCE };
        let silent = since.filter(|_| self.unanswered >= enough).map(|at| at + self.stall);
        let asked = self.asked.filter(|_| self.unfinished >= WORD).map(|at| at + self.finalize);
        [silent, asked].into_iter().flatten().min()
    }

    /// What it was silent about was no speech.
    pub(super) fn forgive(&mut self) {
        self.on_event(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FRAME: Duration = Duration::from_millis(20);

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn watch(interim: bool, loud_frames: u32) -> (Watch, Instant) {
        let now = Instant::now();
        let mut watch = Watch::new(3 * SECOND, SECOND, interim);
        for frame in 0..loud_frames {
            watch.on_loud(now + FRAME * frame, FRAME);
        }
        (watch, now)
    }

    #[test]
    fn rc3_silence_about_speech_is_a_stall_after_three_seconds() {
        let (mut watch, now) = watch(true, 50);
        assert_eq!(watch.deadline(), Some(now + 3 * SECOND));
        watch.on_event(false);
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn rc3_to_notice_that_somebody_speaks_is_no_answer() {
        let (mut watch, now) = watch(true, 50);
        watch.on_notice();
        assert_eq!(watch.deadline(), Some(now + 3 * SECOND));
        watch.on_event(true);
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn rc3_one_that_notices_a_word_owes_it() {
        let (mut watch, now) = watch(true, 20);
        assert_eq!(watch.deadline(), None, "it may have been a knock");
        watch.on_notice();
        assert_eq!(watch.deadline(), Some(now + 3 * SECOND));
        watch.on_event(false);
        (0..20).for_each(|frame| watch.on_loud(now + SECOND + FRAME * frame, FRAME));
        assert_eq!(watch.deadline(), Some(now + 4 * SECOND), "somebody is in mid-sentence");
    }

    #[test]
    fn one_without_interims_may_wait_for_the_pause() {
        let (watch, now) = watch(false, 250);
        assert_eq!(watch.deadline(), Some(now + FRAME * 249 + 3 * SECOND));
    }

    #[test]
    fn a_knock_calls_for_no_answer() {
        let (watch, _) = watch(true, 10);
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn an_interim_is_no_answer_to_who_asks_for_a_final() {
        let (mut watch, now) = watch(true, 50);
        watch.on_event(false);
        watch.on_asked(now + 2 * SECOND);
        assert_eq!(watch.deadline(), Some(now + 3 * SECOND));
        watch.on_event(true);
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn who_has_said_all_owes_no_final() {
        let (mut watch, now) = watch(true, 50);
        watch.on_event(true);
        watch.on_asked(now + 2 * SECOND);
        assert_eq!(watch.deadline(), None);
    }
}
