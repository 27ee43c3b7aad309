use super::super::spoken_numbers::value;

/// A piece of what the user said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    /// Digits and letters that were read out, lower case.
    Symbols(String),
    /// Any other word, lower case.
    Word(String),
}

/// What the user said, with numbers as digits.
#[derive(Debug)]
pub(super) struct Spoken {
    pieces: Vec<Piece>,
    /// The last word announces another: "dash", "double", "area code".
    dangling: bool,
}

const CONNECTORS: [&str; 11] = [
    "area", "as", "capital", "code", "dash", "double", "hyphen", "like", "plus", "space", "triple",
];
/// After these, what was asked for begins.
pub(super) const LEADS: [&str; 7] = ["is", "it's", "it’s", "its", "that's", "uh", "um"];
/// Between two parts of one thing that is read out. Any other word ends it, or takes it back.
const JOINS: [&str; 13] =
    ["and", "comma", "er", "erm", "ext", "extension", "hm", "ok", "okay", "so", "then", "uh", "um"];
/// Groups of capitals that are no part of a code.
const CAPITALS: [&str; 9] = ["ID", "NO", "OK", "OKAY", "PIN", "TV", "VIN", "YEAH", "YES"];

impl Spoken {
    /// Reads a text. `letters` says that letters are expected, so that "a" and "I" are some.
    pub(super) fn new(text: &str, letters: bool) -> Self {
        let written = words(text);
        let words: Vec<String> = written.iter().map(|word| word.to_lowercase()).collect();
        let mut pieces: Vec<Piece> = Vec::with_capacity(words.len());
        let mut repeat = 1;
        let mut example = false;
        let mut dangling = false;
        for (index, word) in words.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| words.get(before));
            dangling = CONNECTORS.contains(&word.as_str())
                || (word == "in" && before.is_some_and(|before| before == "as"));
            if std::mem::take(&mut example) {
                // "B as in boy": the letter has been counted.
                continue;
            }
            let after_symbol = matches!(pieces.last(), Some(Piece::Symbols(_)));
            match word.as_str() {
                "double" => repeat = 2,
                "triple" => repeat = 3,
                "in" if dangling => example = true,
                word if CONNECTORS.contains(&word) => {
                    if !after_symbol && !matches!(word, "dash" | "plus") {
                        pieces.push(Piece::Word(word.to_owned()));
                    }
                }
                word => {
                    let next = words.get(index + 1).and_then(|next| symbols(next, false));
                    let near = letters || after_symbol || next.is_some();
                    let is_group = letters && is_group(written[index]);
                    let group = || is_group.then(|| word.to_owned());
                    match symbols(word, near).or_else(group) {
                        Some(symbols) => push(&mut pieces, word, symbols.repeat(repeat)),
                        None => pieces.push(Piece::Word(word.to_owned())),
                    }
                    repeat = 1;
                }
            }
        }
        if words.last().is_some_and(|word| word == "one") && stands_for_a_thing(&pieces) {
            pieces.pop();
            pieces.push(Piece::Word("one".to_owned()));
        }
        Self { pieces, dangling }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What was read out last, also in several parts: "two of us, no, three, and it's 415 um 555"
    /// is 415555.
    pub(super) fn symbols(&self) -> String {
        let ends =
            |piece: &Piece| matches!(piece, Piece::Word(it) if !JOINS.contains(&it.as_str()));
        let begin = self.pieces.iter().rposition(ends).map_or(0, |word| word + 1);
        let run = self.pieces.iter().skip(begin);
        run.map(|piece| if let Piece::Symbols(it) = piece { it } else { "" }).collect()
    }

    /// The single digits and letters at the end.
    pub(super) fn trailing_run(&self) -> String {
        let run = self.pieces.iter().rev().take_while(
            |piece| matches!(piece, Piece::Symbols(symbols) if symbols.chars().count() == 1),
        );
        let mut run: Vec<&str> = run
            .map(|piece| if let Piece::Symbols(it) = piece { it.as_str() } else { "" })
            .collect();
        run.reverse();
        run.concat()
    }

    /// Whether what was said last belongs to what is read out.
    pub(super) fn ends_in_symbols(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Symbols(_)))
            || (self.dangling && self.has_symbols())
    }

    /// Whether the last word announces more.
    pub(super) fn is_dangling(&self) -> bool {
        self.dangling
    }

    /// Whether the user has announced an answer and said nothing of it: "my number is".
    pub(super) fn is_lead_in(&self) -> bool {
        let last = self.pieces.last();
        !self.has_symbols()
            && (self.dangling
                || last.is_some_and(
                    |last| matches!(last, Piece::Word(word) if LEADS.contains(&word.as_str())),
                ))
    }

    fn has_symbols(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Symbols(_)))
    }
}

/// Whether the "one" at the end is no number: "I don't have one".
fn stands_for_a_thing(pieces: &[Piece]) -> bool {
    const BEFORE_NUMBERS: [&str; 6] = ["after", "around", "at", "before", "by", "number"];
    let is_announced = |word: &str| {
        LEADS.contains(&word) || BEFORE_NUMBERS.contains(&word) || CONNECTORS.contains(&word)
    };
    matches!(pieces, [.., Piece::Word(word), Piece::Symbols(_)] if !is_announced(word))
}

/// Whether a recognizer has written letters together, as "WBA" of a code.
fn is_group(word: &str) -> bool {
    word.len() > 1
        && word.bytes().all(|letter| letter.is_ascii_uppercase())
        && !CAPITALS.contains(&word)
}

fn words(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’' | ':');
    text.split(|c| !is_part(c))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Adds symbols; "twenty" and "one" make one number.
fn push(pieces: &mut Vec<Piece>, word: &str, symbols: String) {
    let is_unit = matches!(value(word), Some(1..10));
    match pieces.last_mut() {
        Some(Piece::Symbols(tens))
            if is_unit
                && tens.len() == 2
                && tens.ends_with('0')
                && !tens.starts_with(['0', '1']) =>
        {
            tens.pop();
            tens.push_str(&symbols);
        }
        _ => pieces.push(Piece::Symbols(symbols)),
    }
}

/// What a word stands for when something is read out. `near` says that it is clear that something
/// is: then any letter counts.
fn symbols(word: &str, near: bool) -> Option<String> {
    if let Some(value) = value(word) {
        return Some(value.to_string());
    }
    let is_code = word.chars().all(char::is_alphanumeric)
        && word.starts_with(|c: char| c.is_ascii_digit() || word.len() > 2)
        && word.contains(|c: char| c.is_ascii_digit());
    let is_ordinal = ["st", "nd", "rd", "th", "am", "pm"].iter().any(|end| word.ends_with(end));
    let mut chars = word.chars();
    match (word, chars.next(), chars.next()) {
        ("oh", ..) if near => Some("0".to_owned()),
        ("hundred", ..) if near => Some("00".to_owned()),
        ("thousand", ..) if near => Some("000".to_owned()),
        (_, Some(letter), None) if letter.is_ascii_digit() => Some(letter.to_string()),
        (_, Some(letter), None) if letter.is_alphabetic() => {
            (near || !matches!(letter, 'a' | 'i')).then(|| letter.to_string())
        }
        _ if is_code && !is_ordinal => Some(word.to_owned()),
        _ => None,
    }
}
