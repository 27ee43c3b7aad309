//! The tools that the dealership's agent may call.
//!
//! Every tool answers with an [`Envelope`]. What may be said about a success is in its `say`,
//! rendered from what was stored, so that the model need not word a promise itself.

mod book_appointment;
mod cancel_appointment;
mod code;
mod decode_vin;
mod desk;
mod end_call;
mod envelope;
mod get_available_slots;
mod get_upcoming_appointments;
mod lookup_customer;
mod offer;
mod reschedule_appointment;
mod upsert_customer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use voiceagent_core::tool::Tool;

pub use code::Code;
pub use desk::Desk;
pub use envelope::Envelope;
pub use offer::{Offer, OfferKey};

/// The tools for one call.
#[must_use]
pub fn all(desk: Desk) -> Vec<Arc<dyn Tool>> {
    let desk = Arc::new(desk);
    vec![
        Arc::new(lookup_customer::tool(Arc::clone(&desk))),
        Arc::new(upsert_customer::tool(Arc::clone(&desk))),
        Arc::new(decode_vin::tool(Arc::clone(&desk))),
        Arc::new(get_available_slots::tool(Arc::clone(&desk))),
        Arc::new(book_appointment::tool(Arc::clone(&desk))),
        Arc::new(get_upcoming_appointments::tool(Arc::clone(&desk))),
        Arc::new(cancel_appointment::tool(Arc::clone(&desk))),
        Arc::new(reschedule_appointment::tool(desk)),
        Arc::new(end_call::tool()),
    ]
}
