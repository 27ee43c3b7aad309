//! Phone numbers in the one form that the store keeps.

use voiceagent_core::Private;

/// A phone number in E.164 form, such as `+16305550111`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Phone(Private);

impl Phone {
    /// Reads a number as people and carriers write it: E.164, or ten digits of North America with
    /// or without a leading 1. `None` if it is neither.
    ///
    /// ```
    /// use dealership::phone::Phone;
    ///
    /// let number = Phone::parse("(630) 555-0111").unwrap();
    /// assert_eq!(number.as_str(), "+16305550111");
    /// assert!(Phone::parse("anonymous").is_none());
    /// ```
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let written = written.trim();
        let foreign =
            |c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | '.' | '(' | ')' | ' ');
        if written.contains(foreign) || written.rfind('+').is_some_and(|place| place > 0) {
            return None;
        }
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let e164 = match (written.starts_with('+'), digits.len()) {
            (true, 7..=15) if !digits.starts_with('0') => format!("+{digits}"),
            (false, 10) => format!("+1{digits}"),
            (false, 11) if digits.starts_with('1') => format!("+{digits}"),
            _ => return None,
        };
        Some(Self(Private::new(e164)))
    }

    /// The number in E.164 form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        for written in
            ["+16305550111", "6305550111", "1-630-555-0111", "(630) 555 0111", " 630.555.0111 "]
        {
            assert_eq!(Phone::parse(written).unwrap().as_str(), "+16305550111", "{written}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for written in ["", "anonymous", "555-0111", "+0123456789", "630+5550111", "26305550111"] {
            assert!(Phone::parse(written).is_none(), "{written}");
        }
    }

    #[test]
    fn a_number_does_not_show_in_debug_output() {
        let number = Phone::parse("+16305550111").unwrap();
        assert!(!format!("{number:?}").contains("5550111"));
    }
}
