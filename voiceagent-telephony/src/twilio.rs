//! Twilio: media streams, webhooks, TwiML and call control.

mod codec;
mod messages;
mod signature;
pub mod twiml;

pub(crate) use codec::TwilioDialect;
pub use signature::{SIGNATURE_HEADER, SignatureCheck, SignatureRefusal, sign};
