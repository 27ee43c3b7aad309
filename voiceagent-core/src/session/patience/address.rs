use super::{Progress, spoken::Spoken};

/// Top-level domains after which no other label is to be expected.
const FINAL: [&str; 12] =
    ["ca", "ch", "com", "de", "edu", "fr", "gov", "info", "io", "net", "nl", "org"];
/// How a user begins who does not dictate.
const OTHERWISE: [&str; 34] = [
    "am", "are", "can", "could", "do", "does", "don't", "hello", "hold", "how", "i", "i'm", "i've",
    "never", "no", "nope", "not", "ok", "okay", "one", "please", "sorry", "sure", "thanks", "wait",
    "we", "what", "when", "where", "who", "why", "yeah", "yep", "yes",
];

/// How much of an e-mail address has been said.
pub(super) fn progress(spoken: &Spoken, text: &str) -> Progress {
    let written = written(text);
    let words: Vec<&str> = written.split(' ').filter(|word| !word.is_empty()).collect();
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return Progress::Unknown;
    };
    let domain = last.rsplit_once('@').and_then(|(_, domain)| domain.rsplit_once('.'));
    match domain.map(|(_, top)| top) {
        Some(top) if FINAL.contains(&top) => return Progress::Complete,
        Some(top) if top.len() >= 2 => return Progress::Plausible,
        _ => {}
    }
    let is_marked = last.contains(['.', '_', '-', '@']);
    let is_name = words.len() <= 2 && !OTHERWISE.contains(first);
    if is_marked || is_name || spoken.ends_in_symbols() || spoken.is_lead_in() {
        Progress::Open
    } else {
        Progress::Unknown
    }
}

/// The text as it would be typed: "john dot doe at example dot com" is one word.
fn written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut joined = true;
    for word in text.to_lowercase().split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '@' | '_'));
        let sign = match word {
            "at" => "@",
            "dot" | "point" => ".",
            "underscore" => "_",
            "dash" | "hyphen" => "-",
            _ => "",
        };
        if !sign.is_empty() {
            written.push_str(sign);
            joined = true;
            continue;
        }
        if !std::mem::take(&mut joined) {
            written.push(' ');
        }
        written.push_str(word);
    }
    written
}
