use std::time::Duration;

use crate::audio::AudioFormat;

/// The loudest sample of a line without any sound: the smallest four steps of G.711.
const STILL: f32 = 0.001;
/// After how much stillness a detector has come to rest. The memory of those in use is far shorter.
const LONG: Duration = Duration::from_millis(500);
/// The detector begins to rest, and to hear again, at multiples of this since the stream began: it is
/// a frame of most lines.
const STEP: Duration = Duration::from_millis(20);

/// For how long a line has been without any sound, and whether the detector rests. Both are settled at
/// places of the stream, so that how long the frames are makes no difference.
#[derive(Debug)]
pub(super) struct Stillness {
    /// For how many samples.
    samples: u64,
    long: u64,
    step: u64,
    /// Samples of the step at hand.
    place: u64,
    rests: bool,
}

impl Stillness {
    pub(super) fn new(format: AudioFormat) -> Self {
        let (long, step) = (format.samples_in(LONG), format.samples_in(STEP).max(1));
        Self { samples: 0, long, step, place: 0, rests: false }
    }

    /// In samples.
    pub(super) const fn step(&self) -> u64 {
        self.step
    }

    /// Lets the detector rest until something sounds.
    pub(super) const fn begin_rest(&mut self) {
        self.rests = true;
    }

    /// A step begins here, because the stream has begun or was broken off.
    pub(super) const fn begin_anew(&mut self) {
        self.place = 0;
    }

    /// Takes what the detector need not hear. Returns how many samples of these, the first, that are.
    pub(super) fn rest(&mut self, samples: &[f32]) -> usize {
        if !self.rests {
            return 0;
        }
        let length = samples.iter().take_while(|sample| is_still(**sample)).count();
        self.rests = length == samples.len();
        self.place = (self.place + length as u64) % self.step;
        length
    }

    /// Takes what the detector hears, up to the next place where it may come to rest. Returns how
    /// many samples these are, and whether that place was reached.
    pub(super) fn follow(&mut self, samples: &[f32]) -> (usize, bool) {
        for (before, sample) in samples.iter().enumerate() {
            self.samples = if is_still(*sample) { self.samples + 1 } else { 0 };
            self.place = (self.place + 1) % self.step;
            if self.place == 0 && self.samples >= self.long {
                return (before + 1, true);
            }
        }
        (samples.len(), false)
    }
}

fn is_still(sample: f32) -> bool {
    sample.abs() <= STILL
}
