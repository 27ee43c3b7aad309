//! From probabilities of speech to speech that starts and stops.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, audio::MediaTime};

/// When a [`SpeechGate`] opens and closes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SpeechGateConfig {
    /// From this probability on, a window counts as speech while nobody speaks.
    pub start_threshold: f32,
    /// Below this probability, a window counts as silence while somebody speaks.
    pub stop_threshold: f32,
    /// How much speech without a gap is speech and not a click.
    #[serde(deserialize_with = "crate::duration::deserialize")]
    pub min_speech: Duration,
    /// How much silence without a gap is the end and not a pause between words.
    #[serde(deserialize_with = "crate::duration::deserialize")]
    pub min_silence: Duration,
}

impl Default for SpeechGateConfig {
    fn default() -> Self {
        Self {
            start_threshold: 0.7,
            stop_threshold: 0.5,
            min_speech: Duration::from_millis(60),
            min_silence: Duration::from_millis(200),
        }
    }
}

impl SpeechGateConfig {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming the field.
    pub fn validate(&self) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(10);
        if !(self.start_threshold > 0.0 && self.start_threshold <= 1.0) {
            return Err(Error::config("start_threshold lies above 0 and is at most 1"));
        }
        if !(self.stop_threshold > 0.0 && self.stop_threshold <= self.start_threshold) {
            return Err(Error::config("stop_threshold lies above 0 and up to start_threshold"));
        }
        if self.min_speech > LONGEST || self.min_silence > LONGEST {
            return Err(Error::config("min_speech and min_silence are at most 10 s"));
        }
        Ok(())
    }
}

/// An edge of speech. Positions are back-dated to where speech really began or ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "edge")]
#[expect(clippy::exhaustive_enums, reason = "speech starts and stops")]
pub enum SpeechEdge {
    /// Somebody began to speak.
    Started {
        /// The beginning of the first window of speech.
        since: MediaTime,
    },
    /// Nobody speaks any more.
    Stopped {
        /// The end of the last window of speech.
        since: MediaTime,
    },
}

/// Turns probabilities of speech into edges, with hysteresis, the same for every detector.
///
/// Time is counted in samples, so the edges do not depend on when windows are processed.
///
/// ```
/// use voiceagent_core::{SpeechEdge, SpeechGate, SpeechGateConfig, audio::MediaTime};
///
/// let mut gate = SpeechGate::new(SpeechGateConfig::default(), 8_000)?;
/// assert_eq!(gate.push(0.1, 160), None);
/// assert_eq!(gate.push(0.9, 160), None);
/// assert_eq!(gate.push(0.9, 160), None);
/// let edge = gate.push(0.9, 160);
/// assert_eq!(edge, Some(SpeechEdge::Started { since: MediaTime(160) }));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpeechGate {
    start_threshold: f32,
    stop_threshold: f32,
    min_speech: u64,
    min_silence: u64,
    /// The end of the last window.
    position: u64,
    speaking: bool,
    /// Where the run of windows that speak for a change began.
    run: Option<u64>,
}

impl SpeechGate {
    /// Makes a gate for positions of `sample_rate`, with nobody speaking.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for settings that make no sense.
    pub fn new(config: SpeechGateConfig, sample_rate: u32) -> Result<Self> {
        config.validate()?;
        let samples = |time: Duration| time.as_micros() as u64 * u64::from(sample_rate) / 1_000_000;
        Ok(Self {
            start_threshold: config.start_threshold,
            stop_threshold: config.stop_threshold,
            min_speech: samples(config.min_speech),
            min_silence: samples(config.min_silence),
            position: 0,
            speaking: false,
            run: None,
        })
    }

    /// Takes the probability of the next window, which has `window_samples` samples.
    pub fn push(&mut self, probability: f32, window_samples: u64) -> Option<SpeechEdge> {
        let begin = self.position;
        self.position = self.position.saturating_add(window_samples);
        let threshold = if self.speaking { self.stop_threshold } else { self.start_threshold };
        let speech = probability >= threshold;
        if speech == self.speaking {
            self.run = None;
            return None;
        }
        let since = *self.run.get_or_insert(begin);
        let needed = if self.speaking { self.min_silence } else { self.min_speech };
        if self.position - since < needed {
            return None;
        }
        self.run = None;
        self.speaking = speech;
        let since = MediaTime(since);
        Some(if speech { SpeechEdge::Started { since } } else { SpeechEdge::Stopped { since } })
    }

    /// Ends speech because audio stopped arriving; `at` is how far the stream came.
    pub fn force_stop(&mut self, at: MediaTime) -> Option<SpeechEdge> {
        let since = self.run.take().unwrap_or(self.position);
        self.seek(at);
        std::mem::take(&mut self.speaking)
            .then_some(SpeechEdge::Stopped { since: MediaTime(since.min(at.0)) })
    }

    /// Says that the next window begins at `at`. A run of windows that speak for a change does
    /// not go on behind a jump.
    pub fn seek(&mut self, at: MediaTime) {
        if at.0 != self.position {
            self.position = at.0;
            self.run = None;
        }
    }

