use super::{
    bands::{BANDS, NOTHING},
    reference::Reference,
};

/// How far echo is louder than expected where it is still echo, in dB: rooms and codecs differ
/// from hop to hop.
const MARGIN: f32 = 5.0;
/// An echo dies away no faster, in dB a hop: a room that rings for 0.3 s, or longer and
/// more quietly.
const DECAY: f32 = 2.0;
/// How quickly what is learned of the way follows, a hop.
const LEARNING: f32 = 0.03;
/// No telephone gives back more than it gets, in dB.
const LOUDEST: f32 = 3.0;

/// The way from the agent's mouth to its ears.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// How much later it is heard than it is played, in hops.
    pub(super) lag: i64,
    /// What is left of each band, in dB.
    gain: [f32; BANDS],
    /// What is expected in each band.
    expected: [f32; BANDS],
}

impl Path {
    /// A way on which each hop of `heard` was `lag` hops later. The last of them is `hop`.
    pub(super) fn new(lag: i64, hop: u64, heard: &[[f32; BANDS]], reference: &Reference) -> Self {
        let mut path = Self { lag, gain: [0.0; BANDS], expected: [NOTHING; BANDS] };
        path.learn_anew(hop, heard, reference);
        path
    }

    /// Learns from these hops alone how strong the echo is.
    pub(super) fn learn_anew(&mut self, hop: u64, heard: &[[f32; BANDS]], reference: &Reference) {
        for (band, gain) in self.gain.iter_mut().enumerate() {
            let (mut sum, mut count) = (0.0, 0.0);
            for (ago, levels) in heard.iter().rev().enumerate().filter(|it| it.1[band].is_finite())
            {
                let played = reference.levels(back(hop, ago as i64 + self.lag))[band];
                // The louder, the surer it is that noise is not what was heard.
                let weight = (played + 70.0).max(0.0);
                sum += weight * (levels[band] - played);
                count += weight;
            }
            *gain = if count > 0.0 { (sum / count).min(LOUDEST) } else { LOUDEST };
        }
    }

    /// How much louder a hop is than echo would be, in dB, on the average of the bands.
    pub(super) fn surplus(
        &mut self,
        hop: u64,
        heard: &[f32; BANDS],
        floor: &[f32; BANDS],
        reference: &Reference,
    ) -> f32 {
        let mut surplus = 0.0;
        for band in 0..BANDS {
            // The clocks of both directions are a little off, and what is said after a pause begins
            // with the far end's next frame, up to 20 ms sooner or later than before.
            let near = back(hop, self.lag + 2)..=back(hop, self.lag - 2);
            let played = near.map(|hop| reference.levels(hop)[band]).fold(NOTHING, f32::max);
            let fading = self.expected[band] - DECAY;
            self.expected[band] = (played + self.gain[band]).max(fading);
            let known = self.expected[band].max(floor[band]);
            surplus += (heard[band] - known - MARGIN).max(0.0);
        }
        surplus / BANDS as f32
    }

    /// Whether echo is expected to be louder than the line's noise.
    pub(super) fn is_audible(&self, floor: &[f32; BANDS]) -> bool {
        self.expected.iter().zip(floor).any(|(expected, floor)| expected > floor)
    }

    /// Learns from a hop that is nothing but echo.
    pub(super) fn learn(&mut self, hop: u64, heard: &[f32; BANDS], reference: &Reference) {
        let played = reference.levels(back(hop, self.lag));
        for band in 0..BANDS {
            if played[band] > -55.0 {
                let found = (heard[band] - played[band]).min(LOUDEST);
                self.gain[band] += LEARNING * (found - self.gain[band]);
            }
        }
    }
}

/// So many hops before this one.
fn back(hop: u64, lag: i64) -> u64 {
    hop.saturating_add_signed(lag.saturating_neg())
}
