use proptest::prelude::*;

/// What readers trip over: ends of strings and of nests, numbers at the limits of types, characters
/// that are none, line ends, and a key that no error may repeat.
const SNIPPETS: [&[u8]; 34] = [
    b"",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"{}",
    b"[[[[[[[[[[[[[[[[",
    b"0",
    b"-1",
    b"1e999",
    b"0.1",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"99999999999999999999999999",
    b"\r\n",
    b"\n\n",
    b"\r",
    b"data: ",
    b"\0",
    b"\xFF\xFF\xFF\xFF",
    b"\xEF\xBB\xBF",
    b"\xF0\x9F\x98\x80",
    b"\xE2\x80",
    b"=",
    b"%",
    b"sk-12345",
    b"\x1E",
];

/// The longest run that is taken out, copied or repeated.
const RUN: usize = 64;

/// The most copies of a run: with the longest run 8 KiB, more than any buffer that grows by halves
/// starts with.
const COPIES: usize = 128;

/// One change of an input. Places are taken modulo its length, so that each change fits every input.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// Turns one bit over.
    Flip(usize, u8),
    /// Puts a snippet in.
    Insert(usize, usize),
    /// Puts a snippet in place of the number that stands at or behind this place.
    Number(usize, usize),
    /// Takes a run out.
    Remove(usize, usize),
    /// Copies a run several times.
    Repeat(usize, usize, usize),
    /// Writes one byte.
    Set(usize, u8),
    /// Copies a run to another place.
    Splice(usize, usize, usize),
    /// Cuts off the end.
    Truncate(usize),
}

/// Any change, with the simplest first, which a failure is reduced to.
pub(super) fn change() -> impl Strategy<Value = Edit> {
    let place = || 0..1_usize << 16;
    let snippet = || 0..SNIPPETS.len();
    prop_oneof![
        place().prop_map(Edit::Truncate),
        (place(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (place(), snippet()).prop_map(|(at, which)| Edit::Insert(at, which)),
        (place(), snippet()).prop_map(|(at, which)| Edit::Number(at, which)),
        (place(), 1..RUN).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place(), 1..RUN, place()).prop_map(|(at, length, to)| Edit::Splice(at, length, to)),
        (place(), 1..RUN, 1..COPIES)
            .prop_map(|(at, length, copies)| Edit::Repeat(at, length, copies)),
    ]
}

impl Edit {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: usize| at % (bytes.len() + 1);
        let run = |at: usize, length: usize| place(at)..(place(at) + length).min(bytes.len());
        match *self {
            Self::Truncate(at) => bytes.truncate(place(at)),
            Self::Flip(at, bit) => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Set(at, value) => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            Self::Insert(at, which) => {
                let at = place(at);
                bytes.splice(at..at, SNIPPETS[which].iter().copied());
            }
            Self::Number(at, which) => {
                let at = place(at);
                let digit = |byte: &u8| byte.is_ascii_digit();
                let Some(begin) = bytes[at..].iter().position(digit).map(|offset| at + offset)
                else {
                    return;
                };
                let length = bytes[begin..].iter().take_while(|byte| digit(byte)).count();
                bytes.splice(begin..begin + length, SNIPPETS[which].iter().copied());
            }
            Self::Remove(at, length) => drop(bytes.drain(run(at, length))),
            Self::Splice(at, length, to) => {
                let copy = bytes[run(at, length)].to_vec();
                let to = place(to);
                bytes.splice(to..to, copy);
            }
            Self::Repeat(at, length, copies) => {
                let run = run(at, length);
                let copy = bytes[run.clone()].repeat(copies);
                bytes.splice(run.end..run.end, copy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_fits_every_input() {
        let edits = [
            (Edit::Truncate(3), "abc"),
            (Edit::Flip(0, 0), "`bc12"),
            (Edit::Set(1, b'x'), "axc12"),
            (Edit::Insert(5, 9), "abc12null"),
            (Edit::Number(0, 14), "abc-1"),
            (Edit::Remove(4, 9), "abc1"),
            (Edit::Splice(0, 2, 5), "abc12ab"),
            (Edit::Repeat(0, 1, 3), "aaaabc12"),
        ];
        for (edit, expected) in edits {
            let mut bytes = b"abc12".to_vec();
            edit.apply(&mut bytes);
            assert_eq!(bytes.escape_ascii().to_string(), expected, "{edit:?}");
            let mut nothing = Vec::new();
            edit.apply(&mut nothing);
        }
    }
}
