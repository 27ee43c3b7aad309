//! Keys of a phone.

use std::fmt;

/// A key of a phone: `0` to `9`, `*`, `#`, and the rarely built `A` to `D` (ITU-T Q.23).
///
/// It prints as `[key]`, since keys spell card numbers and codes.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct DtmfKey(char);

impl DtmfKey {
    /// The key with this name; `None` when no phone has it. Lower-case `a` to `d` are taken too.
    #[must_use]
    pub const fn new(name: char) -> Option<Self> {
        match name {
            '0'..='9' | '*' | '#' | 'A'..='D' => Some(Self(name)),
            'a'..='d' => Some(Self(name.to_ascii_uppercase())),
            _ => None,
        }
    }

    /// The name of the key.
    #[must_use]
    pub const fn as_char(self) -> char {
        self.0
    }

    /// The one key that `text` names; `None` when it names none or several.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let key = Self::new(characters.next()?)?;
        characters.next().is_none().then_some(key)
    }
}

impl fmt::Debug for DtmfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_of_sixteen() {
        let taken: String = (0..=u8::MAX)
            .filter_map(|byte| DtmfKey::new(byte.into()))
            .map(DtmfKey::as_char)
            .collect();
        assert_eq!(taken, "#*0123456789ABCDABCD");
        assert_eq!(DtmfKey::parse("12"), None);
        assert_eq!(DtmfKey::parse(""), None);
        assert_eq!(DtmfKey::parse("#").map(DtmfKey::as_char), Some('#'));
    }
}
