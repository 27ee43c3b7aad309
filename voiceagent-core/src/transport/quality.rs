use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How well a line carries sound, since the call began: its own figures, and those that the far end
/// reports of what it gets.
///
/// ```
/// use voiceagent_core::transport::LineQuality;
///
/// let mut quality = LineQuality::default();
/// (quality.received, quality.lost) = (95, 5);
/// assert_eq!(quality.loss(), 0.05);
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LineQuality {
    /// Packets that arrived in time to be heard, each counted once.
    pub received: u64,
    /// Packets that did not arrive, or too late.
    pub lost: u64,
    /// How unevenly they arrive (the interarrival jitter of RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// The share of our packets, from 0 to 1, that the far end has lost of late; `None` until it has
    /// reported.
    pub peer_loss: Option<f32>,
    /// How unevenly the far end says that our packets arrive.
    pub peer_jitter: Option<Duration>,
    /// From here to the far end and back.
    pub round_trip: Option<Duration>,
    /// How good a listener here would find it, from 1 to 4.5; `None` where nothing has arrived. An
    /// estimate by a model: nobody was asked.
    pub estimated_mos: Option<f32>,
}

impl LineQuality {
    /// The share of packets that did not arrive, from 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.lost + self.received).max(1) as f64
    }
}
