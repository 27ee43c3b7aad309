//! How far a caller took part in a call, as a figure that two calls can be compared by.

use serde::{Deserialize, Serialize};

use crate::store::{CallTurn, ToolRun};

/// Who takes so many turns has taken part in a talk.
const TURNS: usize = 5;

/// Tools by whose success somebody has committed themselves to something.
const COMMITTING: [&str; 5] = [
    "book_appointment",
    "reschedule_appointment",
    "schedule_callback",
    "send_payment_link",
    "verify_appointment_confirmation",
];

/// How far a caller took part.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Engagement {
    /// The turns in which they said something.
    pub(crate) turns: usize,
    /// Their share of all words, of 100.
    pub(crate) words_percent: usize,
    /// What they have committed themselves to.
    pub(crate) commitments: usize,
    /// All of it as one figure, from 0 to 100: the mean of how near they came to five turns, to half of
    /// the words and to one commitment.
    pub(crate) percent: usize,
}

impl Engagement {
    /// That of a call, by its record.
    pub(super) fn of(turns: &[CallTurn], tools: &[ToolRun]) -> Self {
        let words = |by_agent: bool| -> usize {
            let said = turns.iter().filter(|turn| turn.by_agent == by_agent);
            said.map(|turn| turn.words.split_whitespace().count()).sum()
        };
        let (theirs, ours) = (words(false), words(true));
        let has_words = |turn: &&CallTurn| !turn.by_agent && !turn.words.trim().is_empty();
        let taken = turns.iter().filter(has_words).count();
        let is_one = |run: &&ToolRun| run.code == "OK" && COMMITTING.contains(&run.name.as_str());
        let commitments = tools.iter().filter(is_one).count();
        let share = 100 * theirs / (theirs + ours).max(1);
        let parts =
            [100 * taken.min(TURNS) / TURNS, (2 * share).min(100), 100 * commitments.min(1)];
        let percent = parts.iter().sum::<usize>() / parts.len();
        Self { turns: taken, words_percent: share, commitments, percent }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::Stages;

    fn said(by_agent: bool, words: &str) -> CallTurn {
        CallTurn {
            by_agent,
            from_ms: 0,
            to_ms: 0,
            words: words.to_owned(),
            interrupted: false,
            stages: Stages::default(),
        }
    }

    fn used(name: &str, code: &str) -> ToolRun {
        ToolRun {
            name: name.to_owned(),
            code: code.to_owned(),
            node: "greeting".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            took_ms: None,
        }
    }

    #[test]
    fn who_says_nothing_takes_no_part_and_who_books_in_a_talk_takes_all() {
        assert_eq!(Engagement::of(&[], &[]), Engagement::default());
        let silent = Engagement::of(&[said(true, "Hello?"), said(false, " ")], &[]);
        assert_eq!((silent.turns, silent.percent), (0, 0));
        let mut talk = Vec::new();
        for _ in 0..6 {
            talk.extend([said(true, "What day?"), said(false, "on Monday please")]);
        }
        let booked = Engagement::of(&talk, &[used("book_appointment", "OK")]);
        assert_eq!(
            booked,
            Engagement { turns: 6, words_percent: 60, commitments: 1, percent: 100 }
        );
    }

    #[test]
    fn each_part_counts_for_a_third() {
        // Two of five turns, a quarter of the words, nothing agreed to: (40 + 50 + 0) / 3.
        let talk = [
            said(true, "one two three four five six"),
            said(false, "yes"),
            said(true, ""),
            said(false, "no"),
        ];
        let refused = [used("book_appointment", "SLOT_TAKEN"), used("get_time", "OK")];
        let found = Engagement::of(&talk, &refused);
        assert_eq!(found, Engagement { turns: 2, words_percent: 25, commitments: 0, percent: 30 });
    }
}
