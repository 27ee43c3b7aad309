//! Calls from SIP trunks and PBXs, answered directly: no media server, no cloud.
//!
//! A [`SipServer`] listens for signalling over UDP, TCP and TLS, and hands each call to the
//! application, as a [`SipCall`] that rings until it is opened.

mod account;
mod addresses;
mod admission;
mod agreement;
mod answers;
mod call;
mod caller;
mod config;
mod confirmation;
mod connected;
mod controls;
mod copies;
mod crossing;
mod datagrams;
mod dial;
mod digest;
mod early_media;
mod framing;
#[cfg(test)]
mod fuzz;
mod gate;
mod handles;
mod handover;
mod incoming;
mod info;
mod keypad;
mod leg;
mod line;
mod lists;
#[cfg(test)]
mod lossy;
mod negotiation;
mod network;
mod office;
mod outside;
mod parameters;
mod peer;
mod ports;
mod prober;
mod progress;
mod protection;
mod pulse;
mod quiet;
mod reach;
mod refresh;
mod refusal;
mod registration;
mod replaces;
mod screening;
mod sdp;
mod server;
mod session_timer;
mod sockets;
mod stream;
mod streams;
mod switchboard;
mod takeover;
mod target;
mod tls;
mod tones;
mod transfer;
mod transport;
mod trunk;
mod within;

pub use self::{
    account::SipAccount,
    call::SipCall,
    caller::SipCaller,
    config::SipConfig,
    dial::SipDial,
    handover::{SipConsultation, SipHandover},
    keypad::Keypad,
    network::Network,
    progress::SipProgress,
    protection::SipSrtp,
    reach::{SipNeighbor, SipReach},
    refusal::SipRefusal,
    server::SipServer,
    tls::SipTls,
    transport::SipTransport,
    trunk::SipTrunk,
};
pub use crate::rtp::{RtpCodec, RtpQuality};
