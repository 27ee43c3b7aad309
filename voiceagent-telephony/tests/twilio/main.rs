//! Twilio's front door, media socket and call control over real sockets.

mod front_door;
mod media_socket;
mod rest;
mod server;
