use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{at_most_a_day, at_most_longest, refuse, sensible_limit};
use crate::{Result, audio::Decibels, duration};

/// When a turn is over. All times count from the user's last speech.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointingConfig {
    /// The delay when the user has probably finished, and when nobody can tell. For a fixed silence
    /// whatever was said, turn `by_words` off too, and have the recognizer count no shorter one: the
    /// end that it tells is taken at once then.
    #[serde(deserialize_with = "duration::deserialize")]
    pub min_delay: Duration,
    /// The delay when the user has surely more to say.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_delay: Duration,
    /// The delay when what the agent [expects](crate::turn::Expected) is not complete: a number of
    /// which digits are missing. Once it is complete, `min_delay` is enough, whatever a turn
    /// detector says. Also the longest delay that a turn detector can cause after a digit or a
    /// letter that nobody asked for.
    #[serde(deserialize_with = "duration::deserialize")]
    pub entity_max_delay: Duration,
    /// How long to wait for the final transcript of what was said.
    #[serde(deserialize_with = "duration::deserialize")]
    pub transcript_timeout: Duration,
    /// How long the detector is believed that the user speaks while nothing is understood. Then it
    /// is reset; what it goes on to hear without a word is noise. At least 10 s where words come
    /// only behind the voice.
    #[serde(deserialize_with = "duration::deserialize")]
    pub watchdog: Duration,
    /// Whether turns end only when the owner of the call [says so](crate::Line::commit_turn), as
    /// with a key that is held down to speak. Of no effect where the user types.
    ///
    /// No silence and no watchdog ends a turn then: where the release of a key can be lost, set
    /// [`max_turn`](Self::max_turn), or the agent waits until the call ends.
    pub manual: bool,
    /// How long the user may speak without a pause that ends the turn, until the agent takes it
    /// all the same; `None` lets the user speak for ever.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub max_turn: Option<Duration>,
    /// How many words a turn may have until the agent takes it all the same; `None` sets no limit.
    pub max_turn_words: Option<u32>,
    /// Whether the delays adapt to the pauses that this caller makes within turns: not below
    /// `min_delay`, not above `max_delay`. Off, because a caller who was cut off often waits
    /// longer for each answer then.
    pub learn: bool,
    /// Whether the words tell how long to wait, where no [turn detector](crate::turn::TurnDetector)
    /// does: who ends with "and the" has more to say, and a question is complete. A recognizer that
    /// counts silence does not end such a turn either.
    ///
    /// They are read as English, and not at all where the agent, its recognizer or its spoken form is
    /// told of [another language](super::SessionConfig::language). Where nobody tells of it, turn
    /// this off, or what is complete may be waited on for up to `max_delay`.
    pub by_words: bool,
}

impl EndpointingConfig {
    /// Settings that cut off fewer callers than the default ones, and let nobody wait as long: delays
    /// from 400 ms to 2 s, by words.
    #[must_use]
    pub fn adaptive() -> Self {
        Self {
            min_delay: Duration::from_millis(400),
            max_delay: Duration::from_millis(2_000),
            by_words: true,
            ..Self::default()
        }
    }
}

impl Default for EndpointingConfig {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_millis(300),
            max_delay: Duration::from_millis(2_500),
            entity_max_delay: Duration::from_secs(4),
            transcript_timeout: Duration::from_millis(1_000),
            watchdog: Duration::from_secs(5),
            manual: false,
            max_turn: None,
            max_turn_words: None,
            learn: false,
            by_words: true,
        }
    }
}

