//! Names of people, said or spelled.

use super::words::{Words, is_letter};

/// A person's name as far as it was said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Name {
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

/// What the agent asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    LastName,
    Nothing,
    Whole,
}

/// Finds a name, and blanks its words. A last name that was asked for stands alone in `first`, as
/// it may be a first name too.
///
/// Where a name was asked for, the first words that can be one are taken. Otherwise somebody must
/// say "my name is", "this is" or the like.
pub(crate) fn take(words: &mut Words, asked: Asked) -> Option<Name> {
    let labelled = labelled(words).or_else(|| respelled(words, asked));
    if labelled.is_some() {
        return labelled;
    }
    let introduced = introduction(words, asked);
    let (mut start, sure) = introduced.or_else(|| {
        let first = (0..words.len()).find(|at| !is_filler(words.at(*at)))?;
        (asked != Asked::Nothing).then_some((first, true))
    })?;
    start += usize::from(is_title(words.at(start)));
    let parts = parts(words, start, sure);
    let end = parts.last().map_or(start, |part| part.end);
    let (spelled, spelled_end) = spelled(words, end);
    // An answer to "your name?" is a name and little else; the rest would be a question.
    let mut rest = (0..start).chain(spelled_end.max(end)..words.len());
    if introduced.is_none() && !rest.all(|at| is_filler(words.at(at))) {
        return None;
    }
    let only_last = asked == Asked::LastName && introduced.is_none();
    let said = match is_title(words.before(start)) && parts.len() == 1 {
        true => Name { first: None, last: Some(text(&parts)) },
        false => composed(&parts, only_last),
    };
    let name = match (said, spelled) {
        (Name { first: None, last: None }, None) => return None,
        (Name { first: None, last: None }, Some(spelled)) => {
            Name { first: Some(spelled), last: None }
        }
        (Name { first: Some(one), last: None }, Some(spelled))
            if only_last || spelled.eq_ignore_ascii_case(&one) =>
        {
            Name { first: Some(spelled), last: None }
        }
        (Name { first, last: None }, Some(last)) => Name { first, last: Some(last) },
        // A spelled word corrects what recognition made of it.
        (Name { first, last: Some(last) }, Some(spelled)) => {
            let known = |name: &str| name.to_lowercase().ends_with(&spelled.to_lowercase());
            let is_known = known(&last) || first.as_deref().is_some_and(known);
            Name { first, last: Some(if is_known { last } else { spelled }) }
        }
        (name, None) => name,
    };
    words.take(start..spelled_end.max(end));
    Some(name)
}

/// A part of a name: one word, or several with hyphens.
#[derive(Debug)]
struct Part {
    text: String,
    end: usize,
    comma: bool,
    particle: bool,
}

impl Part {
    fn at(words: &Words, at: usize, sure: bool) -> Option<Self> {
        const PARTICLES: [&str; 16] = [
            "van", "der", "den", "von", "de", "del", "della", "da", "dos", "di", "du", "la", "le",
            "bin", "ibn", "ter",
        ];
        if !can_be_name(words, at, sure) {
            return None;
        }
        let particle = PARTICLES.contains(&words.at(at));
        let mut text = match particle && !words.is_capitalized(at) {
            true => words.at(at).to_owned(),
            false => titled(words.at(at)),
        };
        let mut end = at + 1;
        while words.is_joined(end) && !words.at(end).is_empty() {
            text = format!("{text}-{}", titled(words.at(end)));
            end += 1;
        }
        Some(Self { text, end, comma: words.has_comma(end - 1), particle })
    }
}

/// The parts of a name from `start` on: three at most, not counting "van" and "de".
fn parts(words: &Words, start: usize, sure: bool) -> Vec<Part> {
    const MOST: usize = 3;
    let mut parts: Vec<Part> = Vec::new();
    let mut at = start;
    while parts.iter().filter(|part| !part.particle).count() < MOST
        && let Some(part) = Part::at(words, at, sure)
    {
        at = part.end;
        parts.push(part);
    }
    parts
}

