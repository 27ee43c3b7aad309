use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{Fault, Refusal};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The ZIP code, 5 digits. Null if not said.
    postal_code: Option<String>,
    /// The city. Null if not said.
    city: Option<String>,
    /// The state, two letters. Null if not said.
    state: Option<String>,
    /// The language that they prefer, a BCP 47 tag. Null for any.
    language: Option<String>,
    /// The lead who is given to the broker. Null to ask only.
    lead_id: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Finds the broker for where somebody lives, and gives them the lead.";
    let limit = Duration::from_millis(800);
    at_desk::writes(desk, ("find_broker_by_territory", ABOUT), limit, run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let city = arguments.city.as_deref().zip(arguments.state.as_deref());
    let postal_code = arguments.postal_code.as_deref();
    if postal_code.is_none() && city.is_none() {
        return Err(Envelope::refused(Code::NeedLocation).say("What is your ZIP code?"));
    }
    let language = arguments.language.as_deref();
    let found = match desk.store.broker_for(postal_code, city, language).await {
        Err(Fault::Refused(Refusal::NotFound)) => return Err(Envelope::refused(Code::NoBroker)),
        found => found?,
    };
    if let Some(lead) = &arguments.lead_id {
        let lead = desk.lead(Some(lead), None).await?;
        desk.store.give_lead(lead.id, found.broker.id, desk.now()).await?;
    }
    Ok(Envelope::done(json!({
        "broker_id": found.broker.id,
        "name": found.broker.name,
        "territory": found.territory,
        "matched_by": found.matched_by,
        "timezone": found.broker.zone.iana_name(),
        "languages": found.broker.languages,
    })))
}
