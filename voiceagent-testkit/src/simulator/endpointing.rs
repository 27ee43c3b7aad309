//! How quickly callers are answered, and how often they are cut off, under one rule or another.

mod desk;

use std::{fmt, time::Duration};

use serde::Serialize;
use voiceagent_core::{SessionConfig, audio::AudioFormat, session::EndpointingConfig};

use super::{
    dice::Dice,
    talk::{Lines, Talk, Talker},
};
use desk::Desk;

/// Medians of what vendors take, in milliseconds: from a word to its interim, from the end of
/// speech to the final, from a request to the first token, from a text to the first audio.
pub(super) const WORD: u64 = 150;
pub(super) const FINAL: u64 = 150;
pub(super) const MODEL: u64 = 200;
pub(super) const VOICE: u64 = 100;
/// What a detector needs to notice a start and a stop.
const START: u64 = 60;
pub(super) const STOP: u64 = 200;
/// The rule to beat, in milliseconds of silence.
const RULE: u64 = 500;
/// The shortest and the longest delay, from eager to patient.
const SETTINGS: [(u64, u64); 9] = [
    (200, 1_000),
    (300, 1_000),
    (300, 1_500),
    (300, 2_500),
    (400, 1_500),
    (400, 2_000),
    (500, 2_000),
    (600, 2_000),
    (800, 2_000),
];

/// How one setting does on all turns of all callers. Delays are those of turns that were not cut,
/// in milliseconds from the caller's last sound.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// What was set.
    pub setting: String,
    /// Turns that were decided before the caller had finished, of all turns.
    pub false_cuts: f64,
    /// Until the turn was decided.
    pub median_delay_ms: f64,
    /// The same; nine in ten callers wait no longer.
    pub p90_delay_ms: f64,
    /// Until the agent's first sound.
    pub median_response_ms: f64,
    /// The same; nine in ten callers wait no longer.
    pub p90_response_ms: f64,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<30} {:>5.1} % cut off, decided after {:>4.0} ms (p90 {:>4.0}), heard after {:>4.0} ms (p90 {:>4.0})",
            self.setting,
            self.false_cuts * 100.0,
            self.median_delay_ms,
            self.p90_delay_ms,
            self.median_response_ms,
            self.p90_response_ms
        )
    }
}

/// The points of one rule, from the most eager to the most patient setting.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Curve {
    /// The rule.
    pub rule: String,
    /// Its settings.
    pub points: Vec<Point>,
}

/// The trade-off between quick answers and cutting callers off.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TradeOff {
    /// Callers that were simulated, and their turns.
    pub callers: u64,
    /// Turns in all.
    pub turns: usize,
    /// A turn is over after 500 ms of silence, and then the answer begins.
    pub bar: Point,
    /// The rules.
    pub curves: Vec<Curve>,
    /// Where the curve of the session that goes by words has the bar's rate of callers cut off.
    pub equal: Point,
}

/// What happened to one turn; `None` if the caller was cut off.
type Decided = Option<Answered>;

/// When a turn was decided and answered, after its end.
#[derive(Clone, Copy, Debug)]
struct Answered {
    decision: u64,
    response: u64,
}

impl TradeOff {
    /// How much sooner the agent is heard than under the bar's rule, at its rate of callers cut
    /// off, in milliseconds.
    #[must_use]
    pub fn saved_ms(&self) -> f64 {
        self.bar.median_response_ms - self.equal.median_response_ms
    }

    /// The part of it that comes from deciding sooner.
    #[must_use]
    pub fn decided_sooner_ms(&self) -> f64 {
        self.bar.median_delay_ms - self.equal.median_delay_ms
    }
}

/// Lets `callers` simulated callers talk to the session's own endpointing and to fixed rules of
/// silence. The same seed gives the same numbers.
#[must_use]
pub fn endpointing(callers: u64, seed: u64, lines: Lines) -> TradeOff {
    let talks: Vec<Vec<Talk>> = (0..callers)
        .map(|caller| Talker::new(Dice::new(seed + caller, 7), lines).talks())
        .collect();
    let turns = talks.iter().map(Vec::len).sum();
    let silences = [300, 400, 500, 600, 700, 800, 900, 1_000];
    let rule = |name: &str, drafts| Curve {
        rule: name.to_owned(),
        points: silences.map(|silence| fixed(&talks, silence, drafts)).to_vec(),
    };
    let silence = rule("fixed silence", false);
    let drafts = rule("fixed silence, with drafts", true);
    let ours = |name: &str, config: EndpointingConfig| Curve {
        rule: name.to_owned(),
        points: SETTINGS.map(|delays| of_session(&talks, delays, config)).to_vec(),
    };
    let mut adaptive = EndpointingConfig::adaptive();
    let words = ours("session, by words", adaptive);
    adaptive.learn = true;
    let learned = ours("session, by words, learning", adaptive);
    let bar = fixed(&talks, RULE, false);
    let equal = words.at(bar.false_cuts);
    let curves = vec![silence, drafts, words, learned];
    TradeOff { callers, turns, bar, curves, equal }
}

