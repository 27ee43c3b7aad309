//! The contract of memory across calls.

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallId, Result, transport::CallInfo};

/// Keeps what an agent wants to know in the next call.
///
/// The state is whatever JSON the agent's [`Flow`](crate::flow::Flow) puts there. `load` runs while
/// the call is being set up, `save` after it ended.
#[async_trait]
pub trait ConversationStore: Debug + Send + Sync + 'static {
    /// What is known about this caller; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// When the store cannot be read. The call goes on without memory.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when it takes longer than 2 s, and when the call is given up. Nothing
    /// is lost: it only reads.
    async fn load(&self, call: &CallInfo) -> Result<Option<Value>>;

    /// Keeps the state at the end of a call.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when it takes longer than 10 s. The state must then be the old one or
    /// the new one, and not a part of it.
    async fn save(&self, call: &CallId, state: Value) -> Result<()>;
}
