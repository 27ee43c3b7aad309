//! Numbers in English words.

/// From zero on.
pub(crate) const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
/// From twenty on.
pub(crate) const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const POWERS: [(u64, &str); 4] = [
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
/// Ordinals that are no "th" behind the number.
const IRREGULAR: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// 1,205 is "one thousand two hundred five".
pub(super) fn cardinal(number: u64) -> String {
    if let Ok(small) = usize::try_from(number)
        && small < 100
    {
        return match (small, small / 10, small % 10) {
            (0..20, ..) => ONES[small].to_owned(),
            (_, tens, 0) => TENS[tens - 2].to_owned(),
            (_, tens, ones) => format!("{}-{}", TENS[tens - 2], ONES[ones]),
        };
    }
    let (power, name) =
        POWERS.into_iter().find(|(power, _)| number >= *power).unwrap_or((100, "hundred"));
    let head = format!("{} {name}", cardinal(number / power));
    match number % power {
        0 => head,
        rest => format!("{head} {}", cardinal(rest)),
    }
}

/// 22 is "twenty-second".
pub(super) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let last = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(last);
    if let Some((_, ordinal)) = IRREGULAR.iter().find(|(one, _)| *one == last) {
        return format!("{head}{ordinal}");
    }
    match last.strip_suffix('y') {
        Some(stem) => format!("{head}{stem}ieth"),
        None => format!("{head}{last}th"),
    }
}

/// 1999 is "nineteen ninety-nine", 2005 is "two thousand five".
pub(super) fn year(year: u64) -> String {
    let (century, rest) = (year / 100, year % 100);
    if !(1_100..2_100).contains(&year) || year / 10 == 200 {
        return cardinal(year);
    }
    match rest {
        0 => format!("{} hundred", cardinal(century)),
        1..10 => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// One digit after the other; what is no digit is passed over.
pub(super) fn digits(text: &str) -> String {
    let digits = text.chars().filter_map(|c| c.to_digit(10));
    let words = digits.filter_map(|digit| ONES.get(digit as usize).copied());
    words.collect::<Vec<_>>().join(" ")
}

/// An amount as it is written, with thousands set apart and a fraction: whole part and digits of
/// the fraction. `None` if it is none.
pub(super) fn parse(text: &str) -> Option<(u64, &str)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text.contains('.') && !is_number(fraction) {
        return None;
    }
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let in_thousands = groups.clone().all(|group| group.len() == 3 && is_number(group));
    let is_grouped = !whole.contains(',') || first.len() <= 3 && in_thousands;
    if !is_number(first) || !is_grouped {
        return None;
    }
    let whole: String = whole.split(',').collect();
    // More than a trillion of trillions is no amount.
    (whole.len() <= 15).then(|| whole.parse().ok().map(|whole| (whole, fraction)))?
}

/// A number as it is written: "three point one four", digits one by one where it is a code.
pub(super) fn number(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix(['-', '\u{2212}']) {
        return number(rest).map(|words| format!("minus {words}"));
    }
    if let Some(rest) = text.strip_prefix('+') {
        return number(rest).map(|words| format!("plus {words}"));
    }
    if text.is_empty() || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    if is_plain && (text.len() >= 7 || text.len() > 1 && text.starts_with('0')) {
        return Some(digits(text));
    }
    let (whole, fraction) = parse(text)?;
    if is_plain && (1_900..2_100).contains(&whole) {
        return Some(year(whole));
    }
    Some(with_fraction(whole, fraction))
}

/// "three point one four".
pub(super) fn with_fraction(whole: u64, fraction: &str) -> String {
    let words = cardinal(whole);
    if fraction.is_empty() { words } else { format!("{words} point {}", digits(fraction)) }
}