impl Curve {
    /// Its point at this rate of callers cut off, on a line between two settings; the most eager
    /// setting if that cuts off fewer.
    fn at(&self, false_cuts: f64) -> Point {
        let above = self.points.windows(2).find(|pair| pair[1].false_cuts <= false_cuts);
        let Some([eager, patient]) = above.filter(|pair| pair[0].false_cuts > false_cuts) else {
            return self.points[0].clone();
        };
        let share = (eager.false_cuts - false_cuts) / (eager.false_cuts - patient.false_cuts);
        let between =
            |value: fn(&Point) -> f64| value(eager) + share * (value(patient) - value(eager));
        Point {
            setting: format!("between {} and {}", eager.setting, patient.setting),
            false_cuts,
            median_delay_ms: between(|point| point.median_delay_ms),
            p90_delay_ms: between(|point| point.p90_delay_ms),
            median_response_ms: between(|point| point.median_response_ms),
            p90_response_ms: between(|point| point.p90_response_ms),
        }
    }
}

/// A turn is over after so much silence, once its words are known. `drafts`: answers begin when the
/// words are known.
fn fixed(talks: &[Vec<Talk>], silence: u64, drafts: bool) -> Point {
    let decided = talks.iter().flatten().map(|talk| {
        let mut decisions = talk
            .stretches
            .iter()
            .map(|stretch| (stretch.to + silence).max(stretch.noticed_at).max(stretch.final_at));
        // Who has just gone on is heard a moment later.
        let next = talk.stretches.iter().skip(1).map(|next| next.from + START);
        if decisions.clone().zip(next).any(|(decision, next)| decision < next) {
            return None;
        }
        let (decision, last) = (decisions.next_back()?, talk.stretches.last()?);
        let begun = if drafts { last.final_at } else { decision };
        let response = decision.max(begun + talk.answer) - last.to;
        Some(Answered { decision: decision - last.to, response })
    });
    point(format!("{silence} ms"), decided)
}

fn of_session(
    talks: &[Vec<Talk>],
    (min, max): (u64, u64),
    endpointing: EndpointingConfig,
) -> Point {
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.vad = true;
    // The model is asked and never answers.
    config.model.first_token_timeout = Duration::from_secs(60);
    config.endpointing = endpointing;
    config.endpointing.min_delay = Duration::from_millis(min);
    config.endpointing.max_delay = Duration::from_millis(max);
    let decided = talks.iter().flat_map(|talks| {
        // One session for a caller, so that it may get used to them.
        let mut desk = Desk::new(config.clone());
        talks.iter().map(move |talk| desk.listen(talk)).collect::<Vec<_>>()
    });
    point(format!("{min} to {max} ms"), decided)
}

/// Sums up what happened to turns.
fn point(setting: String, decided: impl Iterator<Item = Decided>) -> Point {
    let (mut decisions, mut responses, mut cuts) = (Vec::new(), Vec::new(), 0_usize);
    for decided in decided {
        match decided {
            Some(Answered { decision, response }) => {
                decisions.push(decision);
                responses.push(response);
            }
            None => cuts += 1,
        }
    }
    let turns = (decisions.len() + cuts).max(1);
    let at = |delays: &mut Vec<u64>, percent: usize| {
        delays.sort_unstable();
        let last = delays.len().saturating_sub(1);
        delays.get(last * percent / 100).map_or(f64::NAN, |delay| *delay as f64)
    };
    Point {
        setting,
        false_cuts: cuts as f64 / turns as f64,
        median_delay_ms: at(&mut decisions, 50),
        p90_delay_ms: at(&mut decisions, 90),
        median_response_ms: at(&mut responses, 50),
        p90_response_ms: at(&mut responses, 90),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What going by the words saves at least. Fewer callers would make the figure less exact.
    const FLOOR: f64 = 300.0;

    #[test]
    fn t11_words_answer_sooner_and_cut_nobody_off_more_often_than_half_a_second_of_silence() {
        let trade_off = endpointing(160, 1, Lines::HeldBack);
        assert!(trade_off.equal.false_cuts <= trade_off.bar.false_cuts, "{trade_off:?}");
        assert!(trade_off.saved_ms() > FLOOR, "{} ms", trade_off.saved_ms());
        assert!(trade_off.decided_sooner_ms() > 120.0, "{} ms", trade_off.decided_sooner_ms());
        for curve in &trade_off.curves {
            for pair in curve.points.windows(2) {
                let fewer = pair[1].false_cuts <= pair[0].false_cuts;
                assert!(fewer, "{}: patience spares callers: {pair:?}", curve.rule);
            }
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_picture() {
        let picture = |seed| endpointing(3, seed, Lines::Tuning).svg();
        assert_eq!(picture(1), picture(1));
        assert_ne!(picture(1), picture(2));
    }

    #[test]
    fn a_session_that_knows_nothing_but_silence_does_what_a_fixed_rule_does() {
        let talks: Vec<Vec<Talk>> = (0..40)
            .map(|caller| Talker::new(Dice::new(caller, 7), Lines::Tuning).talks())
            .collect();
        let talks: Vec<Vec<Talk>> = talks
            .into_iter()
            .map(|talks| talks.into_iter().filter(|talk| talk.expected.is_none()).collect())
            .collect();
        let rule = fixed(&talks, 500, true);
        let mut silence = EndpointingConfig::default();
        silence.by_words = false;
        let ours = of_session(&talks, (500, 2_500), silence);
        assert!((rule.false_cuts - ours.false_cuts).abs() < 0.03, "{rule:?} {ours:?}");
        assert!((rule.median_delay_ms - ours.median_delay_ms).abs() < 20.0, "{rule:?} {ours:?}");
        assert!(
            (rule.median_response_ms - ours.median_response_ms).abs() < 30.0,
            "{rule:?} {ours:?}"
        );
    }
}
