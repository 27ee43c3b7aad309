use std::time::Duration;

use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use voiceagent_core::{Error, ErrorKind, Result, Retry};

use super::patience::Patience;
use crate::wire::{
    secrets::Secrets,
    ws::{Dial, Received, Socket},
};

/// The vendor sends its last words and closes; a link has 100 ms for all of its goodbye.
const GOODBYE: Duration = Duration::from_millis(60);

/// The connection of a voice, which is lost and made again while the voice lives on.
#[derive(Debug)]
pub(crate) struct Line {
    dial: Dial,
    secrets: Secrets,
    socket: Option<Socket>,
    patience: Patience,
}

impl Line {
    /// Connects.
    pub(crate) async fn open(dial: Dial) -> Result<Self> {
        let socket = Some(dial.connect().await?);
        Ok(Self { secrets: dial.secrets(), dial, socket, patience: Patience::new() })
    }

    /// Whether there is a connection.
    pub(crate) const fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// What may not be repeated of the vendor's words.
    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The next message of the vendor; waits for ever without a connection.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn recv(&mut self) -> Result<Received> {
        match &mut self.socket {
            Some(socket) => socket.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Writes a message.
    pub(crate) async fn send(&mut self, message: impl Into<Utf8Bytes>) -> Result<()> {
        match &mut self.socket {
            Some(socket) => socket.send_text(message).await,
            None => Err(Error::new(ErrorKind::Disconnected, "write", "no connection")
                .with_provider(self.dial.provider)),
        }
    }

    /// The vendor has proved to be well.
    pub(crate) const fn works(&mut self) {
        self.patience.reset();
    }

    /// Leaves the connection.
    pub(crate) fn hang_up(&mut self) {
        self.socket = None;
    }

    /// Connects anew, at once.
    pub(crate) async fn connect(&mut self) -> Result<()> {
        self.socket = None;
        self.socket = Some(self.dial.connect().await?);
        Ok(())
    }

    /// Connects anew after a loss, as often and as late as is of use.
    ///
    /// # Errors
    ///
    /// That of the last try, or the loss itself when there were enough.
    pub(crate) async fn reconnect(&mut self, mut lost: Error) -> Result<()> {
        loop {
            let Some(wait) = self.patience.next_wait(&lost) else { return Err(lost) };
            sleep(wait).await;
            match self.connect().await {
                Err(failed) if failed.retry() != Retry::Never => lost = failed,
                done => return done,
            }
        }
    }

    /// Says goodbye in the vendor's words, if it has any.
    pub(crate) async fn close(self, goodbye: Option<&'static str>) {
        if let Some(socket) = self.socket {
            socket.close(goodbye.map(Into::into), GOODBYE).await;
        }
    }
}
