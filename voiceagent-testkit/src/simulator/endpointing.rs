//! How quickly callers are answered, and how often they are cut off, under one rule or another.

use std::time::Duration;

use serde::Serialize;
use voiceagent_core::{
    CallTime, Event, SessionConfig,
    audio::AudioFormat,
    flow::Plan,
    session::{Command, Input, Session},
    stt::Transcript,
};

use super::{
    dice::Dice,
    talk::{Talk, Talker},
};

/// From the sound to the word of the recognizer, and from the end of speech to its final.
const WORD_DELAY: u64 = 120;
const FINAL_DELAY: u64 = 130;
/// What a detector needs to notice a start and a stop.
const START: u64 = 60;
const STOP: u64 = 200;
/// What a turn detector takes for its answer.
const SCORE_DELAY: u64 = 40;
/// The rule to beat, in milliseconds of silence.
const RULE: u64 = 500;
/// Between a turn and the next one.
const BETWEEN: u64 = 4_000;

/// How one setting does on all turns of all callers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// What was set.
    pub setting: String,
    /// Turns that were decided before the caller had finished, of all turns.
    pub false_cuts: f64,
    /// From the caller's last sound to the decision, in milliseconds, of turns that were not cut.
    pub median_delay_ms: f64,
    /// The same; nine in ten callers wait no longer.
    pub p90_delay_ms: f64,
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
    /// The rules.
    pub curves: Vec<Curve>,
    /// Against a fixed rule of 500 ms: how much shorter the median delay of the best of our
    /// settings is that cuts no more callers off, in milliseconds. Negative when it is longer.
    pub saved_ms: Option<f64>,
    /// That setting.
    pub best: Option<Point>,
}

/// Who tells the session whether a turn sounds finished.
#[derive(Clone, Copy, Debug)]
enum Detector {
    None,
    Lexical,
}

/// Lets `callers` simulated callers talk to the session's own endpointing and to fixed rules of
/// silence. The same seed gives the same numbers.
#[must_use]
pub fn endpointing(callers: u64, seed: u64) -> TradeOff {
    let talks: Vec<Vec<Talk>> =
        (0..callers).map(|caller| Talker::new(Dice::new(seed + caller, 7)).talks()).collect();
    let turns = talks.iter().map(Vec::len).sum();
    let silence = Curve {
        rule: "fixed silence".to_owned(),
        points: (2..=10).map(|tenths| fixed(&talks, tenths * 100)).collect(),
    };
    let mut ours = Vec::new();
    for (rule, detector) in
        [("ours, no detector", Detector::None), ("ours, words", Detector::Lexical)]
    {
        let points = [200, 250, 300, 400, 500, 600, 800, 1_000];
        let points = points.map(|min| of_session(&talks, detector, min, 2_500)).into_iter();
        let longer = [1_000, 1_500, 3_500].map(|max| of_session(&talks, detector, 300, max));
        let longer = longer.into_iter().filter(|_| matches!(detector, Detector::Lexical));
        ours.push(Curve { rule: rule.to_owned(), points: points.chain(longer).collect() });
    }
    let bar = fixed(&talks, RULE);
    let settings = ours.iter().flat_map(|curve| &curve.points);
    let best = settings
        .filter(|point| point.false_cuts <= bar.false_cuts)
        .min_by(|one, two| one.median_delay_ms.total_cmp(&two.median_delay_ms))
        .cloned();
    let saved_ms = best.as_ref().map(|best| bar.median_delay_ms - best.median_delay_ms);
    let curves = std::iter::once(silence).chain(ours).collect();
    TradeOff { callers, turns, curves, saved_ms, best }
}

/// A turn is over after so much silence, once its words are known.
fn fixed(talks: &[Vec<Talk>], silence: u64) -> Point {
    let decided = talks.iter().flatten().map(|talk| {
        let pauses = talk.stretches.windows(2).map(|pair| pair[1].from - pair[0].to);
        let is_cut = pauses.into_iter().any(|pause| pause > silence.max(STOP));
        (!is_cut).then_some(silence.max(STOP + FINAL_DELAY))
    });
    point(format!("{silence} ms"), decided)
}

fn of_session(talks: &[Vec<Talk>], detector: Detector, min: u64, max: u64) -> Point {
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.vad = true;
    config.flow = true;
    config.speculation.enabled = false;
    config.turn_detector = matches!(detector, Detector::Lexical);
    config.endpointing.min_delay = Duration::from_millis(min);
    config.endpointing.max_delay = Duration::from_millis(max);
    let decided = talks.iter().flat_map(|talks| {
        // One session for a caller, so that it may get used to them.
        let mut desk = Desk::new(config.clone());
        talks.iter().map(move |talk| desk.listen(talk)).collect::<Vec<_>>()
    });
    point(format!("{min} to {max} ms"), decided)
}

/// Sums up when turns were decided, in milliseconds after their end; `None` is a cut.
fn point(setting: String, decided: impl Iterator<Item = Option<u64>>) -> Point {
    let (mut delays, mut cuts) = (Vec::new(), 0_usize);
    for delay in decided {
        match delay {
            Some(delay) => delays.push(delay),
            None => cuts += 1,
        }
    }
    delays.sort_unstable();
    let at = |percent: usize| {
        let last = delays.len().saturating_sub(1);
        delays.get(last * percent / 100).map_or(f64::NAN, |delay| *delay as f64)
    };
    let turns = (delays.len() + cuts).max(1);
    let false_cuts = cuts as f64 / turns as f64;
    Point { setting, false_cuts, median_delay_ms: at(50), p90_delay_ms: at(90) }
}

