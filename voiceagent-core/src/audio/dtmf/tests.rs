use voiceagent_testkit::clips;

use super::*;
use crate::audio::{AudioFormat, Clip, Resampler, g711::Law};

const ALL: &str = "1234567890*#ABCD";
const RATE: u32 = 8_000;

fn keys(samples: &[f32], rate: u32, piece: usize) -> String {
    let mut detector = DtmfDetector::new(rate).unwrap();
    let mut keys = String::new();
    for piece in samples.chunks(piece) {
        detector.push(piece, |key| keys.push(key));
    }
    keys
}

/// Two tones, so many percent off and at these levels, for so many milliseconds, as they come from a
/// telephone.
fn pair([row, column]: [usize; 2], off: [f32; 2], levels: [f32; 2], millis: f32) -> Vec<f32> {
    let wave =
        |at: usize, tone: f32, off: f32| (TAU * tone * (1.0 + off / 100.0) * at as f32 / 8e3).sin();
    let samples = 0..(millis * 8.0) as usize;
    let sample =
        |at| levels[0] * wave(at, LOW[row], off[0]) + levels[1] * wave(at, HIGH[column], off[1]);
    telephone(samples.map(sample))
}

fn telephone(samples: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut codes = Vec::new();
    Law::Mulaw.encode_f32_into(&samples.collect::<Vec<_>>(), &mut codes);
    let mut samples = Vec::new();
    Law::Mulaw.decode_f32_into(&codes, &mut samples);
    samples
}

/// For how many of all keys, beginning anywhere in a block, exactly that key is told, and for how many
/// none is.
fn told(tone: impl Fn([usize; 2]) -> Vec<f32>) -> (u32, u32) {
    let (mut right, mut none) = (0, 0);
    for (row, column) in (0..16).map(|key| (key / 4, key % 4)) {
        for offset in (0..106).step_by(15) {
            let silence = vec![0.0; offset];
            let heard = keys(&[silence, tone([row, column]), vec![0.0; 400]].concat(), RATE, 160);
            right += u32::from(heard == KEYS[row][column].to_string());
            none += u32::from(heard.is_empty());
        }
    }
    (right, none)
}
const EACH: u32 = 16 * 8;

/// Noise of this loudness that is the same each time.
fn noise(samples: usize, loudness: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..samples).map(|_| loudness * next()).collect()
}

#[test]
fn every_key_is_told_once_at_every_rate_however_the_audio_is_cut() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        let pause = vec![0.0; rate as usize / 20];
        let tone = |key| DtmfDetector::tone(key, rate, Duration::from_millis(100)).unwrap();
        let audio: Vec<f32> =
            ALL.chars().flat_map(|key| [tone(key), pause.clone()].concat()).collect();
        for piece in [1, 7, 160, 10_000] {
            assert_eq!(keys(&audio, rate, piece), ALL, "{rate} Hz in pieces of {piece}");
        }
    }
    assert_eq!(DtmfDetector::tone('x', RATE, Duration::from_secs(1)), None);
}

#[test]
fn each_key_of_40_ms_is_told_again_after_a_pause_as_long_wherever_it_begins() {
    // At every sample at 8 and 16 kHz, and as finely as at 8 kHz above.
    for (rate, step) in [(8_000, 1), (16_000, 1), (24_000, 3), (48_000, 6)] {
        let pause = vec![0.0; rate as usize / 25];
        let block = (BLOCK.as_secs_f32() * rate as f32) as usize;
        for key in ALL.chars() {
            let tone = DtmfDetector::tone(key, rate, Duration::from_millis(40)).unwrap();
            let twice = [tone.clone(), pause.clone(), tone, pause.clone()].concat();
            for offset in (0..block).step_by(step) {
                let heard = keys(&[vec![0.0; offset], twice.clone()].concat(), rate, 160);
                assert_eq!(heard, format!("{key}{key}"), "{rate} Hz at {offset}");
            }
        }
    }
}

