mod change;
mod hearing;
mod realtime;
mod silence;
mod summary;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, audio::AudioFormat, duration, spoken::SpokenForm, tool::ToolSpec};

pub use change::SettingsChange;
pub use hearing::{BargeInConfig, EndpointingConfig, SpeculationConfig, Uninterruptible};
pub use realtime::RealtimeConfig;
pub use silence::{FarewellConfig, IdleConfig, IdlePrompt, OwedReplyConfig};
pub use summary::SummaryConfig;

/// A caller who waits longer than this for an answer has hung up.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Who asks more often asks in vain, and all callers at once.
const MOST_RETRIES: u32 = 10;
/// A limit that is longer is none. Sums of such times and their audio can always be counted.
const LONGEST_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
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
    /// Whether the user can interrupt the greeting.
    pub greeting_interruptible: bool,
    /// How long the greeting of a call that we make waits to be told who [answered](Self::answerer),
    /// so that nobody talks to a machine before it records; `None` greets at once. Whoever speaks
    /// then is let speak, for half a minute at most: it may be a machine's greeting. What is said
    /// before is written down, and the greeting is the answer to it.
    #[serde(
        deserialize_with = "duration::optional::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub greeting_waits: Option<Duration>,
    /// What the agent says when it cannot answer.
    pub apology: Arc<str>,
    /// What the caller hears in place of an answer that the voice could not begin to say; `None`
    /// is silence. It needs a voice that says this though it is down, such as a
    /// [`PromptCache`](crate::adapt::PromptCache) with a clip of it.
    pub voice_apology: Option<Arc<str>>,
    /// Whether a [`Flow`](crate::flow::Flow) plans each answer.
    pub flow: bool,
    /// Whether a [`TurnDetector`](crate::turn::TurnDetector) scores pauses.
    pub turn_detector: bool,
    /// BCP 47 tag of the language that the caller speaks, as far as anybody has told. What is known
    /// of words is known of English ones: in another language words do not
    /// [tell](EndpointingConfig::by_words) when a turn is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Arc<str>>,
    /// The format of the audio towards the caller; `None` on a text leg.
    pub format: Option<AudioFormat>,
    /// Whether the transport reports what was played.
    pub marks: bool,
    /// Whether the transport can transfer the call, and tells what became of it.
    pub transfer: bool,
    /// How long the transport may take to transfer the call, before the caller is told that it
    /// cannot be done; `None` is 20 s. Nobody talks to the caller meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_transfer: Option<Duration>,
    /// Whether the carrier is to tell who answered. Until it has, or something was said, nobody is
    /// absent.
    pub answerer: bool,
    /// Whether the transport drops what was sent and not yet played, when it is asked to.
    pub clear: bool,
    /// Whether words of the user are told while they are spoken, and not only when they are over.
    pub stt_interim: bool,
    /// Whether the recognizer answers a request to finalize.
    pub stt_finalize: bool,
    /// Whether the recognizer decides when a turn is over.
    pub stt_end_of_turn: bool,
    /// Whether the voice tells which words were heard of what was interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub voice_tells_heard: bool,
    /// Whether speech edges come from a local detector, or from a speech-to-speech model.
    pub vad: bool,
    /// A model that hears and speaks by itself, in place of recognizer, language model and voice.
    pub realtime: Option<RealtimeConfig>,
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
    /// How texts are put into words for the voice; `None` gives it what was written. The history
    /// keeps what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoken_form: Option<SpokenForm>,
    /// How audio goes out.
    pub playout: PlayoutConfig,
    /// Where the call may be transferred to; `None` leaves that to the transport, which has a list
    /// of its own.
    pub transfer_targets: Option<Arc<[Arc<str>]>>,
    /// What happens when nobody says anything.
    pub idle: IdleConfig,
    /// How the agent takes its leave.
    pub farewell: FarewellConfig,
    /// What is said when an answer takes too long; `None` lets the user wait in silence. An
    /// [`Agent`](crate::Agent) asks for three seconds of patience unless it is told otherwise.
    pub owed_reply: Option<OwedReplyConfig>,
    /// When a long conversation is summed up for the language model; `None` never does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryConfig>,
    /// The longest that a call may last, from its beginning; `None` sets no limit. At the limit
    /// the agent says [`FarewellConfig::limit`], and the call ends as
    /// [`EndReason::Limit`](super::EndReason::Limit).
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub max_call: Option<Duration>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            instructions: Arc::from(""),
            tools: Arc::from([]),
            greeting: None,
            greeting_interruptible: true,
            greeting_waits: None,
            apology: Arc::from("I am sorry, I have a technical problem. Please call again later."),
            voice_apology: None,
            flow: false,
            turn_detector: false,
            language: None,
            format: None,
            marks: false,
            transfer: false,
            longest_transfer: None,
            answerer: false,
            clear: true,
            stt_interim: true,
            stt_finalize: false,
            stt_end_of_turn: false,
            voice_tells_heard: false,
            vad: false,
            realtime: None,
            endpointing: EndpointingConfig::default(),
            barge_in: BargeInConfig::default(),
            speculation: SpeculationConfig::default(),
            model: ModelConfig::default(),
            tool_use: ToolConfig::default(),
            synthesis: SynthesisConfig::default(),
            spoken_form: None,
            playout: PlayoutConfig::default(),
            transfer_targets: None,
            idle: IdleConfig::default(),
            farewell: FarewellConfig::default(),
            owed_reply: None,
            summary: None,
            max_call: None,
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
        self.endpointing.validate()?;
        self.barge_in.validate()?;
        self.speculation.validate()?;
        self.model.validate()?;
        self.tool_use.validate()?;
        self.synthesis.validate()?;
        self.playout.validate()?;
        self.idle.validate()?;
        self.farewell.validate()?;
        if let Some(owed_reply) = &self.owed_reply {
            owed_reply.validate()?;
        }
        if let Some(summary) = &self.summary {
            summary.validate()?;
        }
        if let Some(form) = &self.spoken_form {
            form.validate()?;
        }
        if let Some(text) = &self.voice_apology {
            says_something("voice_apology", text)?;
        }
        if let Some(format) = self.format.filter(|format| !format.can_be_converted()) {
            return refuse("format", &format, "mono, 4 to 192 kHz");
        }
        if let Some(longest) = self.greeting_waits {
            at_most_longest("greeting_waits", longest)?;
        }
        sensible_limit("longest_transfer", self.longest_transfer)?;
        sensible_limit("max_call", self.max_call)
    }
}

