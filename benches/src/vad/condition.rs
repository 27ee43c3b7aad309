//! What happens to speech before a detector hears it.

use std::{f32::consts::TAU, iter, time::Duration};

use bytes::Bytes;
use voiceagent_core::audio::{AudioFormat, AudioFrame, MediaTime, Resampler, g711::Law};

use super::{
    dice::Dice,
    sound::{LEVEL, MILLI, RATE, Sound, twice},
};

/// What is heard beside the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Noise {
    /// The same power in every octave: wind, ventilation, a crowd far away.
    Pink,
    /// Low: an engine and a road.
    Car,
    /// Eight voices at once, backwards.
    Babble,
}

/// A way to the detector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Condition {
    pub(crate) noise: Option<(Noise, i32)>,
    /// Whether the way is a telephone line: 300 to 3,400 Hz, 8 kHz, mu-law.
    pub(crate) phone: bool,
}

impl Condition {
    /// All of them, the telephone last.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let noises = [Noise::Pink, Noise::Car, Noise::Babble]
            .into_iter()
            .flat_map(|noise| [Some((noise, 10)), Some((noise, 5))]);
        let noises: Vec<_> = iter::once(None).chain(noises).collect();
        [false, true].into_iter().flat_map(move |phone| {
            noises.clone().into_iter().map(move |noise| Self { noise, phone })
        })
    }

    pub(crate) fn name(self) -> String {
        let way = if self.phone { "phone" } else { "16 kHz" };
        match self.noise {
            None if self.phone => format!("{way}, quiet"),
            None => format!("{way}, clean"),
            Some((noise, ratio)) => {
                let noise = match noise {
                    Noise::Pink => "pink",
                    Noise::Car => "car",
                    Noise::Babble => "babble",
                };
                format!("{way}, {noise} {ratio} dB")
            }
        }
    }

    /// The stream on this way, near and far, in frames of 20 ms.
    pub(crate) fn frames(self, near: &Sound, babble: &[Sound]) -> Vec<AudioFrame> {
        self.way(&twice(&self.noisy(near, babble, 0)))
    }

    /// What there is before the way, with the noise of a seed.
    pub(super) fn noisy(self, near: &Sound, babble: &[Sound], seed: u64) -> Sound {
        let mut near = near.clone();
        if let Some((noise, ratio)) = self.noise {
            let length = near.samples.len();
            let mut noise = match noise {
                Noise::Pink => pink(length, seed),
                Noise::Car => car(length, seed),
                Noise::Babble => talk(babble, length, seed),
            };
            let power = noise.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
            let level = (power / length as f64).sqrt() as f32;
            let factor = LEVEL * 10_f32.powf(ratio as f32 / -20.0) / level;
            for (sample, noise) in near.samples.iter_mut().zip(&mut noise) {
                *sample += factor * *noise;
            }
        }
        near
    }

    /// The stream at the end of the way, in frames of 20 ms.
    pub(super) fn way(self, stream: &Sound) -> Vec<AudioFrame> {
        if self.phone { phone(&stream.samples) } else { wide(&stream.samples) }
    }
}

fn wide(samples: &[f32]) -> Vec<AudioFrame> {
    let payload = samples.iter().flat_map(|sample| to_i16(*sample).to_le_bytes()).collect();
    frames(AudioFormat::PCM_16K, payload)
}

