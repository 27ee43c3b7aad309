use std::{f32::consts::TAU, iter, time::Duration};

use voiceagent_core::{
    SpeechDetector, SpeechEdge,
    audio::{AudioFormat, AudioFrame, Encoding, MediaTime},
    vad::{VadFactory, VoiceActivityDetector},
};

use super::Report;
use crate::{clips, tone};

/// How much of each sound a detector gets. Long enough for one that takes time to settle.
const LISTEN: Duration = Duration::from_secs(2);

/// How far an edge may lie from where the clip begins or ends.
const NEAR: Duration = Duration::from_millis(250);

/// Checks a voice activity detector: its windows, the range of its scores, that silence, the noise
/// and the hum of a line score low and speech scores high, that `reset` forgets, that detectors
/// do not share memory, that its gate makes sense, and that with it the edges of a call over the
/// telephone lie where speech is.
///
/// Speech is [`tone::speech`]; on the telephone it is [`clips::APPOINTMENT`]. "High" means that
/// most of it scores above one half, "low" that no window of the second half does.
///
/// ```
/// use voiceagent_core::vad::Earshot;
/// use voiceagent_testkit::conformance;
///
/// conformance::vad("earshot", &Earshot::default()).assert();
/// ```
#[must_use]
pub fn vad(subject: &str, factory: &dyn VadFactory) -> Report {
    let mut report = Report::new("voice activity detector", subject);
    report.note("its windows last from 5 to 100 ms at 8 to 48 kHz", windows(factory));
    report.note("every score is from 0 to 1", range(factory));
    report.note("silence scores low", silence(factory));
    report.note("the noise of a quiet line scores low", steady(factory, noise()));
    report.note("the hum and the offset of a line score low", steady(factory, hum(factory)));
    report.note("speech scores high", speech(factory));
    report.note("silence after speech scores low again", silence_again(factory));
    report.note("reset forgets everything", reset(factory));
    report.note("detectors of one factory do not share memory", independence(factory));
    report.note("its gate makes sense", gate(factory));
    report.note("the edges of a telephone call lie where speech is", edges(factory));
    report
}

fn windows(factory: &dyn VadFactory) -> Result<(), String> {
    let detector = factory.detector();
    let (rate, window) = (detector.sample_rate(), detector.window());
    let millis = window as u64 * 1_000 / u64::from(rate.max(1));
    let plausible = (8_000..=48_000).contains(&rate) && (5..=100).contains(&millis);
    let same = factory.detector().window() == window && factory.detector().sample_rate() == rate;
    match (plausible, same) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("{window} samples at {rate} Hz")),
        (true, false) => Err("two detectors of one factory differ".to_owned()),
    }
}

fn range(factory: &dyn VadFactory) -> Result<(), String> {
    let mut detector = factory.detector();
    let loudest = |number: usize| if number.is_multiple_of(2) { 1.0 } else { -1.0 };
    let square: Vec<f32> = (0..samples(&*detector)).map(loudest).collect();
    let constant = vec![1.0; samples(&*detector)];
    for sound in [quiet(&*detector), square, constant, voice(&*detector)] {
        let scores = score(&mut *detector, &sound);
        if let Some(wrong) = scores.iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Err(format!("a score of {wrong}"));
        }
    }
    Ok(())
}

fn silence(factory: &dyn VadFactory) -> Result<(), String> {
    let mut detector = factory.detector();
    let sound = quiet(&*detector);
    low(&score(&mut *detector, &sound))
}

fn steady(factory: &dyn VadFactory, mut sound: impl FnMut() -> f32) -> Result<(), String> {
    let mut detector = factory.detector();
    let sound: Vec<f32> = iter::repeat_with(&mut sound).take(samples(&*detector)).collect();
    low(&score(&mut *detector, &sound))
}

/// White noise of -65 dBFS.
fn noise() -> impl FnMut() -> f32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.001 * (state as f32 / 2_147_483_648.0 - 1.0)
    }
}

