//! Carriers, media streams, signed front door and call control for voiceagent.

pub mod audio_socket;
pub mod compatible;
pub mod control;
pub mod document;
mod dtmf;
pub mod front_door;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod hex;
pub mod media_stream;
pub mod message;
mod phone_number;
pub mod plivo;
mod random;
mod recent;
mod rest;
#[cfg(feature = "sip")]
mod rtp;
pub mod server;
pub mod signature;
#[cfg(feature = "sip")]
pub mod sip;
pub mod vapi;
pub mod verify;
pub mod vonage;

pub use dtmf::DtmfKey;
pub use phone_number::PhoneNumber;
