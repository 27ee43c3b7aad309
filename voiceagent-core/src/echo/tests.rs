use std::time::Duration;

use proptest::prelude::*;
use voiceagent_testkit::clips;

use super::*;
use crate::audio::{MediaTime, g711::Law};

const SPEECH: &[u8] = include_bytes!("../../testdata/jfk_8k.mulaw");
/// A frame of 20 ms.
const FRAME: usize = 160;
const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

fn samples(codes: &[u8]) -> Vec<f32> {
    let mut samples = Vec::new();
    Decoder::new(FORMAT).unwrap().decode(codes, &mut samples);
    samples
}

fn codes(samples: &[f32]) -> Vec<u8> {
    let mut codes = Vec::new();
    Law::Mulaw.encode_f32_into(samples, &mut codes);
    codes
}

/// A room with two walls, and a line with noise.
fn echo(played: &[f32], delay: usize, attenuation: f32, noise: f32) -> Vec<f32> {
    let gain = 10_f32.powf(-attenuation / 20.0);
    let mut random = 1_u32;
    (0..played.len())
        .map(|n| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (random >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let back = |late: usize| n.checked_sub(delay + late).map_or(0.0, |n| played[n]);
            gain * (back(0) - 0.4 * back(37) + 0.2 * back(230)) + noise * hiss
        })
        .collect()
}

/// Whose voice each frame of a line is, and what was learned of it. What is played is sent 200 ms
/// ahead; frames come in pieces of so many samples.
fn listen(played: &[f32], heard: &[f32], piece: usize) -> (Vec<Heard>, Option<Duration>) {
    listen_with(Duration::from_millis(200), played, heard, piece)
}

fn listen_with(
    lead: Duration,
    played: &[f32],
    heard: &[f32],
    piece: usize,
) -> (Vec<Heard>, Option<Duration>) {
    let mut echo = EchoDetector::new(FORMAT, FORMAT).unwrap().with_lead(lead);
    let lead = FORMAT.samples_in(lead) as usize;
    let at = |sample: usize| CallTime::ZERO + FORMAT.duration_of(sample as u64);
    let frame = |n: usize, samples: &[f32]| {
        AudioFrame::new(FORMAT, MediaTime(n as u64), codes(samples).into())
    };
    let (mut verdicts, mut sent) = (Vec::new(), 0);
    for (number, samples) in heard.chunks(piece).enumerate() {
        let now = number * piece;
        while sent < played.len().min(now + lead) {
            let end = played.len().min(sent + FRAME);
            echo.played(at(now), &frame(sent, &played[sent..end]));
            sent = end;
        }
        let verdict = echo.heard(at(now + samples.len()), &frame(now, samples));
        if (now + samples.len()).is_multiple_of(FRAME) {
            verdicts.push(verdict);
        }
    }
    (verdicts, echo.delay())
}

fn is_loud(samples: &[f32], above: f32) -> bool {
    let power = samples.iter().map(|it| it * it).sum::<f32>() / samples.len() as f32;
    10.0 * (power + 1e-12).log10() > above
}

