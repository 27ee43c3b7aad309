use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{takeover::Takeover, transfer::Outcome};
use crate::DtmfKey;

/// What the application asks of a call beside its agent.
#[derive(Debug)]
pub(super) enum Order {
    Press(DtmfKey),
    /// The address of a call to hand this one to, in brackets, and who is told what comes of it.
    HandTo(String, oneshot::Sender<Outcome>),
    /// A new call goes on in place of this one.
    TakeOver(Box<Takeover>),
}

/// Presses keys on a call, for menus that a machine reads out (RFC 4733).
#[derive(Clone, Debug)]
pub struct Keypad(pub(super) mpsc::Sender<DtmfKey>);

impl Keypad {
    /// Presses a key for 160 ms, after those before. What the agent says meanwhile is sent beside
    /// them, and waits for none. Other sides that take no keys get none. Of a call that ends and is
    /// not on hold, all keys are pressed before.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the call has ended, [`Stalled`](ErrorKind::Stalled) when
    /// 32 keys wait: also while the other side has put us on hold, when none are pressed.
    pub fn press(&self, key: DtmfKey) -> Result<()> {
        self.0.try_send(key).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::new(ErrorKind::Stalled, "press a key", "too many wait"),
            TrySendError::Closed(_) => {
                Error::new(ErrorKind::Closed, "press a key", "the call is over")
            }
        })
    }
}