/// A hum of 50 Hz at -50 dBFS, on an offset of a two-hundredth.
fn hum(factory: &dyn VadFactory) -> impl FnMut() -> f32 {
    let step = TAU * 50.0 / factory.detector().sample_rate() as f32;
    let mut phase = 0.0_f32;
    move || {
        phase = (phase + step) % TAU;
        0.005 + 0.004_5 * phase.sin()
    }
}

fn speech(factory: &dyn VadFactory) -> Result<(), String> {
    let mut detector = factory.detector();
    let sound = voice(&*detector);
    let scores = score(&mut *detector, &sound);
    let high = scores.iter().filter(|score| **score > 0.5).count();
    if high * 2 > scores.len() {
        return Ok(());
    }
    Err(format!("only {high} of {} windows of speech score above 0.5", scores.len()))
}

fn silence_again(factory: &dyn VadFactory) -> Result<(), String> {
    let mut detector = factory.detector();
    let (sound, nothing) = (voice(&*detector), quiet(&*detector));
    score(&mut *detector, &sound);
    low(&score(&mut *detector, &nothing))
}

fn reset(factory: &dyn VadFactory) -> Result<(), String> {
    let (mut fresh, mut used) = (factory.detector(), factory.detector());
    let sound = voice(&*fresh);
    score(&mut *used, &sound);
    used.reset();
    same(&score(&mut *fresh, &sound), &score(&mut *used, &sound))
}

fn independence(factory: &dyn VadFactory) -> Result<(), String> {
    let (mut alone, mut one, mut other) =
        (factory.detector(), factory.detector(), factory.detector());
    let (sound, nothing) = (voice(&*one), quiet(&*one));
    let expected = score(&mut *alone, &sound);
    let window = one.window();
    let interleaved =
        sound.chunks_exact(window).zip(nothing.chunks_exact(window)).map(|(speech, silence)| {
            other.speech_probability(silence);
            one.speech_probability(speech)
        });
    same(&expected, &interleaved.collect::<Vec<_>>())
}

fn gate(factory: &dyn VadFactory) -> Result<(), String> {
    factory.gate().validate().map_err(|error| error.to_string())
}

/// A second of silence, a sentence, and a second of silence, as frames of a call.
fn edges(factory: &dyn VadFactory) -> Result<(), String> {
    let format = AudioFormat::MULAW_8K;
    let silence = tone::silence(format, Duration::from_secs(1));
    let call = [&silence[..], clips::APPOINTMENT.audio, &silence].concat();
    let mut detector =
        SpeechDetector::new(factory, format, factory.gate()).map_err(|error| error.to_string())?;
    let mut heard = Vec::new();
    for (number, payload) in call.chunks_exact(160).enumerate() {
        let at = MediaTime(number as u64 * 160);
        heard.extend(detector.push(&AudioFrame::new(format, at, payload.to_vec().into())));
    }
    let audible = |frame: &[u8]| tone::level(format, frame) > tone::AUDIBLE;
    let begin = call.chunks(160).take_while(|frame| !audible(frame)).count() as u64 * 160;
    let silent = call.rchunks(160).take_while(|frame| !audible(frame)).count() * 160;
    let end = (call.len() - silent) as u64;
    let near = |at: MediaTime, expected: u64| at.0.abs_diff(expected) <= format.samples_in(NEAR);
    match (heard.first(), heard.last()) {
        (Some(SpeechEdge::Started { since }), Some(SpeechEdge::Stopped { since: until }))
            if near(*since, begin) && near(*until, end) =>
        {
            Ok(())
        }
        _ => Err(format!("speech from sample {begin} to {end} has the edges {heard:?}")),
    }
}

fn low(scores: &[f32]) -> Result<(), String> {
    let loudest = scores[scores.len() / 2..].iter().copied().fold(0.0, f32::max);
    if loudest < 0.5 { Ok(()) } else { Err(format!("a window of silence scores {loudest}")) }
}

