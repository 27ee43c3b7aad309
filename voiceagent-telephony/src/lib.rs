//! Carriers, media streams, signed front door and call control for voiceagent.

pub mod document;
mod dtmf;
pub mod front_door;
mod hex;
pub mod media_stream;
mod phone_number;
pub mod server;
pub mod signature;
pub mod twilio;

pub use dtmf::DtmfKey;
pub use phone_number::PhoneNumber;
