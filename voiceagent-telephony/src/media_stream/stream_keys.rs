use tokio::sync::mpsc;
use voiceagent_core::{Error, ErrorKind, Result};

use crate::DtmfKey;

/// Keys that may wait for the socket: a long number, and what a menu wants around it.
const KEYS: usize = 32;

/// Presses keys over a media stream, for carriers that take them there: SignalWire ("cXML: Stream",
/// DTMF messages). It is the way to send keys where the carrier's API has none.
///
/// Gotten from [`MediaStream::keys`](super::MediaStream::keys) before the stream is opened.
#[derive(Clone, Debug)]
pub struct StreamKeys(mpsc::Sender<DtmfKey>);

impl StreamKeys {
    /// The sender, and where the stream takes keys from.
    pub(super) fn new() -> (Self, mpsc::Receiver<DtmfKey>) {
        let (keys, pressed) = mpsc::channel(KEYS);
        (Self(keys), pressed)
    }

    /// Presses a key behind those that were pressed before. Audio goes on beside it.
    ///
    /// # Errors
    ///
    /// [`Stalled`](ErrorKind::Stalled) when 32 keys wait for the socket, and
    /// [`Closed`](ErrorKind::Closed) when the stream has ended.
    pub fn press(&self, key: DtmfKey) -> Result<()> {
        self.0.try_send(key).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                Error::new(ErrorKind::Stalled, "press a key", "too many keys wait")
            }
            mpsc::error::TrySendError::Closed(_) => {
                Error::new(ErrorKind::Closed, "press a key", "the stream has ended")
            }
        })
    }
}
