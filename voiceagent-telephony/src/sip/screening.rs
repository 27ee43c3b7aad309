//! Looks at messages before the stack reads them: it drops what it cannot read, and takes some that
//! should be refused (RFC 3261, section 8.2; RFC 4475).

mod raw;

use std::borrow::Cow;

use self::raw::Raw;

/// What becomes of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Screened<'a> {
    /// It is read on, perhaps with the same words in the usual form.
    Pass(Cow<'a, [u8]>),
    /// This is answered.
    Answer(Vec<u8>),
    /// It is no message, or nothing may be answered to it.
    Drop,
}

/// The methods that there are; we do not take all of them, and the stack refuses the others.
const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// Headers of which a request has one, and those that it must have.
const SINGLE: [&str; 8] =
    ["from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires"];
const NEEDED: [&str; 5] = ["via", "from", "to", "call-id", "cseq"];

/// Looks at a message. On a stream its length is known already.
pub(super) fn screen(bytes: &[u8], is_stream: bool) -> Screened<'_> {
    let Some(raw) = Raw::parse(bytes) else { return Screened::Drop };
    if raw.start.starts_with("SIP/2.0 ") {
        return Screened::Pass(if raw.is_utf8 { bytes.into() } else { raw.write().into() });
    }
    match fault(&raw, is_stream) {
        None if raw.is_usual => Screened::Pass(bytes.into()),
        None => Screened::Pass(raw.write().into()),
        // Nothing is answered to it, whatever it is like (section 17.1.1.3), nor where no answer
        // could find its way.
        Some(_) if raw.start.starts_with("ACK ") || raw.values("via").next().is_none() => {
            Screened::Drop
        }
        Some(status) => Screened::Answer(raw.answer(status)),
    }
}

/// What is wrong with a request, as the status of its answer.
fn fault(raw: &Raw<'_>, is_stream: bool) -> Option<&'static str> {
    const BAD: Option<&str> = Some("400 Bad Request");
    let mut words = raw.start.trim_end().split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return BAD;
    };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return if version.starts_with("SIP/") { Some("505 Version Not Supported") } else { BAD };
    }
    let count = |name| raw.values(name).count();
    if NEEDED.iter().any(|name| count(name) == 0) || SINGLE.iter().any(|name| count(name) > 1) {
        return BAD;
    }
    if !is_numbered(raw, method) || !has_its_length(raw, is_stream) {
        return BAD;
    }
    let addresses = ["from", "to", "contact", "via", "route", "record-route"];
    if addresses.iter().flat_map(|name| raw.values(name)).any(is_broken) {
        return BAD;
    }
    if !METHODS.contains(&method) {
        return Some("501 Not Implemented");
    }
    // Headers within an address are for addresses that are clicked on (section 19.1.5).
    let host = uri.rsplit_once('@').map_or(uri, |(_, host)| host);
    if uri.starts_with('<') || host.contains('?') {
        return BAD;
    }
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if !["sip", "sips", "tel"].contains(&scheme.as_str()) {
        return Some("416 Unsupported URI Scheme");
    }
    (method == "INVITE").then(|| unread(raw)).flatten()
}

/// Whether the `CSeq` is of the request, and the numbers are within what they may be (section 8.1.1).
fn is_numbered(raw: &Raw<'_>, method: &str) -> bool {
    let number = |text: &str, most: u64| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number && text.parse::<u64>().is_ok_and(|number| number <= most)
    };
    let sequence = raw.values("cseq").next().unwrap_or_default();
    let mut parts = sequence.split_ascii_whitespace();
    let is_its_own = parts.next().is_some_and(|text| number(text, (1 << 31) - 1))
        && parts.next() == Some(method)
        && parts.next().is_none();
    is_its_own && raw.values("max-forwards").all(|text| number(text.trim(), 255))
}

/// Whether the body is as long as the request says.
fn has_its_length(raw: &Raw<'_>, is_stream: bool) -> bool {
    raw.values("content-length").all(|text| match text.trim().parse::<usize>() {
        Ok(length) => is_stream || length <= raw.body.len(),
        Err(_) => false,
    })
}