/// A session that listens, and says nothing.
struct Desk {
    session: Session,
    /// When the next caller's turn may begin.
    free: u64,
    turns: Vec<u64>,
    scores: Vec<(u64, Input)>,
}

impl Desk {
    fn new(config: SessionConfig) -> Self {
        let session = Session::new(config);
        let mut desk = Self { session, free: 1_000, turns: Vec::new(), scores: Vec::new() };
        desk.feed(0, Input::Opened);
        desk
    }

    /// Hears a turn; when it was decided, after its end, or `None` if that was before.
    fn listen(&mut self, talk: &Talk) -> Option<u64> {
        let begun = self.free;
        let mut inputs = Vec::new();
        let mut stretches = talk.stretches.iter().peekable();
        while let Some(stretch) = stretches.next() {
            let (from, to) = (begun + stretch.from, begun + stretch.to);
            let since = CallTime::from_millis(from);
            inputs.push((from + START, Input::SpeechStarted { since }));
            let mut text = String::new();
            for (at, word) in &stretch.words {
                text = if text.is_empty() { word.clone() } else { format!("{text} {word}") };
                let transcript = Transcript::interim(text.as_str());
                inputs.push((begun + at + WORD_DELAY, Input::Transcript { transcript }));
            }
            let goes_on = stretches.peek().is_some_and(|next| begun + next.from < to + STOP);
            if goes_on {
                continue;
            }
            let since = CallTime::from_millis(to);
            inputs.push((to + STOP, Input::SpeechStopped { since }));
            let transcript = Transcript::final_(text.as_str());
            inputs.push((to + STOP + FINAL_DELAY, Input::Transcript { transcript }));
        }
        inputs.sort_by_key(|(at, _)| *at);
        let end = begun + talk.stretches.last().map_or(0, |stretch| stretch.to);
        self.turns.clear();
        for (at, input) in inputs {
            self.wait(at);
            self.feed(at, input);
        }
        self.wait(end + BETWEEN);
        self.free = end + BETWEEN;
        let first = self.turns.first().copied()?;
        (first >= end).then(|| first - end)
    }

    /// Lets time pass.
    fn wait(&mut self, until: u64) {
        loop {
            let timer = self.session.poll_timeout().map(|(at, _)| at.as_micros().div_ceil(1_000));
            let score = self.scores.first().map(|(at, _)| *at);
            let next = timer.unwrap_or(u64::MAX).min(score.unwrap_or(u64::MAX));
            if next > until {
                return;
            }
            if score == Some(next) {
                let (at, input) = self.scores.remove(0);
                self.feed(at, input);
            } else {
                self.feed(next, Input::Timeout);
            }
        }
    }

    fn feed(&mut self, at: u64, input: Input) {
        let now = CallTime::from_millis(at);
        self.session.handle(now, input);
        while let Some(command) = self.session.poll() {
            match command {
                Command::Plan { generation, .. } => {
                    let plan = Some(Plan::Stay);
                    self.session.handle(now, Input::Planned { generation, plan });
                }
                Command::ScoreEndOfTurn { turn, text, .. } => {
                    let (text_len, probability) = (text.len(), sounds_finished(&text));
                    let backchannel = 0.0;
                    let score = Input::EndOfTurnScore { turn, text_len, probability, backchannel };
                    self.scores.push((at + SCORE_DELAY, score));
                }
                Command::Emit { event: Event::UserTurn { .. } } => self.turns.push(at),
                _ => {}
            }
        }
    }
}

/// What a simple detector makes of the words alone: who ends with a filler, or in the middle of a
/// phrase, has more to say.
fn sounds_finished(text: &str) -> f32 {
    const OPEN: [&str; 14] = [
        "uh", "um", "er", "and", "but", "because", "to", "the", "my", "with", "for", "on", "at",
        "is",
    ];
    match text.rsplit(' ').next() {
        Some(last) if OPEN.contains(&last) => 0.3,
        Some(last) if last.parse::<u32>().is_ok() => 0.7,
        _ => 0.97,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_costs_time_and_saves_callers_from_being_cut_off() {
        let trade_off = endpointing(60, 1);
        for curve in &trade_off.curves {
            let (eager, patient) = (&curve.points[0], &curve.points[7]);
            assert!(eager.false_cuts >= patient.false_cuts, "{curve:?}");
            assert!(eager.median_delay_ms < patient.median_delay_ms, "{curve:?}");
        }
        let again = endpointing(60, 1);
        assert_eq!(again.saved_ms, trade_off.saved_ms, "the same each time");
    }

    #[test]
    fn a_session_that_knows_nothing_but_silence_does_what_a_fixed_rule_does() {
        let talks: Vec<Vec<Talk>> =
            (0..40).map(|caller| Talker::new(Dice::new(caller, 7)).talks()).collect();
        let rule = fixed(&talks, 500);
        let ours = of_session(&talks, Detector::None, 500, 2_500);
        assert!((rule.false_cuts - ours.false_cuts).abs() < 0.03, "{rule:?} {ours:?}");
        assert!((rule.median_delay_ms - ours.median_delay_ms).abs() < 60.0, "{rule:?} {ours:?}");
    }
}
