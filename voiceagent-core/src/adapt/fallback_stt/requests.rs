use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::tape::Tape;

/// Requests that may wait for their finals at once. Whoever owes so many learns nothing from one
/// more.
const LIMIT: usize = 8;
/// A request that got no final for so long gets none: a recognizer may answer two at once.
const LOST: Duration = Duration::from_secs(5);

/// Where finals were asked for that have not come, oldest first.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Those that the recognizer was told, and when.
    told: VecDeque<(u64, Instant)>,
    /// One that a final may have answered, or not.
    doubted: Option<Doubt>,
    /// Those whose place it has not reached.
    ahead: VecDeque<u64>,
}

/// A request of which it is not sure that it was answered.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    place: u64,
    since: Instant,
    /// The same recognizer was asked once more.
    asked_again: bool,
}

/// What a final answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    /// Everything before it was asked for.
    pub(super) place: u64,
    /// It comes behind a second request, and so behind all that was said before the first.
    pub(super) is_sure: bool,
    /// Nobody else has asked for it.
    pub(super) is_ours: bool,
}

impl Requests {
    /// A final is asked for of everything before `place`.
    pub(super) fn ask(&mut self, place: u64) {
        if self.told.len() + self.ahead.len() < LIMIT {
            self.ahead.push_back(place);
        } else if let Some(last) = self.ahead.back_mut() {
            *last = place;
        }
    }

    /// Whether the recognizer, which has everything before `sent`, is to be asked now; it counts as
    /// asked then.
    pub(super) fn tell(&mut self, sent: u64, now: Instant) -> bool {
        let due = self.ahead.pop_front_if(|place| *place <= sent);
        self.told.extend(due.map(|place| (place, now)));
        due.is_some()
    }

    /// A final has come: the place that it answers, if one was asked for. It answers the oldest
    /// request, and those after it between which nothing was loud. One that was doubted is answered
    /// by the next final.
    pub(super) fn answer(&mut self, tape: &Tape) -> Option<Answer> {
        let doubted = self.doubted.take();
        let Some((mut place, _)) = self.told.pop_front() else {
            let doubtful = |place| Answer { place, is_sure: false, is_ours: false };
            return doubted.map(|doubt| doubtful(doubt.place));
        };
        let is_sure = doubted.is_some_and(|doubt| doubt.asked_again);
        let mut is_ours = is_sure;
        let heard = tape.loud_from(place);
        while let Some((next, _)) =
            self.told.pop_front_if(|(place, _)| tape.loud_from(*place) == heard)
        {
            (place, is_ours) = (next, false);
        }
        Some(Answer { place, is_sure, is_ours })
    }

    /// The final that came for this place may be about what was said long before. Another recognizer
    /// is asked again; this one may have said all.
    pub(super) const fn doubt(&mut self, place: u64, now: Instant) {
        self.doubted = Some(Doubt { place, since: now, asked_again: false });
    }

    /// The place that is in doubt, and since when, if nothing else is asked for that will tell.
    pub(super) fn in_doubt(&self) -> Option<(u64, Instant)> {
        let is_alone = self.told.is_empty() && self.ahead.is_empty();
        let doubt = self.doubted.filter(|doubt| is_alone && !doubt.asked_again)?;
        Some((doubt.place, doubt.since))
    }

    /// This recognizer is asked once more for what is in doubt.
    pub(super) fn ask_again(&mut self, now: Instant) {
        if let Some(doubt) = &mut self.doubted {
            (doubt.asked_again, doubt.since) = (true, now);
            self.ahead.push_front(doubt.place);
        }
    }

    /// Forgets what nobody will answer any more. Returns the place that was answered after all.
    pub(super) fn expire(&mut self, now: Instant) -> Option<u64> {
        let is_over = |at: Instant| now.duration_since(at) >= LOST;
        while self.told.pop_front_if(|(_, at)| is_over(*at)).is_some() {}
        self.doubted.take_if(|doubt| is_over(doubt.since)).map(|doubt| doubt.place)
    }

    /// Another recognizer is to be asked all of it.
    pub(super) fn restart(&mut self) {
        let told = std::mem::take(&mut self.told);
        // What was asked again is among those.
        let doubted = self.doubted.take().filter(|doubt| !doubt.asked_again);
        let doubted = doubted.map(|doubt| doubt.place);
        let places = doubted.into_iter().chain(told.into_iter().map(|(place, _)| place));
        self.ahead = places.chain(self.ahead.drain(..)).collect();
    }

    pub(super) fn clear(&mut self) {
        self.told.clear();
        self.doubted = None;
        self.ahead.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.doubted.is_none() && self.ahead.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioFormat, AudioFrame, MediaTime};

    const SECOND: Duration = Duration::from_secs(1);

