//! Calls from Asterisk by its AudioSocket protocol, over TCP ("AudioSocket: message format").

mod frame;
mod leg;
mod server;

pub use server::{AudioSocket, AudioSocketCall};
