//! Names of people, said or spelled.

use super::words::Words;

/// A person's name as far as it was said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Name {
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

/// Finds a name, and blanks its words.
///
/// Where a name was asked for, the first words that can be one are taken. Otherwise somebody must
/// say "my name is", "this is" or the like.
pub(crate) fn take(words: &mut Words, asked: bool) -> Option<Name> {
    let labelled = labelled(words);
    if labelled.is_some() {
        return labelled;
    }
    let introduced = introduction(words);
    let (start, sure) = introduced.or_else(|| {
        let first = (0..words.len()).find(|at| !is_filler(words.at(*at)))?;
        asked.then_some((first, true))
    })?;
    let mut end = start;
    while end < words.len() && end < start + 3 && can_be_name(words, end, sure) {
        end += 1;
    }
    let said: Vec<String> = (start..end).map(|at| titled(words.at(at))).collect();
    let (spelled, spelled_end) = spelled(words, end);
    // An answer to "your name?" is a name and little else; the rest would be a question.
    let mut rest = (0..start).chain(spelled_end.max(end)..words.len());
    if introduced.is_none() && !rest.all(|at| is_filler(words.at(at))) {
        return None;
    }
    let name = match (said.as_slice(), spelled) {
        ([], None) => return None,
        ([], Some(spelled)) => Name { first: Some(spelled), last: None },
        ([first], None) => Name { first: Some(first.clone()), last: None },
        ([one], Some(spelled)) if spelled.eq_ignore_ascii_case(one) => {
            Name { first: Some(spelled), last: None }
        }
        ([first], Some(last)) => Name { first: Some(first.clone()), last: Some(last) },
        ([first, .., last], spelled) => Name {
            first: Some(first.clone()),
            // A spelled word corrects what recognition made of it.
            last: Some(spelled.filter(|s| !s.eq_ignore_ascii_case(first)).unwrap_or(last.clone())),
        },
    };
    words.take(start..spelled_end.max(end));
    Some(name)
}

/// "first name Ana, last name Morales"
fn labelled(words: &Words) -> Option<Name> {
    let part = |label: &str| {
        let mut at = words.position(label)? + 2;
        at += usize::from(matches!(words.at(at), "is" | "as" | "was"));
        let (spelled, _) = spelled(words, at + usize::from(words.at(at).len() > 1));
        spelled.or_else(|| can_be_name(words, at, true).then(|| titled(words.at(at))))
    };
    let name = Name { first: part("first name"), last: part("last name") };
    (name != Name::default()).then_some(name)
}

/// Where a name begins after words that announce one, and whether they announce nothing else.
fn introduction(words: &Words) -> Option<(usize, bool)> {
    const SURE: [&str; 7] = [
        "my name is",
        "my name's",
        "name is",
        "the name's",
        "my name",
        "i am called",
        "under the name",
    ];
    const WEAK: [&str; 8] = ["this is", "it is", "it's", "i am", "i'm", "im", "its", "here is"];
    let after = |phrases: &[&str]| {
        phrases
            .iter()
            .find_map(|phrase| words.position(phrase).map(|at| at + phrase.split(' ').count()))
    };
    if let Some(at) = after(&SURE) {
        return Some((at, true));
    }
    after(&WEAK).filter(|at| can_be_name(words, *at, false)).map(|at| (at, false))
}

/// Whether the word at `at` may belong to a name. After words that announce other things too
/// ("I'm"), it must have been written with a capital.
fn can_be_name(words: &Words, at: usize, sure: bool) -> bool {
    let word = words.at(at);
    let letters = word.chars().all(|c| c.is_alphabetic() || c == '\'');
    word.chars().count() > 1
        && letters
        && !COMMON.contains(&word)
        && (sure || words.is_capitalized(at))
}

/// Single letters from `at` on, as a word: "k o w a l s k i". Skips "that's" and "spelled".
fn spelled(words: &Words, at: usize) -> (Option<String>, usize) {
    let mut start = at;
    while start < at + 3
        && matches!(words.at(start), "that's" | "thats" | "spelled" | "spelt" | "is" | "with")
    {
        start += 1;
    }
    let mut letters = String::new();
    let mut end = start;
    while end < words.len() {
        let mut word = words.at(end).chars();
        match (word.next(), word.next()) {
            (Some(letter), None) if letter.is_alphabetic() => letters.push(letter),
            _ => break,
        }
        end += 1;
    }
    if letters.chars().count() < 2 { (None, at) } else { (Some(titled(&letters)), end) }
}

