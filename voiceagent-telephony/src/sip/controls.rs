use tokio::sync::{mpsc, watch};

use super::{Keypad, RtpQuality, SipHandover, keypad::Order};

/// Keys and other orders that may wait: more than any number has.
const ORDERS: usize = 32;

/// What an application has of a call beside the agent that talks on it.
#[derive(Debug)]
pub(super) struct Controls {
    quality: watch::Sender<RtpQuality>,
    sender: mpsc::Sender<Order>,
    orders: mpsc::Receiver<Order>,
}

impl Controls {
    pub(super) fn new() -> Self {
        let (sender, orders) = mpsc::channel(ORDERS);
        Self { quality: watch::Sender::default(), sender, orders }
    }

    pub(super) fn quality(&self) -> watch::Receiver<RtpQuality> {
        self.quality.subscribe()
    }

    pub(super) fn keypad(&self) -> Keypad {
        Keypad(self.sender.clone())
    }

    pub(super) fn handover(&self) -> SipHandover {
        SipHandover(self.sender.clone())
    }

    pub(super) fn tell(&self, quality: RtpQuality) {
        self.quality.send_replace(quality);
    }

    /// What is asked for next.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn order(&mut self) -> Option<Order> {
        self.orders.recv().await
    }
}
