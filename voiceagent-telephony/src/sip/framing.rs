use bytes::{Buf as _, Bytes, BytesMut};

/// The longest message that is taken. An `INVITE` with everything has some 4 KiB.
const LONGEST: usize = 64 * 1_024;

const PING: &[u8] = b"\r\n\r\n";

/// Cuts what a stream carries into messages, by their `Content-Length` (RFC 3261, section 18.3).
#[derive(Debug, Default)]
pub(super) struct Framing(BytesMut);

/// What comes next on a stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Framed {
    Message(Bytes),
    /// The other side asks whether we are there (RFC 5626, section 4.4.1).
    Ping,
}

/// Where the next message begins cannot be known any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lost;

impl Framing {
    /// Where bytes that arrive are put.
    pub(super) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.0
    }

    /// Whether a message has begun and is not complete.
    pub(super) fn is_within(&self) -> bool {
        self.0.iter().any(|byte| !b"\r\n".contains(byte))
    }

    /// The next complete message; `None` until more has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Framed>, Lost> {
        if self.0.starts_with(PING) {
            self.0.advance(PING.len());
            return Ok(Some(Framed::Ping));
        }
        // A pong, or an end of line too many. The beginning of a ping waits for its rest.
        if self.0.starts_with(b"\r\n") && !PING.starts_with(&self.0) {
            self.0.advance(2);
        }
        let Some(head) = self.0.windows(PING.len()).position(|bytes| bytes == PING) else {
            return if self.0.len() > LONGEST { Err(Lost) } else { Ok(None) };
        };
        let length = head + PING.len() + body_length(&self.0[..head])?;
        if length > LONGEST {
            return Err(Lost);
        }
        Ok((self.0.len() >= length).then(|| Framed::Message(self.0.split_to(length).freeze())))
    }
}

/// The one length that the lines of a head give. Without it, or with two, a body could be taken for
/// the next message.
fn body_length(head: &[u8]) -> Result<usize, Lost> {
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let digits = value.trim_ascii();
        let is_number = digits.len() <= 6 && digits.iter().all(u8::is_ascii_digit);
        let value = str::from_utf8(digits).ok().filter(|_| is_number);
        let value: usize = value.and_then(|value| value.parse().ok()).ok_or(Lost)?;
        if length.replace(value).is_some_and(|before| before != value) {
            return Err(Lost);
        }
    }
    length.ok_or(Lost)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Result<Vec<Framed>, Lost> {
        let (mut framing, mut found) = (Framing::default(), Vec::new());
        for piece in pieces {
            framing.buffer().extend_from_slice(piece);
            while let Some(framed) = framing.next()? {
                found.push(framed);
            }
        }
        Ok(found)
    }

    fn message(text: &'static str) -> Framed {
        Framed::Message(Bytes::from_static(text.as_bytes()))
    }

    const ONE: &str = "INFO sip:a SIP/2.0\r\nl : 3\r\n\r\nabc";
    const OTHER: &str = "BYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn messages_are_found_wherever_the_stream_is_cut() {
        let whole = [ONE, OTHER, "\r\n\r\n", OTHER].concat();
        let wanted = vec![message(ONE), message(OTHER), Framed::Ping, message(OTHER)];
        for cut in 0..=whole.len() {
            let (one, other) = whole.as_bytes().split_at(cut);
            assert_eq!(all(&[one, other]), Ok(wanted.clone()), "{cut}");
        }
        let bytes: Vec<_> = whole.as_bytes().chunks(1).collect();
        assert_eq!(all(&bytes), Ok(wanted));
    }

    #[test]
    fn a_pong_and_lines_between_messages_are_skipped() {
        let stream = ["\r\n", OTHER, "\r\n", ONE].concat();
        assert_eq!(all(&[stream.as_bytes()]), Ok(vec![message(OTHER), message(ONE)]));
        let mut framing = Framing::default();
        framing.buffer().extend_from_slice(b"\r\n");
        assert!(!framing.is_within());
        framing.buffer().extend_from_slice(b"BYE");
        assert!(framing.is_within());
    }

    #[test]
    fn a_stream_whose_next_message_cannot_be_found_is_lost() {
        for wrong in [
            "BYE sip:a SIP/2.0\r\nTo: a\r\n\r\n".to_owned(),
            "BYE sip:a SIP/2.0\r\nContent-Length: 3\r\nl: 4\r\n\r\n".to_owned(),
            "BYE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n".to_owned(),
            "BYE sip:a SIP/2.0\r\nContent-Length: 999999\r\n\r\n".to_owned(),
            "BYE sip:a SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
            "x".repeat(LONGEST + 1),
        ] {
            assert_eq!(all(&[wrong.as_bytes()]), Err(Lost), "{}", &wrong[..20]);
        }
    }

    proptest! {
        #[test]
        fn no_stream_breaks_it(pieces: Vec<Vec<u8>>) {
            let mut framing = Framing::default();
            'all: for piece in pieces {
                framing.buffer().extend_from_slice(&piece);
                loop {
                    match framing.next() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(Lost) => break 'all,
                    }
                }
            }
        }
    }
}
