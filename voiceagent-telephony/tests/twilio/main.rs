//! Twilio's front door, media socket and call control over real sockets.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

mod front_door;
mod log;
mod media_socket;
mod rest;
mod server;