impl SessionConfig {
    /// Whether the call may be transferred there.
    pub(crate) fn may_transfer_to(&self, target: &str) -> bool {
        let targets = self.transfer_targets.as_ref();
        targets.is_none_or(|targets| targets.iter().any(|known| **known == *target))
    }

    /// Whether words tell when a turn is over: they are wanted to, and nobody says that they are not
    /// English.
    pub(in crate::session) fn reads_words(&self) -> bool {
        let written = self.spoken_form.as_ref().map(|form| &form.language);
        let mut told = [self.language.as_ref(), written].into_iter().flatten();
        self.endpointing.by_words && told.all(|tag| primary(tag) == "en")
    }
}

/// The language of a tag without its region and script.
pub(crate) fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().trim().to_lowercase()
}

/// Refuses the value of a setting.
fn refuse(field: &str, value: &dyn std::fmt::Debug, accepted: &str) -> Result<()> {
    Err(Error::config(format!("field `{field}` is {value:?}; {accepted}")))
}

/// Refuses a delay that nobody would wait for.
fn at_most_longest(field: &str, delay: Duration) -> Result<()> {
    if delay > LONGEST_DELAY {
        return refuse(field, &delay, &format!("at most {LONGEST_DELAY:?}"));
    }
    Ok(())
}

/// Refuses a limit that nothing keeps, and one that is never reached.
fn sensible_limit(field: &str, limit: Option<Duration>) -> Result<()> {
    match limit {
        Some(limit) if limit.is_zero() => refuse(field, &limit, "longer than zero"),
        Some(limit) => at_most_a_day(field, limit),
        None => Ok(()),
    }
}

/// Refuses a deadline that is never reached.
fn at_most_a_day(field: &str, limit: Duration) -> Result<()> {
    if limit > LONGEST_LIMIT {
        return refuse(field, &limit, &format!("at most {LONGEST_LIMIT:?}"));
    }
    Ok(())
}

