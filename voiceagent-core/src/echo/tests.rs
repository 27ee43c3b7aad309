use std::time::Duration;

use proptest::{prelude::*, test_runner::RngSeed};
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

/// What is made of an echo on a line whose frames come so many samples late, or never: how many of
/// its audible frames were the caller's in each of `parts` parts of the call, and how late it is.
fn on_a_line(
    played: &[f32],
    heard: &[f32],
    parts: usize,
    late: impl Fn(usize) -> Option<i64>,
) -> (Vec<usize>, Option<Duration>) {
    on_a_line_that_leaps(played, heard, parts, late, |_| 0)
}

/// The same on a line whose positions are so many samples ahead.
fn on_a_line_that_leaps(
    played: &[f32],
    heard: &[f32],
    parts: usize,
    late: impl Fn(usize) -> Option<i64>,
    ahead: impl Fn(usize) -> usize,
) -> (Vec<usize>, Option<Duration>) {
    const LEAD: usize = 1_600;
    let mut echo = EchoDetector::new(FORMAT, FORMAT).unwrap();
    let at = |sample: usize| CallTime::ZERO + FORMAT.duration_of(sample as u64);
    let frame = |n: usize, samples: &[f32]| {
        AudioFrame::new(FORMAT, MediaTime(n as u64), codes(samples).into())
    };
    let (mut sent, mut missed) = (0, vec![0; parts]);
    for (number, samples) in heard.chunks_exact(FRAME).enumerate() {
        let Some(late) = late(number) else { continue };
        let now = ((number + 1) * FRAME).saturating_add_signed(late as isize);
        while sent < played.len().min(now + LEAD) {
            let end = played.len().min(sent + FRAME);
            echo.played(at(sent.saturating_sub(LEAD)), &frame(sent, &played[sent..end]));
            sent = end;
        }
        let verdict = echo.heard(at(now), &frame(number * FRAME + ahead(number), samples));
        let part = number * FRAME * parts / heard.len();
        missed[part] += usize::from(is_loud(samples, -50.0) && verdict == Heard::Caller);
    }
    (missed, echo.delay())
}

fn is_loud(samples: &[f32], above: f32) -> bool {
    let power = samples.iter().map(|it| it * it).sum::<f32>() / samples.len() as f32;
    10.0 * (power + 1e-12).log10() > above
}

