use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{spoken, store::Appointment};

use super::{Desk, Envelope, at_desk, desk::local};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The customer's id as another tool returned it.
    customer_id: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Lists the customer's appointments that are still to come.";
    let run = |desk: Arc<Desk>, arguments: Arguments, context: ToolContext| async move {
        run(&desk, &arguments, &context).await
    };
    at_desk::reads(desk, ("get_upcoming_appointments", ABOUT), Duration::from_secs(1), run)
}

async fn run(
    desk: &Desk,
    arguments: &Arguments,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let upcoming = desk.upcoming(&arguments.customer_id, context).await?;
    let say = match upcoming.as_slice() {
        [] => "You have no appointments coming up.".to_owned(),
        [only] => format!("You have {}.", sentence(only)),
        several => {
            let all: Vec<String> = several.iter().map(sentence).collect();
            format!("You have {} appointments: {}.", several.len(), all.join("; "))
        }
    };
    let appointments: Vec<Value> = upcoming.iter().map(entry).collect();
    Ok(Envelope::done(json!({ "appointments": appointments })).say(say))
}

fn sentence(appointment: &Appointment) -> String {
    let vehicle =
        appointment.vehicle.as_ref().map(|label| format!(" for your {label}")).unwrap_or_default();
    format!(
        "{}{vehicle} on {}",
        article(&appointment.service_name),
        spoken::moment(&appointment.start)
    )
}

fn article(name: &str) -> String {
    // "a diagnostics" is no English.
    if name.ends_with('s') { name.to_owned() } else { spoken::one(name) }
}

fn entry(appointment: &Appointment) -> Value {
    json!({
        "appointment_id": appointment.id,
        "kind": appointment.kind,
        "service_type": appointment.service,
        "start_local": local(&appointment.start),
        "end_local": local(&appointment.end),
        "spoken": spoken::moment(&appointment.start),
        "timezone": appointment.start.time_zone().iana_name(),
        "location": appointment.location,
        "vehicle_label": appointment.vehicle,
        "status": appointment.status,
    })
}