/// "kowalski" as "Kowalski", "o'brien" as "O'Brien".
fn titled(word: &str) -> String {
    let mut start = true;
    word.chars()
        .flat_map(|c| {
            let upper = std::mem::replace(&mut start, c == '\'');
            if upper { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "" | "uh"
            | "um"
            | "yes"
            | "yeah"
            | "sure"
            | "ok"
            | "okay"
            | "so"
            | "well"
            | "hi"
            | "hello"
            | "it's"
            | "its"
            | "it"
            | "is"
            | "i'm"
            | "im"
            | "i"
            | "am"
            | "this"
            | "the"
            | "name"
            | "my"
            | "of"
            | "course"
            | "oh"
            | "please"
            | "thanks"
            | "thank"
            | "you"
            | "and"
            | "number"
            | "phone"
    )
}

/// Words that follow "I'm", "it's" or stand beside a name, and are none.
const COMMON: [&str; 81] = [
    "a",
    "about",
    "afraid",
    "after",
    "again",
    "all",
    "am",
    "an",
    "and",
    "any",
    "appointment",
    "at",
    "available",
    "bye",
    "call",
    "calling",
    "can",
    "cancel",
    "car",
    "don't",
    "dont",
    "fine",
    "for",
    "friday",
    "from",
    "give",
    "going",
    "goodbye",
    "got",
    "have",
    "help",
    "her",
    "here",
    "his",
    "hours",
    "how",
    "i",
    "i'd",
    "i'm",
    "in",
    "is",
    "just",
    "last",
    "like",
    "looking",
    "maybe",
    "me",
    "monday",
    "morning",
    "my",
    "need",
    "new",
    "no",
    "not",
    "number",
    "oil",
    "on",
    "please",
    "reschedule",
    "right",
    "saturday",
    "so",
    "sorry",
    "spelled",
    "thank",
    "thanks",
    "that's",
    "the",
    "there",
    "this",
    "thursday",
    "to",
    "today",
    "tomorrow",
    "tuesday",
    "wednesday",
    "what",
    "wondering",
    "would",
    "yes",
    "you",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_each_phrase() {
        let table = [
            ("Nina Kowalski. K-O-W-A-L-S-K-I.", "Nina", "Kowalski"),
            ("nina kowalsky k o w a l s k i", "Nina", "Kowalski"),
            ("my name is ana morales and i need an oil change", "Ana", "Morales"),
            ("uh it's sean o'brien", "Sean", "O'Brien"),
            ("This is Priya Nair.", "Priya", "Nair"),
            ("first name is ana last name is morales", "Ana", "Morales"),
            ("Ana. M O R A L E S", "Ana", "Morales"),
            ("mary jane watson", "Mary", "Watson"),
        ];
        for (text, first, last) in table {
            let name = Name { first: Some(first.into()), last: Some(last.into()) };
            assert_eq!(take(&mut Words::new(text), true), Some(name), "{text}");
        }
    }

    #[test]
    fn a_first_name_alone_is_kept() {
        let ana = Some(Name { first: Some("Ana".into()), last: None });
        assert_eq!(take(&mut Words::new("Hi, it's Ana. I'd like a brake inspection"), false), ana);
        assert_eq!(take(&mut Words::new("ana please"), true), ana);
        assert_eq!(take(&mut Words::new("a n a"), true), ana);
    }

    #[test]
    fn what_announces_no_name_is_left_alone() {
        for text in [
            "i'm looking for an oil change",
            "It's a 2023 Honda Civic",
            "this is fine",
            "I'm not sure",
            "tomorrow morning",
        ] {
            assert_eq!(take(&mut Words::new(text), false), None, "{text}");
        }
        for text in ["no", "when are my appointments", "what do you need that for", "wait a moment"]
        {
            assert_eq!(take(&mut Words::new(text), true), None, "{text}");
        }
    }
}
