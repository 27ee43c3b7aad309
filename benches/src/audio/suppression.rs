//! What the noise suppressor leaves of noise, and of speech, on a telephone.

use std::{error::Error, fmt, sync::Arc};

use voiceagent_core::{
    audio::{AudioFilter as _, AudioFrame, Decibels, Decoder},
    vad::{Telephone, VadFactory},
};
use voiceagent_providers::rnnoise::NoiseSuppressor;

use crate::vad::{Condition, Delays, MILLI, RATE, Sound, listen, recordings, stream, twice};

/// One way to the agent, with the suppressor and without.
pub(super) struct Effect {
    condition: String,
    before: Heard,
    after: Heard,
}

/// What arrives.
struct Heard {
    /// How far what is not the clean telephone's voice lies below it, in dB: the ratio of signal
    /// and distortion at the gain that suits best (SI-SDR).
    ratio: f32,
    /// How loud it is where nobody speaks.
    pauses: Decibels,
    /// What the gate makes of it.
    delays: Delays,
}

/// All noises on the telephone, on the recordings that come with the benches.
pub(super) fn effects() -> Result<Vec<Effect>, Box<dyn Error>> {
    let own = recordings()?;
    let near = stream(&own);
    let both = twice(&near);
    let clean = decoded(&Condition { noise: None, phone: true }.frames(&near, &own))?;
    let phones = Condition::all().filter(|condition| condition.phone);
    let effect = |condition: Condition| {
        let frames = condition.frames(&near, &own);
        let mut filter = NoiseSuppressor::new();
        let filtered: Vec<_> = frames.iter().map(|it| filter.apply(it.clone())).collect();
        let lag = NoiseSuppressor::latency(frames[0].format.sample_rate);
        let lag = (lag.as_secs_f64() * f64::from(frames[0].format.sample_rate)).round() as usize;
        Ok(Effect {
            condition: condition.name(),
            before: Heard::of(&frames, &clean, &both, 0)?,
            after: Heard::of(&filtered, &clean, &both, lag)?,
        })
    };
    phones.map(effect).collect()
}

fn decoded(frames: &[AudioFrame]) -> Result<Vec<f32>, Box<dyn Error>> {
    let format = frames.first().ok_or("nothing to hear")?.format;
    let mut decoder = Decoder::new(format)?;
    let mut samples = Vec::new();
    for frame in frames {
        decoder.decode(&frame.payload, &mut samples);
    }
    Ok(samples)
}

impl Heard {
    /// `lag` is by how many samples it comes later than the clean one.
    fn of(
        frames: &[AudioFrame],
        clean: &[f32],
        sound: &Sound,
        lag: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let telephone: Arc<dyn VadFactory> = Arc::new(Telephone::default());
        let edges = listen(&telephone, frames)?.edges;
        let heard = decoded(frames)?;
        let (mut voice, mut voice_heard, mut pauses) = (Vec::new(), Vec::new(), Vec::new());
        // Labels are in milliseconds, and a telephone has as many samples of each.
        let each = MILLI * frames[0].format.sample_rate as usize / RATE;
        let mut speech = sound.speech.iter().peekable();
        for (at, (clean, heard)) in clean.iter().zip(heard.get(lag..).unwrap_or(&[])).enumerate() {
            while speech.next_if(|it| it.end * each <= at).is_some() {}
            if speech.peek().is_some_and(|it| it.start * each <= at) {
                voice.push(*clean);
                voice_heard.push(*heard);
            } else {
                pauses.push(*heard);
            }
        }
        Ok(Self {
            ratio: ratio(&voice, &voice_heard),
            pauses: Decibels::of(&pauses),
            delays: Delays::of(&edges, &sound.speech, sound.duration()),
        })
    }
}

/// Le Roux et al., "SDR – half-baked or well done?" (ICASSP 2019).
fn ratio(wanted: &[f32], heard: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(one * other)).sum()
    };
    let gain = dot(wanted, heard) / dot(wanted, wanted);
    let signal = gain * gain * dot(wanted, wanted);
    (10.0 * (signal / (dot(heard, heard) - signal).max(f64::MIN_POSITIVE)).log10()) as f32
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} |", self.condition)?;
        for it in [&self.before, &self.after] {
            let (onset, missed) = (it.delays.onset, it.delays.missed);
            let false_starts = it.delays.false_starts_per_minute;
            let ratio = if it.ratio > 100.0 { "–".into() } else { format!("{:.1} dB", it.ratio) };
            write!(
                f,
                " {ratio} | {} | {} / {} ms, {missed}, {false_starts:.1} |",
                it.pauses, onset.p50, onset.p90
            )?;
        }
        Ok(())
    }
}
