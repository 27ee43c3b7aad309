use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    spoken,
    store::{
        Appointment, BookingRequest, CONSULTATION, ConsultRequest, CustomerId, Fault, Refusal,
        VehicleId,
    },
};

use super::{
    Code, Desk, Envelope, Offer, at_desk,
    desk::{local, word},
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The family of the service. Null for the service's own.
    kind: Option<Kind>,
    /// The time's slot_id as get_available_slots or check_broker_availability returned it.
    slot_id: String,
    /// The service that the time was offered for.
    #[schemars(extend("enum" = super::get_available_slots::SERVICES))]
    service_type: String,
    /// The customer's id as another tool returned it. Null if not known yet, or for a lead.
    customer_id: Option<String>,
    /// The lead's id as another tool returned it, for a consultation with a broker. Else null.
    lead_id: Option<String>,
    /// The vehicle's id as lookup_customer returned it. Null if the customer has only one, or none.
    vehicle_id: Option<String>,
    /// The caller's own words about the concern. Null if none.
    notes: Option<String>,
    /// True only after the caller said yes to the full read-back.
    confirmed: bool,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    BrokerConsult,
    SalesConsult,
    Service,
    TestDrive,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Books a time that the caller has heard read back and accepted. Only \
                         a result with ok=true means that it is booked.";
    let run = |desk: Arc<Desk>, arguments: Arguments, context: ToolContext| async move {
        run(&desk, arguments, &context).await
    };
    at_desk::writes(desk, ("book_appointment", ABOUT), Duration::from_secs(4), run)
}

async fn run(
    desk: &Desk,
    arguments: Arguments,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let now = desk.now();
    let service = desk.store.service(&arguments.service_type).await?;
    let (offer, place) = desk.read_offer(&arguments.slot_id, &service.code).await?;
    if arguments.kind.as_ref().is_some_and(|kind| word(kind) != service.kind) {
        return Err(Envelope::refused(Code::PolicyBlocked));
    }
    if service.code == CONSULTATION {
        return consult(desk, arguments, offer, context).await;
    }
    let customer = arguments.customer_id.as_deref().ok_or_else(|| {
        Envelope::refused(Code::CustomerRequired).say("May I have your first and last name?")
    })?;
    let (customer, identified) = match desk.customer(customer, context).await {
        Ok(customer) => (customer.id, true),
        Err(refused) => (desk.named(customer).await?.ok_or(refused)?, false),
    };
    // What a stranger's vehicles are is not told; which one comes is noted on arrival.
    let vehicle = if service.needs_vehicle && identified {
        vehicle(desk, customer, arguments.vehicle_id.as_deref()).await?
    } else {
        None
    };
    if !arguments.confirmed {
        let location = desk.store.location_at(place).await?;
        let moment = spoken::moment(&offer.start.to_zoned(location.zone));
        let at = place.map_or_else(String::new, |_| format!(" at {}", location.name));
        return Err(Envelope::refused(Code::NotConfirmed).say(format!(
            "That is {} on {moment}{at}. Shall I book it?",
            spoken::one(&service.name)
        )));
    }
    let request = BookingRequest {
        key: key(context, &arguments.slot_id, &customer.to_string(), &service.code),
        service: service.code,
        start: offer.start,
        advisor: offer.advisor,
        location: place,
        customer,
        vehicle,
        notes: arguments.notes,
        call: Some(context.call.to_string()),
    };
    let booked = match desk.store.book(&request, now).await {
        Ok(booked) => booked,
        Err(Fault::Refused(Refusal::SlotTaken)) => {
            return Ok(desk.taken((place, request.service.as_str()), offer.start).await?);
        }
        Err(Fault::Refused(Refusal::VehicleBusy)) => {
            let at = (place, request.service.as_str());
            return Ok(desk.busy(Some(customer), None, at, offer.start).await?);
        }
        Err(Fault::Refused(Refusal::InPast)) => return Err(Envelope::refused(Code::SlotExpired)),
        Err(fault) => return Err(fault.into()),
    };
    Ok(done(&booked))
}

