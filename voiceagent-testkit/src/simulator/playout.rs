use std::time::Duration;

use tokio::time::Instant;

use super::{
    dice::Dice,
    log::{Account, Log, Span},
    sound::{FORMAT, FRAME, Reader},
};

/// The ear of the caller: plays what comes, as well as the line lets it.
#[derive(Debug)]
pub(super) struct Playout {
    buffer: Duration,
    stalls: u64,
    dice: Dice,
    log: Log,
    reader: Reader,
    /// When everything that came will have been played.
    free_at: Instant,
    /// Words that are still to be played, and when.
    ahead: Vec<(Instant, u32)>,
    /// When what is ahead sounds.
    spans: Vec<(Instant, Instant)>,
}

impl Playout {
    pub(super) fn new(buffer: Duration, stalls: u64, dice: Dice, log: Log) -> Self {
        Self {
            buffer,
            stalls,
            dice,
            log,
            reader: Reader::default(),
            free_at: Instant::now(),
            ahead: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Takes a piece of audio.
    pub(super) fn play(&mut self, piece: &[u8]) {
        let now = Instant::now();
        self.settle(now);
        if self.free_at <= now {
            self.free_at = now + self.buffer;
        } else if self.dice.percent(self.stalls) {
            self.log.inject("playout stalls");
            self.free_at += self.dice.millis(20, 300);
        }
        let arrived = self.log.now();
        for (word, end) in self.reader.read(piece) {
            self.ahead.push((self.free_at + FORMAT.duration_of(end as u64), word));
            let mut account = self.log.account();
            account.order.push((arrived, word));
            account.words[word as usize].sent.get_or_insert(arrived);
        }
        let begin = self.free_at;
        self.free_at += FORMAT.duration_of(piece.len() as u64);
        self.spans.push((begin, self.free_at));
        debug_assert!(piece.len().is_multiple_of(FRAME), "only whole frames leave");
    }

    /// Drops what was not played.
    pub(super) fn cut(&mut self) {
        let now = Instant::now();
        self.settle(now);
        self.ahead.clear();
        self.spans.clear();
        self.reader = Reader::default();
        self.free_at = now;
    }

    pub(super) fn played_at(&self) -> Instant {
        self.free_at.max(Instant::now())
    }

    pub(super) fn is_audible(&mut self) -> bool {
        let now = Instant::now();
        self.settle(now);
        self.spans.first().is_some_and(|(from, _)| *from < now)
    }

    /// Writes down what has been played by now.
    fn settle(&mut self, now: Instant) {
        let played = self.ahead.partition_point(|(at, _)| *at <= now);
        let mut account = self.log.account();
        for (at, word) in self.ahead.drain(..played) {
            let at = self.log.time(at);
            account.words[word as usize].heard.get_or_insert(at);
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
