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
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting, and trying again. The carrier may have been asked
    /// already and end the call all the same; it is safe to ask again. A media stream asks from a
    /// task of its own, so that its end does not take the request back.
    async fn hang_up(&self, call: &CallId) -> Result<()>;

    /// Whether [`transfer`](Self::transfer) has anywhere to go.
    fn can_transfer(&self) -> bool;

    /// Hands the call to the target that is configured under this name.
    ///
    /// # Errors
    ///
    /// [`Rejected`](voiceagent_core::ErrorKind::Rejected) for a name that is not configured, and
    /// as [`hang_up`](Self::hang_up).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting. Whether the carrier has handed the call over is then
    /// unknown, and it is not safe to ask again: the target could be called twice.
    async fn transfer(&self, call: &CallId, target: &str) -> Result<()>;
}
