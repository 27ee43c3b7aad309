use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use voiceagent_core::GenerationId;

use super::super::{
    dice::Dice,
    log::{Account, Log, Span},
    profile,
};

/// A voice that needs longer until its first sound is slow.
const SLOW: Duration = Duration::from_millis(650);

/// A far end's own voice: speaks the texts that it is sent, one after another.
#[derive(Debug)]
pub(super) struct Mouth {
    first_sound: Duration,
    letter: Duration,
    stalls: u64,
    dice: Dice,
    log: Log,
    /// When everything that came will have been spoken.
    free_at: Instant,
    /// Words that are still to be spoken, and when their last letter is.
    ahead: Vec<(Instant, Spoken)>,
    /// When what is ahead sounds.
    spans: Vec<(Instant, Instant)>,
    texts: BTreeMap<GenerationId, String>,
    /// The last word that was spoken.
    last: Option<Spoken>,
    /// How much of each text was spoken.
    spoken: BTreeMap<GenerationId, usize>,
}

/// A word, and where it ends in the text of its generation.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    word: u32,
    generation: GenerationId,
    end: usize,
}

impl Mouth {
    pub(super) fn new(profile: &profile::Relay, stalls: u64, dice: Dice, log: Log) -> Self {
        Self {
            first_sound: profile.first_sound,
            letter: profile.letter,
            stalls,
            dice,
            log,
            free_at: Instant::now(),
            ahead: Vec::new(),
            spans: Vec::new(),
            texts: BTreeMap::new(),
            last: None,
            spoken: BTreeMap::new(),
        }
    }

    /// Takes a text.
    pub(super) fn say(&mut self, generation: GenerationId, text: &str) {
        let now = Instant::now();
        self.settle(now);
        if self.free_at <= now {
            let first = self.dice.latency(self.first_sound);
            if first > SLOW {
                self.log.inject("the voice is slow");
            }
            self.free_at = now + first;
        } else if self.dice.percent(self.stalls) {
            self.log.inject("playout stalls");
            self.free_at += self.dice.millis(20, 300);
        }
        self.log.tell(|| format!("far end: is to say {text:?} of {generation}"));
        let begin = self.free_at;
        let arrived = self.log.now();
        let mut end = self.texts.get(&generation).map_or(0, String::len);
        for piece in text.split_inclusive(char::is_whitespace) {
            let letters = u32::try_from(piece.trim().len()).unwrap_or(u32::MAX);
            self.free_at += self.letter.saturating_mul(letters);
            end += piece.len();
            if letters > 0 {
                let word = self.log.word(generation, piece.trim());
                let spoken = Spoken { word, generation, end };
                self.ahead.push((self.free_at, spoken));
                let mut account = self.log.account();
                account.order.push((arrived, word));
                let noted = &mut account.words[word as usize];
                noted.sent = Some(arrived);
                noted.told_at = Some(word);
            }
            self.free_at += self.letter;
        }
        self.texts.entry(generation).or_default().push_str(text);
        self.spans.push((begin, self.free_at));
    }

    /// Drops what was not spoken. Returns how the text begins of what was being spoken, as far as
    /// it was heard, and the words that were not.
    pub(super) fn cut(&mut self) -> (Option<String>, Vec<u32>) {
        let now = Instant::now();
        self.settle(now);
        let next = self.ahead.first().map(|(_, next)| *next);
        let speaking = next.or(self.last);
        let heard = speaking.map(|of| {
            let end = self.spoken.get(&of.generation).copied().unwrap_or_default();
            self.texts[&of.generation][..end].to_owned()
        });
        let unheard = self.ahead.drain(..).map(|(_, spoken)| spoken.word).collect();
        self.spans.clear();
        self.free_at = now;
        (heard, unheard)
    }

    pub(super) fn played_at(&self) -> Instant {
        self.free_at.max(Instant::now())
    }

    pub(super) fn is_audible(&mut self) -> bool {
        let now = Instant::now();
        self.settle(now);
        self.spans.first().is_some_and(|(from, _)| *from < now)
    }

    /// Writes down what has been spoken by now.
    fn settle(&mut self, now: Instant) {
        let spoken = self.ahead.partition_point(|(at, _)| *at <= now);
        let mut account = self.log.account();
        for (at, spoken) in self.ahead.drain(..spoken) {
            let at = self.log.time(at);
            account.words[spoken.word as usize].heard.get_or_insert(at);
            self.last = Some(spoken);
            self.spoken.insert(spoken.generation, spoken.end);
        }
        for (from, to) in &self.spans {
            if *from < now {
                let (from, to) = (self.log.time(*from), self.log.time(now.min(*to)));
                Account::sounds(&mut account.agent, Span { from, to });
            }
        }
        self.spans.retain(|(_, to)| *to > now);
    }
}
