//! Signs of attention, by their words.

use crate::session::normalised;

/// "Uh-huh, okay" is a sign of attention; three of them are a speech.
pub(crate) const MOST_SIGNS: usize = 2;

/// Words that hand the floor back. What is an answer wherever it is said ("yes", "no", "sure") is
/// not among them, nor is anything that asks ("huh", "what", "hello").
const SIGNS: [&str; 38] = [
    "ah", "aha", "alright", "cool", "er", "erm", "exactly", "great", "hm", "hmm", "hmmm", "indeed",
    "kay", "mhm", "mhmm", "mm", "mmhm", "mmhmm", "mmm", "nice", "oh", "ok", "okay", "okey", "ooh",
    "right", "true", "uh", "uhhuh", "uhm", "um", "wow", "yah", "yea", "yeah", "yep", "yup", "yeh",
];
/// Those of them that answer no question: who says them thinks, or wonders.
const MUSING: [&str; 16] = [
    "ah", "aha", "cool", "er", "erm", "hm", "hmm", "hmmm", "nice", "oh", "ooh", "uh", "uhm", "um",
    "wow", "great",
];
/// Two words that are one sign.
const PAIRS: [[&str; 2]; 11] = [
    ["ah", "ha"],
    ["all", "right"],
    ["go", "ahead"],
    ["go", "on"],
    ["got", "it"],
    ["i", "see"],
    ["mm", "hm"],
    ["mm", "hmm"],
    ["uh", "huh"],
    ["uh", "hum"],
    ["um", "hum"],
];

/// Whether these words only show attention. English words; the sounds are much the same elsewhere.
pub(crate) fn is_sign(text: &str) -> bool {
    if text.contains('?') {
        return false;
    }
    let words = normalised(text);
    let mut rest: Vec<&str> = words.split(' ').collect();
    let mut signs = 0;
    while !rest.is_empty() {
        let pair = rest.len() > 1 && PAIRS.contains(&[rest[0], rest[1]]);
        if !pair && !SIGNS.contains(&rest[0]) {
            return false;
        }
        rest.drain(..if pair { 2 } else { 1 });
        signs += 1;
    }
    signs <= MOST_SIGNS
}

/// Whether a sign of attention may as well be the answer to a question.
pub(crate) fn may_answer(sign: &str) -> bool {
    normalised(sign).split(' ').any(|word| !MUSING.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_signs_of_attention_are_told_from_short_interruptions() {
        for sign in [
            "mhm",
            "Mm-hmm.",
            "Uh-huh.",
            "uh huh",
            "Okay.",
            "OK",
            "yeah",
            "Yeah, okay.",
            "right",
            "Oh, I see.",
            "got it",
            "All right.",
            "mm",
            "hm",
            "uh",
            "go on",
            "Uh-huh, okay.",
        ] {
            assert!(is_sign(sign), "{sign}");
        }
        for wish in [
            "no",
            "No.",
            "stop",
            "wait",
            "Hello?",
            "hello",
            "yes",
            "sure",
            "what?",
            "okay?",
            "huh",
            "okay but",
            "okay stop",
            "no no",
            "hold on",
            "sorry",
            "right, right, right",
            "",
            "...",
            "go away",
            "I",
            "mhm mhm mhm",
        ] {
            assert!(!is_sign(wish), "{wish}");
        }
    }
}
