use std::{error::Error as StdError, fmt, time::Duration};

use rsipstack::sip::{Response, StatusCode, prelude::HeadersExt as _};
use voiceagent_core::{Error, ErrorKind};

/// Why a call of ours was not taken: the source of the error of its opening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SipRefusal {
    /// The line is busy (486, 600).
    Busy,
    /// Whoever was called does not want it (603, 607).
    Declined,
    /// Nobody has answered: it was given up, or the other side says so (408, 480, 487).
    NoAnswer,
    /// There is no such number or address (404, 410, 484, 485, 604).
    Unknown,
    /// We may not call there, or have not proven who we are (401, 403, 407).
    NotAllowed,
    /// There is no media that both sides can do (415, 488, 606).
    Media,
    /// The other side has no room or a fault (5xx).
    Unavailable,
    /// The trunk does not answer when it is asked whether it is there, or says that it is not
    /// available (503): nobody was called.
    Unreachable,
    /// Anything else.
    Other(u16),
}

impl SipRefusal {
    /// The refusal that an error comes from, if it comes from one.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        error.source()?.downcast_ref().copied()
    }

    pub(super) const fn from_status(status: u16) -> Self {
        match status {
            486 | 600 => Self::Busy,
            603 | 607 => Self::Declined,
            408 | 480 | 487 => Self::NoAnswer,
            404 | 410 | 484 | 485 | 604 => Self::Unknown,
            401 | 403 | 407 => Self::NotAllowed,
            415 | 488 | 606 => Self::Media,
            500..=599 => Self::Unavailable,
            other => Self::Other(other),
        }
    }

    /// Nobody is called a second time by itself, so that only what has not rung may be tried again.
    const fn kind(self) -> ErrorKind {
        match self {
            Self::Busy | Self::Declined | Self::NoAnswer | Self::Unknown | Self::Other(_) => {
                ErrorKind::Rejected
            }
            Self::NotAllowed => ErrorKind::Unauthorized,
            Self::Media => ErrorKind::Unsupported,
            Self::Unavailable | Self::Unreachable => ErrorKind::Overloaded,
        }
    }

    pub(super) fn into_error(self) -> Error {
        Error::new(self.kind(), "call", self.to_string()).with_provider("sip").with_source(self)
    }

    /// The error of an answer that is a refusal.
    pub(super) fn error_of(answer: &Response) -> Error {
        let error = Self::from_status(code(&answer.status_code)).into_error();
        match retry_after(answer) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

impl fmt::Display for SipRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the line is busy"),
            Self::Declined => f.write_str("it was declined"),
            Self::NoAnswer => f.write_str("nobody has answered"),
            Self::Unknown => f.write_str("there is no such number or address"),
            Self::NotAllowed => f.write_str("we may not call there"),
            Self::Media => f.write_str("no media suits both sides"),
            Self::Unavailable => f.write_str("the other side is not available"),
            Self::Unreachable => f.write_str("the trunk does not answer"),
            Self::Other(status) => write!(f, "refused with {status}"),
        }
    }
}

impl StdError for SipRefusal {}

/// The number of a status.
pub(super) fn code(status: &StatusCode) -> u16 {
    u16::from(status.clone())
}

/// When the other side wants to be asked again; not more than a quarter of an hour is waited.
pub(super) fn retry_after(answer: &Response) -> Option<Duration> {
    let value = answer.header_value("retry-after")?;
    let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
    Some(Duration::from_secs(digits.parse::<u64>().ok()?.min(900)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_and_none_that_may_have_rung_is_tried_again() {
        for (status, refusal, kind) in [
            (486, SipRefusal::Busy, ErrorKind::Rejected),
            (603, SipRefusal::Declined, ErrorKind::Rejected),
            (480, SipRefusal::NoAnswer, ErrorKind::Rejected),
            (404, SipRefusal::Unknown, ErrorKind::Rejected),
            (403, SipRefusal::NotAllowed, ErrorKind::Unauthorized),
            (488, SipRefusal::Media, ErrorKind::Unsupported),
            (503, SipRefusal::Unavailable, ErrorKind::Overloaded),
            (302, SipRefusal::Other(302), ErrorKind::Rejected),
        ] {
            let text = format!("SIP/2.0 {status} x\r\nRetry-After: 7 (soon)\r\n\r\n");
            let error = SipRefusal::error_of(&Response::try_from(text.as_bytes()).unwrap());
            assert_eq!((SipRefusal::of(&error), error.kind()), (Some(refusal), kind));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
        assert_eq!(SipRefusal::of(&Error::config("x")), None);
    }
}
