use std::time::Duration;

use crate::audio::AudioFormat;

/// The loudest sample of a line without any sound: the smallest four steps of G.711.
const STILL: f32 = 0.001;
/// After how much stillness a detector has come to rest. The memory of those in use is far shorter.
const LONG: Duration = Duration::from_millis(500);
/// How much later it is asked again whether to rest, while somebody is still taken to speak.
const AGAIN: Duration = Duration::from_millis(20);

/// For how long a line has been without any sound, and whether the detector rests. It is asked to at
/// places of the stream, so that how long the frames are makes no difference.
#[derive(Debug)]
pub(super) struct Stillness {
    samples: u64,
    /// From how many samples on it is asked, and after how many again.
    long: u64,
    again: u64,
    rests: bool,
}

impl Stillness {
    pub(super) fn new(format: AudioFormat) -> Self {
        let again = format.samples_in(AGAIN).max(1);
        Self { samples: 0, long: format.samples_in(LONG), again, rests: false }
    }

    /// Lets the detector rest until something sounds.
    pub(super) const fn begin_rest(&mut self) {
        self.rests = true;
    }

    /// Takes what the detector need not hear. Returns how many samples of these, the first, that are.
    pub(super) fn rest(&mut self, samples: &[f32]) -> usize {
        if !self.rests {
            return 0;
        }
        let length = samples.iter().take_while(|sample| is_still(**sample)).count();
        self.rests = length == samples.len();
        length
    }

    /// Takes what the detector hears, up to the next place where it may come to rest. Returns how
    /// many samples these are, and whether that place was reached.
    pub(super) fn follow(&mut self, samples: &[f32]) -> (usize, bool) {
        for (before, sample) in samples.iter().enumerate() {
            self.samples = if is_still(*sample) { self.samples + 1 } else { 0 };
            let late = self.samples.checked_sub(self.long);
            if late.is_some_and(|late| late.is_multiple_of(self.again)) {
                return (before + 1, true);
            }
        }
        (samples.len(), false)
    }
}

fn is_still(sample: f32) -> bool {
    sample.abs() <= STILL
}
