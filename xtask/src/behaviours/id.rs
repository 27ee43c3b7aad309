use std::fmt::{self, Display};

/// So many digits are a number in a list; more are something else, like `g711`.
const MOST_DIGITS: usize = 2;

/// The id of a behaviour: a letter for its section, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    /// In upper case.
    pub(crate) letter: char,
    pub(crate) number: u8,
}

impl Id {
    /// Reads `T1`, as the list writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let letter = text.chars().next().filter(char::is_ascii_uppercase)?;
        let digits = &text[1..];
        let plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0');
        let number = digits.parse().ok().filter(|_| plain && digits.len() <= MOST_DIGITS)?;
        Some(Self { letter, number })
    }

    /// The ids that the name of a test carries: where it begins, and after each `_and_`.
    pub(crate) fn carried_by(name: &str) -> Vec<Self> {
        const AND: &str = "_and_";
        let after = name.match_indices(AND).map(|(at, _)| at + AND.len());
        let begins = std::iter::once(0).chain(after);
        begins.filter_map(|begin| Self::before_underscore(&name[begin..])).collect()
    }

    fn before_underscore(name: &str) -> Option<Self> {
        let (id, _) = name.split_once('_')?;
        if id.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            Self::parse(&id.to_ascii_uppercase())
        } else {
            None
        }
    }
}

impl Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.letter, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(name: &str) -> Vec<String> {
        Id::carried_by(name).iter().map(Id::to_string).collect()
    }

    #[test]
    fn an_id_stands_where_the_name_begins_and_after_each_and() {
        assert_eq!(carried("t1_a_pause_does_not_end_the_turn"), ["T1"]);
        assert_eq!(carried("x1_a_tool_goes_on_and_x2_its_result_is_kept"), ["X1", "X2"]);
        assert_eq!(carried("words_count_and_m18_so_do_seconds"), ["M18"]);
        assert_eq!(carried("t4_and_t5_and_t6_belong_together"), ["T4", "T5", "T6"]);
    }

    #[test]
    fn other_beginnings_are_no_ids() {
        for name in [
            "rd13_a_store_that_hangs",
            "g711_and_pcm_of_one_rate",
            "law_4_what_is_stale",
            "a_call_with_x1_inside",
            "t1",
            "t_1_is_apart",
            "t1a_is_a_word",
            "t01_is_no_number",
            "t0_is_no_number",
            "T1_is_no_name_of_a_function",
            "é1_is_no_letter_of_the_list",
        ] {
            assert!(carried(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn ids_are_ordered_by_number() {
        assert!(Id::parse("T9") < Id::parse("T10"));
        assert_eq!(Id::parse("T"), None);
        assert_eq!(Id::parse(""), None);
        assert_eq!(Id::parse("T100"), None);
        assert_eq!(Id::parse("T+1"), None);
        assert_eq!(Id::parse("t1"), None);
    }
}
