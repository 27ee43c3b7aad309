use super::{Found, Line};

/// Words that are written with a full stop, before a name.
const TITLES: [(&str, &str); 6] = [
    ("Dr", "Doctor"),
    ("Mr", "Mister"),
    ("Mrs", "Missus"),
    ("Prof", "Professor"),
    ("Gen", "General"),
    ("Capt", "Captain"),
];
/// The same, behind one.
const PLACES: [(&str, &str); 6] = [
    ("St", "Street"),
    ("Ave", "Avenue"),
    ("Blvd", "Boulevard"),
    ("Rd", "Road"),
    ("Jr", "Junior"),
    ("Sr", "Senior"),
];
/// The same, before any word; these may begin with a capital.
const LEADING: [(&str, &str); 6] = [
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("vs", "versus"),
    ("approx", "approximately"),
    ("ext", "extension"),
    ("tel", "telephone"),
];
/// The same, anywhere; these too may begin with a capital.
const WORDS: [(&str, &str); 4] =
    [("etc", "et cetera"), ("dept", "department"), ("appt", "appointment"), ("apt", "apartment")];
/// Signs that stand alone.
const SIGNS: [(&str, &str); 9] = [
    ("&", "and"),
    ("+", "plus"),
    ("=", "equals"),
    ("@", "at"),
    ("%", "percent"),
    ("×", "times"),
    ("→", "to"),
    ("w/", "with"),
    ("w/o", "without"),
];

/// An abbreviation or a sign.
pub(super) fn word(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let known = |list: &[(&str, &str)]| {
        list.iter().find(|(short, _)| *short == core).map(|(_, word)| (*word).to_owned())
    };
    if let Some(sign) = known(&SIGNS) {
        return line.found(at, 1, sign);
    }
    if !line.behind(at).starts_with('.') {
        return None;
    }
    let is_name = |at: usize| line.core(at).starts_with(char::is_uppercase);
    let in_any_case = |list: &[(&str, &str)]| {
        let (first, rest) = core.split_at_checked(1)?;
        let is_meant = |short: &str| short[..1].eq_ignore_ascii_case(first) && short[1..] == *rest;
        let (short, word) = list.iter().find(|(short, _)| is_meant(short))?;
        let is_capital = !short.starts_with(first);
        Some(if is_capital { capitalized(word) } else { (*word).to_owned() })
    };
    let title = known(&TITLES).filter(|_| is_name(at + 1));
    if let Some(word) = title.or_else(|| in_any_case(&LEADING)) {
        return with_stop(line.found(at, 1, word)?);
    }
    if core == "St" && is_name(at + 1) && (at == 0 || !is_name(at - 1)) {
        return with_stop(line.found(at, 1, "Saint")?);
    }
    if let Some(place) = known(&PLACES).filter(|_| at > 0 && is_name(at - 1)) {
        return line.found_with_stop(at, 1, place);
    }
    let word = in_any_case(&WORDS)?;
    // "Apt. B" is no end of a sentence.
    if core == "Apt" && line.core(at + 1).len() == 1 {
        return with_stop(line.found(at, 1, word)?);
    }
    line.found_with_stop(at, 1, word)
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// Behind these no sentence ends.
fn with_stop(mut found: Found) -> Option<Found> {
    found.bytes.end += 1;
    Some(found)
}
