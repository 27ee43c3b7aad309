//! What there is in place of recognizer, voice and line, and what decides beside the model.

use std::time::Duration;

use crate::simulator::dice::Dice;

/// A model that hears and speaks by itself.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Speaker {
    pub(in crate::simulator) duplex: bool,
    /// It tells when the user speaks.
    pub(in crate::simulator) edges: bool,
    /// The agent has a detector of its own.
    pub(in crate::simulator) detector: bool,
    pub(in crate::simulator) truncates: bool,
    /// It greets in words of its own.
    pub(in crate::simulator) greets: bool,
    /// It tells whose turn the words are from.
    pub(in crate::simulator) names_turns: bool,
    pub(in crate::simulator) text: Text,
    pub(in crate::simulator) first_audio: Duration,
    /// How many times faster than it sounds the audio comes.
    pub(in crate::simulator) speed: f64,
    /// Stops when it is told to; else what was on its way still comes.
    pub(in crate::simulator) obeys: bool,
    /// How long it takes to notice a voice, and the end of one.
    pub(in crate::simulator) notices: Duration,
    pub(in crate::simulator) silence: Duration,
    /// How long after a turn its words are told.
    pub(in crate::simulator) words_after: Duration,
    /// Answers in a hundred that call tools, that fail, and that something comes twice of.
    pub(in crate::simulator) calls: u64,
    pub(in crate::simulator) fails: u64,
    pub(in crate::simulator) repeats: u64,
    /// Turns in a hundred of which the words are lost, and come twice.
    pub(in crate::simulator) lost: u64,
    pub(in crate::simulator) twice: u64,
    /// Each conversation breaks at this age.
    pub(in crate::simulator) breaks: Option<Duration>,
    /// Attempts to open another one that are refused.
    pub(in crate::simulator) refuses: u32,
}

/// When a speech-to-speech model tells what it says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::simulator) enum Text {
    /// All of it before the audio.
    Ahead,
    /// Each piece before its audio.
    Beside,
    /// When all of the audio has come.
    Behind,
}

/// A far end that hears and speaks by itself.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Relay {
    /// It falls silent by itself when the user speaks, and says so.
    pub(in crate::simulator) decides: bool,
    /// It says then how much was heard.
    pub(in crate::simulator) knows: bool,
    /// So long after it fell silent.
    pub(in crate::simulator) tells_after: Duration,
    /// It tells when the user begins to speak.
    pub(in crate::simulator) starts: bool,
    /// How often it tells what it has understood so far, if it does.
    pub(in crate::simulator) interim: Option<Duration>,
    /// How long it takes to notice a voice, and the end of one; and from that to the words.
    pub(in crate::simulator) notices: Duration,
    pub(in crate::simulator) silence: Duration,
    pub(in crate::simulator) delay: Duration,
    /// Until the first word of what it is given is spoken, and for each letter of it.
    pub(in crate::simulator) first_sound: Duration,
    pub(in crate::simulator) letter: Duration,
    /// Turns in a hundred that are lost, that come twice, and that come late.
    pub(in crate::simulator) lost: u64,
    pub(in crate::simulator) twice: u64,
    pub(in crate::simulator) late: u64,
}

/// What decides how turns are answered.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Flow {
    pub(in crate::simulator) plans_after: Duration,
    pub(in crate::simulator) notes_after: Duration,
    /// Plans in a hundred that fail.
    pub(in crate::simulator) fails: u64,
}

impl Speaker {
    pub(super) fn draw(dice: &mut Dice, healthy: bool, duplex: bool) -> Self {
        let sick = |dice: &mut Dice, share: u64| !healthy && dice.percent(share);
        let edges = dice.percent(60);
        // A duplex model that tells edges is the only one who does.
        let detector = if duplex { !edges && dice.percent(70) } else { !edges || dice.percent(60) };
        Self {
            duplex,
            edges,
            detector,
            truncates: dice.percent(80),
            greets: dice.percent(30),
            names_turns: !duplex && dice.percent(70),
            text: *dice.pick(&[Text::Ahead, Text::Beside, Text::Beside, Text::Behind]),
            first_audio: dice.millis(150, 600),
            speed: *dice.pick(&[1.3, 2.0, 5.0, 20.0]),
            obeys: dice.percent(60),
            notices: dice.millis(60, 240),
            silence: dice.millis(200, 600),
            words_after: dice.millis(50, 1_500),
            calls: dice.between(0, 35),
            fails: if sick(dice, 50) { dice.between(5, 40) } else { 0 },
            repeats: if sick(dice, 30) { 20 } else { 0 },
            lost: if sick(dice, 25) { 15 } else { 0 },
            twice: if sick(dice, 25) { 15 } else { 0 },
            breaks: sick(dice, 25).then(|| dice.millis(1_000, 20_000)),
            refuses: if sick(dice, 30) { dice.between(1, 30) as u32 } else { 0 },
        }
    }
}

impl Relay {
    pub(super) fn draw(dice: &mut Dice, healthy: bool) -> Self {
        let sick = |dice: &mut Dice, share: u64| !healthy && dice.percent(share);
        Self {
            decides: dice.percent(60),
            knows: dice.percent(85),
            tells_after: dice.millis(0, 300),
            starts: dice.percent(50),
            interim: dice.percent(50).then(|| dice.millis(80, 300)),
            notices: dice.millis(60, 240),
            silence: dice.millis(300, 900),
            delay: dice.millis(40, 250),
            first_sound: dice.millis(80, 350),
            letter: dice.millis(40, 80),
            lost: if sick(dice, 25) { 15 } else { 0 },
            twice: if sick(dice, 25) { 15 } else { 0 },
            late: if sick(dice, 25) { 20 } else { 0 },
        }
    }
}

impl Flow {
    pub(super) fn draw(dice: &mut Dice, healthy: bool) -> Self {
        Self {
            plans_after: dice.millis(0, 120),
            notes_after: dice.millis(0, 200),
            fails: if !healthy && dice.percent(50) { dice.between(5, 30) } else { 0 },
        }
    }
}
