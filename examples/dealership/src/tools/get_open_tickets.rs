use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The customer's id as another tool returned it.
    customer_id: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Lists work on the customer's vehicles that is not done.";
    at_desk::reads(desk, ("get_open_tickets", ABOUT), Duration::from_millis(800), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let customer = desk.verified(&arguments.customer_id, &context).await?;
    let tickets = desk.store.tickets_of(customer.id).await?;
    let tickets: Vec<Value> = tickets
        .into_iter()
        .map(|ticket| {
            json!({
                "ticket_id": ticket.id,
                "vehicle_label": ticket.vehicle,
                "status": ticket.status,
                "opened_on": ticket.opened_on,
                "promised_at": ticket.promised_at,
                "last_note": ticket.last_note,
            })
        })
        .collect();
    Ok(Envelope::done(json!({ "tickets": tickets })))
}
