//! Codes by SMS or by voice, which prove who holds a phone (Twilio's Verify, SignalWire's MFA,
//! Telnyx's Verify).

use std::fmt::Debug;

use async_trait::async_trait;
use voiceagent_core::{Result, Secret};

use crate::control::Callee;

/// Sends codes, and checks what users make of them. The carrier makes, keeps and counts.
#[async_trait]
pub trait Verifier: Debug + Send + Sync + 'static {
    /// Sends a code. It is asked for once, whatever comes back.
    ///
    /// # Errors
    ///
    /// [`Rejected`](voiceagent_core::ErrorKind::Rejected) for somebody who is not in the
    /// directory, [`RateLimited`](voiceagent_core::ErrorKind::RateLimited) when the carrier has
    /// sent this number too many.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting. Whether a code was sent is then unknown.
    async fn send_code(&self, to: &Callee, by: CodeChannel) -> Result<Verification>;

    /// Checks a code. Each check counts as an attempt, so that it is asked for once.
    ///
    /// # Errors
    ///
    /// When the carrier cannot be reached or refuses. A wrong code is no error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting, and may cost the user an attempt.
    async fn check_code(&self, verification: &Verification, code: &Secret) -> Result<CodeVerdict>;
}

/// A code that was sent, by the carrier's name for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verification(String);

impl Verification {
    /// Takes up one that was begun before, perhaps by another process.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The carrier's name for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a code goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CodeChannel {
    /// A call that says it.
    Call,
    /// An SMS.
    Sms,
}

/// What has become of a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CodeVerdict {
    /// It has expired, was used, or the attempts are: a new one must be sent.
    Over,
    /// It was right.
    Right,
    /// It was wrong; the user may try again.
    Wrong,
}
