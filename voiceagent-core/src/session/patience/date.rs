use super::{
    Progress,
    spoken::{Piece, Spoken},
};

const DAYS: [&str; 10] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
    "tonight",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const TIMES: [&str; 9] =
    ["noon", "midnight", "morning", "afternoon", "evening", "am", "pm", "o'clock", "o’clock"];
const OPENING: [&str; 14] = [
    "after", "and", "around", "at", "before", "between", "by", "from", "in", "next", "of", "on",
    "the", "to",
];

#[derive(Default)]
struct Seen {
    day: bool,
    month: bool,
    number: bool,
    time: bool,
    /// The last word belongs to a date.
    last: bool,
    /// The last word announces another.
    opening: bool,
}

/// How much of a day, a time or both has been said.
pub(super) fn progress(spoken: &Spoken) -> Progress {
    let mut seen = Seen::default();
    for piece in spoken.pieces() {
        seen.note(piece);
    }
    let has_any = seen.day || seen.month || seen.number || seen.time;
    if seen.opening && (has_any || spoken.pieces().len() == 1) {
        return Progress::Open;
    }
    if !seen.last {
        return Progress::Unknown;
    }
    let has_day = seen.day || (seen.month && seen.number);
    match (has_day, seen.time) {
        (true, true) => Progress::Complete,
        (false, false) if seen.month => Progress::Open,
        _ => Progress::Plausible,
    }
}

impl Seen {
    fn note(&mut self, piece: &Piece) {
        let after_opening = std::mem::take(&mut self.opening);
        self.last = true;
        match piece {
            Piece::Symbols(symbols) if symbols.bytes().all(|it| it.is_ascii_digit()) => {
                // "at ten" after a day; alone, it may be the day.
                self.time |= after_opening && (self.day || self.month && self.number);
                self.number = true;
            }
            Piece::Word(word) if DAYS.contains(&word.as_str()) => self.day = true,
            Piece::Word(word) if MONTHS.contains(&word.as_str()) => self.month = true,
            Piece::Word(word) if TIMES.contains(&word.as_str()) || is_clock(word) => {
                self.time = true;
            }
            Piece::Word(word) if is_ordinal(word) => self.number = true,
            Piece::Word(word) => {
                self.last = false;
                self.opening = OPENING.contains(&word.as_str());
            }
            Piece::Symbols(_) => self.last = false,
        }
    }
}

fn is_clock(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && (word.contains(':') || word.ends_with("am") || word.ends_with("pm"))
}

fn is_ordinal(word: &str) -> bool {
    const SPELLED: [&str; 6] = ["first", "second", "third", "fifth", "ninth", "twelfth"];
    let numbered = word.starts_with(|c: char| c.is_ascii_digit());
    SPELLED.contains(&word) || word.ends_with("teenth") || word.ends_with("tieth") || numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t12_ordinals_name_a_day_of_a_month() {
        for word in ["first", "twelfth", "thirteenth", "nineteenth", "twentieth", "21st", "3rd"] {
            assert!(is_ordinal(word), "{word}");
        }
        for word in ["fist", "teen", "tooth", "later"] {
            assert!(!is_ordinal(word), "{word}");
        }
    }
}
