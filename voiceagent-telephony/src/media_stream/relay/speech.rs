use std::time::Duration;

use tokio::time::Instant;

/// From a text to the first sound of it, by the slower of the carrier's voices.
const BEGIN: Duration = Duration::from_secs(1);

/// A letter of an alphabet, a space or a mark: 150 words of six characters in a minute. Slower than
/// most voices, since a goodbye that is cut is worse than a second of silence behind it.
const LETTER: Duration = Duration::from_millis(65);

/// A digit, which is a word when it is spoken.
const DIGIT: Duration = Duration::from_millis(350);

/// A character that is a syllable or more, from kana and hangul to ideographs.
const SYLLABLE: Duration = Duration::from_millis(220);

/// What follows the end of one answer, before the next one sounds: the far end may tell of the
/// former while it prepares the latter.
const GRACE: Duration = Duration::from_millis(1_500);

/// When a far end that speaks by itself, and answers no marks, will have said what it was sent: an
/// estimate, unless it tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speech {
    /// When all of it will have been said.
    until: Option<Instant>,
    /// Since when the far end says that it is silent.
    silent_since: Option<Instant>,
}

impl Speech {
    /// A text was sent.
    pub(super) fn add(&mut self, text: &str, now: Instant) {
        let begin = self.until(now).map_or(now + BEGIN, |until| until.max(now));
        let length = text.chars().map(|character| match character {
            character if character.is_numeric() => DIGIT,
            '\u{1100}'..='\u{11FF}' | '\u{2E80}'.. => SYLLABLE,
            _ => LETTER,
        });
        self.until = Some(begin + length.sum::<Duration>());
        self.silent_since = None;
    }

    /// The far end has begun to speak, or has finished.
    pub(super) fn told(&mut self, speaks: bool, now: Instant) {
        self.silent_since = (!speaks).then_some(now);
    }

    /// The far end dropped what it had not said.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// When everything will have been said; `None` if it has.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let silent = self.silent_since.map(|since| since + GRACE);
        let until = self.until.map(|until| silent.map_or(until, |silent| until.min(silent)));
        until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> f64 {
        let now = Instant::now();
        let mut speech = Speech::default();
        speech.add(text, now);
        (speech.until(now).unwrap() - now).as_secs_f64()
    }

    #[test]
    fn a_text_takes_about_as_long_as_it_takes_to_say_it() {
        let goodbye = "Thank you for calling, your appointment is booked for tomorrow, and we \
                       look forward to seeing you then. Have a good day. Goodbye!";
        assert!((8.0..10.0).contains(&seconds(goodbye)), "{}", seconds(goodbye));
        assert!((4.0..6.0).contains(&seconds("4155550100")));
        assert!((2.0..3.5).contains(&seconds("ありがとうございます")));
    }

    #[test]
    fn texts_are_said_one_after_the_other_and_the_second_begins_at_once() {
        let now = Instant::now();
        let mut speech = Speech::default();
        speech.add("Hello. ", now);
        let first = speech.until(now).unwrap();
        speech.add("Hello. ", now);
        assert_eq!(speech.until(now).unwrap() - first, LETTER * 7);
        assert_eq!(speech.until(first + LETTER * 7), None);
    }

    #[test]
    fn the_far_end_knows_better_but_not_of_what_it_has_yet_to_begin() {
        let now = Instant::now();
        let mut speech = Speech::default();
        speech.add(&"Hello. ".repeat(20), now);
        speech.told(false, now);
        assert_eq!(speech.until(now), Some(now + GRACE));
        speech.told(true, now);
        assert!(speech.until(now).unwrap() > now + GRACE, "it goes on");
        speech.told(false, now);
        speech.add("Goodbye.", now);
        assert!(speech.until(now).unwrap() > now + GRACE, "it was of what came before");
        speech.stop();
        assert_eq!(speech.until(now), None);
    }
}
