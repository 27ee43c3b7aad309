//! What hearing costs.

use std::{error::Error, fs, hint::black_box, sync::Arc, thread};

use serde::Serialize;
use voiceagent_core::{audio::AudioFrame, vad::VadFactory};

use super::{listen::ears, sound::Sound};

/// The least of so many runs counts, as others use the machine.
const RUNS: usize = 7;

/// Milliseconds of a core for each second of audio.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cost {
    /// The detector, with windows of its own rate.
    pub(super) detector: f64,
    /// All from a mu-law frame to edges.
    pub(super) from_phone: f64,
}

impl Cost {
    /// Measures a detector; `frames` are of a telephone line.
    pub(super) fn of(
        vad: &Arc<dyn VadFactory>,
        sound: &Sound,
        frames: &[AudioFrame],
    ) -> Result<Self, Box<dyn Error>> {
        let mut detector = vad.detector();
        let rate = detector.sample_rate() as usize;
        let seconds = (sound.samples.len() / rate).min(30);
        let windows = &sound.samples[..seconds * rate];
        let (mut alone, mut whole) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..RUNS {
            let before = thread_time()?;
            for window in windows.chunks_exact(detector.window()) {
                black_box(detector.speech_probability(black_box(window)));
            }
            alone = alone.min((thread_time()? - before) / seconds as f64);
            let mut ears = ears(&**vad, frames)?.without_rest();
            let frames = &frames[..frames.len().min(1_500)];
            let before = thread_time()?;
            for frame in frames {
                black_box(ears.push(black_box(frame)));
            }
            whole = whole.min((thread_time()? - before) / (frames.len() as f64 / 50.0));
        }
        Ok(Self { detector: alone, from_phone: whole })
    }
}

/// Milliseconds that this thread has had a processor: the first number of `schedstat` (Linux).
pub(crate) fn thread_time() -> Result<f64, Box<dyn Error>> {
    // The kernel counts at its own pace; a thread that offers its place is counted at once.
    thread::yield_now();
    let times = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: u64 = times.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos as f64 / 1e6)
}
