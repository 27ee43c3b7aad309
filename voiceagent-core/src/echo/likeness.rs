use super::{LAGS, bands::BANDS, reference::Reference};

/// How far ahead of what it is an echo may seem to lie, in hops, while it is not known where the
/// caller's frames do.
const EARLY: usize = 20;
const ALL: usize = EARLY + LAGS;
/// What is heard counts less by the hop: 0.3 s back, it counts a third.
const DECAY: f32 = 0.967;
/// The least change, as a sum of squared dB, from which anything is concluded.
const ENOUGH: f32 = 600.0;
/// How alike what is played and what is heard must be, from -1 to 1.
const ALIKE: f32 = 0.55;
/// How much more alike than at any other lag: speech is a little like itself at many.
const CLEARLY: f32 = 0.2;
/// Lags nearer than this are the same.
const SAME: usize = 4;
/// For how many hops an echo must be found at the same lag.
const STEADY: u32 = 5;
/// How alike both must be to be suspicious, and how much more than at any other lag.
const SUSPICIOUS: (f32, f32) = (0.3, 0.05);

/// How alike what is heard is to what was played, at each lag.
#[derive(Debug)]
pub(super) struct Likeness {
    products: [f32; ALL],
    /// How much changed of what was played, by the lag, and of what is heard.
    played: [f32; ALL],
    heard: f32,
    best: usize,
    /// How alike it is at the best, and at the next best lag.
    peaks: (f32, f32),
    /// For how many hops `best` has been the best.
    steady: u32,
}

impl Likeness {
    pub(super) fn new() -> Self {
        let (products, played) = ([0.0; ALL], [0.0; ALL]);
        Self { products, played, heard: 0.0, best: 0, peaks: (0.0, 0.0), steady: 0 }
    }

    /// Whether enough has changed of what is heard to tell.
    pub(super) fn is_known(&self) -> bool {
        self.heard > ENOUGH
    }

    /// Whether it may be that there is an echo.
    pub(super) fn is_suspicious(&self) -> bool {
        let ((best, next), (alike, clearly)) = (self.peaks, SUSPICIOUS);
        best > alike && best - next > clearly
    }

    /// Takes a hop. Returns the lag of an echo that is found.
    pub(super) fn push(
        &mut self,
        hop: u64,
        change: &[f32; BANDS],
        reference: &Reference,
    ) -> Option<i64> {
        self.heard = self.heard * DECAY + change.iter().map(|it| it * it).sum::<f32>();
        let mut alike = [0.0; ALL];
        for (place, alike) in alike.iter_mut().enumerate() {
            let (played, energy) =
                reference.change((hop + EARLY as u64).saturating_sub(place as u64));
            let product = change.iter().zip(played).map(|(a, b)| a * b).sum::<f32>();
            self.products[place] = self.products[place] * DECAY + product;
            self.played[place] = self.played[place] * DECAY + energy;
            if self.heard > ENOUGH && self.played[place] > ENOUGH {
                *alike = self.products[place] / (self.heard * self.played[place]).sqrt();
            }
        }
        let best = (0..ALL).max_by(|a, b| alike[*a].total_cmp(&alike[*b])).unwrap_or_default();
        let others = (0..ALL).filter(|place| place.abs_diff(best) > SAME);
        let next = others.map(|place| alike[place]).fold(0.0, f32::max);
        let is_clear = alike[best] > ALIKE && alike[best] - next > CLEARLY;
        let is_same = best.abs_diff(self.best) <= 1;
        self.steady = if !is_clear {
            0
        } else if is_same {
            self.steady + 1
        } else {
            1
        };
        self.best = best;
        self.peaks = (alike[best], next);
        (self.steady >= STEADY).then_some(best as i64 - EARLY as i64)
    }

    /// What is heard lies later by so many hops than was thought.
    pub(super) fn shift(&mut self, hops: i64) {
        let by = (hops.unsigned_abs() as usize).min(ALL);
        for values in [&mut self.products, &mut self.played] {
            if hops > 0 {
                values.rotate_right(by);
                values[..by].fill(0.0);
            } else {
                values.rotate_left(by);
                values[ALL - by..].fill(0.0);
            }
        }
        self.best = self.best.saturating_add_signed(hops as isize).min(ALL - 1);
    }
}
