//! How much of speech is understood, by the short-time objective intelligibility measure (STOI) of
//! Taal, Hendriks, Heusdens and Jensen, "An Algorithm for Intelligibility Prediction of
//! Time-Frequency Weighted Noisy Speech", IEEE Transactions on Audio, Speech, and Language
//! Processing 19(7), 2011. It is 1 for what is as it was; listeners understand nearly all words above
//! 0.85 or so, and hardly any below 0.5.

use std::f64::consts::TAU;

use voiceagent_core::audio::{Decoder, MediaTime};
use voiceagent_testkit::clips;

use super::{tests::Line, *};

/// The paper's frames of 25.6 ms, of which the next begins in the middle, at the rate of a phone.
const FRAME: usize = 208;
const HOP: usize = FRAME / 2;

/// Points of the transform: 31 Hz each.
const POINTS: usize = 256;

/// Thirds of an octave from 150 Hz. The paper's fifteenth is beyond what a phone carries.
const BANDS: usize = 14;

/// Frames that are compared at once: 390 ms.
const SEGMENT: usize = 30;

/// What is this much softer than the loudest is no speech (dB), and by how much a band of what is
/// heard may stand out before it is cut (dB).
const RANGE: f64 = 40.0;
const CLIP: f64 = 15.0;

/// How loud each band of each frame is.
fn bands(sound: &[f64]) -> Vec<[f64; BANDS]> {
    let window: Vec<f64> = (0..FRAME)
        .map(|at| 0.5 - 0.5 * (TAU * (at as f64 + 1.0) / (FRAME as f64 + 1.0)).cos())
        .collect();
    let turn: Vec<(f64, f64)> =
        (0..POINTS).map(|at| (TAU * at as f64 / POINTS as f64).sin_cos()).collect();
    let hertz = |bin: usize| bin as f64 * 8_000.0 / POINTS as f64;
    let edge = |half_thirds: f64| 150.0 * 2_f64.powf(half_thirds / 6.0);
    let frames = (0..=sound.len() - FRAME).step_by(HOP);
    frames
        .map(|begin| {
            let frame: Vec<f64> =
                sound[begin..begin + FRAME].iter().zip(&window).map(|(a, b)| a * b).collect();
            let power = |bin: usize| {
                let (mut real, mut imaginary) = (0.0, 0.0);
                for (at, sample) in frame.iter().enumerate() {
                    let (sin, cos) = turn[at * bin % POINTS];
                    real += sample * cos;
                    imaginary += sample * sin;
                }
                real * real + imaginary * imaginary
            };
            std::array::from_fn(|band| {
                let (low, high) = (edge(2.0 * band as f64 - 1.0), edge(2.0 * band as f64 + 1.0));
                let within = (1..POINTS / 2).filter(|bin| (low..high).contains(&hertz(*bin)));
                within.map(power).sum::<f64>().sqrt()
            })
        })
        .collect()
}

fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_one, mean_other) = (mean(one), mean(other));
    let (mut product, mut power_one, mut power_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (a - mean_one, b - mean_other);
        product += a * b;
        power_one += a * a;
        power_other += b * b;
    }
    product / (power_one * power_other).sqrt().max(1e-9)
}

/// How much is understood of what was said, by what was heard.
fn intelligibility(said: &[f64], heard: &[f64]) -> f64 {
    let (said, heard) = (bands(said), bands(heard));
    let loudness = |frame: &[f64; BANDS]| frame.iter().map(|band| band * band).sum::<f64>();
    let loudest = said.iter().map(loudness).fold(0.0, f64::max);
    let speech = |frame: &[f64; BANDS]| loudness(frame) > loudest / 10_f64.powf(RANGE / 10.0);
    let pairs: Vec<_> = said.iter().zip(&heard).filter(|(said, _)| speech(said)).collect();
    let most = 1.0 + 10_f64.powf(CLIP / 20.0);
    let (mut sum, mut count) = (0.0, 0.0);
    for segment in pairs.windows(SEGMENT) {
        for band in 0..BANDS {
            let one: Vec<f64> = segment.iter().map(|(said, _)| said[band]).collect();
            let other: Vec<f64> = segment.iter().map(|(_, heard)| heard[band]).collect();
            let power = |of: &[f64]| of.iter().map(|it| it * it).sum::<f64>();
            let scale = (power(&one) / power(&other).max(1e-9)).sqrt();
            let cut: Vec<f64> = one
                .iter()
                .zip(&other)
                .map(|(one, other)| (other * scale).min(one * most))
                .collect();
            sum += correlation(&one, &cut);
            count += 1.0;
        }
    }
    sum / count
}

fn samples(mulaw: &[u8]) -> Vec<f64> {
    let mut decoded = Vec::new();
    Decoder::new(AudioFormat::MULAW_8K).unwrap().decode(mulaw, &mut decoded);
    decoded.into_iter().map(f64::from).collect()
}

/// Twenty seconds of speech over a line that loses and delays.
fn heard_over(loss_percent: u64, jitter_millis: u64) -> f64 {
    let said = clips::speech(Duration::from_secs(20));
    let mut line = Line::new(loss_percent, jitter_millis);
    let mut heard = vec![0xFF; said.len()];
    for millis in 0..21_000 {
        let begin = usize::try_from(millis * 8).unwrap();
        if millis % 20 == 0 && begin < said.len() {
            let piece = said.slice(begin..(begin + 160).min(said.len()));
            line.sides[0].play(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), piece));
        }
        for told in line.pass(millis).into_iter().nth(1).unwrap() {
            let Inbound::Audio(frame) = told else { continue };
            let at = usize::try_from(frame.at.0).unwrap();
            for (place, sample) in heard.iter_mut().skip(at).zip(&frame.payload) {
                *place = *sample;
            }
        }
    }
    understood(&said, &heard)
}

/// How much is understood of speech that was heard a few packets sooner than it was said, both as
/// mu-law.
pub(crate) fn understood(said: &[u8], heard: &[u8]) -> f64 {
    let (said, heard) = (samples(said), samples(heard));
    // The first packet that arrives need not be the first that was sent; from there on all is in its
    // place.
    let like = |packets: &usize| {
        correlation(&said[packets * 160..], &heard[..heard.len() - packets * 160])
    };
    let missed = (0..6).max_by(|a, b| like(a).total_cmp(&like(b))).unwrap_or(0);
    intelligibility(&said[missed * 160..], &heard[..heard.len() - missed * 160])
}

#[test]
fn speech_stays_intelligible_with_5_percent_lost_and_60_ms_of_jitter() {
    let [clean, lossy, bad] =
        [(0, 0), (5, 60), (60, 60)].map(|(loss, jitter)| heard_over(loss, jitter));
    println!("STOI {clean:.3} on a clean line, {lossy:.3} with 5 % lost, {bad:.3} with 60 % lost");
    assert!(clean > 0.999, "{clean}");
    assert!(lossy > 0.9, "{lossy}");
    assert!(bad < 0.75, "the measure tells when nothing is understood: {bad}");
}
