//! E-mail: letters that are sent, and letters that are read.

mod imap;
mod letter;
mod smtp;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;
use voiceagent_core::Result;

pub(crate) use self::letter::is_stop;
pub use self::{
    imap::{ImapAccount, ImapInbox},
    letter::{read, token},
    smtp::{SmtpMailer, SmtpServer},
};

/// A letter to be sent.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Mail<'a> {
    /// By what it is known when it is answered or comes back.
    pub token: &'a str,
    /// Where it goes.
    pub to: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Sends letters.
#[async_trait]
pub trait Mailer: Debug + Send + Sync + 'static {
    /// Sends a letter, and returns its name (`Message-ID`) when a server has taken it over.
    ///
    /// # Errors
    ///
    /// [`Timeout`](voiceagent_core::ErrorKind::Timeout) or
    /// [`Disconnected`](voiceagent_core::ErrorKind::Disconnected) when nobody knows whether it was
    /// taken, and others when it was not.
    ///
    /// # Cancel safety
    ///
    /// A letter whose future is dropped was sent or not.
    async fn send(&self, mail: &Mail<'_>) -> Result<String>;
}

/// A box in which answers arrive.
#[async_trait]
pub trait Inbox: Debug + Send + Sync + 'static {
    /// The letters that nobody has read, as they came, each with its number: at most a hundred.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or does not let us in.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves all of them unread.
    async fn unread(&self) -> Result<Vec<(u32, Vec<u8>)>>;

    /// Marks letters as read.
    ///
    /// # Errors
    ///
    /// As [`unread`](Self::unread).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future marks some, or none.
    async fn mark_read(&self, numbers: &[u32]) -> Result<()>;
}