/// What a clock makes of it of which a second takes so much longer.
fn slowed(heard: &[f32], drift: f64) -> Vec<f32> {
    let length = 1.0 + drift;
    (0..(heard.len() as f64 / length) as usize - 2)
        .map(|n| {
            let (whole, part) = ((n as f64 * length) as usize, (n as f64 * length).fract());
            let next = heard.get(whole + 1).copied().unwrap_or_default();
            heard.get(whole).map_or(0.0, |it| it * (1.0 - part as f32) + next * part as f32)
        })
        .collect()
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

proptest! {
    // The same cases each time, and few: each is half a minute of a call.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::with_cases(8)
    })]

    #[test]
    fn i16_an_echo_is_told_through_drift_and_jumps(
        drift in -200e-6_f64..200e-6,
        delay in 60_usize..250,
        // At which frame the way grows longer or shorter, and positions leap.
        longer in (150_usize..1_000, -150_i64..250),
        leap in (150_usize..1_000, 0_usize..1_000_000),
    ) {
        let played = agent().repeat(2);
        let heard = slowed(&echo(&played, delay * 8, 12.0, 1e-4), drift);
        let late = |number: usize| {
            let more = if number < longer.0 { 0 } else { longer.1 * 8 };
            Some(((number + 1) as f64 * FRAME as f64 * drift) as i64 + more)
        };
        let ahead = |number: usize| if number < leap.0 { 0 } else { leap.1 };
        let (missed, _) = on_a_line_that_leaps(&played, &heard, 1, late, ahead);
        prop_assert!(missed[0] <= 40, "{missed:?} frames were the caller's");
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

/// Of an echo 12 dB down that comes so many milliseconds late, on such a line, almost nothing is
/// taken for the caller.
fn is_told_on_a_line(delay: usize, late: impl Fn(usize) -> Option<i64>) {
    let played = agent();
    let heard = echo(&played, delay * 8, 12.0, 1e-4);
    let (missed, found) = on_a_line(&played, &heard, 1, late);
    assert!(missed[0] <= 20, "{delay} ms: {missed:?} frames were the caller's");
    let off = found.expect("there is one").as_millis().abs_diff(delay as u128);
    assert!(off <= 30, "{delay} ms: {found:?}");
}

#[test]
fn i16_an_echo_is_told_on_a_line_that_opens_late() {
    for (delay, first) in [(60, 7), (60, 9), (100, 7), (150, 9), (250, 12)] {
        is_told_on_a_line(delay, |number| (number >= first).then_some(0));
    }
}

#[test]
fn i16_an_echo_is_told_on_a_line_whose_first_frame_is_late() {
    for (delay, late) in [(60, 150), (150, 190), (250, 60)] {
        is_told_on_a_line(delay, |number| Some(if number == 0 { late * 8 } else { 0 }));
    }
}

#[test]
fn i16_an_echo_is_told_on_a_line_that_loses_frames() {
    for delay in [60, 150] {
        // One in a hundred, one in twenty, and 160 ms at once.
        is_told_on_a_line(delay, |number| (number % 100 != 57).then_some(0));
        is_told_on_a_line(delay, |number| (number % 20 != 7).then_some(0));
        is_told_on_a_line(delay, |number| (number % 150 < 142).then_some(0));
    }
}

#[test]
fn i16_an_echo_is_told_while_the_clocks_drift_apart() {
    let played = agent().repeat(4);
    for drift in [-0.005_f64, 0.005] {
        let heard = slowed(&echo(&played, 1_200, 12.0, 1e-4), drift);
        let late = |number: usize| Some(((number + 1) as f64 * FRAME as f64 * drift) as i64);
        let (missed, found) = on_a_line(&played, &heard, 4, late);
        // Half a minute of it is 160 ms.
        assert!(missed.iter().all(|missed| *missed <= 20), "{drift}: {missed:?}");
        assert!(found.expect("there is one").as_millis().abs_diff(150) <= 40, "{found:?}");
    }
}

#[test]
fn i16_an_echo_that_begins_later_is_held_back_and_found() {
    let played = agent().repeat(2);
    for (delay, on) in [(60, 1_000), (120, 3_000), (250, 2_000), (400, 9_100)] {
        let mut heard = echo(&played, delay * 8, 12.0, 1e-4);
        heard[..on * 8].fill(0.0);
        let (missed, found) = on_a_line(&played, &heard, 1, |_| Some(0));
        let found = found.expect("there is one").as_millis();
        assert!(found.abs_diff(delay as u128) <= 30, "{delay} ms: {found}");
        assert!(missed[0] <= 25, "{delay} ms from {on} ms on: {missed:?}");
    }
}

#[test]
fn i16_what_was_learned_outlasts_the_silence_of_an_agent_that_pauses() {
    // The agent falls silent after each 300 ms of echo, and says the same again.
    let (said, pause) = (samples(SPEECH)[4_000..6_400].to_vec(), vec![0.0; 8_000]);
    let clear = [samples(SPEECH), pause.clone()].concat();
    let turns = [said, pause].concat().repeat(6);
    let played = [clear.clone(), turns].concat();
    let mut heard = echo(&played, 960, 12.0, 1e-4);
    heard[..clear.len()].fill(0.0);
    let (_, found) = on_a_line(&played, &heard, 1, |_| Some(0));
    assert!(found.expect("there is one").as_millis().abs_diff(120) <= 30, "{found:?}");
}

#[test]
fn i16_an_echo_whose_strength_changes_slowly_is_followed() {
    let played = agent().repeat(3);
    let heard: Vec<f32> = echo(&played, 1_200, 24.0, 1e-4)
        .iter()
        .enumerate()
        // 1 dB louder each 1.5 s, up to 15.
        .map(|(n, it)| it * 10_f32.powf((n as f32 / 12_000.0).min(15.0) / 20.0))
        .collect();
    let (missed, _) = on_a_line(&played, &heard, 3, |_| Some(0));
    assert!(missed[2] <= 20, "{missed:?}");
}

#[test]
fn a_line_that_is_doubted_is_searched_anew() {
    let mut echo = EchoDetector::new(FORMAT, FORMAT).unwrap();
    for line in [Line::Clear { held: 0 }, Line::Unknown { sound: 30, silence: 0 }] {
        echo.line = line;
        echo.doubt();
        assert!(matches!(echo.line, Line::Unknown { sound: 0, silence: 0 }));
    }
}

#[test]
fn what_was_heard_before_a_gap_lies_where_it_was_and_a_word_that_goes_on_does_not_begin() {
    let mut echo = EchoDetector::new(FORMAT, FORMAT).unwrap();
    let loud = codes(&samples(SPEECH)[4_000..4_000 + FRAME]);
    for number in (0..10).chain([15]) {
        let frame = AudioFrame::new(FORMAT, MediaTime(number * 160), loud.clone().into());
        echo.heard(CallTime::from_millis((number + 1) * 20), &frame);
    }
    let heard: Vec<bool> = echo.recent.iter().map(|levels| *levels != UNHEARD).collect();
    // Ten hops of the gap before the last two, and before it what there is room for.
    let expected: Vec<bool> =
        (0..RECENT).map(|n| !(RECENT - 12..RECENT - 2).contains(&n)).collect();
    assert_eq!(heard, expected);
    let last = &echo.recent[RECENT - 1];
    assert_eq!(change(last, &UNHEARD, &[NOTHING; BANDS]), [0.0; BANDS]);
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
