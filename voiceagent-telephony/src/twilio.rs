//! Twilio: media streams, webhooks, TwiML and call control.

mod codec;
mod front_door;
mod messages;
mod rest;
mod signature;
pub mod twiml;

pub(crate) use codec::TwilioDialect;
pub use front_door::{CallStatus, FrontDoor, FrontDoorBuilder, StatusEvent, VoiceWebhook};
pub use rest::{TransferTarget, TwilioRest, TwilioRestConfig};
pub use signature::{SIGNATURE_HEADER, SignatureCheck, SignatureRefusal, sign};
