//! Server-sent events (WHATWG HTML, section 9.2), without I/O.

use std::collections::VecDeque;

use voiceagent_core::{Error, ErrorKind, Result};

/// Cuts a stream of bytes into events.
///
/// Bytes may come in pieces of any size, cut anywhere. Lines end with CR, LF or both. An event
/// that the end of the stream cuts off is not delivered.
#[derive(Debug)]
pub(crate) struct SseParser {
    max_event: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    at_start: bool,
    after_cr: bool,
    events: VecDeque<String>,
}

impl SseParser {
    /// A parser that refuses events of more than `max_event` bytes.
    pub(crate) fn new(max_event: usize) -> Self {
        Self {
            max_event,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            at_start: true,
            after_cr: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for an event that is too large; the parser is of no use after it.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if bytes[0] == b'\n' {
                    bytes = &bytes[1..];
                    continue;
                }
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.line.len() + self.data.len() + piece.len() > self.max_event {
                return Err(Error::new(ErrorKind::Protocol, "read", "an event is too large"));
            }
            self.line.extend_from_slice(piece);
            bytes = rest;
            if let Some((&end, rest)) = rest.split_first() {
                self.after_cr = end == b'\r';
                bytes = rest;
                self.end_line();
            }
        }
        Ok(())
    }

    /// The data of the next event that has some.
    pub(crate) fn poll(&mut self) -> Option<String> {
        self.events.pop_front()
    }

    fn end_line(&mut self) {
        let mut line = self.line.as_slice();
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                self.events.push_back(String::from_utf8_lossy(&self.data).into_owned());
                self.data.clear();
            }
        } else if let Some(value) = data_of(line) {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
        self.line.clear();
    }
}

/// The value of a `data` line. Event names, ids and comments carry nothing for a model's answer.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::new(1024);
        for piece in pieces {
            parser.feed(piece).unwrap();
        }
        std::iter::from_fn(|| parser.poll()).collect()
    }

    const STREAM: &str = "\u{feff}data: one\r\n\r\n: a comment\n\ndata:two\ndata: lines\n\n\
        event: ping\nid: 7\n\nretry: 10\ndata\n\ndatum: no\rdata: d\u{e9}j\u{e0} \u{1f600}\r\r\
        data:  a space\n\ndata: cut off\n";

    fn expected() -> Vec<&'static str> {
        vec!["one", "two\nlines", "", "d\u{e9}j\u{e0} \u{1f600}", " a space"]
    }

    #[test]
    fn events_are_cut_by_the_rules_of_the_standard() {
        assert_eq!(parse(&[STREAM.as_bytes()]), expected());
    }

    #[test]
    fn rd13_every_split_in_two_gives_the_same_events() {
        let bytes = STREAM.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(parse(&[&bytes[..at], &bytes[at..]]), expected(), "split at {at}");
        }
    }

    #[test]
    fn rd13_single_bytes_give_the_same_events() {
        let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
        assert_eq!(parse(&bytes), expected());
    }

    #[test]
    fn rd13_the_kind_of_line_end_does_not_matter() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = "data: a\n\ndata: b\ndata: c\n\n".replace('\n', end);
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(parse(&bytes), ["a", "b\nc"], "{end:?}");
        }
    }

    #[test]
    fn an_endless_event_is_refused_with_bounded_memory() {
        let mut parser = SseParser::new(64);
        let refused = (0..100).find_map(|_| parser.feed(b"data: 0123456789").err());
        assert_eq!(refused.unwrap().kind(), ErrorKind::Protocol);
        let mut parser = SseParser::new(64);
        let refused = (0..100).find_map(|_| parser.feed(b"data: 0123456789\n").err());
        assert_eq!(refused.unwrap().kind(), ErrorKind::Protocol, "many lines of one event count");
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(parse(&[b"data: \xff\xfe\n\n"]), ["\u{fffd}\u{fffd}"]);
    }
}
