use std::iter;

use voiceagent_core::{
    Result,
    audio::{AudioFrame, Decoder, Resampler},
};

use super::features::{RATE, SAMPLES};

/// What the frames hold, as the model hears it; between frames that lie apart it is silent.
pub(super) fn samples(frames: &[AudioFrame]) -> Result<Vec<f32>> {
    let Some(first) = frames.first() else { return Ok(Vec::new()) };
    let format = first.format;
    let mut decoder = Decoder::new(format)?;
    // No gap is longer than what the model hears.
    let longest = format.sample_rate as usize * SAMPLES / RATE as usize;
    let mut decoded = Vec::new();
    let mut end = first.at.0;
    for frame in frames.iter().filter(|frame| frame.format == format) {
        let gap = usize::try_from(frame.at.0.saturating_sub(end)).unwrap_or(longest);
        decoded.extend(iter::repeat_n(0.0, gap.min(longest)));
        decoder.decode(&frame.payload, &mut decoded);
        end = frame.at.0 + frame.samples();
    }
    if format.sample_rate == RATE {
        return Ok(decoded);
    }
    let mut samples = Vec::new();
    Resampler::new(format.sample_rate, RATE).process(&decoded, &mut samples);
    Ok(samples)
}