/// Refuses a text that says nothing.
fn says_something(field: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return refuse(field, &text, "words that can be spoken");
    }
    Ok(())
}

/// Deadlines of the language model.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelConfig {
    /// Request to first text or tool call.
    #[serde(deserialize_with = "duration::deserialize")]
    pub first_token_timeout: Duration,
    /// Between two events of an answer.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stall_timeout: Duration,
    /// Request to first word or tool call, and from each of them to the next, of a model that shows
    /// that it reasons meanwhile. White space and marks are no word.
    #[serde(deserialize_with = "duration::deserialize")]
    pub reasoning_timeout: Duration,
    /// How often an answer that failed before its first word is asked for again; at most 10.
    pub retries: u32,
    /// Answers that fail in a row until the call is given up.
    pub max_failures: u32,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            first_token_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            reasoning_timeout: Duration::from_secs(30),
            retries: 1,
            max_failures: 3,
        }
    }
}

impl ModelConfig {
    fn validate(&self) -> Result<()> {
        if self.max_failures == 0 {
            return refuse("model.max_failures", &0, "at least 1");
        }
        if self.retries > MOST_RETRIES {
            return refuse("model.retries", &self.retries, &format!("at most {MOST_RETRIES}"));
        }
        at_most_a_day("model.first_token_timeout", self.first_token_timeout)?;
        at_most_a_day("model.stall_timeout", self.stall_timeout)?;
        at_most_a_day("model.reasoning_timeout", self.reasoning_timeout)
    }
}

/// Limits of tool use, and what is said meanwhile.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolConfig {
    /// Rounds of tool calls in one answer; after them the model must answer in words.
    pub max_rounds: u32,
    /// How long a round of tools may keep the user waiting in silence until a filler is said.
    #[serde(deserialize_with = "duration::deserialize")]
    pub filler_after: Duration,
    /// What is said while tools run, one after another; empty says nothing.
    pub fillers: Arc<[Arc<str>]>,
}

impl Default for ToolConfig {
    fn default() -> Self {
        Self { max_rounds: 5, filler_after: Duration::from_millis(900), fillers: Arc::from([]) }
    }
}

impl ToolConfig {
    fn validate(&self) -> Result<()> {
        for filler in self.fillers.iter() {
            says_something("tool_use.fillers", filler)?;
        }
        at_most_longest("tool_use.filler_after", self.filler_after)
    }
}

/// Deadlines of the voice.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SynthesisConfig {
    /// First text to first audio.
    #[serde(deserialize_with = "duration::deserialize")]
    pub first_audio_timeout: Duration,
    /// Between two signs of progress, while audio is owed: once all text has been handed over, and
    /// before that of whole clauses that cannot have been spoken.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for SynthesisConfig {
    fn default() -> Self {
        Self { first_audio_timeout: Duration::from_secs(3), stall_timeout: Duration::from_secs(3) }
    }
}

impl SynthesisConfig {
    fn validate(&self) -> Result<()> {
        at_most_a_day("synthesis.first_audio_timeout", self.first_audio_timeout)?;
        at_most_a_day("synthesis.stall_timeout", self.stall_timeout)
    }
}

/// How audio goes out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PlayoutConfig {
    /// How far ahead of the playhead audio is sent.
    #[serde(deserialize_with = "duration::deserialize")]
    pub lead: Duration,
    /// The longest piece that is sent at once.
    #[serde(deserialize_with = "duration::deserialize")]
    pub piece: Duration,
    /// How much audio lies between two marks.
    #[serde(deserialize_with = "duration::deserialize")]
    pub mark_interval: Duration,
    /// How long after its audio should have been played a missing mark is given up.
    #[serde(deserialize_with = "duration::deserialize")]
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

impl PlayoutConfig {
    fn validate(&self) -> Result<()> {
        let Self { lead, piece, .. } = *self;
        at_most_longest("playout.lead", lead)?;
        if piece < SHORTEST_PIECE || piece > lead {
            let accepted = format!("from {SHORTEST_PIECE:?} to `playout.lead`, which is {lead:?}");
            return refuse("playout.piece", &piece, &accepted);
        }
        at_most_longest("playout.mark_interval", self.mark_interval)?;
        at_most_longest("playout.mark_timeout", self.mark_timeout)
    }
}

#[cfg(test)]
mod tests;
