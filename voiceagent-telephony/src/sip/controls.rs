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

    /// Where to ask for something.
    pub(super) fn orders(&self) -> mpsc::Sender<Order> {
        self.sender.clone()
    }

    /// Tells how the call goes; whether that is news.
    pub(super) fn tell(&self, quality: RtpQuality) -> bool {
        self.quality.send_if_modified(|told| std::mem::replace(told, quality) != quality)
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
