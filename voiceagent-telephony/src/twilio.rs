//! Twilio's call control.

mod rest;

pub use rest::{TransferTarget, TwilioRest, TwilioRestConfig};
