use std::borrow::Cow;

use crate::random::random_name;

/// How many lines a head may have. An `INVITE` with everything has some forty.
const MOST_LINES: usize = 512;

/// The short forms of names (RFC 3261, section 20).
const SHORT: [(&str, &str); 10] = [
    ("c", "content-type"),
    ("e", "content-encoding"),
    ("f", "from"),
    ("i", "call-id"),
    ("k", "supported"),
    ("l", "content-length"),
    ("m", "contact"),
    ("s", "subject"),
    ("t", "to"),
    ("v", "via"),
];

/// The lines of a message, without knowing what they mean.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) start: String,
    /// Long names in lower case, and values that stand on one line.
    headers: Vec<(String, String)>,
    pub(super) body: &'a [u8],
    /// Whether no value was folded and no name was followed by space, and the head is UTF-8.
    pub(super) is_usual: bool,
    /// Whether the head is UTF-8, as it should be (RFC 3261, section 7). Names of callers often come
    /// in Latin-1 all the same, and are read so.
    pub(super) is_utf8: bool,
}

impl<'a> Raw<'a> {
    /// `None` for what is no message.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let read = str::from_utf8(&bytes[..end]);
        let is_utf8 = read.is_ok();
        let latin = || bytes[..end].iter().copied().map(char::from).collect::<String>();
        let head = read.map_or_else(|_| Cow::from(latin()), Cow::from);
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let body = &bytes[end + 4..];
        let mut raw = Self { start, headers: Vec::new(), body, is_usual: is_utf8, is_utf8 };
        for (count, line) in lines.enumerate() {
            if count == MOST_LINES {
                return None;
            }
            if line.starts_with([' ', '\t']) {
                raw.is_usual = false;
                let (_, value) = raw.headers.last_mut()?;
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            raw.is_usual &= name == name.trim_end();
            let name = name.trim_end().to_ascii_lowercase();
            let long = SHORT.iter().find(|(short, _)| *short == name);
            let name = long.map_or(name, |(_, long)| (*long).to_owned());
            raw.headers.push((name, value.trim().to_owned()));
        }
        Some(raw)
    }

    /// The values of all headers with this name.
    pub(super) fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> + 'b {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same message with each header on one line, and without space around what separates.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            let is_structured = ["via", "from", "to", "contact", "route", "record-route", "cseq"]
                .contains(&name.as_str());
            let value = if is_structured { squeeze(value) } else { value.clone() };
            text += &format!("{name}: {value}\r\n");
        }
        [text.as_bytes(), b"\r\n", self.body].concat()
    }

    /// A refusal that goes the way of the request.
    pub(super) fn answer(&self, status: &str) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            if !["via", "from", "to", "call-id", "cseq"].contains(&name.as_str()) {
                continue;
            }
            let value = squeeze(value);
            text += &format!("{name}: {value}");
            // Without a random name the answer has no tag, as old ones have none.
            if name == "to"
                && !value.contains(";tag=")
                && let Ok(tag) = random_name("answer a message")
            {
                text += &format!(";tag={}", &tag[..8]);
            }
            text += "\r\n";
        }
        if status.starts_with("415") || status.starts_with("406") {
            text += "accept: application/sdp\r\n";
        }
        text += "content-length: 0\r\n\r\n";
        text.into_bytes()
    }
}

/// Leaves out space around what separates, but for what is quoted, and makes one space of others.
fn squeeze(value: &str) -> String {
    let (mut squeezed, mut is_quoted, mut is_escaped) = (String::new(), false, false);
    for c in value.chars() {
        if is_quoted {
            is_quoted = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            squeezed.push(c);
            continue;
        }
        let is_separator = ";=/,".contains(c);
        if c.is_whitespace() {
            if !squeezed.ends_with([' ', ';', '=', '/', ',']) {
                squeezed.push(' ');
            }
            continue;
        }
        if is_separator {
            squeezed.truncate(squeezed.trim_end_matches(' ').len());
        }
        is_quoted = c == '"';
        squeezed.push(c);
    }
    squeezed.truncate(squeezed.trim_end().len());
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_left_out_where_it_means_nothing() {
        for (value, squeezed) in [
            ("SIP  /   2.0  /UDP    192.0.2.2;rport", "SIP/2.0/UDP 192.0.2.2;rport"),
            ("sip:a@b ;   tag    = 1", "sip:a@b;tag=1"),
            (r#""J  \" ;  R"       <sip:a@b>   ; tag = 9"#, r#""J  \" ;  R" <sip:a@b>;tag=9"#),
            ("0009   INVITE ", "0009 INVITE"),
        ] {
            assert_eq!(squeeze(value), squeezed);
        }
    }

    #[test]
    fn a_name_in_latin_1_is_read_and_written_as_utf_8() {
        let raw =
            Raw::parse(b"OPTIONS x SIP/2.0\r\nf: \"M\xfcller\" <sip:a@b>\r\n\r\n\xfc").unwrap();
        assert!(!raw.is_usual && !raw.is_utf8);
        let written = raw.write();
        let head = "OPTIONS x SIP/2.0\r\nfrom: \"Müller\" <sip:a@b>\r\n\r\n";
        assert_eq!(written, [head.as_bytes(), b"\xfc"].concat());
    }

    #[test]
    fn a_folded_message_is_written_on_lines_of_its_own() {
        let raw = Raw::parse(
            b"OPTIONS x SIP/2.0\r\nt :\r\n sip:a@b ;\r\n\ttag = 1\r\nS: a\r\n  b\r\n\r\nxyz",
        );
        let raw = raw.unwrap();
        assert!(!raw.is_usual);
        let text = String::from_utf8(raw.write()).unwrap();
        assert_eq!(text, "OPTIONS x SIP/2.0\r\nto: sip:a@b;tag=1\r\nsubject: a b\r\n\r\nxyz");
    }
}
