use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Desk, Envelope, at_desk, desk::word};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The person's phone number.
    phone: String,
    /// What is to stop.
    channels: Vec<Channel>,
    /// The caller's words. Null if they gave no reason.
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Channel {
    All,
    Email,
    Sms,
    VoiceAi,
    Whatsapp,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Stops all contact with a person, at once. Call it as soon as somebody asks \
                         for it; ask nothing back.";
    at_desk::writes(desk, ("record_opt_out", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let phone = desk.phone(Some(&arguments.phone))?;
    let mut channels: Vec<String> = arguments.channels.iter().map(word).collect();
    if channels.is_empty() {
        channels.push(word(&Channel::All));
    }
    let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
    let reason = arguments.reason.as_deref();
    let (id, cancelled) = desk.store.opt_out(&phone, &channels, reason, desk.now()).await?;
    let data = json!({ "dnc_id": id, "cancelled_attempts": cancelled });
    Ok(Envelope::done(data).say("I have taken you off our list. We will not contact you again."))
}