fn same(expected: &[f32], found: &[f32]) -> Result<(), String> {
    let differs = expected.iter().zip(found).position(|(one, other)| (one - other).abs() > 1e-6);
    differs.map_or(Ok(()), |window| {
        Err(format!("window {window} scores {} and {}", expected[window], found[window]))
    })
}

fn score(detector: &mut dyn VoiceActivityDetector, sound: &[f32]) -> Vec<f32> {
    let window = detector.window();
    sound.chunks_exact(window).map(|window| detector.speech_probability(window)).collect()
}

fn voice(detector: &dyn VoiceActivityDetector) -> Vec<f32> {
    let format = format(detector);
    let speech = tone::speech(format, MediaTime(0), samples(detector) as u64);
    tone::samples(format, &speech)
}

fn quiet(detector: &dyn VoiceActivityDetector) -> Vec<f32> {
    vec![0.0; samples(detector)]
}

fn samples(detector: &dyn VoiceActivityDetector) -> usize {
    usize::try_from(format(detector).samples_in(LISTEN)).unwrap_or(usize::MAX)
}

fn format(detector: &dyn VoiceActivityDetector) -> AudioFormat {
    AudioFormat::mono(Encoding::PcmS16Le, detector.sample_rate())
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{
        SpeechGateConfig,
        vad::{Earshot, Energy, Telephone},
    };

    use super::*;
    use crate::conformance::Outcome;

    #[test]
    fn the_detectors_of_the_core_pass() {
        vad("telephone", &Telephone::default()).assert();
        vad("earshot", &Earshot::default()).assert();
        vad("energy", &Energy::default()).assert();
    }

    /// Counts up and never forgets; each window scores higher than the one before.
    #[derive(Debug)]
    struct Stubborn(f32);

    impl VadFactory for Stubborn {
        fn detector(&self) -> Box<dyn VoiceActivityDetector> {
            Box::new(Self(0.0))
        }
    }

    impl VoiceActivityDetector for Stubborn {
        fn sample_rate(&self) -> u32 {
            16_000
        }

        fn window(&self) -> usize {
            512
        }

        fn speech_probability(&mut self, _window: &[f32]) -> f32 {
            self.0 += 0.02;
            self.0
        }

        fn reset(&mut self) {}
    }

    /// A sound detector with another gate.
    #[derive(Debug)]
    struct Gated(SpeechGateConfig);

    impl VadFactory for Gated {
        fn detector(&self) -> Box<dyn VoiceActivityDetector> {
            Telephone::default().detector()
        }

        fn gate(&self) -> SpeechGateConfig {
            self.0
        }
    }

    fn failed(report: &Report) -> Vec<&str> {
        let checks = report.checks().iter();
        let failed = checks.filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(check, _)| check.as_str()).collect()
    }

    #[test]
    fn a_detector_is_judged_with_its_own_gate() {
        let edges = "the edges of a telephone call lie where speech is";
        let mut gate = Telephone::default().gate();
        assert!(failed(&vad("gated", &Gated(gate))).is_empty());
        gate.min_silence = Duration::from_secs(9);
        assert_eq!(failed(&vad("never silent", &Gated(gate))), [edges]);
        gate.start_threshold = 1.5;
        assert_eq!(failed(&vad("never open", &Gated(gate))), ["its gate makes sense", edges]);
    }

    #[test]
    fn a_detector_that_breaks_its_promises_fails() {
        assert_eq!(
            failed(&vad("stubborn", &Stubborn(0.0))),
            [
                "every score is from 0 to 1",
                "silence scores low",
                "the noise of a quiet line scores low",
                "the hum and the offset of a line score low",
                "silence after speech scores low again",
                "reset forgets everything",
                "the edges of a telephone call lie where speech is",
            ]
        );
    }
}
