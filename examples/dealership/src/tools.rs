//! The tools that the dealership's agent may call.
//!
//! Every tool answers with an [`Envelope`]. What may be said about a success is in its `say`,
//! rendered from what was stored, so that the model need not word a promise itself.

mod at_desk;
mod code;
mod desk;
mod envelope;
mod http_tool;
mod known_codes;
mod ledger;
mod offer;
mod provenance;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use voiceagent_core::tool::Tool;

use ledger::Entered;

pub use code::Code;
pub use desk::{Desk, Identity};
pub use envelope::Envelope;
pub use http_tool::{HttpToolSpec, Targets};
pub use known_codes::KnownCodes;
pub use ledger::Ledger;
pub use offer::{Offer, OfferKey};

pub(crate) use book_appointment::said as booked;
pub(crate) use desk::word;

/// Declares the file of each tool, and puts all of them into one list.
macro_rules! tools {
    ($($tool:ident,)*) => {
        $(mod $tool;)*

        /// The names of all tools.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($tool),)*];

        /// The tools for one call. They take only what was handed out in it.
        #[must_use]
        pub fn all(desk: Desk) -> Vec<Arc<dyn Tool>> {
            let desk = &Arc::new(desk);
            let mut tools: Vec<Arc<dyn Tool>> = vec![$(Arc::new($tool::tool(desk)),)*];
            tools.extend(desk.more.iter().cloned());
            let enter = |tool| -> Arc<dyn Tool> { Arc::new(Entered::new(tool, desk)) };
            tools.into_iter().map(enter).collect()
        }
    };
}

// A tool is a file in `tools/` and a line here. `cargo fmt` does not look behind a macro: `.ci/run` has
// these files formatted by `rustfmt`.
tools! {
    lookup_customer,
    upsert_customer,
    decode_vin,
    get_available_slots,
    book_appointment,
    get_upcoming_appointments,
    cancel_appointment,
    reschedule_appointment,
    add_vehicle,
    assign_tracking_number,
    check_broker_availability,
    check_consent_dnc,
    find_broker_by_territory,
    get_lead_context,
    get_open_tickets,
    get_time,
    get_vehicle_recommendations,
    get_weather,
    record_opt_out,
    request_keypad_input,
    save_interaction,
    schedule_callback,
    search_knowledge,
    send_appointment_confirmation,
    send_payment_link,
    set_language,
    set_recording_consent,
    transfer_to_human,
    update_lead_info,
    verify_appointment_confirmation,
    verify_identity,
    end_call,
}
