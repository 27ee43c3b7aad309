use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::spoken;

use super::{Code, Desk, Envelope, at_desk, desk::local};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// An IANA time zone. Null for the dealership's.
    timezone: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    at_desk::reads(desk, ("get_time", "Tells the time."), Duration::from_millis(100), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let zone = match &arguments.timezone {
        Some(name) => TimeZone::get(name).map_err(|_| Envelope::refused(Code::UnknownTimezone))?,
        None => desk.store.location().await?.zone,
    };
    let now = desk.now().to_zoned(zone);
    let spoken = spoken::moment(&now);
    let data =
        json!({ "iso": local(&now), "spoken": spoken, "timezone": now.time_zone().iana_name() });
    Ok(Envelope::done(data).say(format!("It is {spoken}.")))
}
