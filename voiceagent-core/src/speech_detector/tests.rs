use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    ErrorKind,
    audio::{Decibels, Transcoder},
    vad::Telephone,
};

const SPEECH: &[u8] = include_bytes!("../../testdata/jfk_8k.mulaw");
/// 20 ms at 8 kHz.
const FRAME: usize = 160;

/// Scores a window by its loudness, at the rate and window that a test asks for.
#[derive(Clone, Copy, Debug)]
struct Loudness {
    rate: u32,
    window: usize,
}

impl VadFactory for Loudness {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(*self)
    }
}

impl VoiceActivityDetector for Loudness {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn window(&self) -> usize {
        self.window
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        assert_eq!(window.len(), self.window);
        if Decibels::of(window) > Decibels(-20.0) { 1.0 } else { 0.0 }
    }

    fn reset(&mut self) {}
}

fn detector(factory: &dyn VadFactory, format: AudioFormat) -> SpeechDetector {
    SpeechDetector::new(factory, format, SpeechGateConfig::default()).unwrap()
}

/// The stream in frames of 20 ms, beginning at `at`.
fn frames(format: AudioFormat, payload: Bytes, mut at: u64) -> Vec<AudioFrame> {
    let frame = format.bytes_in(Duration::from_millis(20));
    let mut frames = Vec::new();
    for start in (0..payload.len()).step_by(frame) {
        let part = payload.slice(start..payload.len().min(start + frame));
        frames.push(AudioFrame::new(format, MediaTime(at), part));
        at += format.samples(frame);
    }
    frames
}

fn edges(detector: &mut SpeechDetector, frames: &[AudioFrame]) -> Vec<SpeechEdge> {
    frames.iter().filter_map(|frame| detector.push(frame)).collect()
}

/// Loud and silent stretches of mu-law, each a number of 20 ms frames.
fn stretches(stretches: &[(bool, usize)]) -> Bytes {
    stretches
        .iter()
        .flat_map(|&(loud, count)| {
            // A square wave of 500 Hz at half of full scale, or digital silence.
            (0..count * FRAME).map(move |n| match (loud, n / 8 % 2) {
                (false, _) => 0xFF,
                (true, 0) => 0x8F,
                (true, _) => 0x0F,
            })
        })
        .collect()
}

fn positions(edges: &[SpeechEdge]) -> Vec<u64> {
    edges
        .iter()
        .map(|edge| match edge {
            SpeechEdge::Started { since } | SpeechEdge::Stopped { since } => since.0,
        })
        .collect()
}

/// First and last 20 ms of each stretch that stands out from the hiss of the recording, which is at
/// -41 dBFS, by 3 dB; over pauses of at most 200 ms.
fn loud_stretches(frames: &[AudioFrame]) -> Vec<(u64, u64)> {
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for frame in frames {
        if Decibels::of_frame(frame).unwrap() < Decibels(-38.0) {
            continue;
        }
        let (begin, end) = (frame.at.0, frame.at.0 + frame.samples());
        match stretches.last_mut() {
            Some(last) if begin - last.1 <= 1_600 => last.1 = end,
            Some(_) | None => stretches.push((begin, end)),
        }
    }
    stretches
}

#[test]
fn t16_edges_of_recorded_speech_lie_where_its_energy_says() {
    let silence = Bytes::from(vec![0xFF; 20 * FRAME]);
    let payload: Bytes = [SPEECH, &silence].concat().into();
    let mut mulaw = frames(AudioFormat::MULAW_8K, payload.clone(), 0);
    let expected = loud_stretches(&mulaw);
    assert_eq!(expected.len(), 2, "two phrases: {expected:?}");

    for format in [AudioFormat::MULAW_8K, AudioFormat::PCM_16K, AudioFormat::ALAW_8K] {
        let payload =
            Transcoder::new(AudioFormat::MULAW_8K, format).unwrap().transcode(payload.clone());
        mulaw = frames(format, payload, 0);
        let heard = edges(&mut detector(&Telephone::default(), format), &mulaw);
        assert_eq!(heard.len(), 4, "{format:?}: {heard:?}");
        let scale = u64::from(format.sample_rate / 8_000);
        let heard = positions(&heard);
        for (edge, expected) in heard.iter().zip(expected.iter().flat_map(|&(a, b)| [a, b])) {
            let distance = (edge / scale).abs_diff(expected);
            assert!(distance < 800, "{format:?}: {heard:?} instead of {expected}");
        }
    }
}

