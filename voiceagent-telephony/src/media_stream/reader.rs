use std::time::Duration;

use base64_simd::{AsOut as _, STANDARD_NO_PAD};
use bytes::{Bytes, BytesMut};
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, Concealer, MediaTime},
    transport::Inbound,
};

use super::{
    block_pool::BlockPool,
    dialect::Dialect,
    event::{Event, MediaChunk},
    message_reader::read_message,
};

/// The longest pause in the carrier's own clock that is believed, in seconds of audio. Carriers
/// may leave out silence; a position further ahead is nonsense.
const LONGEST_PAUSE: u64 = 60;

/// How far ahead a number is believed: as many pieces of 20 ms as the longest pause has.
const FARTHEST_AHEAD: u64 = LONGEST_PAUSE * 50;

/// How far behind a number is a repetition: a second of pieces of 20 ms. What is further behind is
/// numbered wrong, and is heard.
const FARTHEST_BEHIND: u64 = 50;

/// So many pieces in a row that do not follow make a new numbering, not a fault: 100 ms.
const NEW_NUMBERING: u32 = 5;

/// What is made up of lost audio at most. The sound of what is made up ends there.
const CONCEALED: Duration = Duration::from_millis(60);

/// What a message means for the call.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// The carrier has dropped what it had not played.
    Cleared,
    Deliver(Inbound),
    Ended,
    Nothing,
}

/// Pieces of audio that wait for one that they overtook. Three are 60 ms; whatever is later than
/// that is lost.
const OVERTAKEN: usize = 3;

/// Turns messages into what the session hears.
#[derive(Debug)]
pub(super) struct Reader {
    format: AudioFormat,
    binary: bool,
    in_order: bool,
    pool: BlockPool,
    position: u64,
    next_number: Option<u64>,
    last_timestamp: Option<u64>,
    /// Pieces in a row whose numbers did not follow.
    strange: u32,
    /// What the carrier's clock showed when it or the stream began, and our position then.
    epoch: Option<(u64, u64)>,
    /// By number.
    early: Vec<Piece>,
    /// `None` for what cannot be made up.
    concealer: Option<Concealer>,
    /// Whether the numbers have told that the audio before the next is lost.
    is_lost: bool,
    pub(super) counters: Counters,
}

/// Audio that is not placed yet.
#[derive(Debug)]
struct Piece {
    number: u64,
    timestamp: Option<u64>,
    payload: Bytes,
}

/// What came in beside good messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) binary: u64,
    /// What the carrier could not do.
    pub(super) complaints: u64,
    /// Pieces of audio that the carrier numbered and that did not arrive.
    pub(super) gaps: u64,
    pub(super) malformed: u64,
    /// Pieces of audio that had come before, or came too late.
    pub(super) repeated: u64,
    pub(super) second_starts: u64,
    pub(super) too_long: u64,
}

impl Reader {
    pub(super) fn new(dialect: &Dialect, format: AudioFormat) -> Self {
        Self {
            format,
            binary: dialect.media.is_none(),
            in_order: dialect.in_order,
            pool: BlockPool::new(format.bytes_in(Duration::from_secs(1))),
            position: 0,
            next_number: None,
            last_timestamp: None,
            strange: 0,
            epoch: None,
            early: Vec::with_capacity(OVERTAKEN + 1),
            concealer: Concealer::new(format).ok(),
            is_lost: false,
            counters: Counters::default(),
        }
    }

    /// Reads a message. Nonsense is counted and is nothing. What had to wait for it is
    /// [`waiting`](Self::waiting) then.
    pub(super) fn read(&mut self, text: &str) -> Reading {
        match read_message(text) {
            Some(Event::Media(chunk)) => self.read_media(&chunk),
            Some(Event::Mark(mark)) => Reading::Deliver(Inbound::MarkPlayed(mark)),
            Some(Event::Dtmf(key)) => Reading::Deliver(Inbound::Dtmf(key.as_char())),
            Some(Event::Cleared) => Reading::Cleared,
            Some(Event::Stop) => Reading::Ended,
            Some(Event::Start(_)) => {
                self.counters.second_starts += 1;
                self.number_anew();
                Reading::Nothing
            }
            Some(Event::Complaint) => {
                self.counters.complaints += 1;
                Reading::Nothing
            }
            Some(Event::Other) => Reading::Nothing,
            None => {
                self.counters.malformed += 1;
                Reading::Nothing
            }
        }
    }

    /// Reads a binary message, which is audio for some carriers and nothing for the others.
    pub(super) fn read_binary(&mut self, audio: &[u8]) -> Reading {
        if !self.binary {
            self.counters.binary += 1;
            return Reading::Nothing;
        }
        // A copy into memory of our own, so that a few frames that are kept do not keep all that
        // was read from the socket with them.
        let copy = |piece: &mut [u8]| {
            piece.copy_from_slice(audio);
            true
        };
        match self.pool.fill(audio.len(), copy).filter(|audio| self.is_whole(audio)) {
            Some(payload) => Reading::Deliver(self.hear(None, payload)),
            None => {
                self.counters.malformed += 1;
                Reading::Nothing
            }
        }
    }

    /// The next piece of audio that had come before its time, and whose time has come.
    pub(super) fn waiting(&mut self) -> Option<Inbound> {
        let first = self.early.first()?.number;
        let due = self.next_number.is_none_or(|next| first <= next);
        if !due && self.early.len() <= OVERTAKEN {
            return None;
        }
        let piece = self.early.remove(0);
        self.note_gap(!due);
        self.next_number = Some(piece.number.saturating_add(1));
        self.last_timestamp = piece.timestamp;
        Some(self.hear(piece.timestamp, piece.payload))
    }

