//! What callers say in a turn, and how they say it.

use std::time::Duration;

use voiceagent_core::turn::Expected;

use super::dice::Dice;

/// Shares of the kinds of turns, in a hundred. The mix of an agent that books appointments: it asks
/// more than it is asked.
const KINDS: [(&str, u64); 8] = [
    ("answer", 30),
    ("request", 35),
    ("question", 15),
    ("phone", 8),
    ("date", 5),
    ("code", 3),
    ("spelled", 2),
    ("email", 2),
];
const FILLERS: [&str; 4] = ["um", "uh", "er", "like"];
/// How some turns end: with more to come, one would think.
const TRAILS: [&str; 7] = ["so", "but", "and um", "or", "so yeah", "you know", "and stuff"];
const DIGITS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// What people say on the phone to a car dealer.
///
/// `/` stands where somebody who goes on has said something complete, `|` where a name or an
/// address is read out in parts, `###` for digits that are read out together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Lines {
    /// For choosing settings and word lists.
    Tuning,
    /// For the figures that are reported.
    HeldBack,
}

/// What a caller says in one turn: stretches of speech with pauses between. Times are milliseconds
/// from the beginning of the turn.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    /// What the agent has asked for.
    pub(super) expected: Option<Expected>,
    pub(super) stretches: Vec<Stretch>,
    /// What model and voice take for the beginning of an answer.
    pub(super) answer: u64,
}

/// Speech without a pause, and when the vendors tell of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Each word, and when the recognizer knows it. It leaves some fillers out.
    pub(super) words: Vec<(u64, String)>,
    /// When its final comes.
    pub(super) final_at: u64,
    /// When the detector has noticed its end.
    pub(super) noticed_at: u64,
}

/// A caller with habits: how fast, how hesitant, how long the pauses are.
#[derive(Debug)]
pub(super) struct Talker {
    dice: Dice,
    lines: Vec<(&'static str, &'static str)>,
    /// Of the length of words.
    tempo: f64,
    /// Of the length of pauses.
    leisure: f64,
    /// Pauses within a phrase, for each hundred words.
    hesitant: u64,
    /// Pauses for each hundred places at which a phrase is complete and the turn is not.
    composed: u64,
}

impl Lines {
    fn read(self) -> Vec<(&'static str, &'static str)> {
        let text = match self {
            Self::Tuning => include_str!("talk/tuning.txt"),
            Self::HeldBack => include_str!("talk/held-back.txt"),
        };
        text.lines().filter_map(|line| line.split_once(": ")).collect()
    }
}

impl Talker {
    pub(super) fn new(mut dice: Dice, lines: Lines) -> Self {
        let tempo = (0.2 * dice.bell()).exp();
        let leisure = (0.35 * dice.bell()).exp();
        let (hesitant, composed) = (dice.between(1, 6), dice.between(30, 80));
        Self { dice, lines: lines.read(), tempo, leisure, hesitant, composed }
    }

    /// The turns of a call.
    pub(super) fn talks(&mut self) -> Vec<Talk> {
        (0..self.dice.between(6, 14)).map(|_| self.talk()).collect()
    }

    fn talk(&mut self) -> Talk {
        let mut share = self.dice.between(0, 99);
        let (kind, _) = KINDS
            .iter()
            .find(|(_, of)| {
                let is_it = share < *of;
                share = share.saturating_sub(*of);
                is_it
            })
            .expect("the shares make a hundred");
        let lines: Vec<&str> =
            self.lines.iter().filter(|(of, _)| of == kind).map(|(_, line)| *line).collect();
        let line = *self.dice.pick(&lines);
        let expected = expected(kind);
        let mut speech = Speech::default();
        for token in line.split(' ') {
            self.say(&mut speech, token);
        }
        if expected.is_none() && self.dice.percent(6) {
            for word in self.dice.pick(&TRAILS).split(' ') {
                self.word(&mut speech, word.to_owned());
            }
        }
        let mut talk = Talk { expected, stretches: speech.stretches, answer: 0 };
        self.time(&mut talk);
        talk
    }

