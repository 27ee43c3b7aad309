use std::time::Duration;

/// What one connection has sent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Record {
    /// The parameters of the request, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Text messages, in order.
    pub texts: Vec<String>,
    /// Bytes of audio.
    pub audio_bytes: usize,
    /// It ended with the goodbye of its protocol.
    pub said_goodbye: bool,
}

impl Record {
    /// The first value of a parameter.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// How many text messages are of this `type`.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        let field = format!(r#""type":"{kind}""#);
        self.texts.iter().filter(|text| text.contains(&field)).count()
    }
}

/// How a vendor refuses a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, in whole seconds.
    pub retry_after: Option<Duration>,
    /// The vendor's own words.
    pub reason: String,
}

impl Refusal {
    /// A refusal with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, retry_after: None, reason: "refused by the script".to_owned() }
    }

    /// Says when to come back.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
