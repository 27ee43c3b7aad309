use crate::{tool::ToolSpec, turn::Expected};

/// How much of what the agent said last can hold its question, in words.
const QUESTION: usize = 30;
/// Words of a property's name that name any property.
const VAGUE: [&str; 6] = ["customer", "id", "number", "of", "the", "user"];

/// What the agent has asked for, where it is an argument of one of its tools: of those that were
/// named in the question, the last.
pub(in crate::session) fn asked_for(tools: &[ToolSpec], question: &str) -> Option<Expected> {
    let lower = question.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let words = words.get(words.len().saturating_sub(QUESTION)..).unwrap_or_default();
    let arguments = tools.iter().flat_map(|tool| tool.expects.iter());
    let found = arguments.filter_map(|(property, what)| {
        let names = |word: &&str| is_named(property, word) || common_names(*what).contains(word);
        Some((words.iter().rposition(names)?, *what))
    });
    let mut best: Option<(usize, Expected)> = None;
    for (at, what) in found {
        match best {
            Some((before, _)) if before > at => {}
            // Two kinds of thing by the same name: nobody can tell.
            Some((before, other)) if before == at && other != what => return None,
            _ => best = Some((at, what)),
        }
    }
    best.map(|(_, what)| what)
}

fn is_named(property: &str, word: &str) -> bool {
    property
        .split(|c: char| !c.is_alphanumeric())
        .any(|part| part.eq_ignore_ascii_case(word) && !VAGUE.contains(&word))
}

/// What such a thing is called, whatever the property's name.
fn common_names(what: Expected) -> &'static [&'static str] {
    match what {
        Expected::Code => &[],
        Expected::Date => &["day", "date", "when"],
        Expected::Email => &["email", "mail"],
        Expected::Phone => &["phone", "telephone", "mobile"],
        Expected::Spelled => &["spell"],
        Expected::Vin => &["vin"],
    }
}