    /// 100 ms of speech, 100 ms of silence, and so on; 800 samples each.
    fn tape() -> Tape {
        let mut tape = Tape::new(AudioFormat::MULAW_8K, 10 * SECOND);
        for (number, byte) in [0x90, 0xFF, 0x90, 0xFF].into_iter().enumerate() {
            let at = MediaTime(number as u64 * 800);
            tape.push(AudioFrame::new(AudioFormat::MULAW_8K, at, vec![byte; 800].into()));
        }
        tape
    }

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn told(places: &[u64]) -> (Requests, Instant) {
        let (mut requests, now) = (Requests::default(), Instant::now());
        for place in places {
            requests.ask(*place);
            assert!(requests.tell(*place, now));
        }
        (requests, now)
    }

    fn place(requests: &mut Requests) -> Option<u64> {
        requests.answer(&tape()).map(|answer| answer.place)
    }

    #[test]
    fn one_in_doubt_that_is_asked_again_is_answered_for_sure_and_asked_of_the_next_one_once() {
        let (mut requests, now) = told(&[800]);
        requests.answer(&tape());
        assert_eq!(requests.in_doubt(), None);
        requests.doubt(800, now);
        assert_eq!(requests.in_doubt(), Some((800, now)));
        requests.ask_again(now + SECOND);
        assert_eq!(requests.in_doubt(), None, "it is asked again once");
        assert!(requests.tell(800, now + SECOND));
        assert_eq!(requests.expire(now + 5 * SECOND), None, "it has time to answer");
        let answer = Answer { place: 800, is_sure: true, is_ours: true };
        assert_eq!(requests.answer(&tape()), Some(answer));
        requests.doubt(800, now);
        requests.ask_again(now);
        assert!(requests.tell(800, now));
        requests.ask(1_600);
        assert!(requests.tell(1_600, now), "the owner asks as well, in silence");
        requests.restart();
        assert_eq!(requests.ahead, [800, 1_600]);
        assert!(requests.tell(800, now) && requests.tell(1_600, now));
        let answer = Answer { place: 1_600, is_sure: false, is_ours: false };
        assert_eq!(requests.answer(&tape()), Some(answer));
    }

    #[test]
    fn a_final_answers_the_oldest_request() {
        let (mut requests, _) = told(&[800, 2_400]);
        assert_eq!(place(&mut requests), Some(800));
        assert_eq!(place(&mut requests), Some(2_400));
        assert_eq!(place(&mut requests), None);
    }

    #[test]
    fn requests_with_nothing_loud_between_them_are_one() {
        let (mut requests, _) = told(&[800, 1_600, 2_400]);
        assert_eq!(place(&mut requests), Some(1_600));
        assert_eq!(place(&mut requests), Some(2_400));
    }

    #[test]
    fn nobody_is_asked_before_the_place_is_reached_and_the_next_one_is_asked_again() {
        let (mut requests, now) = told(&[800]);
        requests.ask(2_400);
        assert!(!requests.tell(2_399, now));
        requests.restart();
        assert_eq!(place(&mut requests), None);
        assert!(requests.tell(800, now) && !requests.tell(800, now));
        assert_eq!(place(&mut requests), Some(800));
    }

    #[test]
    fn a_request_without_an_answer_is_forgotten_and_not_one_that_waits_to_be_told() {
        let (mut requests, now) = told(&[800]);
        requests.ask(2_400);
        requests.expire(now + 4 * SECOND);
        assert_eq!(requests.told.len(), 1);
        requests.expire(now + 5 * SECOND);
        assert!(requests.told.is_empty() && !requests.is_empty());
    }

    #[test]
    fn one_that_is_doubted_is_asked_of_the_next_recognizer_until_a_final_or_time_settles_it() {
        let (mut requests, now) = told(&[800]);
        place(&mut requests);
        requests.doubt(800, now);
        assert_eq!(requests.expire(now + 4 * SECOND), None);
        assert!(!requests.is_empty() && !requests.tell(800, now), "this one is not asked again");
        requests.restart();
        assert!(requests.tell(800, now));
        assert_eq!(place(&mut requests), Some(800));
        requests.doubt(800, now);
        assert_eq!(place(&mut requests), Some(800), "the next final is the answer");
        requests.doubt(800, now);
        assert_eq!(requests.expire(now + 5 * SECOND), Some(800), "it was answered");
        assert!(requests.is_empty());
    }

    #[test]
    fn requests_are_bounded() {
        let (mut requests, _) = told(&[800; LIMIT]);
        requests.ask(2_400);
        assert_eq!((requests.told.len(), requests.ahead.len()), (LIMIT, 0));
        requests.restart();
        requests.ask(2_400);
        assert_eq!((requests.ahead.len(), requests.ahead.back()), (LIMIT, Some(&2_400)));
    }
}
