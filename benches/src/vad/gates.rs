//! What other settings of the gate make of the same scores.

use std::{error::Error, fmt::Write as _, sync::Arc, time::Duration};

use voiceagent_core::{
    SpeechDetector, SpeechGateConfig,
    vad::{VadFactory, VoiceActivityDetector},
};

use super::{
    Detector,
    condition::Condition,
    delay::Delays,
    listen::{edges_of, listen},
    sound::{Sound, stream, twice},
};

/// Thresholds to start and to go on.
const THRESHOLDS: [(f32, f32); 6] =
    [(0.6, 0.4), (0.7, 0.5), (0.8, 0.5), (0.8, 0.6), (0.9, 0.5), (0.9, 0.7)];
/// How much speech is speech, in milliseconds.
const LENGTHS: [u64; 4] = [45, 60, 80, 100];

/// A row for each detector and setting, a column for each noise on the telephone.
pub(super) fn table(
    detectors: &[Detector],
    recordings: &[Sound],
    babble: &[Sound],
) -> Result<String, Box<dyn Error>> {
    let near = stream(recordings);
    let both = twice(&near);
    let conditions: Vec<Condition> = Condition::all().filter(|it| it.phone).collect();
    let streams: Vec<_> = conditions.iter().map(|it| it.frames(&near, babble)).collect();
    let mut out = String::from("| detector | start, stop | speech |");
    for condition in &conditions {
        write!(out, " {} |", condition.name())?;
    }
    writeln!(out, "\n|---|---|---|{}", "---|".repeat(conditions.len()))?;
    for detector in detectors {
        let heard: Vec<_> =
            streams.iter().map(|it| listen(&detector.vad, it)).collect::<Result<_, _>>()?;
        for (start, stop) in THRESHOLDS {
            for millis in LENGTHS {
                let mut config = SpeechGateConfig::default();
                (config.start_threshold, config.stop_threshold) = (start, stop);
                config.min_speech = Duration::from_millis(millis);
                write!(out, "| {} | {start}, {stop} | {millis} ms |", detector.name)?;
                for (heard, frames) in heard.iter().zip(&streams) {
                    let said = Said::new(&heard.scores, &*detector.vad);
                    let format = frames.first().ok_or("nothing to hear")?.format;
                    let mut ears = SpeechDetector::new(&said, format, config)?.without_rest();
                    let edges = edges_of(&mut ears, frames.iter().cloned());
                    let it = Delays::of(&edges, &both.speech, both.duration());
                    let false_starts = it.false_starts_per_minute;
                    let Delays { onset, missed, .. } = it;
                    write!(out, " {} / {}, {missed}, {false_starts:.1} |", onset.p50, onset.p90)?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(out)
}

/// Says again what a detector has said of a stream.
#[derive(Clone, Debug)]
struct Said {
    scores: Arc<[f32]>,
    rate: u32,
    window: usize,
    next: usize,
}

impl Said {
    fn new(scores: &[f32], like: &dyn VadFactory) -> Self {
        let like = like.detector();
        let (rate, window) = (like.sample_rate(), like.window());
        Self { scores: scores.into(), rate, window, next: 0 }
    }
}

impl VadFactory for Said {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(self.clone())
    }
}

impl VoiceActivityDetector for Said {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn window(&self) -> usize {
        self.window
    }

    fn speech_probability(&mut self, _: &[f32]) -> f32 {
        self.next += 1;
        self.scores.get(self.next - 1).copied().unwrap_or_default()
    }

    fn reset(&mut self) {}
}
