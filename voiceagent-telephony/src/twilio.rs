//! Twilio: webhooks and call control.

mod front_door;
mod rest;
mod signature;

pub use front_door::{CallStatus, FrontDoor, FrontDoorBuilder, StatusEvent, VoiceWebhook};
pub use rest::{TransferTarget, TwilioRest, TwilioRestConfig};
pub use signature::{SIGNATURE_HEADER, SignatureCheck, SignatureRefusal, sign};
