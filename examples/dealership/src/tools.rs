//! The tools that the dealership's agent may call.
//!
//! Every tool answers with an [`Envelope`]. What may be said about a success is in its `say`,
//! rendered from what was stored, so that the model need not word a promise itself.

mod add_vehicle;
mod assign_tracking_number;
mod at_desk;
mod book_appointment;
mod cancel_appointment;
mod check_broker_availability;
mod check_consent_dnc;
mod code;
mod decode_vin;
mod desk;
mod end_call;
mod envelope;
mod find_broker_by_territory;
mod get_available_slots;
mod get_lead_context;
mod get_open_tickets;
mod get_time;
mod get_upcoming_appointments;
mod get_vehicle_recommendations;
mod get_weather;
mod ledger;
mod lookup_customer;
mod offer;
mod record_opt_out;
mod request_keypad_input;
mod reschedule_appointment;
mod save_interaction;
mod schedule_callback;
mod search_knowledge;
mod send_appointment_confirmation;
mod send_payment_link;
mod set_language;
mod set_recording_consent;
mod transfer_to_human;
mod update_lead_info;
mod upsert_customer;
mod verify_appointment_confirmation;
mod verify_identity;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use voiceagent_core::tool::Tool;

use ledger::Entered;

pub use code::Code;
pub use desk::{Desk, Identity};
pub use envelope::Envelope;
pub use ledger::Ledger;
pub use offer::{Offer, OfferKey};

pub(crate) use desk::word;

/// The tools for one call. Each is a line here and a file of its own.
#[must_use]
pub fn all(desk: Desk) -> Vec<Arc<dyn Tool>> {
    let desk = &Arc::new(desk);
    let tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(lookup_customer::tool(desk)),
        Arc::new(upsert_customer::tool(desk)),
        Arc::new(decode_vin::tool(desk)),
        Arc::new(get_available_slots::tool(desk)),
        Arc::new(book_appointment::tool(desk)),
        Arc::new(get_upcoming_appointments::tool(desk)),
        Arc::new(cancel_appointment::tool(desk)),
        Arc::new(reschedule_appointment::tool(desk)),
        Arc::new(add_vehicle::tool(desk)),
        Arc::new(assign_tracking_number::tool(desk)),
        Arc::new(check_broker_availability::tool(desk)),
        Arc::new(check_consent_dnc::tool(desk)),
        Arc::new(find_broker_by_territory::tool(desk)),
        Arc::new(get_lead_context::tool(desk)),
        Arc::new(get_open_tickets::tool(desk)),
        Arc::new(get_time::tool(desk)),
        Arc::new(get_vehicle_recommendations::tool(desk)),
        Arc::new(get_weather::tool(desk)),
        Arc::new(record_opt_out::tool(desk)),
        Arc::new(request_keypad_input::tool(desk)),
        Arc::new(save_interaction::tool(desk)),
        Arc::new(schedule_callback::tool(desk)),
        Arc::new(search_knowledge::tool(desk)),
        Arc::new(send_appointment_confirmation::tool(desk)),
        Arc::new(send_payment_link::tool(desk)),
        Arc::new(set_language::tool(desk)),
        Arc::new(set_recording_consent::tool(desk)),
        Arc::new(transfer_to_human::tool(desk)),
        Arc::new(update_lead_info::tool(desk)),
        Arc::new(verify_appointment_confirmation::tool(desk)),
        Arc::new(verify_identity::tool(desk)),
        Arc::new(end_call::tool()),
    ];
    let enter = |tool| -> Arc<dyn Tool> { Arc::new(Entered::new(tool, desk.ledger())) };
    tools.into_iter().map(enter).collect()
}
