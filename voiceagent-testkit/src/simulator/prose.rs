use serde_json::{Value, json};

use super::dice::Dice;

const STEMS: [&str; 8] = ["red", "green", "amber", "violet", "a", "indigo", "grey", "ultramarine"];

/// Whether a model has written something of a text.
pub(super) fn is_written(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let mut stems = STEMS.iter().filter_map(|stem| word.strip_prefix(stem));
        stems.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// What a model says and calls; it never says the same word twice.
#[derive(Debug)]
pub(super) struct Prose {
    pub(super) dice: Dice,
    words: u32,
}

impl Prose {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, words: 0 }
    }

    /// Some sentences.
    pub(super) fn text(&mut self, fewest: u64, most: u64) -> String {
        let mut text = String::new();
        let mut sentence = self.dice.between(3, 12);
        let count = self.dice.between(fewest, most);
        for nth in 1..=count {
            if !text.is_empty() {
                text.push(' ');
            }
            self.words += 1;
            text.push_str(STEMS[self.dice.throw() as usize % STEMS.len()]);
            text.push_str(&self.words.to_string());
            sentence -= 1;
            if sentence == 0 || nth == count {
                text.push(*self.dice.pick(&['.', '.', '?', '!']));
                sentence = self.dice.between(3, 12);
            } else if self.dice.percent(15) {
                text.push(',');
            }
        }
        text
    }

    /// The name of a tool, and arguments.
    pub(super) fn call(&mut self) -> (&'static str, Value) {
        let name = match self.dice.between(0, 99) {
            0..35 => "look_up",
            35..55 => "note",
            55..90 => "book",
            90..93 => "hang_up",
            93..95 => "transfer",
            95..97 => "unknown",
            _ => "look_up",
        };
        (name, json!({ "nth": self.dice.between(0, 9) }))
    }
}