    fn say(&mut self, speech: &mut Speech, token: &str) {
        match token {
            "/" if self.dice.percent(self.composed) => self.pause(speech, 420),
            "|" if self.dice.percent(60) => self.pause(speech, 350),
            "/" | "|" => {}
            digits if digits.starts_with('#') => {
                if speech.is_reading && self.dice.percent(70) {
                    self.pause(speech, 350);
                }
                for _ in 0..digits.len() {
                    // A number does not begin with 0 or 1.
                    let low = if speech.is_reading { 0 } else { 2 };
                    let digit = self.dice.between(low, 9) as usize;
                    speech.is_reading = true;
                    self.word(speech, DIGITS[digit].to_owned());
                }
            }
            word => {
                if !speech.stretches.is_empty() && self.dice.percent(self.hesitant) {
                    self.hesitate(speech);
                }
                self.word(speech, word.to_owned());
            }
        }
    }

    /// Stops in the middle of a phrase, often with a filler.
    fn hesitate(&mut self, speech: &mut Speech) {
        if !self.dice.percent(40) {
            return self.pause(speech, 420);
        }
        let filler = *self.dice.pick(&FILLERS);
        let is_written = self.dice.percent(50);
        self.word(speech, if is_written { filler } else { "" }.to_owned());
        self.pause(speech, 600);
    }

    fn word(&mut self, speech: &mut Speech, word: String) {
        let letters = word.len().clamp(3, 12) as f64;
        let length = (90.0 + 45.0 * letters) * self.tempo * (0.15 * self.dice.bell()).exp();
        speech.word(length as u64, word);
    }

    /// Pauses are short, seldom long and hardly ever very long: normal in their logarithms.
    fn pause(&mut self, speech: &mut Speech, median: u64) {
        let length = median as f64 * self.leisure * (0.5 * self.dice.bell()).exp();
        speech.at += length as u64;
    }

    /// Lets the detector and the vendors take their times.
    fn time(&mut self, talk: &mut Talk) {
        let mut latency =
            |median| self.dice.latency(Duration::from_millis(median)).as_millis() as u64;
        for stretch in &mut talk.stretches {
            stretch.final_at = stretch.to + latency(super::endpointing::FINAL);
            let mut known = 0;
            for (at, _) in &mut stretch.words {
                known = known.max(*at + latency(super::endpointing::WORD));
                *at = known.min(stretch.final_at);
            }
        }
        talk.answer = latency(super::endpointing::MODEL) + latency(super::endpointing::VOICE);
        for stretch in &mut talk.stretches {
            // A window of the detector and a frame of the line are 20 ms long.
            stretch.noticed_at = stretch.to + super::endpointing::STOP + self.dice.between(0, 20);
        }
    }
}

/// A turn in the making.
#[derive(Debug, Default)]
struct Speech {
    at: u64,
    stretches: Vec<Stretch>,
    /// Digits are being read out.
    is_reading: bool,
}

impl Speech {
    fn word(&mut self, length: u64, word: String) {
        let from = self.at;
        self.at += length;
        match self.stretches.last_mut() {
            Some(stretch) if stretch.to == from => {
                stretch.to = self.at;
                stretch.words.push((self.at, word));
            }
            _ => {
                let words = vec![(self.at, word)];
                self.stretches.push(Stretch { from, to: self.at, words, ..Stretch::default() });
            }
        }
    }
}

fn expected(kind: &str) -> Option<Expected> {
    match kind {
        "phone" => Some(Expected::Phone),
        "date" => Some(Expected::Date),
        "code" => Some(Expected::Code),
        "spelled" => Some(Expected::Spelled),
        "email" => Some(Expected::Email),
        _ => None,
    }
}
