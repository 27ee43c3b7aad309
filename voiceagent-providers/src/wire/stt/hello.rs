use std::time::Duration;

use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{codec::SttCodec, stream::Settings};
use crate::wire::ws::{Received, Socket};

/// A rejected parameter may get neither hello nor error.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// Connects, and waits until the vendor is ready for audio.
pub(super) async fn establish<C: SttCodec>(settings: &Settings, hello: bool) -> Result<Socket> {
    let mut socket = settings.dial.connect().await?;
    for greeting in &settings.greeting {
        socket.send_text(greeting.expose().to_owned()).await?;
    }
    if !hello {
        return Ok(socket);
    }
    let greeted = timeout(HELLO_DEADLINE, async {
        loop {
            let Received::Text(text) = socket.recv().await? else { continue };
            if C::is_hello(&text, socket.secrets())? {
                return Ok(());
            }
        }
    });
    greeted.await.map_err(|_| {
        Error::new(ErrorKind::Timeout, "open", "the vendor did not say hello")
            .with_provider(C::PROVIDER)
    })??;
    Ok(socket)
}