fn text(parts: &[Part]) -> String {
    parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn composed(parts: &[Part], only_last: bool) -> Name {
    let whole = |first: &[Part], last: &[Part]| Name {
        first: Some(text(first)).filter(|name| !name.is_empty()),
        last: Some(text(last)).filter(|name| !name.is_empty()),
    };
    let Some(start) = parts.first() else { return Name::default() };
    // "Van der Berg, Tom"
    let comma = parts.iter().position(|part| part.comma).map(|comma| comma + 1);
    if let Some(comma) = comma.filter(|comma| *comma < parts.len())
        && (comma == 1 || start.particle)
    {
        return whole(&parts[comma..=comma], &parts[..comma]);
    }
    if only_last {
        return whole(parts, &[]);
    }
    if start.particle && parts.len() > 2 {
        return whole(&[], parts);
    }
    let particle = (1..parts.len()).find(|at| parts[*at].particle);
    // Without one, what stands between is a middle name.
    let last = particle.unwrap_or(parts.len() - 1).max(1);
    Name { first: Some(titled(&start.text)), ..whole(&[], &parts[last..]) }
}

/// "first name Ana, last name Morales"
fn labelled(words: &Words) -> Option<Name> {
    let part = |label: &str| {
        let mut at = words.position(label)? + 2;
        at += usize::from(matches!(words.at(at), "is" | "as" | "was"));
        let (spelled, _) = spelled(words, at + usize::from(words.at(at).len() > 1));
        spelled.or_else(|| {
            let parts = parts(words, at, true);
            let end = parts.iter().position(|part| !part.particle)? + 1;
            Some(text(&parts[..end]))
        })
    };
    let name = Name { first: part("first name"), last: part("last name") };
    (name != Name::default()).then_some(name)
}

/// "It's spelled O-B-R-I-E-N", of a name that was read back: the last one, which is harder.
fn respelled(words: &Words, asked: Asked) -> Option<Name> {
    let at = words.position("spelled").or_else(|| words.position("spelt"))?;
    let (last, _) = spelled(words, at);
    let last = last.filter(|_| asked == Asked::Nothing)?;
    Some(Name { first: None, last: Some(last) })
}

fn is_title(word: &str) -> bool {
    matches!(word, "mr" | "mrs" | "ms" | "miss" | "mister" | "dr" | "doctor")
}

/// Where a name begins after words that announce one, and whether they announce nothing else.
fn introduction(words: &Words, asked: Asked) -> Option<(usize, bool)> {
    const SURE: [&str; 7] = [
        "my name is",
        "my name's",
        "name is",
        "the name's",
        "my name",
        "i am called",
        "under the name",
    ];
    const WEAK: [&str; 10] =
        ["this is", "it is", "it's", "i am", "i'm", "im", "its", "here is", "call me", "i mean"];
    let after = |phrases: &[&str]| {
        phrases
            .iter()
            .find_map(|phrase| words.position(phrase).map(|at| at + phrase.split(' ').count()))
    };
    if let Some(at) = after(&SURE) {
        return Some((at, true));
    }
    if asked != Asked::Nothing
        && let Some(at) = after(&["call me"])
    {
        return Some((at, true));
    }
    after(&WEAK).filter(|at| can_be_name(words, *at, false)).map(|at| (at, false))
}

/// Whether the word at `at` may belong to a name. After words that announce other things too
/// ("I'm"), it must have been written with a capital.
fn can_be_name(words: &Words, at: usize, sure: bool) -> bool {
    let word = words.at(at);
    let letters = word.chars().all(|c| (is_letter(c) && !c.is_numeric()) || c == '\'');
    word.chars().count() > 1
        && letters
        && !COMMON.split(' ').any(|common| common == word.strip_suffix("'s").unwrap_or(word))
        && !is_title(word)
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
            let upper = std::mem::replace(&mut start, c == '\'' || c == '-');
            if upper { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

fn is_filler(word: &str) -> bool {
    const FILLERS: &str = "uh um yes yeah sure ok okay so well hi hello it's its it is i'm im i am this the \
        name my of course oh please thanks thank you and number phone jr sr mr mrs ms miss \
        dr can they people";
    word.is_empty() || FILLERS.split(' ').any(|filler| filler == word)
}

/// Words that follow "I'm", "it's" or stand beside a name, and are none.
const COMMON: &str = "a about afraid after again all am an and any appointment asap at available back because but \
    bye call calling can cancel car don't dont fine for friday from give going goodbye got have \
    help her here his hours how i i'd i'm if in is jr just last later like looking maybe me \
    monday morning my need new next no not number oil on or please regarding reschedule right \
    saturday so soon sorry spelled sr thank thanks that's the there this thursday to today \
    tomorrow tonight tuesday wednesday week what when with wondering would yes you";

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
            ("Anne-Marie Smith-Jones", "Anne-Marie", "Smith-Jones"),
            ("my name is Anne-Marie Smith-Jones and I need", "Anne-Marie", "Smith-Jones"),
            ("van der Berg, Tom", "Tom", "van der Berg"),
            ("Smith, John", "John", "Smith"),
            ("tom van der berg", "Tom", "van der Berg"),
            ("Maria De La Cruz", "Maria", "De La Cruz"),
            ("Van Morrison", "Van", "Morrison"),
            ("call me Al Gore", "Al", "Gore"),
            ("you can call me al gore", "Al", "Gore"),
            ("José Núñez", "José", "Núñez"),
            ("Jose\u{301} Nun\u{303}ez", "Jose\u{301}", "Nun\u{303}ez"),
            ("Dr. Robin Vega, please", "Robin", "Vega"),
            ("Robin Vega Jr.", "Robin", "Vega"),
            ("My first name is Anne-Marie, last name van der Berg", "Anne-Marie", "van der Berg"),
        ];
        for (text, first, last) in table {
            let name = Name { first: Some(first.into()), last: Some(last.into()) };
            assert_eq!(take(&mut Words::new(text), Asked::Whole), Some(name), "{text}");
        }
    }

    #[test]
    fn a_first_name_alone_is_kept() {
        let ana = Some(Name { first: Some("Ana".into()), last: None });
        assert_eq!(
            take(&mut Words::new("Hi, it's Ana. I'd like a brake inspection"), Asked::Nothing),
            ana
        );
        assert_eq!(take(&mut Words::new("ana please"), Asked::Whole), ana);
        assert_eq!(take(&mut Words::new("a n a"), Asked::Whole), ana);
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
            assert_eq!(take(&mut Words::new(text), Asked::Nothing), None, "{text}");
        }
        for text in ["no", "when are my appointments", "what do you need that for", "wait a moment"]
        {
            assert_eq!(take(&mut Words::new(text), Asked::Whole), None, "{text}");
        }
    }
}
