use std::iter;

/// The entries of a header that may be a list: commas part them, but for those that stand in quotes
/// or in an address (RFC 3261, sections 7.3.1 and 20).
pub(super) fn entries(value: &str) -> impl Iterator<Item = &str> {
    parts(value, ',')
}

/// The parameters of an entry.
pub(super) fn parameters(value: &str) -> impl Iterator<Item = &str> {
    parts(value, ';')
}

/// The address of an entry, without the name before it, and what is behind it. Without brackets all
/// parameters are those of the entry (RFC 3261, section 20).
pub(super) fn address(entry: &str) -> (&str, &str) {
    let (rest, end) = match unquoted(entry).find(|(_, c)| *c == '<') {
        Some((at, _)) => (&entry[at + 1..], '>'),
        None => (entry, ';'),
    };
    rest.split_once(end).unwrap_or((rest, ""))
}

/// What such a character parts, outside of quotes and of addresses in brackets.
fn parts(value: &str, by: char) -> impl Iterator<Item = &str> {
    let mut chars = unquoted(value);
    let mut next = Some(0);
    iter::from_fn(move || {
        let begin = next?;
        let mut is_address = false;
        let end = chars.by_ref().find_map(|(at, c)| {
            is_address = c == '<' || is_address && c != '>';
            (c == by && !is_address).then_some(at)
        });
        next = end.map(|end| end + by.len_utf8());
        Some(value[begin..end.unwrap_or(value.len())].trim())
    })
}

/// The characters that stand in no quotes, and where. A quote that nothing closes is a character as
/// any, and so is each behind it.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut next, mut is_plain) = (0, false);
    iter::from_fn(move || {
        loop {
            let at = next;
            let c = text[at..].chars().next()?;
            next += c.len_utf8();
            if c != '"' || is_plain {
                return Some((at, c));
            }
            match closed(&text[next..]) {
                Some(length) => next += length,
                None => is_plain = true,
            }
            if is_plain {
                return Some((at, c));
            }
        }
    })
}

/// The length of a text in quotes, from behind the first to behind the last.
fn closed(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end.then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_entries_but_for_those_in_quotes_and_in_addresses() {
        for (value, expected) in [
            ("a, b,,c", vec!["a", "b", "", "c"]),
            ("", vec![""]),
            (r#""a,b" <sip:c,d@h>;q="e,f", g"#, vec![r#""a,b" <sip:c,d@h>;q="e,f""#, "g"]),
            (r#""a\",b", c"#, vec![r#""a\",b""#, "c"]),
            (r#""a, b"#, vec![r#""a"#, "b"]),
            (r#""\", "\", a"#, vec![r#""\", "\""#, "a"]),
            ("\u{fc}\"\u{fc},\",\u{fc}", vec!["\u{fc}\"\u{fc},\"", "\u{fc}"]),
        ] {
            assert_eq!(entries(value).collect::<Vec<_>>(), expected, "{value}");
        }
    }

    #[test]
    fn an_address_is_found_behind_any_name_and_before_its_parameters() {
        for (entry, expected) in [
            (r#""a <b>" <sip:c@h;x>;y=1"#, ("sip:c@h;x", ";y=1")),
            ("sip:c@h;y=1;z", ("sip:c@h", "y=1;z")),
            ("<sip:c@h", ("sip:c@h", "")),
            ("", ("", "")),
        ] {
            assert_eq!(address(entry), expected, "{entry}");
        }
        assert_eq!(parameters(";a=\";b\";c").collect::<Vec<_>>(), ["", "a=\";b\"", "c"]);
    }
}
