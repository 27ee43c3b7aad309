use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, audio::AudioFormat, tool::ToolSpec};

/// A caller who waits longer than this for an answer has hung up.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// One frame of a phone line.
const SHORTEST_PIECE: Duration = Duration::from_millis(20);

/// Everything that a session decides by. Recorded at the head of a journal.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionConfig {
    /// What the agent is and how it behaves, for the language model.
    pub instructions: Arc<str>,
    /// Functions that the model may call.
    pub tools: Arc<[ToolSpec]>,
    /// What the agent says first; `None` waits for the caller to speak.
    pub greeting: Option<Arc<str>>,
    /// What the agent says when it cannot answer.
    pub apology: Arc<str>,
    /// Whether a [`Flow`](crate::flow::Flow) plans each answer.
    pub flow: bool,
    /// Whether a [`TurnDetector`](crate::turn::TurnDetector) scores pauses.
    pub turn_detector: bool,
    /// The format of the audio towards the caller; `None` on a text leg.
    pub format: Option<AudioFormat>,
    /// Whether the transport reports what was played.
    pub marks: bool,
    /// Whether the recognizer answers a request to finalize.
    pub stt_finalize: bool,
    /// Whether the recognizer decides when a turn is over.
    pub stt_end_of_turn: bool,
    /// Whether speech edges come from a local detector.
    pub vad: bool,
    /// When a turn is over.
    pub endpointing: EndpointingConfig,
    /// When the user stops the agent.
    pub barge_in: BargeInConfig,
    /// Whether answers begin before a turn is over.
    pub speculation: SpeculationConfig,
    /// Deadlines of the language model.
    pub model: ModelConfig,
    /// Limits of tool use.
    pub tool_use: ToolConfig,
    /// Deadlines of the voice.
    pub synthesis: SynthesisConfig,
    /// How audio goes out.
    pub playout: PlayoutConfig,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            instructions: Arc::from(""),
            tools: Arc::from([]),
            greeting: None,
            apology: Arc::from("I am sorry, I have a technical problem. Please call again later."),
            flow: false,
            turn_detector: false,
            format: None,
            marks: false,
            stt_finalize: false,
            stt_end_of_turn: false,
            vad: false,
            endpointing: EndpointingConfig::default(),
            barge_in: BargeInConfig::default(),
            speculation: SpeculationConfig::default(),
            model: ModelConfig::default(),
            tool_use: ToolConfig::default(),
            synthesis: SynthesisConfig::default(),
            playout: PlayoutConfig::default(),
        }
    }
}

impl SessionConfig {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the field and what it accepts.
    pub fn validate(&self) -> Result<()> {
        let EndpointingConfig { min_delay, max_delay, .. } = self.endpointing;
        let PlayoutConfig { lead, piece, .. } = self.playout;
        let refuse = |message: String| Err(Error::config(message));
        if min_delay > max_delay {
            return refuse(format!(
                "field `endpointing.min_delay` is {min_delay:?}; at most `endpointing.max_delay`, \
                 which is {max_delay:?}"
            ));
        }
        if max_delay > LONGEST_DELAY {
            return refuse(format!(
                "field `endpointing.max_delay` is {max_delay:?}; at most {LONGEST_DELAY:?}"
            ));
        }
        if piece < SHORTEST_PIECE || piece > lead {
            return refuse(format!(
                "field `playout.piece` is {piece:?}; from {SHORTEST_PIECE:?} to `playout.lead`, \
                 which is {lead:?}"
            ));
        }
        if self.model.max_failures == 0 {
            return refuse("field `model.max_failures` is 0; at least 1".to_owned());
        }
        Ok(())
    }
}

/// When a turn is over. All times count from the user's last speech.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointingConfig {
    /// The delay when the user has surely finished, and when nobody can tell.
    pub min_delay: Duration,
    /// The delay when the user has surely more to say.
    pub max_delay: Duration,
    /// How long to wait for the final transcript of what was said.
    pub transcript_timeout: Duration,
    /// When a turn that nothing else ends is decided.
    pub watchdog: Duration,
}

impl Default for EndpointingConfig {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_millis(300),
            max_delay: Duration::from_millis(2_500),
            transcript_timeout: Duration::from_millis(1_000),
            watchdog: Duration::from_secs(5),
        }
    }
}

/// When the user stops the agent.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BargeInConfig {
    /// Whether the user can.
    pub enabled: bool,
    /// How long the user must have spoken.
    pub min_duration: Duration,
    /// How many words must have been recognized; 0 does not wait for the recognizer.
    pub min_words: u32,
}

impl Default for BargeInConfig {
    fn default() -> Self {
        Self { enabled: true, min_duration: Duration::from_millis(160), min_words: 0 }
    }
}

/// Whether answers begin before a turn is over.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SpeculationConfig {
    /// Whether drafts are started.
    pub enabled: bool,
    /// How many drafts a turn may cost.
    pub max_drafts: u32,
}

impl Default for SpeculationConfig {
    fn default() -> Self {
        Self { enabled: true, max_drafts: 4 }
    }
}

/// Deadlines of the language model.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelConfig {
    /// Request to first text or tool call.
    pub first_token_timeout: Duration,
    /// Between two events of an answer.
    pub stall_timeout: Duration,
    /// How often an answer that failed before its first word is asked for again.
    pub retries: u32,
    /// Answers that fail in a row until the call is given up.
    pub max_failures: u32,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            first_token_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            retries: 1,
            max_failures: 3,
        }
    }
}

/// Limits of tool use.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolConfig {
    /// Rounds of tool calls in one answer; after them the model must answer in words.
    pub max_rounds: u32,
}

impl Default for ToolConfig {
    fn default() -> Self {
        Self { max_rounds: 5 }
    }
}

/// Deadlines of the voice.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SynthesisConfig {
    /// First text to first audio.
    pub first_audio_timeout: Duration,
    /// Between two pieces of audio, once all text has been handed over.
    pub stall_timeout: Duration,
}

impl Default for SynthesisConfig {
    fn default() -> Self {
        Self { first_audio_timeout: Duration::from_secs(3), stall_timeout: Duration::from_secs(3) }
    }
}

/// How audio goes out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PlayoutConfig {
    /// How far ahead of the playhead audio is sent.
    pub lead: Duration,
    /// The longest piece that is sent at once.
    pub piece: Duration,
    /// How much audio lies between two marks.
    pub mark_interval: Duration,
    /// How long after its audio should have been played a missing mark is given up.
    pub mark_timeout: Duration,
}

impl Default for PlayoutConfig {
    fn default() -> Self {
        Self {
            lead: Duration::from_millis(300),
            piece: Duration::from_millis(100),
            mark_interval: Duration::from_millis(100),
            mark_timeout: Duration::from_secs(2),
        }
    }
}
