//! Media sockets, front doors and call control over real sockets.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

mod admission;
mod audio_socket;
mod chaos;
mod control;
mod dialects;
mod forgeries;
mod front_door;
mod front_doors;
mod live_calls;
mod log;
mod look_ups;
mod media_socket;
mod messages;
mod refusals;
mod relay;
mod repetitions;
mod rest;
mod returns;
mod server;
mod silent_sockets;
#[cfg(target_os = "linux")]
mod slow_reader;
mod vapi;
