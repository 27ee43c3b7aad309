use super::dice::Dice;

/// Words at which a phrase goes on.
const OPEN: [&str; 8] = ["and", "but", "because", "to", "with", "for", "my", "the"];
const FILLERS: [&str; 3] = ["uh", "um", "er"];
const CLOSED: [&str; 8] =
    ["please", "tomorrow", "today", "appointment", "car", "brakes", "thanks", "monday"];

/// What a caller says in one turn: stretches of speech with pauses between. Times are milliseconds
/// from the beginning of the turn.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) stretches: Vec<Stretch>,
}

/// Speech without a pause.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Each word, and when it ends.
    pub(super) words: Vec<(u64, String)>,
}

/// A caller with habits: how fast, how hesitant, how long the pauses are.
///
/// Pauses inside of turns follow what is known of telephone talk: most are far below half a second
/// and a tail goes on beyond a second (Heldner and Edlund, "Pauses, gaps and overlaps in
/// conversations", Journal of Phonetics 38, 2010); after a filler or within a phrase they are longer
/// than between phrases. The numbers here are made up to that shape.
#[derive(Debug)]
pub(super) struct Talker {
    dice: Dice,
    /// Of the length of words and pauses.
    tempo: f64,
    /// Pauses for each hundred words.
    hesitant: u64,
}

impl Talker {
    pub(super) fn new(mut dice: Dice) -> Self {
        let tempo = 0.6 + 0.9 * dice.share();
        let hesitant = dice.between(1, 9);
        Self { dice, tempo, hesitant }
    }

    /// The turns of a call.
    pub(super) fn talks(&mut self) -> Vec<Talk> {
        (0..self.dice.between(6, 14)).map(|_| self.talk()).collect()
    }

    fn talk(&mut self) -> Talk {
        if self.dice.percent(12) { self.digits() } else { self.phrases() }
    }

    fn phrases(&mut self) -> Talk {
        let count = self.dice.between(1, 14);
        let mut talk = Talk { stretches: Vec::new() };
        let mut at = 0;
        for nth in 1..=count {
            let is_last = nth == count;
            if is_last {
                let word = (*self.dice.pick(&CLOSED)).to_owned();
                self.word(&mut talk, &mut at, word);
            } else if self.dice.percent(self.hesitant) {
                let word = *self.dice.pick(if self.dice.clone().percent(50) {
                    &OPEN[..]
                } else {
                    &FILLERS
                });
                self.word(&mut talk, &mut at, word.to_owned());
                at = self.pause(at, 650);
            } else {
                let word = format!("w{nth}");
                self.word(&mut talk, &mut at, word);
                if self.dice.percent(self.hesitant) {
                    at = self.pause(at, 250);
                }
            }
        }
        talk
    }

    /// A number in groups, as people read numbers out.
    fn digits(&mut self) -> Talk {
        let mut talk = Talk { stretches: Vec::new() };
        let mut at = 0;
        let groups = self.dice.between(1, 4);
        for group in 1..=groups {
            for _ in 0..self.dice.between(2, 4) {
                let digit = self.dice.between(0, 9).to_string();
                self.word(&mut talk, &mut at, digit);
            }
            if group < groups {
                at = self.pause(at, 330);
            }
        }
        talk
    }

    fn word(&mut self, talk: &mut Talk, at: &mut u64, word: String) {
        let from = *at;
        let to = from + (self.dice.between(150, 380) as f64 * self.tempo) as u64;
        *at = to;
        match talk.stretches.last_mut() {
            Some(stretch) if stretch.to == from => {
                stretch.to = to;
                stretch.words.push((to, word));
            }
            _ => talk.stretches.push(Stretch { from, to, words: vec![(to, word)] }),
        }
    }

    fn pause(&mut self, at: u64, median: u64) -> u64 {
        let share = self.dice.share();
        let skewed = 0.35 + 1.3 * share + 2.2 * share.powi(8);
        at + (median as f64 * skewed * self.tempo) as u64
    }
}
