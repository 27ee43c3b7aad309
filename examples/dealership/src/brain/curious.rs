//! Questions that have nothing to do with the house, and are answered by a tool.

use serde_json::{Value, json};

use super::{outcome::Outcome, words::Words};

/// What a caller would like to know beside everything else, until it is told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Curious {
    #[default]
    Nothing,
    /// What time it is.
    Time,
    /// What the weather is like at this place.
    Weather(String),
}

/// Words behind the name of a place that are no part of it.
const BEHIND: [&str; 6] = ["like", "now", "please", "right", "today", "tomorrow"];

impl Curious {
    /// What a turn asks. The time is asked for only where no visit is talked about, whose time it
    /// could be.
    pub(crate) fn of(words: &Words, has_task: bool) -> Self {
        for phrase in ["weather in", "weather like in", "weather at", "weather for"] {
            let Some(at) = words.position(phrase) else { continue };
            let mut place: Vec<&str> = words.iter().skip(at + phrase.split(' ').count()).collect();
            while place.last().is_some_and(|word| BEHIND.contains(word)) {
                place.pop();
            }
            if !place.is_empty() {
                return Self::Weather(place.join(" "));
            }
        }
        let asks_time =
            ["what time is it", "what's the time", "what is the time", "tell me the time"];
        if !has_task && words.says(&asks_time) { Self::Time } else { Self::Nothing }
    }

    /// Whether anything is asked.
    pub(crate) fn is_any(&self) -> bool {
        *self != Self::Nothing
    }

    /// The tool that knows it.
    pub(crate) fn call(&self) -> Option<(&'static str, Value)> {
        match self {
            Self::Nothing => None,
            Self::Time => Some(("get_time", json!({ "timezone": null }))),
            Self::Weather(place) => Some(("get_weather", json!({ "location": place }))),
        }
    }

    /// Takes in what the tool has told. Returns what there is to say of it.
    pub(crate) fn told(&mut self, outcome: &Outcome) -> String {
        *self = Self::Nothing;
        outcome.say().unwrap_or("I'm sorry, I can't tell.").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_and_the_weather_of_a_place_are_asked_for() {
        let of = |text: &str| Curious::of(&Words::new(text), false);
        assert_eq!(of("What time is it?"), Curious::Time);
        for text in ["Weather in Tampa?", "what's the weather like in tampa right now"] {
            assert_eq!(of(text), Curious::Weather("tampa".to_owned()), "{text}");
        }
        assert_eq!(of("the weather in New York, please"), Curious::Weather("new york".to_owned()));
        assert_eq!(of("is the weather in"), Curious::Nothing);
        let of_visit = Curious::of(&Words::new("what time is it"), true);
        assert_eq!(of_visit, Curious::Nothing, "it may be the time of the visit");
    }
}
