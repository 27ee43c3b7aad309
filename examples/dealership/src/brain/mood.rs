//! How callers feel, by the words that people use who feel so.

use super::{temper, words::Words};

/// How somebody feels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Angry,
    Negative,
    Neutral,
    Positive,
}

const NEGATIVE: [&str; 22] = [
    "afraid",
    "annoyed",
    "annoying",
    "anxious",
    "concerned",
    "confused",
    "confusing",
    "disappointed",
    "disappointing",
    "frustrated",
    "frustrating",
    "inconvenient",
    "nervous",
    "nuisance",
    "sad",
    "sadly",
    "stressed",
    "stressful",
    "unfortunately",
    "unhappy",
    "worried",
    "worrying",
];

const NEGATIVE_PHRASES: [&str; 9] = [
    "didn't go well",
    "go wrong",
    "had hoped",
    "let down",
    "too bad",
    "too expensive",
    "was hoping",
    "went wrong",
    "what a pity",
];

const POSITIVE: [&str; 20] = [
    "amazing",
    "appreciate",
    "awesome",
    "brilliant",
    "delighted",
    "excellent",
    "fantastic",
    "glad",
    "grateful",
    "great",
    "happy",
    "helpful",
    "impressed",
    "love",
    "lovely",
    "perfect",
    "pleased",
    "superb",
    "terrific",
    "wonderful",
];

const POSITIVE_PHRASES: [&str; 4] =
    ["looking forward", "thanks a lot", "thank you so much", "you're the best"];

/// Words that turn the ones right behind them round.
const TURNING: [&str; 7] = ["not", "isn't", "wasn't", "never", "no", "don't", "didn't"];

impl Mood {
    /// That of what somebody says in a turn. Anger is stronger than grief, and that than joy.
    pub(crate) fn of(words: &Words) -> Self {
        if temper::is_upset(words) { Self::Angry } else { Self::but_for_anger(words) }
    }

    /// That of somebody who is not angry, by the words of one turn or of all. Anger is known by words of
    /// one turn: "paid" in one and "still" in another mean nothing.
    pub(crate) fn but_for_anger(words: &Words) -> Self {
        let glad = POSITIVE.iter().filter_map(|word| words.position(word));
        let (turned, meant): (Vec<usize>, Vec<usize>) = glad.partition(|at| is_turned(words, *at));
        let grieves = words.any(&NEGATIVE) || words.says(&NEGATIVE_PHRASES);
        if grieves || !turned.is_empty() {
            return Self::Negative;
        }
        if !meant.is_empty() || words.says(&POSITIVE_PHRASES) {
            return Self::Positive;
        }
        Self::Neutral
    }

    /// The word for it in `save_interaction`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }
}

/// "Not happy", "not very happy".
fn is_turned(words: &Words, at: usize) -> bool {
    (at.saturating_sub(2)..at).any(|before| TURNING.contains(&words.at(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Mood; 4] = [Mood::Angry, Mood::Negative, Mood::Neutral, Mood::Positive];

    /// Turns of callers, each with how a person says that they feel.
    fn labelled() -> Vec<(Mood, &'static str)> {
        let lines = include_str!("../../testdata/moods.txt").lines();
        lines
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (label, text) = line.split_once(": ").expect("a label stands before each turn");
                let mood = ALL.into_iter().find(|mood| mood.word() == label);
                (mood.expect("the label is a mood"), text)
            })
            .collect()
    }

    #[test]
    fn the_four_moods_are_told_apart_on_labelled_turns() {
        let labelled = labelled();
        assert_eq!(labelled.len(), 60);
        let mut sum = 0.0;
        for mood in ALL {
            let of = |found: bool, meant: bool| {
                let is = |(label, text): &&(Mood, &str)| {
                    (Mood::of(&Words::new(text)) == mood) == found && (*label == mood) == meant
                };
                labelled.iter().filter(is).count() as f64
            };
            let right = of(true, true);
            let score = 2.0 * right / (2.0 * right + of(true, false) + of(false, true));
            println!("{:>10}  F1 {score:.2}", mood.word());
            sum += score;
        }
        let mean = sum / ALL.len() as f64;
        println!("{:>10}  F1 {mean:.2}", "mean");
        let is_wrong = |(label, text): &&(Mood, &str)| Mood::of(&Words::new(text)) != *label;
        let wrong: Vec<_> = labelled.iter().filter(is_wrong).collect();
        assert!(mean > 0.85, "{mean}: {wrong:#?}");
    }

    #[test]
    fn who_is_not_happy_is_not_glad_and_a_plain_wish_is_no_mood() {
        for (text, mood) in [
            ("I am not very happy", Mood::Negative),
            ("I'm happy", Mood::Positive),
            ("great, but this is ridiculous", Mood::Angry),
            ("I would like to know the price", Mood::Neutral),
            ("", Mood::Neutral),
        ] {
            assert_eq!(Mood::of(&Words::new(text)), mood, "{text}");
        }
    }
}
