//! Text messages to people's phones.

use std::fmt::Debug;

use async_trait::async_trait;
use voiceagent_core::Result;

use crate::phone::Phone;

/// Sends text messages.
#[async_trait]
pub trait Messenger: Debug + Send + Sync + 'static {
    /// Sends a text, and returns when the carrier has taken it over.
    ///
    /// # Errors
    ///
    /// When the carrier did not take it.
    ///
    /// # Cancel safety
    ///
    /// A message whose future is dropped was sent or not.
    async fn send(&self, to: &Phone, text: &str) -> Result<()>;
}