/// Whether a quote is open, or separators separate nothing.
fn is_broken(value: &str) -> bool {
    let (mut is_quoted, mut is_escaped, mut is_address, mut last) = (false, false, false, ' ');
    for c in value.chars() {
        if is_quoted {
            is_quoted = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        is_address = c == '<' || is_address && c != '>';
        if is_address {
            // An address has rules of its own.
            last = c;
        } else if c == '"' {
            is_quoted = true;
        } else if ";,".contains(c) && ";,".contains(last) {
            return true;
        }
        if !c.is_whitespace() {
            last = c;
        }
    }
    is_quoted || ";,".contains(last)
}

/// Whether a call does not say where its caller is (section 8.1.1.8), or comes with, or wants, what
/// is no description of media.
fn unread(raw: &Raw<'_>) -> Option<&'static str> {
    if raw.values("contact").next().is_none() {
        return Some("400 Bad Request");
    }
    let kind = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_other = |text: &str| kind(text) != "application/sdp";
    if !raw.body.is_empty() && raw.values("content-type").any(is_other) {
        return Some("415 Unsupported Media Type");
    }
    let takes =
        |text: &str| ["application/sdp", "application/*", "*/*"].contains(&kind(text).as_str());
    let mut accepted = raw.values("accept").flat_map(|value| value.split(',')).peekable();
    let is_said = accepted.peek().is_some();
    (is_said && !accepted.any(takes)).then_some("406 Not Acceptable")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(start: &str, change: impl Fn(&str) -> String) -> String {
        change(&format!(
            "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"A, B;;\" <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ))
    }

    fn status(text: &str) -> Option<String> {
        match screen(text.as_bytes(), false) {
            Screened::Answer(answer) => Some(String::from_utf8(answer[8..11].to_vec()).unwrap()),
            Screened::Pass(_) => None,
            Screened::Drop => Some("drop".to_owned()),
        }
    }

    const START: &str = "OPTIONS sip:a@b SIP/2.0";

    #[test]
    fn requests_that_should_be_refused_are_and_others_pass_as_they_are() {
        let same = request(START, str::to_owned);
        assert_eq!(screen(same.as_bytes(), false), Screened::Pass(same.as_bytes().into()));
        assert_eq!(
            status(&request(START, |text| text.replace("To: <sip:a", "To: <sip:a,;;"))),
            None
        );
        for (from, to, expected) in [
            ("SIP/2.0\r\n", "SIP/7.0\r\n", "505"),
            ("SIP/2.0\r\n", "HTTP/1.1\r\n", "400"),
            ("sip:a@b SIP", "http:a@b SIP", "416"),
            ("sip:a@b SIP", "<sip:a@b> SIP", "400"),
            ("sip:a@b SIP", "sip:a@b?Route=x SIP", "400"),
            ("sip:a@b SIP", "sip:a@b; x SIP", "400"),
            ("OPTIONS", "PING", "501"),
            ("1 OPTIONS", "1 INVITE", "400"),
            ("1 OPTIONS", "2147483648 OPTIONS", "400"),
            ("To: <sip:a@b>", "To: \"a <sip:a@b>", "400"),
            ("To: <sip:a@b>", "To: <sip:a@b>;;x", "400"),
            ("To: <sip:a@b>", "To: <sip:a@b>;", "400"),
            ("To: <sip:a@b>", "To: <sip:a@b>\r\nt: <sip:a@b>", "400"),
            ("To: <sip:a@b>\r\n", "", "400"),
            ("To: <sip:a@b>", "To: <sip:a,;;@b>, <sip:c@d>,", "400"),
            ("Content-Length: 0", "Content-Length: 9", "400"),
            ("Content-Length: 0", "l: -9", "400"),
            ("Content-Length: 0", "Max-Forwards: 256", "400"),
            ("Via: ", "X: ", "drop"),
            ("\r\n\r\n", "", "drop"),
        ] {
            let text = request(START, |text| text.replace(from, to));
            assert_eq!(status(&text).as_deref(), Some(expected), "{from} {to}");
        }
        let ack = request("ACK sip:a@b SIP/2.0", str::to_owned);
        assert_eq!(status(&ack).as_deref(), Some("drop"));
    }

    #[test]
    fn a_refusal_goes_the_way_of_its_request_and_has_a_tag() {
        let text = request(START, |text| text.replace("SIP/2.0\r\n", "SIP/3.0\r\n"));
        let Screened::Answer(answer) = screen(text.as_bytes(), false) else { panic!("passed") };
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"), "{answer}");
        assert!(answer.contains("to: <sip:a@b>;tag="), "{answer}");
        assert!(answer.ends_with("content-length: 0\r\n\r\n"), "{answer}");
    }

    #[test]
    fn calls_with_what_is_no_description_are_refused() {
        let invite = |rest: &str| {
            request("INVITE sip:a@b SIP/2.0", |text| {
                let text =
                    text.replace("OPTIONS", "INVITE").replace("Content-Length: 0\r\n\r\n", rest);
                text.replace("Call-ID", "m: <sip:a@h>\r\nCall-ID")
            })
        };
        let nowhere = request("INVITE sip:a@b SIP/2.0", |text| text.replace("OPTIONS", "INVITE"));
        assert_eq!(status(&nowhere).as_deref(), Some("400"));
        assert_eq!(status(&invite("c: application/SDP; x=y\r\nl: 1\r\n\r\nx")), None);
        assert_eq!(status(&invite("c: text/plain\r\nl: 1\r\n\r\nx")).as_deref(), Some("415"));
        assert_eq!(status(&invite("Accept: text/plain, */*\r\nl: 0\r\n\r\n")), None);
        let other = invite("Accept: text/plain\r\nl: 0\r\n\r\n");
        assert_eq!(status(&other).as_deref(), Some("406"));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>, is_stream: bool) {
            let _ = screen(&bytes, is_stream);
        }

        #[test]
        fn no_change_of_a_request_breaks_it(
            at in 0..240_usize, with in "[ -~\\r\\n]{0,6}", is_stream: bool,
        ) {
            let mut text = request(START, str::to_owned);
            let at = at.min(text.len());
            text.replace_range(at..(at + with.len()).min(text.len()), &with);
            let _ = screen(text.as_bytes(), is_stream);
        }
    }
}
