use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Desk, Envelope, at_desk};
use crate::recordings::Recordings;

impl Desk {
    /// Lets callers decide about these.
    #[must_use]
    pub(crate) fn with_recordings(mut self, recordings: Recordings) -> Self {
        self.recordings = Some(recordings);
        self
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Whether the caller agrees to a recording.
    granted: bool,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes whether the caller agrees that the call is recorded.";
    at_desk::writes(desk, ("set_recording_consent", ABOUT), Duration::from_millis(500), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    desk.store.note_recording(context.call.as_str(), arguments.granted, desk.now()).await?;
    let is_on = match &desk.recordings {
        Some(recordings) => recordings.answer(&context.call, arguments.granted).await,
        None => false,
    };
    Ok(Envelope::done(json!({ "recording": if is_on { "on" } else { "off" } })))
}