/// Books a lead's time with a broker.
async fn consult(
    desk: &Desk,
    arguments: Arguments,
    offer: Offer,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let lead =
        arguments.lead_id.as_deref().ok_or_else(|| Envelope::refused(Code::CustomerRequired))?;
    let lead = desk.lead(Some(lead), None).await?.id;
    let expired = || Envelope::refused(Code::SlotExpired);
    let broker = desk.store.broker_numbered(offer.advisor.ok_or_else(expired)?).await?;
    if !arguments.confirmed {
        let moment = spoken::moment(&offer.start.to_zoned(broker.zone));
        return Err(Envelope::refused(Code::NotConfirmed)
            .say(format!("That is a call with {} on {moment}. Shall I book it?", broker.name)));
    }
    let request = ConsultRequest {
        broker: broker.id,
        lead,
        start: offer.start,
        notes: arguments.notes,
        call: context.call.to_string(),
        key: key(context, &arguments.slot_id, &lead.to_string(), CONSULTATION),
    };
    match desk.store.book_broker(&request, desk.now()).await {
        Ok(booked) => Ok(done(&booked)),
        Err(Fault::Refused(Refusal::InPast)) => Err(expired()),
        Err(fault) => Err(fault.into()),
    }
}

/// What is said of a booking, from the row that was written.
pub(crate) fn said(booked: &Appointment) -> String {
    let with = booked.broker.as_ref().map(|name| format!(" with {name}")).unwrap_or_default();
    let at = match booked.is_elsewhere {
        true => format!(" at {}", booked.location),
        false => String::new(),
    };
    format!(
        "You're booked for {}{with} on {}{at}. Your confirmation code is {}.",
        spoken::one(&booked.service_name),
        spoken::moment(&booked.start),
        spelled(&booked.confirmation_code)
    )
}

/// What is said and told of a booking.
fn done(booked: &Appointment) -> Envelope {
    let say = said(booked);
    let data = json!({
        "appointment_id": booked.id,
        "confirmation_code": booked.confirmation_code,
        "service_type": booked.service,
        "location": booked.location,
        "start_local": local(&booked.start),
        "timezone": booked.start.time_zone().iana_name(),
        "vehicle_label": booked.vehicle,
        // No calendar but this one.
        "calendar": null,
        "billing": if booked.broker.is_some() { "recorded" } else { "none" },
    });
    Envelope::done(data).say(say)
}

/// The vehicle that comes: the one that was named, or the only one. A customer without any may
/// book; which vehicle comes is noted on arrival.
async fn vehicle(
    desk: &Desk,
    customer: CustomerId,
    named: Option<&str>,
) -> Result<Option<VehicleId>, Envelope> {
    let vehicles = desk.store.vehicles_of(customer).await?;
    let chosen = match named {
        Some(named) => {
            let named = VehicleId::parse(named);
            vehicles.iter().find(|vehicle| Some(vehicle.id) == named)
        }
        None => match vehicles.as_slice() {
            [] => return Ok(None),
            [only] => Some(only),
            _ => None,
        },
    };
    let labels: Vec<_> = vehicles
        .iter()
        .map(|vehicle| json!({ "vehicle_id": vehicle.id, "label": vehicle.label }))
        .collect();
    chosen.map(|vehicle| Some(vehicle.id)).ok_or_else(|| {
        Envelope::refused(Code::VehicleRequired)
            .with_data(json!({ "vehicles": labels }))
            .say("Which vehicle is it for?")
    })
}

/// One key for every repeat of one booking, whatever the framework's own key looks like.
fn key(context: &ToolContext, slot_id: &str, whom: &str, service: &str) -> String {
    let mut hash = Sha256::new();
    for part in [context.call.as_str(), &context.idempotency_key, slot_id, whom, service] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(hash.finalize())
}

/// A code letter by letter, as speech synthesis reads it best.
fn spelled(code: &str) -> String {
    let letters: Vec<String> = code.chars().map(String::from).collect();
    letters.join(" ")
}
