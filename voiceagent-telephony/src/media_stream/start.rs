use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, timeout_at};

use super::{Dialect, Event, StreamStart, reader::LONGEST_MESSAGE};

/// Waits for the message that begins a stream, and passes over all others.
///
/// `None` when the deadline passes or the far end goes first.
pub(super) async fn wait_for_start(
    socket: &mut WebSocket,
    dialect: &dyn Dialect,
    deadline: Instant,
) -> Option<StreamStart> {
    loop {
        let message = timeout_at(deadline, socket.recv()).await.ok()??.ok()?;
        let Message::Text(text) = message else { continue };
        if text.len() > LONGEST_MESSAGE {
            continue;
        }
        if let Some(Event::Start(start)) = dialect.read(&text) {
            return Some(*start);
        }
    }
}
