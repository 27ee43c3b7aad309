//! A turn detector that reads.

mod cues;
mod weights;
mod words;

use async_trait::async_trait;

use super::{Expected, TurnDetector, TurnScore, TurnSnapshot, attention::is_sign};
use crate::{Error, Result, llm::Message};

pub use cues::Cues;

/// How likely a sign of attention is one.
const SIGN: f32 = 0.95;
/// The same after a question, which "okay" may answer.
const SIGN_OR_ANSWER: f32 = 0.3;

/// Guesses from its words whether an English turn is complete: a logistic model over
/// [`Cues`], in microseconds, with nothing to download.
///
/// Its probability is meant to be taken at its word: of the turns that it gives 0.8, eight in ten
/// were complete in the data that it was fitted to. `docs/turn-prediction.md` measures it.
///
/// A session needs no such detector to go by words: it asks one by itself, at once, with
/// [`EndpointingConfig::by_words`](crate::session::EndpointingConfig::by_words). As a
/// [`TurnDetector`] it can be part of another.
///
/// ```
/// use voiceagent_core::turn::Lexical;
///
/// let lexical = Lexical::new();
/// let asked = "What is your phone number?";
/// assert!(lexical.end_of_turn("my number is", asked, None) < 0.3);
/// assert!(lexical.end_of_turn("yes I do", "Do you need a ride?", None) > 0.7);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lexical {
    weights: [f32; Cues::COUNT],
}

impl Lexical {
    /// The model that comes with the crate.
    #[must_use]
    pub const fn new() -> Self {
        Self { weights: weights::WEIGHTS }
    }

    /// A model of other data. The weights are in the order of [`Cues::NAMES`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a weight that is no number, or beyond
    /// 1,000: no fit comes to one.
    pub fn with_weights(weights: [f32; Cues::COUNT]) -> Result<Self> {
        const MOST: f32 = 1_000.0;
        let wrong = weights.iter().position(|weight| !(-MOST..=MOST).contains(weight));
        match wrong.and_then(|place| Cues::NAMES.get(place)) {
            None => Ok(Self { weights }),
            Some(cue) => {
                Err(Error::config(format!("the weight of `{cue}` is a number from -1000 to 1000")))
            }
        }
    }

    /// How likely it is, from 0 to 1, that nothing follows. `agent` is what the agent said before,
    /// `expected` what it is known to have asked for. A turn without words is complete.
    #[must_use]
    pub fn end_of_turn(&self, text: &str, agent: &str, expected: Option<Expected>) -> f32 {
        if text.trim().is_empty() {
            return 1.0;
        }
        let cues = Cues::of(text, agent, expected);
        let odds: f32 =
            self.weights.iter().zip(cues.values()).map(|(weight, cue)| weight * cue).sum();
        1.0 / (1.0 + (-odds).exp())
    }
}

impl Default for Lexical {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TurnDetector for Lexical {
    async fn score(&self, turn: TurnSnapshot) -> Result<TurnScore> {
        let agent = turn.history.iter().rev().find_map(|message| match message {
            Message::Assistant { text, .. } => Some(&**text),
            Message::Summary { .. }
            | Message::ToolCall(_)
            | Message::ToolResult { .. }
            | Message::User { .. } => None,
        });
        let agent = agent.unwrap_or_default();
        let end_of_turn = self.end_of_turn(&turn.text, agent, None);
        let backchannel = match is_sign(&turn.text) {
            true if agent.trim_end().ends_with('?') => SIGN_OR_ANSWER,
            true => SIGN,
            false => 0.0,
        };
        Ok(TurnScore { end_of_turn, backchannel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Good morning, how can I help you?";

    fn predict(text: &str, agent: &str) -> f32 {
        Lexical::new().end_of_turn(text, agent, None)
    }

    #[test]
    fn t11_who_ends_in_the_middle_of_a_phrase_has_more_to_say() {
        for open in [
            "I would like to",
            "Yes, and",
            "the thing is",
            "my name is",
            "um",
            "it was on the, uh",
            "I don’t",
            "I'd like to come in on Friday, but",
            "we were looking at the",
        ] {
            assert!(predict(open, HELP) < 0.5, "{open}: {}", predict(open, HELP));
        }
    }

    #[test]
    fn t11_what_the_agent_asked_tells_what_is_complete() {
        let yes_no = "Do you have an appointment?";
        assert!(predict("yes I do", yes_no) > 0.7, "{}", predict("yes I do", yes_no));
        assert!(predict("no", yes_no) > 0.7, "{}", predict("no", yes_no));
        let number = "What is your account number?";
        assert!(predict("okay", number) < 0.5, "{}", predict("okay", number));
        assert!(predict("it's", number) < predict("it's", yes_no));
        let expected = Lexical::new().end_of_turn("okay", "And then?", Some(Expected::Code));
        assert!(expected < 0.5, "{expected}");
        assert!(predict("last night", "When was that?") > predict("last night", HELP));
    }

    #[test]
    fn t11_questions_thanks_and_sentences_are_complete_more_often_than_not() {
        for complete in [
            "What time do you close",
            "Who do I talk to",
            "a window seat, please",
            "It is the red one?",
            "My flight was cancelled yesterday",
            "",
        ] {
            assert!(predict(complete, HELP) > 0.6, "{complete}: {}", predict(complete, HELP));
        }
    }

    #[test]
    fn weights_that_give_no_probability_are_refused() {
        assert!(Lexical::with_weights(weights::WEIGHTS).is_ok());
        for wrong in [f32::NAN, f32::INFINITY, -f32::MAX] {
            let mut weights = weights::WEIGHTS;
            weights[3] = wrong;
            let error = Lexical::with_weights(weights).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert!(error.to_string().contains(Cues::NAMES[3]), "{error}");
        }
    }

    #[test]
    fn no_text_is_too_long_or_too_strange() {
        let long = "and so on ".repeat(1_000);
        for text in ["...", "ß’’ 一二三", "-", "'", "？", &long] {
            assert!((0.0..=1.0).contains(&predict(text, text)), "{text:.20}");
        }
    }
}
