use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    spoken,
    store::{AppointmentStatus, Change, Fault, Refusal},
};

use super::{Code, Desk, Envelope, at_desk, desk::local};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The appointment's id as another tool returned it.
    appointment_id: String,
    /// The new time's slot_id as get_available_slots returned it for the same service.
    new_slot_id: String,
    /// True only after the caller said yes to the read-back of the new time.
    confirmed: bool,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Moves an appointment to a new time. If it fails, the old time \
                         stands. Only a result with ok=true means that it was moved.";
    let run = |desk: Arc<Desk>, arguments: Arguments, context: ToolContext| async move {
        run(&desk, &arguments, &context).await
    };
    at_desk::writes(desk, ("reschedule_appointment", ABOUT), Duration::from_secs(4), run)
}

async fn run(
    desk: &Desk,
    arguments: &Arguments,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let old = desk.appointment(&arguments.appointment_id, context).await?;
    if old.status == AppointmentStatus::Cancelled {
        return Err(Refusal::AlreadyCancelled.into());
    }
    let now = desk.now();
    let (offer, place) = desk.read_offer(&arguments.new_slot_id, &old.service).await?;
    // A time at one place is none at another.
    if place != old.is_elsewhere.then_some(old.location_id) {
        return Err(Envelope::refused(Code::SlotExpired));
    }
    if let Some(broker) = &old.broker {
        // A time of one broker is none of another.
        let no = offer.advisor.unwrap_or_default();
        if desk.store.broker_numbered(no).await?.name != *broker {
            return Err(Envelope::refused(Code::SlotExpired));
        }
    }
    let wanted = offer.start.to_zoned(old.start.time_zone().clone());
    if !arguments.confirmed {
        let (from, to) = (spoken::moment(&old.start), spoken::moment(&wanted));
        return Err(Envelope::refused(Code::NotConfirmed)
            .say(format!("Shall I move your {} from {from} to {to}?", old.service_name)));
    }
    let change = Change { appointment: old.id, key: context.idempotency_key.to_string() };
    let moved = match desk.store.reschedule(&change, offer.start, offer.advisor, now).await {
        Ok(moved) => moved,
        Err(Fault::Refused(Refusal::SlotTaken)) => {
            return Ok(desk.taken((place, old.service.as_str()), offer.start).await?);
        }
        Err(Fault::Refused(Refusal::VehicleBusy)) => {
            let at = (place, old.service.as_str());
            return Ok(desk.busy(old.customer, Some(old.id), at, offer.start).await?);
        }
        Err(fault) => return Err(fault.into()),
    };
    let say = format!("Your {} is now on {}.", moved.service_name, spoken::moment(&moved.start));
    let data = json!({
        "appointment_id": moved.id,
        "old_start_local": moved.moved_from.as_ref().map(local),
        "start_local": local(&moved.start),
    });
    Ok(Envelope::done(data).say(say))
}
