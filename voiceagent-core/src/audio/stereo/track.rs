use std::collections::VecDeque;

use super::super::{decoder::pcm, lateness::Lateness};

/// One side of a call: samples that came, and where on the clock of the recording they lie.
#[derive(Debug)]
pub(super) struct Track {
    /// What came and was not written.
    samples: VecDeque<i16>,
    /// The number of the first of them, counted through the call.
    first: u64,
    parts: VecDeque<Part>,
    /// How far a part that is being written may be off until it is moved.
    tolerance: i64,
    /// How long reports are remembered.
    period: i64,
    /// Where room for more samples is made, there is some for so many more.
    second: usize,
    /// More samples than this do not wait.
    most: usize,
    /// How much later than they were sent the last samples were found to sound.
    delay: i64,
}

/// Samples that sound without a gap.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Its first sample.
    begun: u64,
    /// The first sample that was not written.
    from: u64,
    /// Where that lies.
    at: i64,
    /// Nothing sounds from here on.
    until: i64,
    /// Where it began when it was added, until reports have moved it.
    asked: Option<i64>,
    lateness: Lateness,
}

impl Track {
    /// A track that usually holds so many samples, and so many at most.
    pub(super) fn new(rate: u32, usual: usize, most: usize) -> Self {
        let rate = i64::from(rate);
        Self {
            samples: VecDeque::with_capacity(usual),
            first: 0,
            parts: VecDeque::with_capacity(16),
            tolerance: rate / 100,
            period: 5 * rate,
            second: rate as usize,
            most,
            delay: 0,
        }
    }

    /// The number of the next sample.
    pub(super) fn end(&self) -> u64 {
        self.first + self.samples.len() as u64
    }

    /// Where the next sample lies if it follows without a gap; `None` before the first.
    pub(super) fn next_at(&self) -> Option<i64> {
        let last = self.parts.back()?;
        let moved = last.asked.and(last.lateness.least()).unwrap_or(0);
        Some((last.at + moved + (self.end() - last.from).cast_signed()).min(last.until))
    }

    /// Where the next sample to be written lies, or later; `None` if none waits.
    pub(super) fn first_at(&self) -> Option<i64> {
        let mut parts = self.parts.iter().zip(self.parts.iter().skip(1).map(|next| next.from));
        let first = parts.find(|(part, end)| part.from < *end).map(|(part, _)| part);
        let first = first.or(self.parts.back()).filter(|part| part.from < self.end())?;
        Some(first.at + first.lateness.least().unwrap_or(0).min(0))
    }

    /// How much later than it is sent something sounds, as far as that is known.
    pub(super) fn delay(&self) -> Option<i64> {
        let last = self.parts.back().filter(|last| last.asked.is_some());
        let late = last.and_then(|last| last.lateness.least());
        let known = late.is_some() || self.delay > 0;
        known.then_some((self.delay + late.unwrap_or(0)).max(0))
    }

    /// Begins a part whose place is not known for sure; reports move it.
    pub(super) fn begin(&mut self, at: i64) {
        self.add(Part {
            begun: self.end(),
            from: self.end(),
            at,
            until: i64::MAX,
            asked: Some(at),
            lateness: Lateness::default(),
        });
    }

    /// The part that has begun lies where it was asked for, until reports of seconds say otherwise.
    pub(super) fn trust(&mut self, now: i64) {
        if let Some(last) = self.parts.back_mut() {
            last.lateness.note(now, 0, self.period);
        }
    }

    /// Goes on so many samples later, or earlier. What is known of the clock holds further.
    pub(super) fn skip(&mut self, by: i64) {
        let from = self.end();
        let Some(before) = self.parts.back().copied() else { return };
        let at = before.at + (from - before.from).cast_signed() + by;
        self.add(Part { begun: from, from, at, ..before });
    }

    fn add(&mut self, part: Part) {
        // A part in which nothing came leaves nothing behind.
        let end = self.end();
        self.parts.pop_back_if(|last| last.from == end && last.until == i64::MAX);
        self.parts.push_back(part);
    }

    /// How many more samples can be held.
    pub(super) fn room(&self) -> usize {
        self.most - self.samples.len()
    }

    /// Drops as many of the oldest samples as it takes to hold so many more.
    pub(super) fn give_up_oldest(&mut self, count: usize) {
        let excess = count.saturating_sub(self.room());
        self.drop_front(excess.min(self.samples.len()));
    }

