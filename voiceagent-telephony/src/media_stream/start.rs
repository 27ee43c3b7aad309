use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, timeout_at};

use super::{Dialect, Event, StreamStart, reader::LONGEST_MESSAGE};

/// The longest name of a call or a stream. Carriers use 34 to some 100 characters.
const LONGEST_NAME: usize = 256;

/// How a socket begins.
#[derive(Debug)]
pub(super) enum Beginning {
    /// The far end went first; its goodbye may be waiting for an answer.
    Gone,
    /// The deadline passed.
    Late,
    Started(StreamStart),
    /// The call or the stream has a name that cannot be one.
    Unnamed,
}

/// Waits for the message that begins a stream, and passes over all others.
pub(super) async fn wait_for_start(
    socket: &mut WebSocket,
    dialect: &dyn Dialect,
    deadline: Instant,
) -> Beginning {
    loop {
        let Ok(message) = timeout_at(deadline, socket.recv()).await else { return Beginning::Late };
        let text = match message {
            Some(Ok(Message::Text(text))) if text.len() <= LONGEST_MESSAGE => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Beginning::Gone,
            Some(Ok(_)) => continue,
        };
        if let Some(Event::Start(start)) = dialect.read(&text) {
            let named = is_name(&start.call) && is_name(&start.stream);
            return if named { Beginning::Started(*start) } else { Beginning::Unnamed };
        }
    }
}

/// Whether a text from outside can be the name of a call or a stream, and stand in a log: visible
/// ASCII, and not too long.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