    fn read_media(&mut self, chunk: &MediaChunk<'_>) -> Reading {
        let early = !self.in_order
            && chunk
                .number
                .zip(self.next_number)
                .is_some_and(|(number, next)| number > next && number - next <= FARTHEST_AHEAD);
        if !early && !self.follow(chunk) {
            return Reading::Nothing;
        }
        let payload = decode_base64(&mut self.pool, &chunk.payload);
        let Some(payload) = payload.filter(|payload| self.is_whole(payload)) else {
            self.counters.malformed += 1;
            return Reading::Nothing;
        };
        match chunk.number.filter(|_| early) {
            Some(number) => self.keep(Piece { number, timestamp: chunk.timestamp, payload }),
            None => return Reading::Deliver(self.hear(chunk.timestamp, payload)),
        }
        Reading::Nothing
    }

    fn keep(&mut self, piece: Piece) {
        match self.early.binary_search_by_key(&piece.number, |early| early.number) {
            Ok(_) => self.counters.repeated += 1,
            Err(place) => self.early.insert(place, piece),
        }
    }

    fn is_whole(&self, payload: &[u8]) -> bool {
        let sample = self.format.sample_bytes().unwrap_or(1);
        !payload.is_empty() && payload.len().is_multiple_of(sample)
    }

    fn hear(&mut self, timestamp: Option<u64>, payload: Bytes) -> Inbound {
        let at = self.place(timestamp);
        let missing = at - self.position;
        let is_short = (1..=self.format.samples_in(CONCEALED)).contains(&missing);
        let (at, payload) = match &mut self.concealer {
            Some(concealer) if is_short && self.is_lost => {
                let mut both = BytesMut::from(concealer.conceal(missing));
                both.extend_from_slice(&concealer.receive(payload));
                (self.position, both.freeze())
            }
            Some(concealer) => (at, concealer.receive(payload)),
            None => (at, payload),
        };
        self.is_lost = false;
        let frame = AudioFrame::new(self.format, MediaTime(at), payload);
        self.position = at + frame.samples();
        Inbound::Audio(frame)
    }

    fn note_gap(&mut self, is_gap: bool) {
        self.counters.gaps += u64::from(is_gap);
        self.is_lost = is_gap;
    }

    /// Whether the audio is new. A step over some numbers is only counted. A repetition is dropped
    /// when number and clock agree: some senders have no clock, and some number nothing. Numbers
    /// that nobody can believe change nothing, unless they go on.
    fn follow(&mut self, chunk: &MediaChunk<'_>) -> bool {
        let steps = chunk.number.zip(self.next_number);
        let clocks = chunk.timestamp.zip(self.last_timestamp);
        let is_late = clocks.is_some_and(|(now, last)| now <= last);
        let behind =
            steps.filter(|_| is_late).map_or(0, |(number, next)| next.saturating_sub(number));
        let is_far = behind > FARTHEST_BEHIND
            || steps.is_some_and(|(number, next)| number.saturating_sub(next) > FARTHEST_AHEAD)
            || clocks.is_some_and(|(now, last)| now.saturating_sub(last) > LONGEST_PAUSE * 1_000);
        if !is_far && behind == 0 {
            self.note_gap(steps.is_some_and(|(number, next)| number > next));
            self.refer_to(chunk);
            return true;
        }
        self.strange += 1;
        if self.strange == NEW_NUMBERING {
            self.number_anew();
            self.refer_to(chunk);
            return true;
        }
        if chunk.number == self.next_number {
            // It is the clock that is wrong.
            self.next_number = chunk.number.map(|number| number.saturating_add(1));
        }
        self.counters.repeated += u64::from(!is_far);
        is_far
    }

    fn refer_to(&mut self, chunk: &MediaChunk<'_>) {
        self.next_number = chunk.number.map(|number| number.saturating_add(1));
        self.last_timestamp = chunk.timestamp;
        self.strange = 0;
    }

    /// Takes the next numbers and the next time as they come.
    fn number_anew(&mut self) {
        self.next_number = None;
        self.last_timestamp = None;
        self.strange = 0;
        self.epoch = None;
        self.early.clear();
    }

    /// Where the audio begins, in samples: after the audio before it, unless the carrier's clock
    /// says that more than a frame was left out in between.
    fn place(&mut self, timestamp: Option<u64>) -> u64 {
        let rate = u64::from(self.format.sample_rate);
        let Some(timestamp) = timestamp else { return self.position };
        // Most clocks begin with the stream. Those that do not are set by their first audio.
        let is_set = self.position > 0 || timestamp > LONGEST_PAUSE * 1_000;
        let begins = if is_set { timestamp } else { 0 };
        let (epoch, origin) = *self.epoch.get_or_insert((begins, self.position));
        // A millisecond has no whole number of samples at rates such as 11.025 kHz.
        let since = timestamp.saturating_sub(epoch).checked_mul(rate);
        let Some(told) = since.and_then(|since| (since / 1_000).checked_add(origin)) else {
            return self.position;
        };
        let ahead = told.saturating_sub(self.position);
        if ahead >= rate / 50 && ahead <= rate * LONGEST_PAUSE { told } else { self.position }
    }
}

/// Decodes base64, padded or not, into pooled memory; `None` when it is empty or wrong.
fn decode_base64(pool: &mut BlockPool, text: &str) -> Option<Bytes> {
    let text = text.trim_end_matches('=').as_bytes();
    let length = STANDARD_NO_PAD.decoded_length(text).ok().filter(|length| *length > 0)?;
    pool.fill(length, |piece| STANDARD_NO_PAD.decode(text, piece.as_out()).is_ok())
}

#[cfg(test)]
mod tests;