#[test]
fn five_seconds_without_speech_have_no_edges() {
    let mut state = 7_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // About -55 dBFS: a quiet line.
        crate::audio::g711::Law::Mulaw.encode((state >> 24) as i16 - 128)
    };
    for payload in [Bytes::from(vec![0xFF; 40_000]), (0..40_000).map(|_| noise()).collect()] {
        let frames = frames(AudioFormat::MULAW_8K, payload, 0);
        assert_eq!(edges(&mut detector(&Telephone::default(), AudioFormat::MULAW_8K), &frames), []);
    }
}

#[test]
fn positions_count_in_the_samples_of_the_frames() {
    let payload = stretches(&[(false, 20), (true, 20), (false, 20)]);
    let at = 1_000_000;
    for (rate, window) in [(8_000, 160), (16_000, 256), (44_100, 512)] {
        let mut detector = detector(&Loudness { rate, window }, AudioFormat::MULAW_8K);
        let heard = edges(&mut detector, &frames(AudioFormat::MULAW_8K, payload.clone(), at));
        let expected = [at + 20 * 160, at + 40 * 160];
        assert_eq!(heard.len(), 2);
        // Up to a window before or after, in samples of 8 kHz.
        let window = window as u64 * 8_000 / u64::from(rate) + 1;
        for (heard, expected) in positions(&heard).iter().zip(expected) {
            assert!(heard.abs_diff(expected) <= window, "{rate} Hz: {heard}, {expected}");
        }
    }
}

#[test]
fn frames_of_the_detectors_rate_are_not_resampled() {
    let is_resampled = |format| detector(&Telephone::default(), format).resampler.is_some();
    assert!(!is_resampled(AudioFormat::MULAW_8K));
    assert!(is_resampled(AudioFormat::PCM_16K));
}

#[test]
fn a_long_frame_loses_no_edge() {
    let payload = stretches(&[(true, 10), (false, 20), (true, 10)]);
    let format = AudioFormat::MULAW_8K;
    let mut detector = detector(&Loudness { rate: 8_000, window: 160 }, format);
    let frame = AudioFrame::new(format, MediaTime(0), payload);
    let mut heard = Vec::from_iter(detector.push(&frame));
    heard.extend(std::iter::from_fn(|| detector.poll()));
    assert_eq!(positions(&heard), [0, 1_600, 4_800]);
}

#[test]
fn t8_speech_ends_where_audio_stopped_arriving() {
    let format = AudioFormat::MULAW_8K;
    let mut detector = detector(&Loudness { rate: 8_000, window: 160 }, format);
    let loud = frames(format, stretches(&[(true, 10)]), 0);
    assert_eq!(edges(&mut detector, &loud).len(), 1);
    let stopped = detector.force_stop(MediaTime(1_600));
    assert_eq!(stopped, Some(SpeechEdge::Stopped { since: MediaTime(1_600) }));
    assert!(!detector.is_speaking());
    let back = edges(&mut detector, &frames(format, stretches(&[(true, 10)]), 16_000));
    assert_eq!(back, [SpeechEdge::Started { since: MediaTime(16_000) }]);
}

#[test]
fn a16_a_gap_between_frames_counts_as_silence() {
    let format = AudioFormat::MULAW_8K;
    let mut detector = detector(&Loudness { rate: 8_000, window: 160 }, format);
    let mut stream = frames(format, stretches(&[(true, 10)]), 0);
    // 20 ms are lost, then half a second.
    stream.extend(frames(format, stretches(&[(true, 10)]), 1_760));
    stream.extend(frames(format, stretches(&[(true, 10)]), 7_360));
    let heard = edges(&mut detector, &stream);
    assert_eq!(positions(&heard), [0, 3_360, 7_360]);
}

#[test]
fn positions_that_wander_a_little_are_no_gaps() {
    let format = AudioFormat::MULAW_8K;
    let mut detector = detector(&Loudness { rate: 8_000, window: 256 }, format);
    let mut stream = frames(format, stretches(&[(true, 50), (false, 20)]), 0);
    for (n, frame) in stream.iter_mut().enumerate() {
        // Rounded to 5 ms, by a clock that is one part in a thousand fast.
        frame.at.0 = (frame.at.0 + n as u64 * 160 / 1_000) / 40 * 40;
    }
    let heard = edges(&mut detector, &stream);
    let heard = positions(&heard);
    assert_eq!(heard.len(), 2);
    assert!(heard[0] < 256 && heard[1].abs_diff(8_000) <= 256, "{heard:?}");
}

