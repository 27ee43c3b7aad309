use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{BrokerId, Fault, Refusal};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The lead's id as another tool returned it.
    lead_id: String,
    /// The broker's id as another tool returned it.
    broker_id: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Gives a lead a number of their own by which they reach their broker.";
    at_desk::writes(desk, ("assign_tracking_number", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unknown = || Envelope::refused(Code::LeadNotFound);
    let lead = desk.lead(Some(&arguments.lead_id), None).await?;
    let broker = BrokerId::parse(&arguments.broker_id).ok_or_else(unknown)?;
    match desk.store.assign_number(lead.id, broker, desk.now()).await {
        Ok((number, already)) => Ok(Envelope::done(json!({
            "tracking_number": number.as_str(), "already_assigned": already,
        }))),
        Err(Fault::Refused(Refusal::NotFound)) => Err(unknown()),
        Err(Fault::Refused(Refusal::NoneLeft)) => Err(Envelope::refused(Code::PoolExhausted)),
        Err(fault) => Err(fault.into()),
    }
}
