use tokio::sync::{mpsc, watch};

use super::{Keypad, RtpQuality, SipHandover, keypad::Order};
use crate::DtmfKey;

/// Keys that may wait: more than any number has.
const KEYS: usize = 32;

/// Other orders that may wait. Each is obeyed at once.
const ORDERS: usize = 8;

/// What an application has of a call beside the agent that talks on it.
#[derive(Debug)]
pub(super) struct Controls {
    quality: watch::Sender<RtpQuality>,
    sender: mpsc::Sender<Order>,
    orders: mpsc::Receiver<Order>,
    presser: mpsc::Sender<DtmfKey>,
    keys: mpsc::Receiver<DtmfKey>,
}

impl Controls {
    pub(super) fn new() -> Self {
        let (sender, orders) = mpsc::channel(ORDERS);
        let (presser, keys) = mpsc::channel(KEYS);
        Self { quality: watch::Sender::default(), sender, orders, presser, keys }
    }

    pub(super) fn quality(&self) -> watch::Receiver<RtpQuality> {
        self.quality.subscribe()
    }

    pub(super) fn keypad(&self) -> Keypad {
        Keypad(self.presser.clone())
    }

    pub(super) fn handover(&self) -> SipHandover {
        SipHandover(self.sender.clone())
    }

    /// Where to ask for something.
    pub(super) fn orders(&self) -> mpsc::Sender<Order> {
        self.sender.clone()
    }

    /// Tells how the call goes; whether that is news.
    pub(super) fn tell(&self, quality: RtpQuality) -> bool {
        self.quality.send_if_modified(|told| std::mem::replace(told, quality) != quality)
    }

    /// What is asked for next, keys where they are taken.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn order(&mut self, takes_key: bool) -> Option<Order> {
        tokio::select! {
            biased;
            order = self.orders.recv() => order,
            Some(key) = self.keys.recv(), if takes_key => Some(Order::Press(key)),
        }
    }

    /// Whether keys wait.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }
}