#[test]
fn a_stream_that_starts_again_is_followed() {
    let format = AudioFormat::MULAW_8K;
    let mut detector = detector(&Loudness { rate: 8_000, window: 160 }, format);
    edges(&mut detector, &frames(format, stretches(&[(false, 10)]), 80_000));
    let heard = edges(&mut detector, &frames(format, stretches(&[(false, 1), (true, 5)]), 0));
    assert_eq!(positions(&heard), [160]);
}

#[test]
fn a_format_that_cannot_be_heard_is_refused() {
    let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
    let refused = SpeechDetector::new(&Telephone::default(), stereo, SpeechGateConfig::default());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    let nothing = Loudness { rate: 8_000, window: 0 };
    let refused = SpeechDetector::new(&nothing, AudioFormat::PCM_16K, SpeechGateConfig::default());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_stream_at_its_limits_stays_within_the_range_of_the_detector() {
    #[derive(Debug)]
    struct Range;
    impl VadFactory for Range {
        fn detector(&self) -> Box<dyn VoiceActivityDetector> {
            Box::new(Self)
        }
    }
    impl VoiceActivityDetector for Range {
        fn sample_rate(&self) -> u32 {
            16_000
        }
        fn window(&self) -> usize {
            64
        }
        fn speech_probability(&mut self, window: &[f32]) -> f32 {
            assert!(window.iter().all(|sample| (-1.0..=1.0).contains(sample)));
            0.0
        }
        fn reset(&mut self) {}
    }
    // The steps of a square wave at full scale overshoot in the filter.
    let square = (0..8_000).map(|n| if n / 8 % 2 == 0 { 0x80 } else { 0x00 }).collect();
    let frames = frames(AudioFormat::MULAW_8K, square, 0);
    assert_eq!(edges(&mut detector(&Range, AudioFormat::MULAW_8K), &frames), []);
}

/// Writes down how loud its windows are.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<Vec<Decibels>>>);

impl VadFactory for Meter {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(self.clone())
    }
}

impl VoiceActivityDetector for Meter {
    fn sample_rate(&self) -> u32 {
        16_000
    }

    fn window(&self) -> usize {
        512
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.0.lock().unwrap().push(Decibels::of(window));
        0.0
    }

    fn reset(&mut self) {}
}

#[test]
fn a_detector_hears_no_silence_but_a_noise_that_nobody_hears() {
    let meter = Meter::default();
    let silence = frames(AudioFormat::MULAW_8K, stretches(&[(false, 20)]), 0);
    edges(&mut detector(&meter, AudioFormat::MULAW_8K), &silence);
    let levels = meter.0.lock().unwrap();
    assert_eq!(levels.len(), 12);
    let is_right = |level: &Decibels| (-73.5..=-72.0).contains(&level.0);
    assert!(levels.iter().all(is_right), "{levels:?}");
}

/// A loudness detector that counts its windows.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl VadFactory for Counting {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(self.clone())
    }
}

impl VoiceActivityDetector for Counting {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        256
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.0.fetch_add(1, Ordering::Relaxed);
        if Decibels::of(window) > Decibels(-20.0) { 1.0 } else { 0.0 }
    }

    fn reset(&mut self) {}
}

#[test]
fn a_line_without_any_sound_lets_the_detector_rest() {
    let format = AudioFormat::MULAW_8K;
    let windows = Counting::default();
    let mut detector = detector(&windows, format);
    let payload = stretches(&[(false, 500), (true, 20), (false, 500), (true, 20)]);
    let heard = edges(&mut detector, &frames(format, payload, 0));
    assert_eq!(heard.len(), 3, "{heard:?}");
    for (heard, expected) in positions(&heard).iter().zip([80_000, 83_200, 163_200]) {
        assert!(heard.abs_diff(expected) <= 256, "{heard} instead of {expected}");
    }
    // Of 1 040 frames: the two loud stretches, and half a second of each silence.
    let frames_heard = windows.0.load(Ordering::Relaxed) * 256 / FRAME;
    assert!((80..=92).contains(&frames_heard), "{frames_heard} frames");
}

