//! Proofs that a request comes from the carrier: one check for each carrier's way to sign.

mod form;
mod hmac;
mod plivo;
mod request;
mod signalwire;
mod telnyx;
mod twilio;
mod vapi;
mod vonage;

use std::{fmt, time::Duration};

pub(crate) use form::{Form, read_pairs};
pub use plivo::PlivoSignature;
pub(crate) use request::{CheckSignature, SignedRequest};
pub use signalwire::SignalWireSignature;
pub use telnyx::TelnyxSignature;
pub use twilio::TwilioSignature;
pub use vapi::VapiSignature;
pub use vonage::VonageSignature;

/// How far the clock of a carrier that dates its requests may be from ours, either way. Older
/// requests are repetitions by somebody else.
const WINDOW: Duration = Duration::from_secs(300);

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignatureRefusal {
    /// The signed hash of the body is missing, or is another body's.
    Body,
    /// No key makes this signature for this request.
    Mismatch,
    /// There is no signature.
    Missing,
    /// It was signed more than five minutes ago, or will be.
    Stale,
    /// The signature is not written as one.
    Unreadable,
}

impl fmt::Display for SignatureRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "the signed hash is not that of the body",
            Self::Mismatch => "the signature does not match",
            Self::Missing => "there is no signature",
            Self::Stale => "the signature is more than five minutes off",
            Self::Unreadable => "the signature is not written as one",
        })
    }
}
