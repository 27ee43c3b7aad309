//! The one error type.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

const A_DAY: Duration = Duration::from_secs(86_400);

/// What went wrong, in a form that a program can act on.
///
/// An error names the operation and, where there is one, the provider. Its message is one line
/// and holds neither secrets nor personal data.
///
/// ```
/// use voiceagent_core::{Error, ErrorKind, Retry};
///
/// let error = Error::new(ErrorKind::Unauthorized, "open", "the key was refused")
///     .with_provider("deepgram");
/// assert_eq!(error.to_string(), "deepgram open: unauthorized: the key was refused");
/// assert_eq!(error.retry(), Retry::Never);
/// ```
#[derive(thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    provider: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` that happened during `operation`.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            operation,
            provider: None,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Makes an [`ErrorKind::Config`] error. The message names the field and what it accepts.
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, "configure", message)
    }

    /// Names the provider.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Says how long the other side asks us to wait. More than a day counts as a day, so that every
    /// clock can count it.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.min(A_DAY));
        self
    }

    /// Attaches the cause. Its text must hold neither secrets nor personal data.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Which provider it concerns.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// What happened, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long the other side asked us to wait, if it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same thing may be tried again, and when.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.kind {
            ErrorKind::Timeout | ErrorKind::Stalled | ErrorKind::Disconnected => Retry::Now,
            ErrorKind::RateLimited | ErrorKind::Overloaded => {
                Retry::After(self.retry_after.unwrap_or(Duration::from_millis(500)))
            }
            ErrorKind::Closed
            | ErrorKind::Config
            | ErrorKind::Protocol
            | ErrorKind::Rejected
            | ErrorKind::Unauthorized
            | ErrorKind::Unsupported => Retry::Never,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(provider) = &self.provider {
            write!(f, "{provider} ")?;
        }
        write!(f, "{}: {}: {}", self.operation, self.kind, self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("operation", &self.operation)
            .field("provider", &self.provider)
            .field("message", &self.message)
            .field("retry_after", &self.retry_after)
            .field("source", &self.source)
            .finish()
    }
}

/// The kinds of fault, each with one meaning for whoever must react.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The other side ended the connection in good order.
    Closed,
    /// A setting is missing or wrong. Found before a call is answered.
    Config,
    /// The connection was lost.
    Disconnected,
    /// The vendor has no capacity at present.
    Overloaded,
    /// The other side sent something that its protocol does not allow.
    Protocol,
    /// Too many requests.
    RateLimited,
    /// The request itself was refused, and would be refused again.
    Rejected,
    /// A queue is full because its reader does not read, or a stream stopped making progress.
    Stalled,
    /// A deadline passed.
    Timeout,
    /// The key or signature was refused.
    Unauthorized,
    /// A format or capability that this provider does not have.
    Unsupported,
}

impl ErrorKind {
    /// The kind that an HTTP status stands for.
    #[must_use]
    pub fn from_http_status(status: u16) -> Self {
        match status {
            401..=403 => Self::Unauthorized,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            500..=503 | 529 => Self::Overloaded,
            _ => Self::Rejected,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Config => "config",
            Self::Disconnected => "disconnected",
            Self::Overloaded => "overloaded",
            Self::Protocol => "protocol",
            Self::RateLimited => "rate limited",
            Self::Rejected => "rejected",
            Self::Stalled => "stalled",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Unsupported => "unsupported",
        })
    }
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Retry {
    /// After this time.
    After(Duration),
    /// It would fail again.
    Never,
    /// At once.
    Now,
}
