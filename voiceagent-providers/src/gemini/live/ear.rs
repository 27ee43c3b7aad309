use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    Result, TurnId,
    audio::{AudioFormat, Transcoder},
    realtime::RealtimeEvent,
    stt::Transcript,
};

use super::messages::{ACTIVITY_END, ACTIVITY_START, audio};
use crate::wire::realtime::Out;

/// What the vendor hears best.
const FORMAT: AudioFormat = AudioFormat::PCM_16K;

/// What is kept of the user while the model speaks: more than a detector needs to notice a voice.
const HELD: Duration = Duration::from_secs(3);
/// What is kept of a turn, to be said again on another connection. Few turns are longer.
const TURN: Duration = Duration::from_secs(20);

/// What the user says, turn by turn. Where the session decides about turns, the vendor is told when
/// one begins and ends; a beginning also stops the model.
#[derive(Debug)]
pub(super) struct Ear {
    /// The vendor finds turns by itself.
    own: bool,
    transcoder: Transcoder,
    state: State,
    /// What the vendor has not been told.
    held: Reel,
    /// What it was told of the turn that is open.
    told: Reel,
    turn: Option<TurnId>,
    /// Words that were not told.
    words: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The vendor waits for a turn.
    Closed,
    /// The turn is over, and the vendor is told so when it is to answer.
    Committed,
    Open,
}

impl Ear {
    pub(super) fn new(format: AudioFormat, own: bool) -> Result<Self> {
        Ok(Self {
            own,
            transcoder: Transcoder::new(format, FORMAT)?,
            state: State::Closed,
            held: Reel::default(),
            told: Reel::default(),
            turn: None,
            words: String::new(),
        })
    }

    /// Takes audio. While the model speaks it is held back, unless the vendor finds turns.
    pub(super) fn hear(&mut self, payload: Bytes, speaks: bool, out: &mut Out) {
        let payload = self.transcoder.transcode(payload);
        if payload.is_empty() {
            return;
        }
        if self.own {
            out.messages.push(audio(&payload));
            return;
        }
        self.held.push(payload);
        if self.state == State::Closed && speaks {
            self.held.trim(HELD);
        } else {
            self.open(out);
        }
    }

    /// Begins the turn if it has not, with what was held back.
    pub(super) fn open(&mut self, out: &mut Out) {
        if self.own {
            return;
        }
        if self.state == State::Closed {
            out.messages.push(ACTIVITY_START.to_owned());
            self.told = Reel::default();
            self.state = State::Open;
        }
        while let Some(payload) = self.held.pop() {
            out.messages.push(audio(&payload));
            self.told.push(payload);
        }
        self.told.trim(TURN);
    }

    /// The turn is over.
    pub(super) fn commit(&mut self, turn: TurnId, out: &mut Out) {
        self.turn = Some(turn);
        self.open(out);
        if !self.own {
            self.state = State::Committed;
        }
        self.tell_words(out);
    }

    /// Whether the turn is over, and the vendor has not been told.
    pub(super) fn is_committed(&self) -> bool {
        self.state == State::Committed
    }

    /// Tells the vendor that the turn is over.
    pub(super) fn close(&mut self, out: &mut Out) {
        if !self.own && self.state != State::Closed {
            self.state = State::Closed;
            out.messages.push(ACTIVITY_END.to_owned());
        }
    }

    /// The vendor has understood more. Its pieces hold the spaces between them.
    pub(super) fn understand(&mut self, text: &str, is_last: bool, out: &mut Out) {
        self.words.push_str(text);
        if is_last {
            self.tell_words(out);
        }
    }

    /// No more words are expected of what the user has said. Those of a turn that is open wait for
    /// its name.
    pub(super) fn tell_words(&mut self, out: &mut Out) {
        if self.state == State::Open && !self.own {
            return;
        }
        let words = std::mem::take(&mut self.words);
        let text = words.trim();
        if !text.is_empty() {
            let (turn, transcript) = (self.turn, Transcript::final_(text));
            out.events.push(RealtimeEvent::UserTranscript { turn, transcript });
        }
    }

    /// Another connection has heard nothing of the turn that is open.
    pub(super) fn begin_connection(&mut self) {
        if self.state == State::Open {
            let held = std::mem::replace(&mut self.held, std::mem::take(&mut self.told));
            held.pieces.into_iter().for_each(|payload| self.held.push(payload));
        }
        self.state = State::Closed;
    }
}

/// The last of some audio.
#[derive(Debug, Default)]
struct Reel {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Reel {
    fn push(&mut self, payload: Bytes) {
        self.length += payload.len();
        self.pieces.push_back(payload);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let oldest = self.pieces.pop_front()?;
        self.length -= oldest.len();
        Some(oldest)
    }

    fn trim(&mut self, limit: Duration) {
        while self.length > FORMAT.bytes_in(limit) {
            self.pop();
        }
    }
}
