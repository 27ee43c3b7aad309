//! Random numbers that are the same in every run.

#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From 0 to 1: the generator of Knuth's MMIX, of which the high bits are good.
    pub(super) fn roll(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.roll() * limit as f32) as usize
    }

    /// Nearly normal, with a variance of 1.
    pub(super) fn noise(&mut self) -> f32 {
        (0..4).map(|_| self.roll() - 0.5).sum::<f32>() * 1.732
    }
}
