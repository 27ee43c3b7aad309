use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::{ErrorKind, audio::decoder::pcm};

/// A voice of a constant pitch: some harmonics.
fn voice(rate: u32, pitch: f32, samples: usize) -> Vec<f32> {
    let turn = pitch / rate as f32;
    let sample = |at: usize| {
        let wave = |number: f32| (TAU * (at as f32 * turn * number).fract()).sin() / number;
        0.2 * (wave(1.0) + wave(2.0) + wave(5.0))
    };
    (0..samples).map(sample).collect()
}

fn encode(samples: &[f32], format: AudioFormat) -> Bytes {
    let mut bytes = BytesMut::new();
    Encoder::new(format).unwrap().encode(samples, &mut bytes);
    bytes.freeze()
}

fn read(bytes: &[u8]) -> Vec<f32> {
    pcm(bytes).map(|sample| f32::from(sample) / 32_768.0).collect()
}

/// The voice as it sounds when some of its frames of 20 ms are lost.
fn with_gaps(format: AudioFormat, voice: &[f32], is_lost: impl Fn(usize) -> bool) -> Vec<f32> {
    let mut concealer = Concealer::new(format).unwrap();
    let frame = format.sample_rate as usize / 50;
    let mut heard = Vec::new();
    for (number, sound) in voice.chunks(frame).enumerate() {
        let payload = if is_lost(number) {
            concealer.conceal(sound.len() as u64)
        } else {
            concealer.receive(encode(sound, format))
        };
        heard.extend(read(&payload));
    }
    heard
}

fn snr(wanted: &[f32], heard: &[f32]) -> f32 {
    let power: f32 = wanted.iter().map(|sample| sample * sample).sum();
    let noise: f32 = wanted.iter().zip(heard).map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * (power / noise).log10()
}

#[test]
fn a_steady_voice_goes_on_through_a_lost_frame() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        for pitch in [80.0, 125.0, 190.0] {
            let format = AudioFormat::mono(Encoding::PcmS16Le, rate);
            let frame = rate as usize / 50;
            let voice = voice(rate, pitch, 12 * frame);
            let heard = with_gaps(format, &voice, |number| number == 6);
            assert_eq!(heard[..6 * frame].len(), 6 * frame);
            let gap = 6 * frame..7 * frame;
            let gap = snr(&voice[gap.clone()], &heard[gap]);
            assert!(gap > 9.0, "{rate} Hz, pitch {pitch}: {gap:.1} dB");
            let after = snr(&voice[8 * frame..], &heard[8 * frame..]);
            assert!(after > 60.0, "what arrives is not changed: {after:.1} dB");
        }
    }
}

#[test]
fn no_step_is_heard_at_either_end_of_a_gap() {
    let voice = voice(8_000, 130.0, 4_000);
    let steps =
        |sound: &[f32]| sound.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
    let heard = with_gaps(AudioFormat::PCM_8K, &voice, |number| number % 5 == 4);
    let (most, usual) = (steps(&heard), steps(&voice));
    assert!(most < 1.6 * usual, "{most} where {usual} is usual");
}

#[test]
fn a_long_gap_falls_silent_within_60_ms() {
    let mut concealer = Concealer::new(AudioFormat::PCM_8K).unwrap();
    concealer.receive(encode(&voice(8_000, 100.0, 1_600), AudioFormat::PCM_8K));
    let heard = read(&concealer.conceal(8_000));
    let loudest = |range: std::ops::Range<usize>| {
        heard[range].iter().fold(0.0, |most: f32, sample| most.max(sample.abs()))
    };
    assert!(loudest(0..80) > 0.2);
    assert!(loudest(240..320) < 0.6 * loudest(0..80), "it becomes softer");
    assert_eq!(loudest(480..8_000), 0.0);
}

#[test]
fn without_a_gap_the_same_bytes_pass() {
    for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K] {
        let mut concealer = Concealer::new(format).unwrap();
        let payload = encode(&voice(format.sample_rate, 100.0, 320), format);
        assert_eq!(concealer.receive(payload.clone()).as_ptr(), payload.as_ptr());
        assert_eq!(format.samples(concealer.conceal(160).len()), 160);
        assert_ne!(concealer.receive(payload.clone()), payload, "it is joined");
        assert_eq!(concealer.receive(payload.clone()).as_ptr(), payload.as_ptr());
    }
}

#[test]
fn packets_and_differences_are_refused() {
    for format in [AudioFormat::G722, AudioFormat::mono(Encoding::Opus, 48_000)] {
        assert_eq!(Concealer::new(format).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

proptest! {
    #[test]
    fn how_sound_and_gaps_are_cut_changes_nothing(
        stretches in prop::collection::vec((any::<bool>(), 0_usize..900), 1..12),
        cut in 1_usize..200,
    ) {
        let voice = voice(8_000, 111.0, 12 * 900);
        let (mut whole, mut parts) =
            [(); 2].map(|()| Concealer::new(AudioFormat::PCM_8K).unwrap()).into();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut at = 0;
        for (lost, length) in stretches {
            let sound = encode(&voice[at..at + length], AudioFormat::PCM_8K);
            at += length;
            if lost {
                first.extend(whole.conceal(length as u64));
            } else {
                first.extend(whole.receive(sound.clone()));
            }
            for part in sound.chunks(cut * 2) {
                if lost {
                    second.extend(parts.conceal(part.len() as u64 / 2));
                } else {
                    second.extend(parts.receive(Bytes::copy_from_slice(part)));
                }
            }
        }
        prop_assert_eq!(first, second);
    }
}
