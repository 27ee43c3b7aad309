mod manner;
mod others;

use std::time::Duration;

use super::{Settings, dice::Dice, legs::Kind};

pub(super) use manner::{FILLER, Manner};
pub(super) use others::{Flow, Relay, Speaker, Text};

/// How the world of one call is: how quick its vendors are, what they can do, and what goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Nothing goes wrong, and nobody takes long.
    pub(super) healthy: bool,
    pub(super) kind: Kind,
    pub(super) turns: u64,
    pub(super) manner: Manner,
    pub(super) greeting: bool,
    pub(super) speculation: bool,
    pub(super) min_words: u32,
    pub(super) turn_detector: bool,
    /// The owner of the call lets go of it, or interferes.
    pub(super) meddling: bool,
    pub(super) recognizer: Recognizer,
    pub(super) model: Model,
    pub(super) voice: Voice,
    pub(super) carrier: Carrier,
    pub(super) speaker: Speaker,
    pub(super) relay: Relay,
    pub(super) flow: Option<Flow>,
    /// The median of the time that tools take.
    pub(super) tool: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Recognizer {
    pub(super) detects: bool,
    /// It tells words while they are spoken.
    pub(super) interims: bool,
    pub(super) finalize: Option<Duration>,
    pub(super) interim: Duration,
    /// How long after the last sound a final comes by itself.
    pub(super) silence: Duration,
    /// From that to the final.
    pub(super) delay: Duration,
    pub(super) end_of_turn: bool,
    pub(super) semantic: bool,
    /// It tells when in its stream each word was said.
    pub(super) times: bool,
    /// Finals in a hundred that are lost, that come twice, and that come late.
    pub(super) lost: u64,
    pub(super) twice: u64,
    pub(super) late: u64,
    /// Each stream stalls or breaks at this age.
    pub(super) stalls: Option<Duration>,
    pub(super) breaks: Option<Duration>,
    /// Attempts to open another stream that are refused.
    pub(super) refuses: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) first_token: Duration,
    pub(super) token: Duration,
    /// Answers in a hundred that fail, and that call tools.
    pub(super) fails: u64,
    pub(super) calls: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) knows: Timing,
    pub(super) first_audio: Duration,
    /// How many times faster than it sounds the audio comes.
    pub(super) speed: f64,
    /// Stops when it is told to; else what was on its way still comes.
    pub(super) obeys: bool,
    /// Texts in a hundred with which something goes wrong.
    pub(super) fails: u64,
    pub(super) refuses: u32,
}

/// What a voice tells about where it is in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timing {
    /// The end of each word.
    Words,
    /// The end of each text; it speaks evenly.
    Texts,
    /// Nothing before the end; it speaks evenly, and faster than most.
    Nothing,
}

#[derive(Clone, Debug)]
pub(super) struct Carrier {
    pub(super) marks: bool,
    /// Marks come back when audio is cleared.
    pub(super) returns: bool,
    /// One way.
    pub(super) outbound: Duration,
    pub(super) inbound: Duration,
    /// How much the far end waits for before it begins to play.
    pub(super) buffer: Duration,
    /// Pieces in a hundred before which playout stalls.
    pub(super) stalls: u64,
    /// How much later than played marks are answered.
    pub(super) echo: Duration,
    /// Marks in a hundred that are lost, and that come twice.
    pub(super) lost: u64,
    pub(super) twice: u64,
    /// Frames of the caller in a hundred that are lost, and before which the line holds its breath.
    pub(super) missing: u64,
    pub(super) bursts: u64,
}

impl Profile {
    pub(super) fn new(seed: u64, settings: &Settings) -> Self {
        let turns = settings.turns;
        let mut dice = Dice::new(seed, 2);
        let mut aside = Dice::new(seed, 7);
        let healthy = dice.percent(50);
        let sick = |dice: &mut Dice, share: u64| !healthy && dice.percent(share);
        let recognizer = Recognizer {
            detects: dice.percent(85),
            interims: Dice::new(seed, 31).percent(88),
            finalize: dice.percent(70).then(|| dice.millis(40, 250)),
            interim: dice.millis(80, 300),
            silence: dice.millis(200, 500),
            delay: dice.millis(40, 250),
            end_of_turn: dice.percent(20),
            semantic: dice.percent(50),
            times: aside.percent(60),
            lost: if sick(&mut dice, 25) { 15 } else { 0 },
            twice: if sick(&mut dice, 25) { 15 } else { 0 },
            late: if sick(&mut dice, 25) { 20 } else { 0 },
            stalls: sick(&mut dice, 8).then(|| dice.millis(2_000, 20_000)),
            breaks: sick(&mut dice, 12).then(|| dice.millis(1_000, 20_000)),
            refuses: if sick(&mut dice, 30) { dice.between(1, 30) as u32 } else { 0 },
        };
        let model = Model {
            first_token: dice.millis(100, 500),
            token: dice.millis(5, 40),
            fails: if sick(&mut dice, 40) { dice.between(5, 50) } else { 0 },
            calls: dice.between(0, 35),
        };
        let voice = Voice {
            knows: *dice.pick(&[Timing::Words, Timing::Words, Timing::Texts, Timing::Nothing]),
            first_audio: dice.millis(50, 250),
            speed: *dice.pick(&[1.3, 3.0, 8.0, 20.0]),
            obeys: dice.percent(70),
            fails: if sick(&mut dice, 40) { dice.between(3, 30) } else { 0 },
            refuses: if sick(&mut dice, 30) { dice.between(1, 30) as u32 } else { 0 },
        };
        let carrier = Carrier {
            marks: dice.percent(85),
            returns: dice.percent(70),
            outbound: dice.millis(0, 60),
            inbound: dice.millis(0, 60),
            buffer: Duration::from_millis(*dice.pick(&[0, 0, 20, 60, 150])),
            stalls: if sick(&mut dice, 25) { 5 } else { 0 },
            echo: if dice.percent(70) { Duration::ZERO } else { dice.millis(5, 150) },
            lost: if sick(&mut dice, 25) { 10 } else { 0 },
            twice: if sick(&mut dice, 25) { 10 } else { 0 },
            missing: if sick(&mut dice, 30) { dice.between(1, 5) } else { 0 },
            bursts: if sick(&mut dice, 30) { 2 } else { 0 },
        };
        let (kind, has_flow) = Kind::draw(seed, settings);
        let mut others = Dice::new(seed, 9);
        Self {
            healthy,
            kind,
            speaker: Speaker::draw(&mut others, healthy, kind == Kind::Duplex),
            relay: Relay::draw(&mut others, healthy),
            flow: has_flow.then(|| Flow::draw(&mut others, healthy)),
            turns: dice.between(turns.0, turns.1),
            manner: Manner::draw(&mut Dice::new(seed, 30), settings),
            greeting: dice.percent(70),
            speculation: dice.percent(80),
            min_words: if dice.percent(80) { 0 } else { 2 },
            turn_detector: dice.percent(30),
            meddling: dice.percent(15),
            recognizer,
            model,
            voice,
            carrier,
            tool: if sick(&mut dice, 40) {
                dice.millis(2_000, 8_000)
            } else {
                dice.millis(50, 600)
            },
        }
    }
}