/// The agent says one thing after another.
fn agent() -> Vec<f32> {
    let pause = vec![0.0; 4_000];
    [samples(SPEECH), pause.clone(), samples(clips::APPOINTMENT.audio), pause].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i16_an_echo_of_any_delay_and_strength_is_told(
        delay in 400_usize..3_200,
        attenuation in 6.0_f32..30.0,
        quieter in 15.0_f32..40.0,
    ) {
        let played = agent();
        let noise = 10_f32.powf(-(20.0 + attenuation + quieter) / 20.0);
        let heard = echo(&played, delay, attenuation, noise);
        let (verdicts, found) = listen(&played, &heard, FRAME);
        let found = found.expect("there is one").as_secs_f32() * 8_000.0;
        prop_assert!((found - delay as f32).abs() <= 240.0, "{found} samples, not {delay}");
        let clean = echo(&played, delay, attenuation, 0.0);
        let above = 20.0 * noise.log10();
        let loud = |n: usize| is_loud(&clean[n * FRAME..][..FRAME], above);
        let first = verdicts.iter().position(|it| *it == Heard::Echo).unwrap();
        let begun = (0..first).filter(|n| loud(*n)).count();
        prop_assert!(begun <= 60, "known after {begun} frames of sound");
        let (mut all, mut missed) = (0, 0);
        for n in (first..verdicts.len()).filter(|n| loud(*n)) {
            all += 1;
            missed += u32::from(verdicts[n] != Heard::Echo);
        }
        prop_assert!(missed * 10 <= all, "{missed} of {all} frames were missed");
    }

    #[test]
    fn i16_the_verdict_does_not_depend_on_the_cut(
        piece in prop::sample::select(vec![1_usize, 4, 10, 32, 80]),
    ) {
        let played = samples(clips::APPOINTMENT.audio);
        let heard = echo(&played, 1_000, 10.0, 1e-4);
        prop_assert_eq!(listen(&played, &heard, FRAME), listen(&played, &heard, piece));
    }
}

#[test]
fn i16_an_echo_is_told_however_far_ahead_audio_is_sent() {
    // Half a minute, so that the longest lead there is counts.
    let played = agent().repeat(4);
    let heard = echo(&played, 1_600, 12.0, 1e-4);
    let expected = listen(&played, &heard, FRAME);
    assert!(expected.0.contains(&Heard::Echo));
    assert!(played.len() > 8_000 * 30, "{}", played.len());
    for seconds in [1, 3, 5, 10, 30] {
        let lead = Duration::from_secs(seconds);
        assert!(listen_with(lead, &played, &heard, FRAME) == expected, "{lead:?} of lead");
    }
}

#[test]
fn i16_other_voices_are_never_taken_for_echo() {
    let all = [clips::APPOINTMENT, clips::GOODBYE, clips::HELLO, clips::STOP, clips::YES];
    let mut voices: Vec<Vec<f32>> = all.iter().map(|clip| samples(clip.audio)).collect();
    voices.push(samples(SPEECH));
    for (i, played) in voices.iter().enumerate() {
        for (j, other) in voices.iter().enumerate().filter(|(j, _)| *j != i) {
            for late in [0, 700, 2_600] {
                let heard = [vec![0.0; late], other.clone()].concat();
                let (verdicts, delay) = listen(played, &heard, FRAME);
                assert_eq!(delay, None, "{i} is not {j}");
                assert!(verdicts.iter().all(|it| *it != Heard::Echo), "{i} is not {j}");
            }
        }
    }
}

#[test]
fn i1_a_caller_over_the_echo_is_heard() {
    let played = agent();
    let own = samples(clips::STOP.audio);
    for attenuation in [6.0, 12.0, 20.0] {
        let mut frames: Vec<usize> = [13_600, 16_000, 17_600, 20_800, 24_000]
            .into_iter()
            .map(|from| {
                let mut heard = echo(&played, 1_200, attenuation, 1e-4);
                for (sample, own) in heard[from..].iter_mut().zip(&own) {
                    *sample += own;
                }
                let (verdicts, _) = listen(&played, &heard, FRAME);
                let verdicts = verdicts[from / FRAME..].iter();
                verdicts.take_while(|it| **it != Heard::Caller).count()
            })
            .collect();
        frames.sort_unstable();
        assert!(frames[2] <= 6, "{attenuation} dB: {frames:?}");
        assert!(frames[4] <= 25, "drowned by the loudest of echoes: {attenuation} dB: {frames:?}");
    }
}

#[test]
fn what_is_cleared_is_not_expected() {
    let played = samples(SPEECH);
    let mut echo = EchoDetector::new(FORMAT, FORMAT).unwrap();
    let frame = AudioFrame::new(FORMAT, MediaTime(0), codes(&played[..8_000]).into());
    echo.played(CallTime::ZERO, &frame);
    assert!(echo.reference.sounds(99, 100));
    echo.cleared(CallTime::ZERO);
    echo.reference.fill(100);
    assert!(!echo.reference.sounds(99, 100));
}
