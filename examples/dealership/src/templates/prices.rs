use std::time::Duration;

use serde::Deserialize;
use voiceagent_core::{
    Result,
    observer::{CallUsage, Tokens},
};

use super::sections::fits;

/// What the vendors of a template charge, in dollars. With its version it is never changed, so that
/// it can be told later what a call cost then.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Prices {
    /// A million tokens of requests.
    pub input_per_million: f64,
    /// A million tokens of requests that the vendor had at hand; without it, as all others.
    pub cached_per_million: Option<f64>,
    /// A million tokens of answers.
    pub output_per_million: f64,
    /// A minute that was listened to.
    pub hearing_per_minute: f64,
    /// A million characters that were spoken.
    pub voice_per_million: f64,
    /// A minute on the line.
    pub line_per_minute: f64,
}

/// What calls of a template may cost.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Budget {
    /// Within a day. When that is spent, the rules answer in place of the model.
    pub dollars_a_day: f64,
}

/// The most that a price may be, in dollars: above it somebody has mistaken the unit.
const MOST: f64 = 10_000.0;
const MICROS: f64 = 1_000_000.0;

impl Prices {
    /// What a call cost that took so long and used this, in millionths of a dollar. What was for
    /// nothing costs as well.
    #[must_use]
    pub fn cost(&self, used: &CallUsage, call: Duration) -> i64 {
        let minutes = |time: Duration| time.as_secs_f64() / 60.0;
        // A dollar for a million is a millionth of a dollar for one.
        let requests = self.tokens(used.answers)
            + self.tokens(used.wasted)
            + used.unreported_input_tokens as f64 * self.input_per_million;
        let voice = used.characters as f64 * self.voice_per_million;
        let time =
            minutes(used.stt) * self.hearing_per_minute + minutes(call) * self.line_per_minute;
        (requests + voice + time * MICROS).round() as i64
    }

    fn tokens(&self, tokens: Tokens) -> f64 {
        let cached = tokens.cached.min(tokens.input);
        let cached_price = self.cached_per_million.unwrap_or(self.input_per_million);
        (tokens.input - cached) as f64 * self.input_per_million
            + cached as f64 * cached_price
            + tokens.output as f64 * self.output_per_million
    }

    pub(super) fn check(&self) -> Result<()> {
        let sensible = |price: f64| (0.0..=MOST).contains(&price);
        let cached = self.cached_per_million.unwrap_or_default();
        for (field, price) in [
            ("prices.input_per_million", self.input_per_million),
            ("prices.cached_per_million", cached),
            ("prices.output_per_million", self.output_per_million),
            ("prices.hearing_per_minute", self.hearing_per_minute),
            ("prices.voice_per_million", self.voice_per_million),
            ("prices.line_per_minute", self.line_per_minute),
        ] {
            fits(field, sensible(price))?;
        }
        Ok(())
    }
}

impl Budget {
    /// Whether so much is all that may be spent in a day, in millionths of a dollar.
    #[must_use]
    pub fn is_spent(&self, micros: i64) -> bool {
        micros as f64 >= self.dollars_a_day * MICROS
    }

    pub(super) fn check(&self) -> Result<()> {
        fits("budget.dollars_a_day", (0.0..=MOST).contains(&self.dollars_a_day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used() -> CallUsage {
        serde_json::from_value(serde_json::json!({
            "answers": { "requests": 4, "input": 12_000, "cached": 8_000, "output": 600 },
            "wasted": { "requests": 1, "input": 1_000, "cached": 0, "output": 50 },
            "unreported_input_tokens": 500,
            "stt": { "secs": 90, "nanos": 0 },
            "characters": 1_500,
        }))
        .unwrap()
    }

    #[test]
    fn a_call_costs_what_its_tokens_its_minutes_and_its_characters_cost() {
        let mut prices = Prices {
            input_per_million: 0.25,
            cached_per_million: Some(0.025),
            output_per_million: 2.0,
            hearing_per_minute: 0.0077,
            voice_per_million: 30.0,
            line_per_minute: 0.0085,
        };
        let call = Duration::from_secs(120);
        // Requests: 4,000 + 1,000 + 500 at 0.25, 8,000 at 0.025, 650 at 2.
        let requests = 1_375.0 + 200.0 + 1_300.0;
        let rest = 1.5 * 7_700.0 + 1_500.0 * 30.0 + 2.0 * 8_500.0;
        assert_eq!(prices.cost(&used(), call), (requests + rest) as i64);
        assert_eq!(prices.cost(&CallUsage::default(), Duration::ZERO), 0);
        prices.cached_per_million = None;
        assert_eq!(prices.cost(&used(), call), (requests - 200.0 + 2_000.0 + rest) as i64);
        assert_eq!(Prices::default().cost(&used(), call), 0, "nobody knows the prices");
    }

    #[test]
    fn a_price_or_a_budget_that_makes_no_sense_is_named() {
        for (text, field) in [
            (r#"{"prices":{"line_per_minute":-1}}"#, "field `prices.line_per_minute`: write a"),
            (r#"{"prices":{"per_call":1}}"#, "field `prices.per_call` is none of `prices.cached"),
            (
                r#"{"prices":{"voice_per_million":"30 $"}}"#,
                "field `prices.voice_per_million`: write",
            ),
            (r#"{"budget":{"dollars_a_day":-5}}"#, "field `budget.dollars_a_day`: write a number"),
            (r#"{"budget":20}"#, "field `budget`: write an object"),
            // Nobody can keep to it who knows no prices.
            (r#"{"budget":{"dollars_a_day":5}}"#, "field `budget`: write an object"),
        ] {
            let error = super::super::Template::read(text).unwrap_err();
            assert!(error.message().starts_with(field), "{text}: {}", error.message());
        }
        let budget = Budget { dollars_a_day: 0.5 };
        assert!(!budget.is_spent(499_999) && budget.is_spent(500_000));
    }
}
