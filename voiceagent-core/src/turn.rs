//! The contract of end-of-turn prediction, and a predictor that reads.

pub(crate) mod attention;
mod lexical;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Result, TurnId, audio::AudioFrame, llm::Message};

pub use lexical::{Cues, Lexical};

/// Guesses whether the user has finished.
///
/// The session asks when the user pauses, and goes on with its own timers while it waits; an
/// answer that comes late or not at all costs nothing but its advice.
///
/// ```
/// use async_trait::async_trait;
/// use voiceagent_core::{Result, turn::*};
///
/// /// A user who says "and" has more to say.
/// #[derive(Debug)]
/// struct Conjunction;
///
/// #[async_trait]
/// impl TurnDetector for Conjunction {
///     async fn score(&self, turn: TurnSnapshot) -> Result<TurnScore> {
///         let open = turn.text.trim_end().ends_with(" and");
///         Ok(TurnScore::new(if open { 0.1 } else { 0.9 }))
///     }
/// }
/// ```
#[async_trait]
pub trait TurnDetector: Debug + Send + Sync + 'static {
    /// Scores a turn in which the user has paused.
    ///
    /// # Errors
    ///
    /// Any error makes the session decide without the score.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the score comes too late to be of use, after 500 ms, and when the
    /// call is over. What it has done by then must not change a later score.
    async fn score(&self, turn: TurnSnapshot) -> Result<TurnScore>;
}

/// What a turn detector may look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnSnapshot {
    /// The turn.
    pub turn: TurnId,
    /// What the user has said in it so far.
    pub text: Arc<str>,
    /// The conversation before it.
    pub history: Arc<[Message]>,
    /// The last 8 s of the user's audio, shared with the call; empty on text legs.
    pub audio: Arc<[AudioFrame]>,
}

impl TurnSnapshot {
    /// A turn of which only the text is known.
    pub fn new(turn: TurnId, text: impl Into<Arc<str>>) -> Self {
        Self { turn, text: text.into(), history: Arc::from([]), audio: Arc::from([]) }
    }
}

/// A guess about a turn. Probabilities from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TurnScore {
    /// The user has finished.
    pub end_of_turn: f32,
    /// The user only signals attention ("uh-huh") and wants the agent to go on.
    pub backchannel: f32,
}

impl TurnScore {
    /// A score that says nothing about backchannels.
    #[must_use]
    pub const fn new(end_of_turn: f32) -> Self {
        Self { end_of_turn, backchannel: 0.0 }
    }
}

/// What the user's next turn holds, where the agent asked for something of which the form is
/// known. Such a turn has pauses that do not end it, and an end that can be told from its text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Expected {
    /// A number or mixed code that is read out in groups: an order, a postal code, a card.
    Code,
    /// A day, a time, or both.
    Date,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A name or word that is spelled letter by letter.
    Spelled,
    /// A vehicle's identification number, of 17 letters and digits.
    Vin,
}
