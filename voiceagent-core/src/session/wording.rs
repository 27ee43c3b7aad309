//! Whether English words sound as if somebody had finished. The lists hold words that every
//! conversation has, and nothing of what it is about.

/// Greetings: who calls says more than that.
const GREETINGS: [&str; 8] =
    ["hi", "hello", "hey", "good", "morning", "afternoon", "evening", "there"];
/// A turn of these alone is an answer.
const ANSWERS: [&str; 31] = [
    "absolutely",
    "all",
    "certainly",
    "correct",
    "course",
    "definitely",
    "exactly",
    "fine",
    "good",
    "great",
    "it",
    "it's",
    "nah",
    "no",
    "nope",
    "not",
    "of",
    "ok",
    "okay",
    "perfect",
    "please",
    "right",
    "sure",
    "thank",
    "thanks",
    "that's",
    "true",
    "yeah",
    "yep",
    "yes",
    "you",
];
/// Of these alone, a turn may be all, or the beginning of more.
const MARKERS: [&str; 8] = ["alright", "oh", "ok", "okay", "so", "sure", "yeah", "yep"];
/// Whoever ends with these wants an answer, or no more than that.
const CLOSINGS: [&str; 12] = [
    "bye",
    "goodbye",
    "is all",
    "is fine",
    "is it",
    "please",
    "sounds good",
    "thank you",
    "thanks",
    "that's all",
    "that's fine",
    "that's it",
];
/// Whoever ends with these looks for words.
const HESITATIONS: [&str; 18] = [
    "er",
    "erm",
    "hm",
    "hmm",
    "hold on",
    "i guess",
    "i mean",
    "just a second",
    "kind of",
    "let me see",
    "let's see",
    "one moment",
    "one second",
    "sort of",
    "uh",
    "um",
    "wait",
    "well",
];
/// No phrase of several words ends with these: articles, conjunctions, words before nouns, subjects.
const OPENERS: [&str; 65] = [
    "a", "about", "although", "an", "and", "another", "any", "as", "at", "because", "before",
    "between", "but", "by", "each", "either", "every", "for", "from", "he", "her", "his", "how",
    "i", "if", "in", "into", "its", "just", "like", "maybe", "my", "nor", "of", "on", "or", "our",
    "really", "she", "since", "so", "some", "than", "the", "their", "these", "they", "though",
    "to", "too", "unless", "until", "very", "we", "what", "when", "where", "whether", "which",
    "while", "who", "why", "with", "without", "your",
];
/// A verb that has yet to say what it says, unless it stands for an answer: "yes it is".
const AUXILIARIES: [&str; 58] = [
    "am", "are", "be", "been", "can", "can't", "could", "couldn't", "did", "didn't", "do", "does",
    "doesn't", "don't", "had", "has", "have", "haven't", "he's", "i'd", "i'll", "i'm", "i've",
    "is", "isn't", "it's", "let", "let's", "may", "might", "must", "need", "needs", "not", "one's",
    "she's", "should", "that's", "there's", "they're", "they've", "trying", "want", "wanted",
    "wants", "was", "wasn't", "we'd", "we'll", "we're", "we've", "were", "what's", "will", "won't",
    "would", "wouldn't", "you're",
];
/// Questions begin with these, perhaps after a word or two.
const QUESTIONS: [&str; 30] = [
    "am", "are", "can", "could", "did", "do", "does", "has", "have", "how", "is", "may", "shall",
    "should", "was", "were", "what", "what's", "when", "when's", "where", "where's", "which",
    "who", "who's", "whose", "why", "will", "would", "isn't",
];

/// How likely it is, from 0 to 1, that nothing follows. `asked`: the agent wants to be told
/// something, which is more than a yes or a no.
pub(super) fn finished(text: &str, asked: bool) -> f32 {
    if text.trim_end().ends_with('?') {
        return 0.97;
    }
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’')))
        .map(|word| word.to_lowercase().replace('’', "'"))
        .filter(|word| !word.is_empty())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(last) = words.last() else { return 1.0 };
    let all_of = |known: &[&str]| words.iter().all(|word| known.contains(word));
    if ends_with(&words, &HESITATIONS) {
        0.05
    } else if all_of(&MARKERS) {
        if asked { 0.05 } else { 0.8 }
    } else if all_of(&ANSWERS) {
        0.95
    } else if ends_with(&words, &CLOSINGS) {
        0.98
    } else if all_of(&GREETINGS) {
        0.4
    } else if AUXILIARIES.contains(last) {
        let is_whole = is_question(&words) && words.len() > 3
            || words.len() <= 4 && ANSWERS.contains(&words[0]);
        if is_whole { 0.9 } else { 0.15 }
    } else if OPENERS.contains(last) {
        // "Who is it for": a preposition may end a question.
        if is_question(&words) && words.len() > 3 { 0.5 } else { 0.1 }
    } else if is_question(&words) {
        0.96
    } else if words.len() <= 3 {
        0.92
    } else {
        0.85
    }
}

fn ends_with(words: &[&str], ends: &[&str]) -> bool {
    ends.iter().any(|end| {
        let end: Vec<&str> = end.split(' ').collect();
        words.ends_with(&end)
    })
}

/// Whether what was said last has the form of a question.
fn is_question(words: &[&str]) -> bool {
    const BEFORE: [&str; 8] = ["and", "but", "hello", "hi", "okay", "ok", "so", "well"];
    let words = &words[words.iter().take_while(|word| BEFORE.contains(word)).count()..];
    words.len() >= 3 && QUESTIONS.contains(&words[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_who_ends_in_the_middle_of_a_phrase_has_more_to_say() {
        for open in [
            "I would like to",
            "Yes, and",
            "the thing is",
            "my name is",
            "um",
            "it was on the, uh",
            "I don’t",
            "Let me see",
        ] {
            assert!(finished(open, false) < 0.2, "{open}: {}", finished(open, false));
        }
    }

    #[test]
    fn t11_answers_questions_and_thanks_are_complete() {
        for complete in [
            "Yes.",
            "no, thank you",
            "What time do you close",
            "Okay, and how long does it take",
            "a window seat, please",
            "It is the red one?",
            "",
        ] {
            assert!(finished(complete, false) >= 0.95, "{complete}: {}", finished(complete, false));
        }
    }

    #[test]
    fn t11_a_statement_may_be_all_or_not() {
        for either in [
            "My flight was cancelled yesterday",
            "Hello there",
            "yes I do",
            "room two",
            "Who is it for",
        ] {
            assert!(
                (0.3..0.95).contains(&finished(either, false)),
                "{either}: {}",
                finished(either, false)
            );
        }
    }
}
