use std::fmt::Debug;

use async_trait::async_trait;
use voiceagent_core::{CallId, Result};

/// What is asked of a carrier beside its media socket.
///
/// Carriers keep a call up when its socket closes, so a hang-up is a request of its own.
#[async_trait]
pub trait CallControl: Debug + Send + Sync + 'static {
    /// Ends the call. A call that has ended already is a success.
    ///
    /// # Errors
    ///
    /// When the carrier cannot be reached or refuses.
    async fn hang_up(&self, call: &CallId) -> Result<()>;

    /// Whether [`transfer`](Self::transfer) has anywhere to go.
    fn can_transfer(&self) -> bool;

    /// Hands the call to the target that is configured under this name.
    ///
    /// # Errors
    ///
    /// [`Rejected`](voiceagent_core::ErrorKind::Rejected) for a name that is not configured, and
    /// as [`hang_up`](Self::hang_up).
    async fn transfer(&self, call: &CallId, target: &str) -> Result<()>;
}