    /// Takes what comes next, as 16-bit samples in little-endian order. Returns how many of them
    /// there was no room for: what follows lies where it would lie with them.
    pub(super) fn push(&mut self, payload: &[u8]) -> usize {
        let count = payload.len() / 2;
        let room = self.room();
        let taken = count.min(room);
        if self.samples.len() + taken > self.samples.capacity() {
            self.samples.reserve_exact(taken.max(self.second).min(room));
        }
        self.samples.extend(pcm(payload).take(taken));
        if taken < count {
            self.skip((count - taken) as i64);
        }
        count - taken
    }

    /// Everything before sample `number` had come, or sounded, at `now`.
    pub(super) fn note(&mut self, now: i64, number: u64) {
        let part = self.parts.iter_mut().rev().find(|part| part.begun < number);
        // A part that has been written stays where it is. The rest of one moves, though a report
        // that is later than samples are held is about what has been written.
        let Some(part) = part else { return };
        let from = number.cast_signed() - part.from.cast_signed();
        let late = now - (part.at + from);
        part.lateness.note(now, late, self.period);
    }

    /// Nothing of what came so far sounds from `at` on.
    pub(super) fn cut(&mut self, before: u64, at: i64) {
        for part in self.parts.iter_mut().filter(|part| part.from < before) {
            part.until = part.until.min(at);
        }
    }

    /// Writes what lies from `from` on, and silence where nothing does.
    pub(super) fn fill(&mut self, from: i64, out: &mut [i16]) {
        out.fill(0);
        let to = from + out.len() as i64;
        while let Some(part) = self.parts.front() {
            let end = self.parts.get(1).map_or(self.end(), |next| next.from);
            if part.from < end {
                let at = self.settle();
                if at >= to {
                    return;
                }
                self.copy(from, end, out);
            }
            let Some(part) = self.parts.front().copied() else { return };
            if part.from < end || self.parts.len() == 1 {
                return;
            }
            self.parts.pop_front();
            if let Some(next) = self.parts.front_mut() {
                // What is played follows what was played.
                let at = next.at.max(part.at.min(part.until));
                next.lateness.moved(at - next.at);
                next.asked = next.asked.map(|asked| asked + at - next.at);
                next.at = at;
            }
        }
    }

    /// Moves the first part to where reports say that it lies. Returns where that is.
    fn settle(&mut self) -> i64 {
        let Some(part) = self.parts.front_mut() else { return i64::MAX };
        let late = part.lateness.least().unwrap_or(0);
        if part.asked.is_some() || late.abs() > self.tolerance {
            part.at += late;
            part.lateness.moved(late);
        }
        if let Some(asked) = part.asked.take() {
            self.delay = (self.delay + part.at - asked).max(0);
        }
        part.at
    }

    /// Copies what lies in `out`, which begins at `from`, of the first part, which has the samples
    /// before `end`.
    fn copy(&mut self, from: i64, end: u64, out: &mut [i16]) {
        let Some(&Part { from: number, at, until, .. }) = self.parts.front() else { return };
        let there = (end - number).cast_signed();
        let missed = (from - at).clamp(0, there);
        self.drop_front(missed as usize);
        let begin = at + missed;
        let space = out.len() as i64 - (begin - from);
        let count =
            (there - missed).min(space).min(until.saturating_sub(begin).max(0)).max(0) as usize;
        let offset = if count == 0 { 0 } else { (begin - from) as usize };
        let out = &mut out[offset..][..count];
        let (first, second) = self.samples.as_slices();
        let split = count.min(first.len());
        out[..split].copy_from_slice(&first[..split]);
        out[split..].copy_from_slice(&second[..count - split]);
        self.drop_front(count);
        if begin + count as i64 >= until {
            let cut = self.parts.front().map_or(0, |part| end - part.from);
            self.drop_front(cut as usize);
        }
    }

    /// Takes samples off the first part.
    fn drop_front(&mut self, count: usize) {
        self.samples.drain(..count);
        self.first += count as u64;
        let first = self.first;
        for part in self.parts.iter_mut().take_while(|part| part.from < first) {
            part.at += (first - part.from).cast_signed();
            part.from = first;
        }
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.samples.capacity() * size_of::<i16>() + self.parts.capacity() * size_of::<Part>()
    }
}