#[test]
fn a_line_that_goes_on_after_a_break_comes_to_rest_as_one_that_begins() {
    let format = AudioFormat::MULAW_8K;
    let windows_of = |before: usize| {
        let windows = Counting::default();
        let mut detector = detector(&windows, format);
        let sound = AudioFrame::new(format, MediaTime(0), vec![0x80; before].into());
        detector.push(&sound);
        edges(&mut detector, &frames(format, stretches(&[(false, 100)]), 80_000));
        windows.0.load(Ordering::Relaxed)
    };
    assert_eq!(windows_of(1), windows_of(0));
    assert_eq!(windows_of(1), 4_000 / 256);
}

#[test]
fn the_noise_of_a_line_is_listened_to() {
    let format = AudioFormat::MULAW_8K;
    let windows = Counting::default();
    // The fifth step above zero: -54 dBFS.
    let noise = vec![0xFA; 100 * FRAME].into();
    edges(&mut detector(&windows, format), &frames(format, noise, 0));
    assert_eq!(windows.0.load(Ordering::Relaxed), 100 * FRAME / 256);
}

#[test]
fn t16_speech_after_a_rest_is_noticed_where_it_is_without() {
    let format = AudioFormat::MULAW_8K;
    let begin = |silence: usize| {
        let silence = vec![0xFF; silence * FRAME];
        let speech = frames(format, [&silence[..], SPEECH].concat().into(), 0);
        let heard = edges(&mut detector(&Telephone::default(), format), &speech);
        positions(&heard)[0] - silence.len() as u64
    };
    let unrested = begin(24);
    for silence in [26, 50, 53, 500] {
        // A window of the detector is 128 samples of the line.
        assert!(begin(silence).abs_diff(unrested) <= 128, "{silence}");
    }
}

/// All edges of a stream that is cut into frames of these many samples, again and again.
fn edges_of(
    factory: &dyn VadFactory,
    format: AudioFormat,
    payload: &Bytes,
    lengths: &[usize],
) -> Vec<SpeechEdge> {
    let mut detector = detector(factory, format);
    let (mut at, mut heard) = (0, Vec::new());
    let mut lengths = lengths.iter().cycle();
    let mut rest = payload.clone();
    while !rest.is_empty() {
        let bytes = format.bytes_of(*lengths.next().unwrap() as u64);
        let frame =
            AudioFrame::new(format, MediaTime(at), rest.split_to(bytes.min(rest.len()).max(1)));
        at += frame.samples();
        heard.extend(detector.push(&frame));
        heard.extend(std::iter::from_fn(|| detector.poll()));
    }
    heard
}

/// Speech with still pauses before and in it, none of them a whole number of frames.
fn speech_with_still_pauses() -> Bytes {
    let (first, second) = SPEECH.split_at(SPEECH.len() / 2);
    let still = |samples: usize| vec![0xFF; samples];
    [&still(7_777)[..], first, &still(9_001), &second[..9_000], &still(12_345), &second[9_000..]]
        .concat()
        .into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a3_edges_of_a_line_that_falls_still_do_not_depend_on_the_frames(
        lengths in prop::collection::vec(1_usize..700, 1..40),
    ) {
        let speech = speech_with_still_pauses();
        for factory in [&Telephone::default() as &dyn VadFactory, &Loudness { rate: 16_000, window: 300 }] {
            let format = AudioFormat::MULAW_8K;
            let expected = edges_of(factory, format, &speech, &[160]);
            prop_assert!(!expected.is_empty());
            prop_assert_eq!(edges_of(factory, format, &speech, &lengths), expected);
        }
    }
}

#[test]
fn a3_frames_of_10_20_and_30_ms_have_the_same_edges_in_every_format() {
    let speech = speech_with_still_pauses();
    for format in
        [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K, AudioFormat::PCM_24K]
    {
        let mut transcoder = Transcoder::new(AudioFormat::MULAW_8K, format).unwrap();
        let payload = transcoder.transcode(speech.clone());
        let heard = |millis| {
            let length = format.samples_in(Duration::from_millis(millis)) as usize;
            edges_of(&Telephone::default(), format, &payload, &[length])
        };
        let expected = heard(20);
        assert!(expected.len() >= 3, "{format:?}: {expected:?}");
        for millis in [10, 30, 7, 1_000] {
            assert_eq!(heard(millis), expected, "{format:?} in frames of {millis} ms");
        }
    }
}
