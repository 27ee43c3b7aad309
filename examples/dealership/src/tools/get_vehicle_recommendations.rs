use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{Fault, Refusal, VehicleId};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The vehicle's id as another tool returned it.
    vehicle_id: String,
    /// What the odometer shows, in miles. Null if not said.
    #[schemars(range(min = 0))]
    mileage: Option<i64>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Tells what maintenance of a vehicle is due, by the dealership's schedule.";
    let limit = Duration::from_millis(800);
    at_desk::reads(desk, ("get_vehicle_recommendations", ABOUT), limit, run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unknown = || Envelope::refused(Code::UnknownVehicle);
    let vehicle = VehicleId::parse(&arguments.vehicle_id).ok_or_else(unknown)?;
    let due = match desk.store.upkeep_of(vehicle, arguments.mileage, desk.now()).await {
        Err(Fault::Refused(Refusal::NotFound)) => return Err(unknown()),
        Err(Fault::Refused(Refusal::NoneLeft)) => return Err(Envelope::refused(Code::NoSchedule)),
        due => due?,
    };
    let items: Vec<Value> = due
        .iter()
        .map(|work| {
            json!({
                "service_type": work.service,
                "name": work.name,
                "due": format!("{} miles", work.at_miles),
                "due_on": work.due_on.to_string(),
                "reason": match work.is_by_time {
                    true => "its time is over".to_owned(),
                    false => format!("every {} miles", work.every_miles),
                },
                "source_doc": work.source_doc,
            })
        })
        .collect();
    Ok(Envelope::done(json!({ "items": items })))
}
