//! Calls from SIP trunks and PBXs, answered directly: no media server, no cloud.
//!
//! A [`SipServer`] listens for signalling over UDP and hands each call to the application, as a
//! [`SipCall`] that rings until it is opened. Media is plain RTP.

mod account;
mod answers;
mod call;
mod config;
mod incoming;
mod info;
mod leg;
mod line;
mod negotiation;
mod network;
mod parameters;
mod quiet;
mod registration;
mod sdp;
mod server;
mod session_timer;
mod sockets;
mod transfer;

pub use self::{
    account::SipAccount,
    call::{Keypad, SipCall},
    config::SipConfig,
    network::Network,
    server::SipServer,
};
pub use crate::rtp::{RtpCodec, RtpQuality};
