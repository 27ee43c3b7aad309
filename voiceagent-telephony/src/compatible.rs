//! Call control by the REST API of Twilio, which SignalWire ("Compatibility API") and Telnyx
//! ("TeXML REST commands") speak too.

mod calls;
mod config;
mod flavor;
mod messages;
mod verify;

pub use self::{
    calls::CompatibleRest,
    config::{CompatibleApi, CompatibleConfig},
};
