use super::Document;

/// Words that say nothing about what is asked.
const EMPTY: [&str; 48] = [
    "a", "about", "an", "and", "any", "are", "at", "can", "cost", "could", "do", "does", "for",
    "get", "have", "how", "i", "if", "in", "is", "it", "me", "much", "my", "no", "of", "on", "or",
    "our", "please", "tell", "that", "the", "there", "this", "to", "want", "was", "we", "what",
    "when", "where", "which", "will", "with", "would", "you", "your",
];

/// A passage that has less of the question than this does not answer it by its words.
pub(super) const LEAST: f64 = 0.25;

/// The share of the question's words, weighed by how rare they are, that occur in each document: 0
/// to 1.
pub(super) fn shares(question: &str, documents: &[Document]) -> Vec<f64> {
    let stems: Vec<Vec<String>> = documents.iter().map(|one| stems(&one.whole())).collect();
    let mut asked: Vec<String> = telling(question).iter().map(|word| stem(word)).collect();
    asked.sort_unstable();
    asked.dedup();
    // A word of few documents tells more than one of many.
    let weight = |stem: &String| {
        let holding = stems.iter().filter(|document| document.contains(stem)).count();
        (1.0 + stems.len() as f64 / (1.0 + holding as f64)).ln()
    };
    let all: f64 = asked.iter().map(weight).sum();
    let share = |stems: &Vec<String>| {
        let has: f64 = asked.iter().filter(|stem| stems.contains(stem)).map(weight).sum();
        if all > 0.0 { has / all } else { 0.0 }
    };
    stems.iter().map(share).collect()
}

/// The words of a text that say what it is about.
pub(super) fn telling(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.retain(|word| !EMPTY.contains(&word.as_str()));
    words
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn stems(text: &str) -> Vec<String> {
    words(text).iter().map(|word| stem(word)).collect()
}

/// A word without what English adds to its end, so that "loaners" finds "loaner".
fn stem(word: &str) -> String {
    let stem = ["ies", "ing", "es", "ed", "s", "y", "e"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 3));
    stem.unwrap_or(word).to_owned()
}
