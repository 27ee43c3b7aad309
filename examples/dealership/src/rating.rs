//! What callers think of their calls.

/// Words that stand beside a rating and change nothing about it.
const BESIDE: [&str; 15] = [
    "star",
    "stars",
    "out",
    "of",
    "five",
    "5",
    "point",
    "points",
    "thanks",
    "thank",
    "you",
    "please",
    "estrellas",
    "de",
    "gracias",
];

/// The rating that a message is, from 1 to 5; `None` if it says anything else. "5 PM" is a time, and
/// nobody's rating.
pub(crate) fn stars(message: &str) -> Option<u8> {
    let lower = message.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let stars = match words.next()? {
        "1" | "one" | "uno" => 1,
        "2" | "two" | "dos" => 2,
        "3" | "three" | "tres" => 3,
        "4" | "four" | "cuatro" => 4,
        "5" | "five" | "cinco" => 5,
        _ => return None,
    };
    words.all(|word| BESIDE.contains(&word)).then_some(stars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_is_a_number_from_one_to_five_and_nothing_else() {
        for (message, told) in [
            ("5", Some(5)),
            (" 4! ", Some(4)),
            ("3 stars, thank you", Some(3)),
            ("2/5", Some(2)),
            ("One", Some(1)),
            ("4 out of 5", Some(4)),
            ("Cinco estrellas", Some(5)),
            ("0", None),
            ("6", None),
            ("45", None),
            ("5 PM works", None),
            ("4 and 5", None),
            ("it was a 5", None),
            ("", None),
        ] {
            assert_eq!(stars(message), told, "{message}");
        }
    }
}
