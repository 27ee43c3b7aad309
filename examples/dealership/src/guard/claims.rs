use super::history::{History, starts};
use crate::brain::{times, words::Words};

/// Something that must be so when it is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claim {
    Booked,
    Cancelled,
    Moved,
    Price,
    Texted,
    Transferred,
}

/// Words that say of something that it is done, and the tools whose success makes it so.
const CLAIMS: [(Claim, &[&str], &[&str]); 5] = [
    (
        Claim::Booked,
        &["booked", "all set", "scheduled", "reserved", "confirmed", "on the calendar"],
        &[
            "book_appointment",
            "reschedule_appointment",
            "verify_appointment_confirmation",
            "get_upcoming_appointments",
        ],
    ),
    (Claim::Moved, &["moved", "rescheduled"], &["reschedule_appointment"]),
    (Claim::Cancelled, &["cancelled", "canceled"], &["cancel_appointment"]),
    (
        Claim::Texted,
        &["texted", "sent you", "sent a", "text is on its way"],
        &["send_appointment_confirmation", "send_payment_link"],
    ),
    (
        Claim::Transferred,
        &["connecting you", "transferring you", "putting you through", "transferred"],
        &["transfer_to_human"],
    ),
];

/// Words before a claim that make it none: a condition, a question, a plan, a denial.
const OPEN: [&str; 30] = [
    "not", "isn't", "aren't", "wasn't", "nothing", "haven't", "hasn't", "won't", "can't", "cannot",
    "couldn't", "didn't", "if", "once", "when", "after", "before", "until", "would", "will", "can",
    "could", "shall", "should", "may", "be", "get", "want", "wanted", "like",
];

/// The claim of a sentence, as far as it was said, that nothing in the conversation bears out.
pub(super) fn unfounded(sentence: &str, history: &History) -> Option<Claim> {
    if is_unfounded_price(sentence, history) {
        return Some(Claim::Price);
    }
    if sentence.trim_end().ends_with('?') {
        return None;
    }
    let words = Words::new(sentence);
    let is_said = |mark: &str| {
        words.position(mark).is_some_and(|at| {
            (0..at).all(|before| !OPEN.contains(&words.at(before))) && has_subject(&words, at)
        })
    };
    CLAIMS.iter().find_map(|(claim, marks, tools)| {
        let said = marks.iter().any(|mark| is_said(mark));
        (said && !is_so(&words, tools, history)).then_some(*claim)
    })
}

/// "Booked a room" in somebody's report has none; "you're booked", "it has been moved" have.
fn has_subject(words: &Words, at: usize) -> bool {
    const SUBJECTS: &str = "you're you it's it that's that is are was i've i we've we've we has have \
                            been your i'm all now just got appointment visit";
    let from = at.saturating_sub(6);
    at == 0
        || (from..at).any(|before| SUBJECTS.split_whitespace().any(|one| one == words.at(before)))
}

fn is_so(words: &Words, tools: &[&str], history: &History) -> bool {
    let named = times::all(words);
    let mut is_done = false;
    let mut begins = Vec::new();
    for data in history.results(tools) {
        is_done |= data.get("appointments").is_none_or(|visits| *visits != serde_json::json!([]));
        begins.extend(starts(data));
    }
    // Without a time in the results there is nothing that it could contradict.
    let fits = |time| begins.is_empty() || begins.iter().any(|start| times::is_like(time, *start));
    is_done && named.iter().all(|(_, time)| fits(*time))
}

/// A price, rate or gift that no document and no caller has named.
fn is_unfounded_price(sentence: &str, history: &History) -> bool {
    const GIFTS: [&str; 7] = [
        "free of charge",
        "for free",
        "no charge",
        "at no cost",
        "guaranteed",
        "approved",
        "complimentary",
    ];
    let lower = sentence.to_lowercase();
    let known = || -> String {
        let passages = history.results(&["search_knowledge"]).map(ToString::to_string);
        passages.collect::<String>().to_lowercase() + &history.said.to_lowercase()
    };
    let is_denied = |at: usize| lower[..at].split_whitespace().any(|word| OPEN.contains(&word));
    let gift = GIFTS.iter().find(|gift| lower.find(**gift).is_some_and(|at| !is_denied(at)));
    if let Some(gift) = gift
        && !known().contains(gift)
    {
        return true;
    }
    let amounts = amounts(&lower);
    !amounts.is_empty() && {
        let known = known();
        !amounts.iter().all(|amount| holds(&known, amount))
    }
}

/// The numbers of a text that are amounts of money or shares of a hundred.
fn amounts(lower: &str) -> Vec<String> {
    let spaced = lower.replace('%', " percent ").replace('$', " dollars ");
    let words: Vec<&str> = spaced
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .collect();
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let mut amounts = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !matches!(*word, "dollars" | "dollar" | "percent" | "bucks") {
            continue;
        }
        let before = at.checked_sub(1).map(|before| words[before]);
        let number =
            before.into_iter().chain(words.get(at + 1).copied()).find(|word| is_number(word));
        amounts.extend(number.map(str::to_owned));
    }
    amounts
}

/// Whether a text has a number, as a number of its own.
fn holds(text: &str, number: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    text.split(|c: char| !is_part(c)).any(|word| word.trim_matches(['.', ',']) == number)
}
