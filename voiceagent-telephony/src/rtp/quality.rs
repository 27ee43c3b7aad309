use std::time::Duration;

use serde::Serialize;
use voiceagent_core::transport::LineQuality;

/// How well a call over RTP goes, or went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RtpQuality {
    /// Packets that arrived, in time or not, and each time that one did.
    pub received: u64,
    /// Packets that were heard: in their order, and each once.
    pub played: u64,
    /// Packets that did not arrive, or too late.
    pub lost: u64,
    /// Packets of the lost that arrived after they had been made up for.
    pub late: u64,
    /// Packets that came twice.
    pub repeated: u64,
    /// Packets from elsewhere, which were not heard.
    pub foreign: u64,
    /// Datagrams that do not prove themselves where the media is protected (SRTP), or that have come
    /// before, which were not heard.
    pub unproven: u64,
    /// Packets of ours that left 20 ms or more after their time, or were left out.
    pub overdue: u64,
    /// How evenly they arrive: the interarrival jitter (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// The share of our packets that the other side says it has lost since it said so last; `None`
    /// until it has reported.
    pub peer_loss: Option<f32>,
    /// How evenly the other side says that ours arrive.
    pub peer_jitter: Option<Duration>,
    /// From here to the other side and back, once both have reported.
    pub round_trip: Option<Duration>,
    /// How good a listener here would find it, from 1 to 4.5, by the simplified E-model of ITU-T
    /// G.107 for G.711 whose losses are made up. An estimate; nobody was asked.
    pub estimated_mos: f32,
}

impl From<RtpQuality> for LineQuality {
    fn from(rtp: RtpQuality) -> Self {
        let mut line = Self::default();
        line.received = rtp.played;
        line.lost = rtp.lost;
        line.jitter = rtp.jitter;
        line.peer_loss = rtp.peer_loss;
        line.peer_jitter = rtp.peer_jitter;
        line.round_trip = rtp.round_trip;
        line.estimated_mos = (rtp.played > 0).then_some(rtp.estimated_mos);
        line
    }
}

/// What a listener would think of such a loss, from 0 to 1, and such a delay in one direction.
pub(super) fn mos(loss: f64, delay: Duration) -> f32 {
    // ITU-T G.113, appendix I: how well G.711 that is made up bears losses at random.
    const ROBUSTNESS: f64 = 25.1;
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let delay = delay.as_secs_f64() * 1_000.0;
    let by_delay = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let by_loss = 95.0 * percent / (percent + ROBUSTNESS);
    let rating = (93.2 - by_delay - by_loss).clamp(0.0, 100.0);
    let mos = 1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating);
    mos.clamp(1.0, 4.5) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_line_is_rated_as_g711_is_and_losses_and_delays_cost() {
        let rated = |loss, millis| mos(loss, Duration::from_millis(millis));
        assert!((rated(0.0, 0) - 4.41).abs() < 0.01, "{}", rated(0.0, 0));
        assert!((3.7..3.9).contains(&rated(0.05, 60)), "{}", rated(0.05, 60));
        assert!(rated(0.2, 60) < 2.7);
        assert!(rated(0.0, 400) < 3.8);
        assert!((rated(1.0, 5_000) - 1.0).abs() < 0.01);
    }
}
