use std::time::Duration;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use voiceagent_core::{
    Result, SessionConfig, SpeechGateConfig,
    session::{BargeInConfig, IdlePrompt},
};

use super::read::unaccepted;

/// When a voice counts as speech.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Vad {
    /// The probability from which a sound is speech.
    pub threshold: Option<f32>,
    /// How much of it is no click.
    pub min_speech: Option<Duration>,
    /// How much silence is the end of it.
    pub silence: Option<Duration>,
}

/// When callers stop the agent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Interruptions {
    /// Whether they can.
    pub allow: Option<bool>,
    /// How long they must have spoken, in milliseconds.
    pub min_ms: Option<u64>,
    /// How many words must have been recognized.
    pub min_words: Option<u32>,
    /// Whether the agent falls silent on suspicion, and goes on if it was none.
    pub pause: Option<bool>,
    /// Whether answers are begun before a turn is over.
    pub drafts: Option<bool>,
}

/// What is done about callers who say nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Silence {
    /// After so many milliseconds they are asked whether they are there.
    pub ask_after_ms: u64,
    /// And so many later once more.
    pub again_after_ms: u64,
    /// And so many later they are told goodbye.
    pub hang_up_after_ms: u64,
}

/// How much of anything a call may take.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// The longest call.
    pub call_minutes: Option<u64>,
    /// How often a model may use tools for one answer, one after another.
    pub tool_rounds: Option<u32>,
}

impl Default for Silence {
    fn default() -> Self {
        Self { ask_after_ms: 6_000, again_after_ms: 8_000, hang_up_after_ms: 8_000 }
    }
}

impl Vad {
    /// As speech-to-speech services have it: a threshold of 0.6, and 400 ms of silence.
    pub const REALTIME: Self =
        Self { threshold: Some(0.6), min_speech: None, silence: Some(Duration::from_millis(400)) };

    /// The settings of a gate.
    #[must_use]
    pub fn gate(self) -> SpeechGateConfig {
        let mut gate = SpeechGateConfig::default();
        if let Some(threshold) = self.threshold {
            gate.start_threshold = threshold;
            gate.stop_threshold = gate.stop_threshold.min(threshold);
        }
        gate.min_speech = self.min_speech.unwrap_or(gate.min_speech);
        gate.min_silence = self.silence.unwrap_or(gate.min_silence);
        gate
    }

    pub(super) fn check(self) -> Result<()> {
        let threshold = self.threshold.unwrap_or(0.5);
        fits("vad.threshold", threshold > 0.0 && threshold <= 1.0)?;
        let longest = Duration::from_secs(2);
        fits("vad.min_speech_ms", self.min_speech.is_none_or(|period| period <= longest))?;
        fits("vad.silence_ms", self.silence.is_none_or(|period| period <= longest))
    }
}

impl<'de> Deserialize<'de> for Vad {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Fields {
            threshold: Option<f32>,
            min_speech_ms: Option<u64>,
            silence_ms: Option<u64>,
        }
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = Vad;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`\"realtime\"` or an object")
            }

            fn visit_str<E: serde::de::Error>(self, preset: &str) -> std::result::Result<Vad, E> {
                let is_known = preset == "realtime";
                is_known.then_some(Vad::REALTIME).ok_or_else(|| E::custom("no such preset"))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> std::result::Result<Vad, A::Error> {
                let fields = Fields::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Vad {
                    threshold: fields.threshold,
                    min_speech: fields.min_speech_ms.map(Duration::from_millis),
                    silence: fields.silence_ms.map(Duration::from_millis),
                })
            }
        }
        from.deserialize_any(Settings)
    }
}

impl Interruptions {
    pub(super) fn check(self) -> Result<()> {
        fits("interruptions.min_ms", self.min_ms.is_none_or(|millis| millis <= 5_000))?;
        fits("interruptions.min_words", self.min_words.is_none_or(|words| words <= 10))
    }

    pub(super) fn settle(self, config: &mut SessionConfig) {
        let barge_in = &mut config.barge_in;
        barge_in.enabled = self.allow.unwrap_or(barge_in.enabled);
        barge_in.min_words = self.min_words.unwrap_or(barge_in.min_words);
        if let Some(millis) = self.min_ms {
            barge_in.min_duration = Duration::from_millis(millis);
        }
        match self.pause {
            Some(false) => barge_in.pause = None,
            Some(true) => barge_in.pause = barge_in.pause.or(BargeInConfig::default().pause),
            None => {}
        }
        config.speculation.enabled = self.drafts.unwrap_or(config.speculation.enabled);
    }
}

impl Silence {
    pub(super) fn check(self) -> Result<()> {
        let sensible = 1_000..=60_000;
        fits("silence.ask_after_ms", sensible.contains(&self.ask_after_ms))?;
        fits("silence.again_after_ms", sensible.contains(&self.again_after_ms))?;
        fits("silence.hang_up_after_ms", sensible.contains(&self.hang_up_after_ms))
    }

    pub(super) fn settle(self, config: &mut SessionConfig) {
        let after = Duration::from_millis;
        config.idle.prompts = [
            IdlePrompt::new(after(self.ask_after_ms), "Are you still there?"),
            IdlePrompt::new(
                after(self.again_after_ms),
                "I cannot hear you. Is there anything else that I can do?",
            ),
        ]
        .into();
        config.idle.hang_up_after = Some(after(self.hang_up_after_ms));
        config.idle.farewell = Some("I will hang up now. Please call again. Goodbye!".into());
    }
}

impl Limits {
    pub(super) fn check(self) -> Result<()> {
        let minutes = self.call_minutes.is_none_or(|minutes| (1..=240).contains(&minutes));
        fits("limits.call_minutes", minutes)?;
        fits("limits.tool_rounds", self.tool_rounds.is_none_or(|most| (1..=20).contains(&most)))
    }

    pub(super) fn settle(self, config: &mut SessionConfig) {
        if let Some(minutes) = self.call_minutes {
            config.max_call = Some(Duration::from_secs(60 * minutes));
        }
        config.tool_use.max_rounds = self.tool_rounds.unwrap_or(config.tool_use.max_rounds);
    }
}

/// Refuses a field that does not fit.
pub(super) fn fits(field: &str, does: bool) -> Result<()> {
    if does { Ok(()) } else { Err(unaccepted(field)) }
}
