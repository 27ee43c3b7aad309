//! Azure's messages: headers like those of HTTP before a body. Pure: no clock, no socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes, BytesMut};
use voiceagent_core::{Error, ErrorKind, Result};

use super::PROVIDER;

/// What the messages of a connection have in common.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    timestamp: String,
}

/// A message of the vendor.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) path: &'a str,
    /// What it is about.
    pub(super) request: Option<u128>,
    pub(super) body: &'a str,
}

impl Frames {
    /// Messages that say that they were written at this time.
    pub(super) fn new(now: SystemTime) -> Self {
        Self { timestamp: timestamp(now) }
    }

    /// A message of text.
    pub(super) fn text(&self, path: &str, request: u128, kind: &str, body: &str) -> String {
        format!("{}Content-Type: {kind}\r\n\r\n{body}", self.head(path, request))
    }

    /// A message of JSON.
    pub(super) fn json(&self, path: &str, request: u128, body: &str) -> String {
        self.text(path, request, "application/json", body)
    }

    /// A message of audio; the first one of a request says of which kind it is.
    pub(super) fn audio(&self, request: u128, is_first: bool, audio: &[u8]) -> Bytes {
        let mut head = self.head("audio", request);
        if is_first {
            head.push_str("Content-Type: audio/x-wav\r\n");
        }
        let mut message = BytesMut::with_capacity(2 + head.len() + audio.len());
        message.put_u16(u16::try_from(head.len()).unwrap_or(u16::MAX));
        message.put_slice(head.as_bytes());
        message.put_slice(audio);
        message.freeze()
    }

    fn head(&self, path: &str, request: u128) -> String {
        let timestamp = &self.timestamp;
        format!("Path: {path}\r\nX-RequestId: {request:032x}\r\nX-Timestamp: {timestamp}\r\n")
    }
}

/// Reads a message of text.
///
/// # Errors
///
/// `Protocol` for one without headers.
pub(super) fn read(text: &str) -> Result<Message<'_>> {
    let (headers, body) = text.split_once("\r\n\r\n").ok_or_else(unreadable)?;
    let (path, request) = read_headers(headers)?;
    Ok(Message { path, request, body })
}

/// Reads a message of bytes: to which request its audio belongs, if it is audio.
pub(super) fn read_audio(message: &Bytes) -> Option<(u128, Bytes)> {
    let length = usize::from(u16::from_be_bytes([*message.first()?, *message.get(1)?]));
    let headers = std::str::from_utf8(message.get(2..2 + length)?).ok()?;
    let (path, request) = read_headers(headers).ok()?;
    path.eq_ignore_ascii_case("audio").then_some(())?;
    Some((request?, message.slice(2 + length..)))
}

fn read_headers(headers: &str) -> Result<(&str, Option<u128>)> {
    let (mut path, mut request) = (None, None);
    for (name, value) in headers.lines().filter_map(|line| line.split_once(':')) {
        match name.trim() {
            name if name.eq_ignore_ascii_case("path") => path = Some(value.trim()),
            name if name.eq_ignore_ascii_case("x-requestid") => {
                request = u128::from_str_radix(value.trim(), 16).ok();
            }
            _ => {}
        }
    }
    Ok((path.ok_or_else(unreadable)?, request))
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Protocol, "decode", "a message without a path").with_provider(PROVIDER)
}

/// A duration in ticks of 100 ns.
pub(super) fn ticks(ticks: f64) -> Duration {
    crate::wire::json::seconds(ticks / 10_000_000.0)
}

/// ISO 8601, in UTC and milliseconds.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years begin in March, so that the day that some lack is their last; eras are of 400 years.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        for (millis, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_700_000_000_000, "2023-11-14T22:13:20.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_millis(millis)), written);
        }
    }

    #[test]
    fn what_was_written_can_be_read() {
        let frames = Frames::new(UNIX_EPOCH);
        let text = frames.json("speech.config", 0xABC, "{}\r\n\r\n{}");
        let message = read(&text).unwrap();
        let (path, body) = (message.path, message.body);
        assert_eq!((path, message.request, body), ("speech.config", Some(0xABC), "{}\r\n\r\n{}"));
        assert!(text.contains("\r\nX-RequestId: 00000000000000000000000000000abc\r\n"), "{text}");
        let first = frames.audio(7, true, b"RIFF");
        assert_eq!(read_audio(&first), Some((7, Bytes::from_static(b"RIFF"))));
        assert!(first.windows(11).any(|part| part == b"audio/x-wav"));
        assert_eq!(read_audio(&frames.audio(7, false, b"")), Some((7, Bytes::new())));
    }

    #[test]
    fn garbage_is_no_message() {
        for text in ["", "{}", "nonsense\r\n\r\n{}", "X-RequestId: 1\r\n\r\n{}"] {
            assert_eq!(read(text).unwrap_err().kind(), ErrorKind::Protocol, "{text}");
        }
        for bytes in [&b""[..], b"\x00", b"\x00\x09Path:", b"\xFF\xFFPath: audio", b"\x00\x01\xFF"]
        {
            assert_eq!(read_audio(&Bytes::from_static(bytes)), None);
        }
    }
}