#[test]
fn a_pause_of_40_ms_that_is_not_silent_lets_a_key_go_too() {
    for (row, column) in (0..16).map(|key| (key / 4, key % 4)) {
        let tone = pair([row, column], [0.0; 2], [0.2, 0.2], 40.0);
        let twice = [tone.clone(), vec![0.0; 320], tone, vec![0.0; 400]].concat();
        for offset in 0..106 {
            // White noise 15 dB below the tones.
            let soft = noise(twice.len(), 0.06);
            let line = twice.iter().zip(soft).map(|(one, other)| one + other);
            let line: Vec<f32> = vec![0.0; offset].into_iter().chain(line).collect();
            let key = KEYS[row][column];
            assert_eq!(keys(&line, RATE, 160), format!("{key}{key}"), "at {offset}");
        }
    }
}

#[test]
fn a_gap_of_12_ms_lets_no_key_go_wherever_it_is() {
    for key in ALL.chars() {
        let tone = DtmfDetector::tone(key, RATE, Duration::from_millis(110)).unwrap();
        for (gap, at) in [80, 96].into_iter().flat_map(|gap| (0..212).map(move |at| (gap, at))) {
            let mut held = [tone.clone(), vec![0.0; 400]].concat();
            held[400 + at..][..gap].fill(0.0);
            assert_eq!(keys(&held, RATE, 160), key.to_string(), "{gap} samples at {at}");
        }
    }
}

#[test]
fn tones_of_40_ms_are_told_within_what_lines_do_to_them() {
    // ITU-T Q.24, table A-1: 1.5 % off, the high tone 4 dB stronger or 8 dB weaker, all at once.
    for off in [[0.0; 2], [1.5; 2], [-1.5; 2], [1.5, -1.5], [-1.5, 1.5]] {
        for levels in [[0.2, 0.2], [0.4, 0.16], [0.127, 0.2]] {
            let all = told(|key| pair(key, off, levels, 40.0));
            assert_eq!(all, (EACH, 0), "{off:?} % off at {levels:?}");
        }
    }
    // 38 dB below a tone of full scale.
    assert_eq!(told(|key| pair(key, [0.0; 2], [0.0126, 0.0126], 40.0)), (EACH, 0));
    // A dial tone, each part of it 10 dB below each tone, and an echo 10 dB down after 20 ms.
    let dial = |at: usize| [350.0, 440.0].map(|tone| 0.063 * (TAU * tone * at as f32 / 8e3).sin());
    let plain = |key| pair(key, [0.0; 2], [0.2, 0.2], 40.0);
    let over = |key| {
        let tones = plain(key).into_iter().enumerate();
        telephone(tones.map(|(at, sample)| sample + dial(at).iter().sum::<f32>()))
    };
    assert_eq!(told(over), (EACH, 0));
    let echoed = |key| {
        let tones = plain(key);
        let late = [vec![0.0; 160], tones.clone()].concat().into_iter();
        let both = late.zip(tones.into_iter().chain(std::iter::repeat(0.0)));
        telephone(both.map(|(late, now)| now + 0.316 * late))
    };
    assert_eq!(told(echoed), (EACH, 0));
    // White noise 10 dB below both tones.
    let noisy = |key| {
        let tones = plain(key);
        let soft = noise(tones.len(), 0.109);
        telephone(tones.into_iter().zip(soft).map(|(one, other)| one + other))
    };
    assert_eq!(told(noisy), (EACH, 0));
}

#[test]
fn what_is_no_key_to_any_exchange_is_none() {
    for off in [[3.5, 0.0], [-3.5, 0.0], [0.0, 3.5], [0.0, -3.5], [3.5; 2], [-3.5; 2], [5.0; 2]] {
        let none = told(|key| pair(key, off, [0.2, 0.2], 100.0));
        assert_eq!(none, (0, EACH), "{off:?} % off");
    }
    for levels in [[0.4, 0.1], [0.08, 0.2], [0.01, 0.01]] {
        let none = told(|key| pair(key, [0.0; 2], levels, 100.0));
        assert_eq!(none, (0, EACH), "12 dB and 8 dB apart, and 40 dB below full scale: {levels:?}");
    }
    for millis in [12.0, 20.0, 22.0] {
        let none = told(|key| pair(key, [0.0; 2], [0.2, 0.2], millis));
        assert_eq!(none, (0, EACH), "{millis} ms");
    }
}

