//! How callers feel, and whom they want when they do.

use super::words::Words;

/// Whether somebody wants whoever is in charge, and does not just tell of them.
pub(crate) fn wants_manager(words: &Words) -> bool {
    const ASKING: [&str; 22] = [
        "get me",
        "get the",
        "get your",
        "give me",
        "want",
        "need",
        "see",
        "speak to",
        "speak with",
        "talk to",
        "talk with",
        "ask for",
        "put me through",
        "connect me",
        "transfer me",
        "where is",
        "where's",
        "is there",
        "can i have",
        "call",
        "bring me",
        "let me",
    ];
    let in_charge = ["manager", "supervisor", "boss", "in charge"];
    let Some(at) = in_charge.iter().find_map(|title| words.position(title)) else { return false };
    let asks = ASKING.iter().any(|phrase| words.position(phrase).is_some_and(|asked| asked < at));
    asks || matches!(words.at(at + 1), "now" | "please") || words.len() <= 2
}

/// Whether somebody is angry, by what angry people say.
pub(crate) fn is_upset(words: &Words) -> bool {
    words.any(&[
        "angry",
        "awful",
        "complain",
        "complaint",
        "disgusting",
        "furious",
        "horrible",
        "insane",
        "liars",
        "mad",
        "outrageous",
        "pathetic",
        "ridiculous",
        "scam",
        "terrible",
        "unacceptable",
        "unbelievable",
        "upset",
        "useless",
        "worst",
    ]) || words.says(&[
        "you people",
        "fed up",
        "sick of",
        "sick and tired",
        "rip off",
        "ripped off",
        "had enough",
        "waste of",
        "second time",
        "third time",
        "still broken",
        "still not",
        "still isn't",
        "still doesn't",
        "want my money",
    ]) || (words.any(&["paid"]) && words.any(&["still"]))
}

/// Whether somebody is in danger.
pub(crate) fn is_emergency(words: &Words) -> bool {
    words.says(&[
        "on fire",
        "there is smoke",
        "had an accident",
        "been in an accident",
        "in an accident right now",
        "call 911",
        "call an ambulance",
        "need an ambulance",
        "i'm hurt",
        "i am hurt",
        "is hurt",
        "is injured",
        "brakes failed",
        "can't stop the car",
    ]) || words.any(&["emergency", "ambulance"]) && !words.says(&["emergency brake"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_the_manager_is_told_from_who_tells_of_one() {
        let asks = [
            "where is your supervisor",
            "manager, now",
            "i would like to speak with whoever is in charge",
            "i want the manager",
        ];
        for text in asks {
            assert!(wants_manager(&Words::new(text)), "{text}");
        }
        let tells =
            ["the manager told me to come back", "my boss has the keys", "i manage a store"];
        for text in tells {
            assert!(!wants_manager(&Words::new(text)), "{text}");
        }
    }

    #[test]
    fn anger_is_known_by_its_words() {
        for text in [
            "this is ridiculous",
            "i am fed up with this",
            "it's the third time that i come in",
            "i paid for this and it still leaks",
        ] {
            assert!(is_upset(&Words::new(text)), "{text}");
        }
        for text in ["i paid last week", "is it still possible tomorrow", "i made a mistake"] {
            assert!(!is_upset(&Words::new(text)), "{text}");
        }
    }

    #[test]
    fn danger_is_known_by_its_words_and_an_emergency_brake_is_none() {
        for text in ["my car is on fire", "this is an emergency", "we need an ambulance"] {
            assert!(is_emergency(&Words::new(text)), "{text}");
        }
        for text in ["the emergency brake is loose", "I need new brakes", "it smokes a little"] {
            assert!(!is_emergency(&Words::new(text)), "{text}");
        }
    }
}
