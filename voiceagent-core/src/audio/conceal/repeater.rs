/// The periods of voices, in milliseconds: 66 to 200 Hz.
const SHORTEST: usize = 5;
const LONGEST: usize = 15;
/// How much sound is compared with what was a period before, in milliseconds.
const COMPARED: usize = 20;
/// Up to so many periods are repeated.
const PERIODS: usize = 3;
/// The longest time that what comes after a gap is faded in, in units of 10 ms.
const LONGEST_JOIN: usize = 1;
/// In how many units of 10 ms what is repeated falls silent, after the first one.
const FADE: usize = 5;

/// Repeats the last periods of a sound.
#[derive(Clone, Debug)]
pub(super) struct Repeater {
    /// Samples of a millisecond and of ten.
    millisecond: usize,
    unit: usize,
    /// The last sound, oldest sample first: three periods and a quarter. It stands still in a gap.
    history: Box<[f32]>,
    /// What was made up since, and what it was joined to.
    made: Vec<f32>,
    /// Samples that were made up since the sound broke off; none outside a gap and its join.
    lost: usize,
    period: usize,
    /// How many periods are repeated, and where in them the next sample is.
    periods: usize,
    at: usize,
    /// Samples for which one period fewer is still heard.
    changing: usize,
    /// Samples of the join: all, and those that are left.
    join: (usize, usize),
}

impl Repeater {
    pub(super) fn new(rate: u32) -> Self {
        let millisecond = (rate / 1_000).max(1) as usize;
        let longest = LONGEST * millisecond;
        let history = vec![0.0; PERIODS * longest + longest.div_ceil(4)].into_boxed_slice();
        Self {
            millisecond,
            unit: 10 * millisecond,
            made: Vec::with_capacity(2 * history.len()),
            history,
            lost: 0,
            period: longest,
            periods: 1,
            at: 0,
            changing: 0,
            join: (0, 0),
        }
    }

    /// The next sample of a gap.
    pub(super) fn conceal(&mut self) -> f32 {
        if self.join.1 > 0 {
            // What comes after the last gap breaks off before it has faded in.
            self.end_gap();
        }
        let sample = self.repeat();
        self.keep(sample);
        sample
    }

    /// Takes what has arrived. Returns whether it was changed.
    pub(super) fn receive(&mut self, samples: &mut [f32]) -> bool {
        if self.lost == 0 || samples.is_empty() {
            self.remember(samples);
            return false;
        }
        if self.join.1 == 0 {
            let longer = 4 * self.millisecond * (self.lost / self.unit);
            let join = (self.quarter() + longer).min(LONGEST_JOIN * self.unit);
            self.join = (join, join);
        }
        let (joined, rest) = samples.split_at_mut(self.join.1.min(samples.len()));
        for sample in joined {
            let share = self.join.1 as f32 / (self.join.0 + 1) as f32;
            *sample += (self.repeat() - *sample) * share;
            self.keep(*sample);
            self.join.1 -= 1;
        }
        if self.join.1 == 0 {
            self.end_gap();
            self.remember(rest);
        }
        true
    }

    fn end_gap(&mut self) {
        let made = std::mem::take(&mut self.made);
        self.remember(&made);
        self.made = made;
        self.made.clear();
        self.lost = 0;
        self.join = (0, 0);
    }

    fn repeat(&mut self) -> f32 {
        match self.lost {
            0 => self.begin(),
            lost if lost.is_multiple_of(self.unit) && self.periods < PERIODS => {
                self.periods += 1;
                self.changing = self.quarter();
            }
            _ => {}
        }
        let faded = self.lost.saturating_sub(self.unit) as f32 / (FADE * self.unit) as f32;
        if faded >= 1.0 {
            self.lost += 1;
            return 0.0;
        }
        let length = self.periods * self.period;
        let mut sample = self.cycle(length, self.at);
        let quarter = self.quarter();
        let step = 1.0 / (quarter + 1) as f32;
        if self.changing > 0 {
            let shorter = length - self.period;
            let before = self.cycle(shorter, self.at % shorter);
            sample += (before - sample) * self.changing as f32 * step;
            self.changing -= 1;
        }
        if self.lost < quarter {
            // No sound repeats itself exactly: it goes on from its last sample.
            let last = self.history.len() - 1;
            let apart = self.history[last] - self.history[last - self.period];
            sample += apart * (quarter - self.lost) as f32 * step;
        }
        self.at = (self.at + 1) % length;
        self.lost += 1;
        sample * (1.0 - faded)
    }

    /// A sample of the last `length`, whose end turns into what was before their beginning, so that
    /// they can be repeated without a step.
    fn cycle(&self, length: usize, at: usize) -> f32 {
        let quarter = self.quarter();
        let begin = self.history.len() - length;
        let sample = self.history[begin + at];
        let Some(turned) = (at + quarter + 1).checked_sub(length).filter(|turned| *turned > 0)
        else {
            return sample;
        };
        let before = self.history[begin + at - length];
        sample + (before - sample) * turned as f32 / (quarter + 1) as f32
    }

    fn begin(&mut self) {
        self.period = self.find_period();
        self.periods = 1;
        self.at = 0;
        self.changing = 0;
    }

    /// The distance at which the sound is most like itself: first in steps of a quarter of a
    /// millisecond, then exactly.
    fn find_period(&self) -> usize {
        let coarse = (self.millisecond / 4).max(1);
        let (shortest, longest) = (SHORTEST * self.millisecond, LONGEST * self.millisecond);
        let near = self.most_alike((shortest..=longest).step_by(coarse), coarse);
        let around = near.saturating_sub(coarse).max(shortest)..=(near + coarse).min(longest);
        self.most_alike(around, (coarse / 4).max(1))
    }

    fn most_alike(&self, distances: impl Iterator<Item = usize>, step: usize) -> usize {
        let end = self.history.len();
        let recent = &self.history[end - COMPARED * self.millisecond..];
        let likeness = |distance: usize| {
            let before = &self.history[end - COMPARED * self.millisecond - distance..];
            let pairs = recent.iter().zip(before).step_by(step);
            let (product, energy) = pairs.fold((0.0_f32, 1e-9_f32), |(product, energy), (a, b)| {
                (product + a * b, energy + b * b)
            });
            product / energy.sqrt()
        };
        let likest = distances
            .map(|distance| (distance, likeness(distance)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        likest.map_or(self.period, |(distance, _)| distance)
    }

    fn quarter(&self) -> usize {
        self.period / 4
    }

    fn keep(&mut self, sample: f32) {
        if self.made.len() == 2 * self.history.len() {
            self.made.drain(..self.history.len());
        }
        self.made.push(sample);
    }

    fn remember(&mut self, samples: &[f32]) {
        let length = self.history.len();
        let recent = &samples[samples.len().saturating_sub(length)..];
        self.history.copy_within(recent.len().., 0);
        self.history[length - recent.len()..].copy_from_slice(recent);
    }
}
