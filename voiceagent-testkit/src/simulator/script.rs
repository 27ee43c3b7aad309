use std::{collections::VecDeque, time::Duration};

use super::{
    dice::Dice,
    sound::{FRAME_MS, Loudness},
};

/// Words that callers put between others while they think.
const HESITATIONS: [&str; 3] = ["uh", "um", "er"];
/// Words that only say: I am listening.
const BACKCHANNELS: [&str; 4] = ["mhm", "okay", "right", "yeah"];

/// What a caller intends to do, one thing after another.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Waits until the agent has spoken and has then been quiet for so long.
    Listen {
        quiet: Duration,
        patience: Duration,
    },
    /// Waits until the agent has been speaking for so long.
    CutIn {
        after: Duration,
        patience: Duration,
    },
    /// Makes these sounds.
    Sound(VecDeque<Sound>),
    /// Sends nothing at all for so long, like a muted phone of some carriers.
    Mute(Duration),
    Press(char),
    HangUp,
}

/// A sound of one frame.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    pub(super) loudness: Loudness,
    /// The word whose middle this is.
    pub(super) word: Option<String>,
}

/// Writes what callers do.
#[derive(Debug)]
pub(super) struct Author {
    dice: Dice,
    /// For what callers do besides.
    aside: Dice,
    /// How fast this caller speaks, against others.
    tempo: f64,
    /// Each content word of a call is another one, so that it is known wherever it turns up.
    words: u32,
}

impl Author {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let tempo = 0.7 + 0.8 * dice.share();
        Self { dice, aside: Dice::new(seed, 32), tempo, words: 0 }
    }

    /// A whole call of so many turns. It ends with the caller gone.
    pub(super) fn script(&mut self, turns: u64) -> VecDeque<Act> {
        let mut acts = VecDeque::new();
        if self.aside.percent(35) {
            self.hurry(&mut acts);
        }
        for _ in 0..turns {
            self.turn(&mut acts);
            match self.aside.between(0, 99) {
                0..3 => acts.push_back(self.din()),
                3..18 => self.cough(&mut acts),
                _ => {}
            }
            if self.dice.percent(4) {
                acts.push_back(self.silence(0, 3_000));
                acts.push_back(Act::HangUp);
                return acts;
            }
        }
        acts.push_back(self.listen());
        acts.push_back(self.silence(0, 1_000));
        acts.push_back(Act::HangUp);
        acts
    }

    fn turn(&mut self, acts: &mut VecDeque<Act>) {
        match self.dice.between(0, 99) {
            0..50 => {
                acts.push_back(self.listen());
                acts.push_back(self.speech(1, 9));
            }
            50..65 => {
                acts.push_back(self.cut_in());
                acts.push_back(self.speech(2, 8));
            }
            65..72 => {
                acts.push_back(self.cut_in());
                let word = (*self.dice.pick(&BACKCHANNELS)).to_owned();
                let mut sounds = VecDeque::new();
                self.word(word, &mut sounds);
                acts.push_back(Act::Sound(sounds));
            }
            72..79 => {
                acts.push_back(self.cut_in());
                acts.push_back(self.noise(Loudness::Loud, 80, 400));
            }
            79..83 => acts.push_back(self.noise(Loudness::Loud, 1_000, 3_000)),
            83..86 => acts.push_back(self.noise(Loudness::Murmur, 1_000, 5_000)),
            86..89 => {
                acts.push_back(self.listen());
                acts.push_back(self.speech(30, 50));
            }
            89..94 => {
                acts.push_back(self.listen());
                acts.push_back(self.speech(1, 4));
                acts.push_back(self.silence(300, 1_500));
                acts.push_back(self.speech(2, 6));
            }
            94..96 => acts.push_back(self.silence(3_000, 9_000)),
            96..98 => acts.push_back(Act::Press(*self.dice.pick(&['0', '1', '5', '9', '*', '#']))),
            _ => {
                acts.push_back(self.speech(3, 6));
                acts.push_back(Act::Mute(self.dice.millis(500, 3_000)));
            }
        }
    }

    fn listen(&mut self) -> Act {
        Act::Listen {
            quiet: self.dice.millis(200, 1_500),
            patience: self.dice.millis(5_000, 9_000),
        }
    }

    fn cut_in(&mut self) -> Act {
        Act::CutIn { after: self.dice.millis(60, 2_500), patience: self.dice.millis(3_000, 6_000) }
    }

    fn silence(&mut self, low: u64, high: u64) -> Act {
        self.noise(Loudness::Silent, low, high)
    }

    fn noise(&mut self, loudness: Loudness, low: u64, high: u64) -> Act {
        let mut sounds = VecDeque::new();
        extend(&mut sounds, loudness, self.dice.millis(low, high));
        Act::Sound(sounds)
    }

    /// Does not wait for the end of a greeting, and then waits for an answer.
    fn hurry(&mut self, acts: &mut VecDeque<Act>) {
        std::mem::swap(&mut self.dice, &mut self.aside);
        let after = self.dice.millis(60, 1_000);
        acts.push_back(Act::CutIn { after, patience: Duration::from_secs(1) });
        acts.push_back(self.speech(1, 4));
        acts.push_back(self.silence(5_000, 8_000));
        std::mem::swap(&mut self.dice, &mut self.aside);
    }

    /// A noise over the agent, and nothing after it for a while.
    fn cough(&mut self, acts: &mut VecDeque<Act>) {
        let after = self.aside.millis(60, 1_500);
        acts.push_back(Act::CutIn { after, patience: Duration::from_secs(4) });
        let (noise, rest) = (self.aside.millis(240, 600), self.aside.millis(2_500, 4_000));
        let mut sounds = VecDeque::new();
        extend(&mut sounds, Loudness::Loud, noise);
        extend(&mut sounds, Loudness::Silent, rest);
        acts.push_back(Act::Sound(sounds));
    }

    /// A machine, or a radio: it lasts long, and now and then for ever.
    fn din(&mut self) -> Act {
        let longest = if self.aside.percent(25) { 90_000 } else { 15_000 };
        let mut sounds = VecDeque::new();
        extend(&mut sounds, Loudness::Loud, self.aside.millis(longest / 3, longest));
        Act::Sound(sounds)
    }

    fn speech(&mut self, fewest: u64, most: u64) -> Act {
        let mut sounds = VecDeque::new();
        for _ in 0..self.dice.between(fewest, most) {
            self.words += 1;
            let word = format!("u{}", self.words);
            self.word(word, &mut sounds);
            extend(&mut sounds, Loudness::Silent, self.dice.millis(0, 60));
            if self.dice.percent(7) {
                extend(&mut sounds, Loudness::Silent, self.dice.millis(100, 700));
                let word = (*self.dice.pick(&HESITATIONS)).to_owned();
                self.word(word, &mut sounds);
                extend(&mut sounds, Loudness::Silent, self.dice.millis(100, 900));
            }
        }
        Act::Sound(sounds)
    }

    fn word(&mut self, word: String, sounds: &mut VecDeque<Sound>) {
        let length = self.dice.millis(160, 360).mul_f64(self.tempo);
        let begin = sounds.len();
        extend(sounds, Loudness::Loud, length);
        let middle = begin + (sounds.len() - begin) / 2;
        sounds[middle].word = Some(word);
    }
}

fn extend(sounds: &mut VecDeque<Sound>, loudness: Loudness, length: Duration) {
    let frames = usize::try_from(length.as_millis() as u64 / FRAME_MS).expect("sounds are short");
    sounds.extend((0..frames.max(1)).map(|_| Sound { loudness, word: None }));
}
