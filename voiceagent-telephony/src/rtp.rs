//! Sound over RTP (RFC 3550), without sockets and without a clock: time is an argument.
//!
//! An [`RtpSession`] is one side of one stream in each direction. It puts what arrives in order,
//! makes up what is lost, sends what is to be heard every 20 ms, and measures both.

mod codec;
mod jitter_buffer;
mod key_reader;
mod key_sender;
mod latch;
#[cfg(feature = "opus")]
mod opus;
mod packet;
mod quality;
mod receiver;
mod reception;
mod rtcp;
mod sender;
mod session;
mod srtp;
mod telephone_event;
mod unwrap;

pub use codec::RtpCodec;
pub(crate) use latch::MediaPeer;
pub use quality::RtpQuality;
pub(crate) use receiver::{OtherCodecs, PayloadTypes};
pub(crate) use sender::Begin;
#[cfg(test)]
pub(crate) use session::intelligibility::understood;
pub(crate) use session::{RtpAction, RtpSession};
pub(crate) use srtp::{SrtpKeys, SrtpSuite, SrtpTerms};