    /// Whether somebody speaks.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// The end of the last window.
    #[must_use]
    pub const fn position(&self) -> MediaTime {
        MediaTime(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// 20 ms at 8 kHz.
    const WINDOW: u64 = 160;

    fn gate() -> SpeechGate {
        SpeechGate::new(SpeechGateConfig::default(), 8_000).unwrap()
    }

    fn edges(gate: &mut SpeechGate, windows: &[(f32, usize)]) -> Vec<SpeechEdge> {
        windows
            .iter()
            .flat_map(|&(probability, times)| std::iter::repeat_n(probability, times))
            .filter_map(|probability| gate.push(probability, WINDOW))
            .collect()
    }

    #[test]
    fn t16_edges_are_back_dated_to_onset_and_end() {
        let heard = edges(&mut gate(), &[(0.1, 10), (0.9, 20), (0.1, 20)]);
        let (started, stopped) = (MediaTime(10 * WINDOW), MediaTime(30 * WINDOW));
        assert_eq!(
            heard,
            [SpeechEdge::Started { since: started }, SpeechEdge::Stopped { since: stopped }]
        );
    }

    #[test]
    fn a_start_takes_60_ms_and_a_stop_200_ms() {
        let mut gate = gate();
        assert_eq!(edges(&mut gate, &[(0.9, 2)]), []);
        assert_eq!(edges(&mut gate, &[(0.9, 1)]).len(), 1);
        assert_eq!(edges(&mut gate, &[(0.1, 9)]), []);
        assert_eq!(edges(&mut gate, &[(0.1, 1)]).len(), 1);
        assert!(!gate.is_speaking());
    }

    #[test]
    fn clicks_do_not_start_and_pauses_do_not_stop() {
        let mut gate = gate();
        assert_eq!(edges(&mut gate, &[(0.9, 2), (0.1, 1), (0.9, 2), (0.1, 1)]), []);
        assert_eq!(edges(&mut gate, &[(0.9, 5)]).len(), 1);
        assert_eq!(edges(&mut gate, &[(0.1, 9), (0.9, 1), (0.1, 9), (0.9, 1)]), []);
        assert!(gate.is_speaking());
    }

    #[test]
    fn between_the_thresholds_everything_stays_as_it_is() {
        let mut gate = gate();
        assert_eq!(edges(&mut gate, &[(0.6, 50)]), []);
        assert_eq!(edges(&mut gate, &[(0.9, 5), (0.6, 50)]).len(), 1);
        assert!(gate.is_speaking());
    }

    #[test]
    fn a_probability_that_is_no_number_is_not_speech() {
        assert_eq!(edges(&mut gate(), &[(f32::NAN, 50)]), []);
    }

    #[test]
    fn t8_audio_that_stops_arriving_ends_speech_where_it_was_last_heard() {
        let mut muted = gate();
        edges(&mut muted, &[(0.9, 10)]);
        let stopped = muted.force_stop(MediaTime(60 * WINDOW));
        assert_eq!(stopped, Some(SpeechEdge::Stopped { since: MediaTime(10 * WINDOW) }));
        assert_eq!(muted.force_stop(MediaTime(70 * WINDOW)), None);
        assert_eq!(muted.position(), MediaTime(70 * WINDOW));

        let mut pausing = gate();
        edges(&mut pausing, &[(0.9, 10), (0.1, 5)]);
        let stopped = pausing.force_stop(MediaTime(15 * WINDOW));
        assert_eq!(stopped, Some(SpeechEdge::Stopped { since: MediaTime(10 * WINDOW) }));
    }

    #[test]
    fn a_forced_stop_drops_a_start_that_was_not_certain_yet() {
        let mut gate = gate();
        edges(&mut gate, &[(0.9, 2)]);
        assert_eq!(gate.force_stop(MediaTime(2 * WINDOW)), None);
        assert_eq!(edges(&mut gate, &[(0.9, 2)]), []);
    }

    #[test]
    fn a_run_does_not_go_on_behind_a_jump() {
        let mut gate = gate();
        edges(&mut gate, &[(0.9, 2)]);
        gate.seek(MediaTime(100 * WINDOW));
        let heard = edges(&mut gate, &[(0.9, 3)]);
        assert_eq!(heard, [SpeechEdge::Started { since: MediaTime(100 * WINDOW) }]);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for settings in [
            r#"{ "start_threshold": 1.5 }"#,
            r#"{ "start_threshold": 0.4, "stop_threshold": 0.5 }"#,
            r#"{ "stop_threshold": 0.0 }"#,
            r#"{ "min_silence": { "secs": 60, "nanos": 0 } }"#,
        ] {
            let config: SpeechGateConfig = serde_json::from_str(settings).unwrap();
            assert_eq!(SpeechGate::new(config, 8_000).unwrap_err().kind(), ErrorKind::Config);
        }
        assert!(serde_json::from_str::<SpeechGateConfig>(r#"{ "threshold": 0.5 }"#).is_err());
    }
}