fn phone(samples: &[f32]) -> Vec<AudioFrame> {
    let mut samples = samples.to_vec();
    // Two Butterworth filters of fourth order.
    for quality in [0.541_2, 1.306_6] {
        Biquad::high_pass(300.0, quality).run(&mut samples);
        Biquad::low_pass(3_400.0, quality).run(&mut samples);
    }
    let mut narrow = Vec::new();
    Resampler::new(RATE as u32, 8_000).process(&samples, &mut narrow);
    let payload = narrow.iter().map(|sample| Law::Mulaw.encode(to_i16(*sample))).collect();
    frames(AudioFormat::MULAW_8K, payload)
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn frames(format: AudioFormat, payload: Bytes) -> Vec<AudioFrame> {
    let length = format.bytes_in(Duration::from_millis(20));
    let whole = payload.len() / length;
    (0..whole)
        .map(|number| {
            let at = MediaTime(number as u64 * format.samples(length));
            AudioFrame::new(format, at, payload.slice(number * length..(number + 1) * length))
        })
        .collect()
}

/// White noise through poles one octave and a half apart, which together fall by 3 dB an octave
/// within 0.5 dB from 20 Hz on.
fn pink(length: usize, seed: u64) -> Vec<f32> {
    let mut dice = Dice(2 + (seed << 32));
    let corners: Vec<f32> = (0..7).map(|number| 15.0 * 2.83_f32.powi(number)).collect();
    let mut states = vec![0.0_f32; corners.len()];
    (0..length)
        .map(|_| {
            let white = dice.noise();
            for (state, corner) in states.iter_mut().zip(&corners) {
                let pole = (-TAU * corner / RATE as f32).exp();
                // Equal power in each: the wider the band, the lower the gain.
                *state = pole * *state + (1.0 - pole) * white / corner.sqrt();
            }
            states.iter().sum()
        })
        .collect()
}

/// Noise below 150 Hz that falls by 12 dB an octave, and a hundredth of its power from the wind.
fn car(length: usize, seed: u64) -> Vec<f32> {
    let mut dice = Dice(3 + (seed << 32));
    let mut low: Vec<f32> = (0..length).map(|_| dice.noise()).collect();
    Biquad::low_pass(150.0, 0.7).run(&mut low);
    let power = |samples: &[f32]| samples.iter().map(|it| it * it).sum::<f32>();
    let wind = pink(length, seed);
    let factor = (power(&low) / power(&wind) / 100.0).sqrt();
    low.iter().zip(wind).map(|(low, wind)| low + factor * wind).collect()
}

/// Eight voices, each beginning elsewhere, backwards so that nobody says what the caller says.
fn talk(recordings: &[Sound], length: usize, seed: u64) -> Vec<f32> {
    let mut all = Vec::new();
    for recording in recordings {
        let factor = LEVEL / recording.level();
        for it in &recording.speech {
            let end = recording.samples.len().min(it.end * MILLI);
            all.extend(recording.samples[it.start * MILLI..end].iter().map(|it| factor * it));
        }
    }
    all.reverse();
    if seed > 0 {
        let begin = Dice(4 + (seed << 32)).below(all.len());
        all.rotate_left(begin);
    }
    let mut talk = vec![0.0; length];
    for voice in 0..8 {
        let begin = all.len() * voice / 8;
        for (sample, spoken) in talk.iter_mut().zip(all[begin..].iter().chain(all.iter().cycle())) {
            *sample += spoken;
        }
    }
    talk
}

/// A filter of second order (Bristow-Johnson, "Audio EQ Cookbook").
#[derive(Debug)]
struct Biquad {
    forward: [f32; 3],
    back: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    fn low_pass(corner: f32, quality: f32) -> Self {
        Self::pass(corner, quality, |cosine| [0.5, 1.0, 0.5].map(|part| part * (1.0 - cosine)))
    }

    fn high_pass(corner: f32, quality: f32) -> Self {
        Self::pass(corner, quality, |cosine| [0.5, -1.0, 0.5].map(|part| part * (1.0 + cosine)))
    }

    fn pass(corner: f32, quality: f32, forward: impl Fn(f32) -> [f32; 3]) -> Self {
        let angle = TAU * corner / RATE as f32;
        let (sine, cosine) = angle.sin_cos();
        let width = sine / (2.0 * quality);
        let whole = 1.0 + width;
        Self {
            forward: forward(cosine).map(|part| part / whole),
            back: [-2.0 * cosine / whole, (1.0 - width) / whole],
            state: [0.0; 2],
        }
    }

    fn run(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let input = *sample;
            let output = self.forward[0] * input + self.state[0];
            self.state[0] = self.forward[1] * input - self.back[0] * output + self.state[1];
            self.state[1] = self.forward[2] * input - self.back[1] * output;
            *sample = output;
        }
    }
}
