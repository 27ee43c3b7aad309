//! A call from its answer to its end.

use std::pin::pin;

use tracing::debug;
use voiceagent_core::{Call, CallTime, Event, Line, Result};

use crate::agent::CLOSING;

/// Lets a call run to its end, and shows what happens in it. When `closing` ends, the caller is told
/// goodbye.
pub(crate) async fn converse(
    mut call: Call,
    closing: impl Future<Output = ()>,
    mut show: impl FnMut(CallTime, &Event),
) {
    let mut closing = pin!(closing);
    let mut is_open = true;
    loop {
        tokio::select! {
            event = call.next_event() => match event {
                Some((at, event)) => show(at, &event),
                None => return,
            },
            () = &mut closing, if is_open => {
                is_open = false;
                if let Err(error) = take_leave(call.line()) {
                    debug!(%error, "a call ended before its goodbye");
                }
            }
        }
    }
}

/// There is no time to finish what is being said.
fn take_leave(line: &Line) -> Result<()> {
    line.interrupt()?;
    line.announce(CLOSING)?;
    line.hang_up()
}