impl EndpointingConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let Self { min_delay, max_delay, .. } = *self;
        if min_delay > max_delay {
            let accepted = format!("at most `endpointing.max_delay`, which is {max_delay:?}");
            return refuse("endpointing.min_delay", &min_delay, &accepted);
        }
        sensible_limit("endpointing.max_turn", self.max_turn)?;
        if self.max_turn_words == Some(0) {
            return refuse("endpointing.max_turn_words", &0, "at least 1");
        }
        at_most_longest("endpointing.max_delay", max_delay)?;
        at_most_longest("endpointing.entity_max_delay", self.entity_max_delay)?;
        at_most_longest("endpointing.transcript_timeout", self.transcript_timeout)?;
        at_most_a_day("endpointing.watchdog", self.watchdog)
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
    #[serde(deserialize_with = "duration::deserialize")]
    pub min_duration: Duration,
    /// How many words must have been recognized besides; 0 does not wait for the recognizer. Fewer
    /// words over the agent, or a voice shorter than `min_duration`, make no turn then.
    pub min_words: u32,
    /// How long after the first sound of a speech the user's voice cannot stop it: on a line with
    /// echo the agent would stop itself. What is said meanwhile is answered after the speech.
    #[serde(deserialize_with = "duration::deserialize")]
    pub warm_up: Duration,
    /// Whether a pressed key stops the agent, also where `enabled` keeps the voice from it.
    pub dtmf: bool,
    /// What becomes of what the user says over speech that cannot be stopped.
    pub uninterruptible: Uninterruptible,
    /// How long a voice over the agent is waited on for the words that tell a sign of attention
    /// ("uh-huh") from an interruption; then the voice decides. Any other word decides at once. A
    /// sign of attention neither stops the agent nor makes a turn, also over speech that nothing
    /// can stop. `None` takes every voice and every word for an interruption.
    ///
    /// The words of a speech-to-speech model come when the turn is over, if at all. There a shorter
    /// voice without words is a cough or such a sign, where the agent [pauses](Self::pause) for it
    /// and is not in the midst of its last question.
    ///
    /// While it waits, an agent that [pauses](Self::pause) is silent already. One that does not
    /// speaks on, and so is stopped later than after `min_duration`.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub backchannel: Option<Duration>,
    /// How long the user must have been heard until the agent pauses on suspicion. Words make an
    /// interruption of it; without any, the agent goes on where it was. A voice of 3 s makes one
    /// too where words come only behind it. `None` never pauses, and then a voice without words
    /// interrupts as well.
    ///
    /// It takes a speech detector and a far end that can drop audio. What was shown as text cannot
    /// be taken back, so a text leg never pauses, nor does a line whose speech edges come from the
    /// recognizer: there, the first word interrupts.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub pause: Option<Duration>,
    /// How long the user must have been silent, without words, until a paused agent goes on.
    #[serde(deserialize_with = "duration::deserialize")]
    pub resume_after: Duration,
    /// After so many pauses that came to nothing, within 10 s, only words pause; 0 does not count.
    pub back_off: u32,
    /// By how much a voice over the agent must be softer than the caller's own, as it was while the
    /// agent listened, to be taken for somebody else in the room: only words pause or interrupt then.
    /// From 3 to 60 dB, 15 dB unless told otherwise; `None` goes by every voice.
    ///
    /// It takes two voices to know the caller's, audio of which a frame tells how loud it is, and a
    /// recognizer with interim transcripts.
    pub softer: Option<Decibels>,
}

impl Default for BargeInConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            min_duration: Duration::from_millis(160),
            min_words: 0,
            warm_up: Duration::ZERO,
            dtmf: false,
            uninterruptible: Uninterruptible::Keep,
            backchannel: Some(Duration::from_millis(700)),
            pause: Some(Duration::from_millis(160)),
            resume_after: Duration::from_millis(1_500),
            back_off: 3,
            softer: Some(Decibels(15.0)),
        }
    }
}

impl BargeInConfig {
    pub(super) fn validate(&self) -> Result<()> {
        at_most_longest("barge_in.min_duration", self.min_duration)?;
        at_most_longest("barge_in.warm_up", self.warm_up)?;
        at_most_longest("barge_in.resume_after", self.resume_after)?;
        at_most_longest("barge_in.backchannel", self.backchannel.unwrap_or_default())?;
        if let Some(Decibels(softer)) = self.softer.filter(|by| !(3.0..=60.0).contains(&by.0)) {
            return refuse("barge_in.softer", &softer, "from 3 to 60 dB");
        }
        at_most_longest("barge_in.pause", self.pause.unwrap_or_default())
    }
}

/// What becomes of what the user says over speech that cannot be stopped.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the words are kept or they are not")]
pub enum Uninterruptible {
    /// It is not listened to: the recognizer hears silence.
    Discard,
    /// It is answered when the speech is over.
    #[default]
    Keep,
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
    /// For how long of a turn drafts are started, from the user's first sound: who has spoken
    /// long makes many pauses, and each draft is dearer. `None` sets no limit.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub max_turn: Option<Duration>,
    /// Whether the voice speaks a draft, held until its turn is over. Without, only the model
    /// writes ahead.
    pub synthesis: bool,
}

impl Default for SpeculationConfig {
    fn default() -> Self {
        Self { enabled: true, max_drafts: 4, max_turn: None, synthesis: true }
    }
}

impl SpeculationConfig {
    pub(super) fn validate(&self) -> Result<()> {
        sensible_limit("speculation.max_turn", self.max_turn)
    }
}
