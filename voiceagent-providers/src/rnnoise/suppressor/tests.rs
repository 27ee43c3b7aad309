use bytes::Bytes;
use voiceagent_core::audio::{Decibels, Encoding, MediaTime};

use super::*;

const SPEECH: &[u8] = include_bytes!("../../../../voiceagent-core/testdata/jfk_8k.mulaw");
const FORMAT: AudioFormat = AudioFormat::PCM_8K;

fn speech() -> Vec<f32> {
    let mut samples = Vec::new();
    Decoder::new(AudioFormat::MULAW_8K).unwrap().decode(SPEECH, &mut samples);
    samples
}

fn frame(at: usize, samples: &[f32], format: AudioFormat) -> AudioFrame {
    let mut bytes = BytesMut::new();
    Encoder::new(format).unwrap().encode(samples, &mut bytes);
    AudioFrame::new(format, MediaTime(at as u64), bytes.freeze())
}

/// What comes out of it, in pieces of so many samples.
fn filtered(samples: &[f32], piece: usize) -> Vec<f32> {
    let mut filter = NoiseSuppressor::new();
    let mut decoder = Decoder::new(FORMAT).unwrap();
    let mut heard = Vec::new();
    for (number, piece_) in samples.chunks(piece).enumerate() {
        let frame = frame(number * piece, piece_, FORMAT);
        let out = filter.apply(frame.clone());
        assert_eq!((out.at, out.format, out.samples()), (frame.at, FORMAT, frame.samples()));
        decoder.decode(&out.payload, &mut heard);
    }
    heard
}

/// White noise that is the same each time.
fn noise(samples: usize, level: Decibels) -> Vec<f32> {
    let amplitude = 3.0_f32.sqrt() * 10.0_f32.powf(level.0 / 20.0);
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..samples).map(|_| amplitude * next()).collect()
}

fn snr(wanted: &[f32], heard: &[f32]) -> f32 {
    let apart: Vec<f32> = wanted.iter().zip(heard).map(|(a, b)| a - b).collect();
    Decibels::of(wanted).0 - Decibels::of(&apart).0
}

fn delay() -> usize {
    (NoiseSuppressor::latency(8_000).as_secs_f64() * 8_000.0).round() as usize
}

#[test]
fn speech_stands_out_further_from_noise() {
    let speech = speech();
    let level = Decibels::of(&speech);
    // The less noise there is, the more weighs what is lost of the voice.
    for (below, least) in [(5.0, 3.0), (10.0, 1.0)] {
        let noise = noise(speech.len(), Decibels(level.0 - below));
        let noisy: Vec<f32> = speech.iter().zip(noise).map(|(a, b)| a + b).collect();
        let heard = filtered(&noisy, 160);
        let gain = snr(&speech, &heard[delay()..]) - snr(&speech, &noisy);
        assert!(gain > least, "{below} dB: {gain:.1} dB");
    }
    let quiet = filtered(&noise(80_000, Decibels(-40.0)), 160);
    let left = Decibels::of(&quiet[40_000..]).0;
    assert!(left < -55.0, "noise alone: {left} dB");
}

#[test]
fn it_lags_by_what_it_says() {
    let speech = speech();
    let heard = filtered(&speech, 160);
    let best = (0..600)
        .max_by(|&one, &other| {
            snr(&speech[..30_000], &heard[one..])
                .total_cmp(&snr(&speech[..30_000], &heard[other..]))
        })
        .unwrap();
    assert!(best.abs_diff(delay()) <= 1, "{best} samples, not {}", delay());
    assert!(NoiseSuppressor::latency(8_000) < Duration::from_millis(27));
    assert_eq!(NoiseSuppressor::latency(48_000), Duration::from_millis(20));
}

#[test]
fn how_audio_is_cut_into_frames_changes_nothing() {
    let speech = &speech()[..8_000];
    let whole = filtered(speech, 160);
    for piece in [1, 7, 80, 333, 8_000] {
        assert_eq!(filtered(speech, piece), whole, "in pieces of {piece}");
    }
}

#[test]
fn every_format_keeps_its_length_and_packets_pass() {
    let formats = [
        AudioFormat::MULAW_8K,
        AudioFormat::G722,
        AudioFormat::mono(Encoding::PcmS16Le, 44_100),
        AudioFormat::mono(Encoding::PcmS16Le, 48_000),
    ];
    // One filter, and a line that changes its format.
    let mut filter = NoiseSuppressor::new();
    for format in formats {
        let samples = format.sample_rate as usize / 50;
        for number in 0..200 {
            let frame = frame(number * samples, &vec![0.1; samples], format);
            assert_eq!(filter.apply(frame.clone()).samples(), frame.samples(), "{format:?}");
        }
    }
    let packet = Bytes::from_static(&[1, 2, 3]);
    let opus = AudioFormat::mono(Encoding::Opus, 48_000);
    let frame = AudioFrame::new(opus, MediaTime(0), packet);
    assert_eq!(filter.apply(frame.clone()), frame);
}
