use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The lead's phone number. Null for the number of this call, or with a lead_id.
    phone: Option<String>,
    /// The lead's id as another tool returned it. Null if not known.
    lead_id: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Tells what is known of a lead, and what earlier calls were about.";
    at_desk::reads(desk, ("get_lead_context", ABOUT), Duration::from_millis(500), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let lead = desk.lead(arguments.lead_id.as_deref(), arguments.phone.as_deref()).await?;
    let (calls, last_summary) = desk.store.history_of(&lead.phone).await?;
    let broker = lead.broker.map(|(id, name)| json!({ "broker_id": id, "name": name }));
    Ok(Envelope::done(json!({
        "lead_id": lead.id,
        "first_name": lead.first_name,
        "status": lead.status,
        "qualified": lead.qualified,
        "vehicle_interest": lead.vehicle_interest,
        "timeframe": lead.timeframe,
        "broker": broker,
        "call_count": calls,
        "last_summary": last_summary,
        "objections": lead.objections,
    })))
}
