use std::collections::BTreeMap;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, timeout_at};
use voiceagent_core::audio::AudioFormat;

use super::{
    Carrier,
    event::Event,
    io::{is_about_length, is_too_long},
    message_reader::read_message,
};

/// The longest name of a call or a stream. Carriers use 34 to some 100 characters.
const LONGEST_NAME: usize = 256;

/// What is known when a stream begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StreamStart {
    /// Whose words the message is in.
    pub(super) carrier: Carrier,
    /// `None` where only the token tells.
    pub(super) call: Option<String>,
    /// `None` where a call has one stream.
    pub(super) stream: Option<String>,
    pub(super) account: Option<String>,
    pub(super) format: ToldFormat,
    pub(super) parameters: BTreeMap<String, String>,
}

/// The audio format that a carrier names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ToldFormat {
    Format(AudioFormat),
    Nothing,
    /// One channel at this rate, in an encoding that this build does not know.
    Rate(u32),
    /// One that this build does not know at all.
    Unknown,
}

/// How a socket begins.
#[derive(Debug)]
pub(super) enum Beginning {
    /// The far end went first; its goodbye may be waiting for an answer.
    Gone,
    /// The deadline passed.
    Late,
    Started(StreamStart),
    TooLong,
    /// The call or the stream has a name that cannot be one.
    Unnamed,
}

/// Waits for the message that begins a stream, and passes over all others.
pub(super) async fn wait_for_start(socket: &mut WebSocket, deadline: Instant) -> Beginning {
    loop {
        let Ok(message) = timeout_at(deadline, socket.recv()).await else { return Beginning::Late };
        let text = match message {
            Some(Ok(message)) if is_too_long(&message) => return Beginning::TooLong,
            Some(Ok(Message::Text(text))) => text,
            Some(Err(error)) if is_about_length(&error) => return Beginning::TooLong,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Beginning::Gone,
            Some(Ok(_)) => continue,
        };
        if let Some(Event::Start(start)) = read_message(&text) {
            let names = [&start.call, &start.stream];
            let named = names.into_iter().flatten().all(|name| is_name(name));
            return if named { Beginning::Started(*start) } else { Beginning::Unnamed };
        }
    }
}

/// Whether a text from outside can be the name of a call or a stream, and stand in a log: visible
/// ASCII, and not too long.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
