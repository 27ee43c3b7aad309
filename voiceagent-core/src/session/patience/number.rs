use super::{Progress, spoken::Spoken};

/// No telephone number of the world is longer (ITU-T E.164).
const LONGEST: usize = 15;

/// How much of a telephone number has been said.
pub(super) fn progress(spoken: &Spoken, text: &str) -> Progress {
    if !spoken.ends_in_symbols() {
        return Progress::Unknown;
    }
    if spoken.is_dangling() {
        return Progress::Open;
    }
    let digits = spoken.symbols().replace('o', "0");
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let is_international = text.contains('+') || text.to_lowercase().contains("plus");
    if is_international || digits.starts_with("00") || digits.starts_with("011") {
        return match count {
            0..8 => Progress::Open,
            8..LONGEST => Progress::Plausible,
            _ => Progress::Complete,
        };
    }
    match count {
        _ if is_complete(&digits) => Progress::Complete,
        0..7 => Progress::Open,
        10 if digits.starts_with('1') => Progress::Open,
        7..LONGEST => Progress::Plausible,
        _ => Progress::Complete,
    }
}

/// Whether this is a whole number of the North American plan, which has one length for all.
pub(super) fn is_complete(digits: &str) -> bool {
    let national = match digits.len() {
        11 => digits.strip_prefix('1').unwrap_or(""),
        _ => digits,
    };
    national.len() == 10
        && national.bytes().all(|it| it.is_ascii_digit())
        && !national.starts_with(['0', '1'])
}
