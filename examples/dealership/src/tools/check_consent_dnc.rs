use std::{sync::Arc, time::Duration};

use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{Objection, Permission};

use super::{Desk, Envelope, at_desk, desk::word};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The person's phone number.
    phone: String,
    /// How they would be contacted.
    channel: Channel,
    /// What for.
    purpose: Purpose,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Channel {
    Email,
    Sms,
    VoiceAi,
    Whatsapp,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Marketing,
    Transactional,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Tells whether a person may be contacted in this way, for this, right now.";
    at_desk::reads(desk, ("check_consent_dnc", ABOUT), Duration::from_millis(500), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let phone = desk.phone(Some(&arguments.phone))?;
    let how = (word(&arguments.channel), word(&arguments.purpose));
    let found = desk.store.permission(&phone, (&how.0, &how.1), desk.now()).await?;
    Ok(Envelope::done(answer(&found)))
}

fn answer(found: &Permission) -> Value {
    let consent = found.consent.map(|(granted, at)| {
        let status = if granted { "granted" } else { "revoked" };
        json!({ "status": status, "captured_at": at.to_string() })
    });
    let clock = |time: Time| time.strftime("%H:%M").to_string();
    let opens = found.windows.iter().map(|window| window.opens).max().unwrap_or_default();
    let closes = found.windows.iter().map(|window| window.closes).min().unwrap_or(Time::MAX);
    let zones: Vec<_> =
        found.windows.iter().map(|window| window.zone.iana_name().unwrap_or("UTC")).collect();
    json!({
        "allowed": found.reasons.is_empty(),
        "reasons": found.reasons,
        "consent": consent,
        "dnc": found.reasons.contains(&Objection::DoNotCall),
        "window": {
            "opens_at_local": clock(opens), "closes_at_local": clock(closes), "timezones": zones,
        },
    })
}
