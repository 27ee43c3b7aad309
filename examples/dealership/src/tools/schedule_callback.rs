use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, Zoned, civil::DateTime};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{departments::Department, spoken};

use super::{Code, Desk, Envelope, at_desk, desk::word};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The number to call.
    phone: String,
    /// Who calls.
    department: Department,
    /// When, on the dealership's clocks, YYYY-MM-DDTHH:MM. Null for as soon as somebody can.
    when_local: Option<String>,
    /// What about.
    reason: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes that a person shall call somebody back.";
    at_desk::writes(desk, ("schedule_callback", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let phone = desk.phone(Some(&arguments.phone))?;
    // Who asks to be called while calling is called; who asked never to be called is told.
    if desk.caller.as_ref() != Some(&phone) && desk.store.is_blocked(&phone, "voice_ai").await? {
        return Err(Envelope::refused(Code::Dnc).say("I can't have that number called."));
    }
    let when = match &arguments.when_local {
        Some(when) => Some(moment(&desk, when).await?),
        None => None,
    };
    let about = (word(&arguments.department), arguments.reason);
    let call = (context.call.as_str(), &phone);
    let at = when.as_ref().map(Zoned::timestamp);
    let id = desk.store.note_callback(call, (&about.0, &about.1), at, desk.now()).await?;
    let data = json!({
        "callback_id": id,
        "when_local": when.as_ref().map(|when| when.strftime("%Y-%m-%dT%H:%M").to_string()),
    });
    let when = match &when {
        Some(when) => format!(" on {}", spoken::moment(when)),
        None => " as soon as possible".to_owned(),
    };
    Ok(Envelope::done(data).say(format!("Somebody will call you back{when}.")))
}

/// A moment to come at which somebody is there.
async fn moment(desk: &Desk, when: &str) -> Result<Zoned, Envelope> {
    let outside = || {
        Envelope::refused(Code::OutsideWindow)
            .say("Nobody is here then. What time would be good for a call back?")
    };
    let when: DateTime = when.trim().parse().map_err(|_| outside())?;
    let location = desk.store.location().await?;
    let when = when.to_zoned(location.zone.clone()).map_err(|_| outside())?;
    let hours = desk.store.hours(&location).await?;
    let at: Timestamp = when.timestamp();
    let is_open = hours.on(when.date()).iter().any(|open| open.opens <= at && at < open.closes);
    if is_open && at > desk.now() { Ok(when) } else { Err(outside()) }
}