/// The speech of the benches, which a packaged crate does not hold.
fn annotated_speech() -> Vec<Clip> {
    let benches = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches"));
    if !benches.join("Cargo.toml").exists() {
        eprintln!("outside of the repository: only the speech of this crate is heard");
        return Vec::new();
    }
    let files = std::fs::read_dir(benches.join("testdata/speech"));
    let files = files.expect("annotated speech lies in the repository");
    let files = files.map(|file| file.unwrap().path());
    let speech: Vec<Clip> = files
        .filter(|path| path.extension().is_some_and(|it| it == "wav"))
        .map(|path| Clip::open(path).unwrap())
        .collect();
    assert!(speech.len() >= 14, "{speech:?}");
    speech
}

#[test]
fn speech_presses_no_key_at_any_pitch_and_level() {
    let mut all = annotated_speech();
    let in_repository = !all.is_empty();
    let telephone = [clips::APPOINTMENT, clips::GOODBYE, clips::HELLO, clips::STOP, clips::YES];
    let jfk: &[u8] = include_bytes!("../../../testdata/jfk_8k.mulaw");
    let codes = telephone.iter().map(|clip| clip.audio).chain([jfk]);
    all.extend(codes.map(|codes| Clip::new(AudioFormat::MULAW_8K, codes).unwrap()));
    let mut seconds = 0;
    for clip in &all {
        let plain = clip.encode(AudioFormat::PCM_16K).unwrap();
        let plain: Vec<f32> = crate::audio::decoder::pcm(&plain).map(f32::from).collect();
        // Voices of other pitches, and lines that are softer, or too loud.
        for (rate, gains) in [(13_000, &[1.0][..]), (16_000, &[1.0, 0.3, 3.0]), (19_000, &[1.0])] {
            let mut heard = Vec::new();
            Resampler::new(rate, RATE).process(&plain, &mut heard);
            for gain in gains {
                let heard = self::telephone(heard.iter().map(|it| it * gain / 32_768.0));
                assert_eq!(keys(&heard, RATE, 160), "", "{rate} Hz, {gain}: {clip:?}");
                seconds += heard.len() / RATE as usize;
            }
        }
    }
    assert!(seconds > if in_repository { 250 } else { 50 }, "{seconds} s of speech");
}

#[test]
fn noise_hides_no_key_and_makes_none() {
    for seed in 0..20 {
        let tone = pair([2, 1], [0.0; 2], [0.2, 0.2], 60.0);
        // 15 dB below the tones, and 5 dB above them.
        let soft = noise(tone.len() + seed, 0.06).split_off(seed);
        let noisy: Vec<f32> = tone.iter().zip(soft).map(|(one, other)| one + other).collect();
        assert_eq!(keys(&noisy, RATE, 160), "8");
    }
    assert_eq!(keys(&noise(80_000, 0.6), RATE, 160), "");
}

#[test]
fn a_key_that_is_held_is_told_once_and_again_when_it_was_let_go() {
    let mut detector = DtmfDetector::new(RATE).unwrap();
    let mut keys = String::new();
    let tone = DtmfDetector::tone('5', RATE, Duration::from_secs(3)).unwrap();
    detector.push(&tone, |key| keys.push(key));
    assert!(detector.is_held());
    detector.push(&[0.0; 100], |key| keys.push(key));
    detector.push(&tone[..400], |key| keys.push(key));
    assert_eq!(keys, "5", "a gap of 12 ms lets nothing go");
    detector.push(&[0.0; 320], |key| keys.push(key));
    assert!(!detector.is_held());
    detector.push(&tone[..400], |key| keys.push(key));
    assert_eq!(keys, "55");
    assert!(!format!("{detector:?}").contains('5'));
}

#[test]
fn rates_at_which_the_tones_cannot_be_told_apart_are_refused() {
    for rate in [0, 7_999, 192_001] {
        assert_eq!(DtmfDetector::new(rate).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
