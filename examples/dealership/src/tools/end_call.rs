use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::{
    ErrorKind,
    tool::{Effect, FunctionTool},
};

use super::{Desk, Envelope};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Why the call ends.
    reason: Reason,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Abuse,
    Done,
    NoInput,
    OptedOut,
    Silence,
    Voicemail,
    WrongNumber,
}

pub(super) fn tool(_desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    FunctionTool::new(
        "end_call",
        "Hangs up after the last words have been heard. Say goodbye first.",
        |arguments: Arguments, context| async move {
            tracing::debug!(reason = ?arguments.reason, "the agent ends the call");
            let is_message = matches!(arguments.reason, Reason::Voicemail);
            match context.line.hang_up() {
                // Behind a message the line is hung up by itself.
                Err(error) if !(is_message && error.kind() == ErrorKind::Closed) => Err(error),
                _ => Ok(Envelope::done(json!({}))),
            }
        },
    )
    .effect(Effect::Once)
    .timeout(Duration::from_millis(500))
}
