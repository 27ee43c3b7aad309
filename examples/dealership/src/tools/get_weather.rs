use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// A city or a ZIP code.
    location: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    let limit = Duration::from_millis(2_500);
    at_desk::reads(desk, ("get_weather", "Tells the weather of a place."), limit, run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unavailable =
        || Envelope::refused(Code::UpstreamUnavailable).say("I can't see the weather right now.");
    let service = desk.weather.as_ref().ok_or_else(unavailable)?;
    match service.now(&arguments.location).await {
        Ok(Some(weather)) => {
            let say = format!("It is {} degrees and {}.", weather.temp_f, weather.summary);
            let data = json!({ "summary": weather.summary, "temp_f": weather.temp_f });
            Ok(Envelope::done(data).say(say))
        }
        Ok(None) => Err(Envelope::refused(Code::LocationNotFound)),
        Err(error) => {
            tracing::warn!(%error, "the weather cannot be had");
            Err(unavailable())
        }
    }
}
