use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    ErrorKind, GenerationId,
    audio::{AudioFormat, AudioFrame, Decibels, MediaTime},
    realtime::{Prompt, RealtimeEvent},
    stt::Transcript,
};

use super::messages::Say;
use crate::wire::{
    json,
    realtime::{Out, OwnNames, WORD_FOR_WORD},
};

/// What is quieter is silence. The vendor's is digital, and its speech is ten times louder.
const QUIET: Decibels = Decibels(-60.0);
/// Sound and silence are told apart in pieces of this length.
const FRAME: Duration = Duration::from_millis(20);
/// The silence that belongs to the sound before it.
const TAIL: Duration = Duration::from_millis(200);
/// The silence after which something else is said: more than lies between sentences.
const PAUSE: Duration = Duration::from_millis(800);
/// How long text may be ahead of its sound.
const LEAD: Duration = Duration::from_secs(2);
/// A tick of 400 ms comes with the connection.
const TICK: Duration = Duration::from_millis(500);
/// An order that is not wanted any more and has not begun by then is taken for dropped. The vendor
/// does not say what it drops.
const DROPPED: Duration = Duration::from_secs(3);
/// The vendor takes 500 tokens at once; there are few with less than three bytes.
const PIECE: usize = 1_500;

/// What the vendor says and understands. It says nothing about turns: they lie between pauses, on
/// the clock of its audio.
#[derive(Debug)]
pub(super) struct Speech {
    format: AudioFormat,
    names: OwnNames,
    waiting: VecDeque<(GenerationId, Prompt)>,
    asked: Option<Asked>,
    current: Option<Current>,
    last: Option<GenerationId>,
    /// All audio of the vendor's, in samples.
    position: u64,
    /// Where it last made a sound.
    sounded: u64,
    /// What the user has said and was not told, and when the last of it came.
    words: String,
    worded: u64,
}

/// What the vendor was asked for and has not begun.
#[derive(Debug)]
struct Asked {
    generation: GenerationId,
    /// Where it was cancelled.
    cancelled: Option<u64>,
    /// The user has spoken since.
    is_spoken_over: bool,
}

#[derive(Debug)]
struct Current {
    generation: GenerationId,
    cancelled: bool,
    /// Where it began.
    since: u64,
    has_sound: bool,
}

impl Speech {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self {
            format,
            names: OwnNames::default(),
            waiting: VecDeque::new(),
            asked: None,
            current: None,
            last: None,
            position: 0,
            sounded: 0,
            words: String::new(),
            worded: 0,
        }
    }

    pub(super) fn push(&mut self, generation: GenerationId, prompt: Prompt) {
        self.waiting.push_back((generation, prompt));
    }

    /// Asks for what is to be said next, if nothing is being said.
    pub(super) fn advance(&mut self, out: &mut Out) {
        if self.asked.is_some() || self.current.is_some() {
            return;
        }
        let Some((generation, prompt)) = self.waiting.pop_front() else { return };
        let text = match prompt {
            Prompt::Say(text) => format!("{WORD_FOR_WORD}\n{text}"),
            Prompt::Follow(instructions) => {
                format!("Do this now, without waiting for the caller to speak:\n{instructions}")
            }
            Prompt::Answer | _ => "Speak now, without waiting for the caller.".to_owned(),
        };
        tell(&event_id(generation), &text, out);
        self.asked = Some(Asked { generation, cancelled: None, is_spoken_over: false });
    }

    /// Takes whole samples of the vendor's audio: tells the sound, and leaves silence out.
    pub(super) fn hear(&mut self, payload: &Bytes, out: &mut Out) {
        let frame = self.format.bytes_in(FRAME).max(1);
        let mut kept = None;
        for at in (0..payload.len()).step_by(frame) {
            let piece = payload.slice(at..payload.len().min(at + frame));
            let samples = self.format.samples(piece.len());
            let sounds = self.sounds(piece);
            self.position += samples;
            if sounds {
                self.begin(out);
                self.sounded = self.position;
                self.current.iter_mut().for_each(|current| current.has_sound = true);
            } else if !self.rings() {
                self.tell(payload, kept.take(), at, out);
                self.fade(out);
                self.forget_dropped();
                continue;
            }
            kept.get_or_insert(at);
        }
        self.tell(payload, kept, payload.len(), out);
        if self.position - self.worded >= self.format.samples_in(PAUSE) {
            self.tell_words(out);
        }
    }

    /// Takes more of the text of what is said, which was said before `end`.
    pub(super) fn say(&mut self, text: &str, end: Duration, out: &mut Out) {
        let is_late = self.current.is_none() && end <= self.format.duration_of(self.sounded);
        if text.is_empty() || is_late {
            return;
        }
        let current = self.begin(out);
        if !current.cancelled {
            let (generation, text) = (current.generation, text.to_owned());
            out.events.push(RealtimeEvent::AgentTranscript { generation, text });
        }
    }

    /// Takes more of what the user says.
    pub(super) fn understand(&mut self, text: &str) {
        self.words.push_str(text);
        self.worded = self.position;
        self.asked.iter_mut().for_each(|asked| asked.is_spoken_over = true);
        self.forget_dropped();
    }

    /// Calls have come. Returns whose they are, and whether it is over with them; `None` where
    /// nobody wants them.
    pub(super) fn call(&mut self, out: &mut Out) -> Option<(GenerationId, bool)> {
        if let Some(current) = &self.current {
            return (!current.cancelled).then_some((current.generation, false));
        }
        self.tell_words(out);
        let generation = self.names.give();
        self.last = Some(generation);
        Some((generation, true))
    }

    /// Nothing more of a generation is wanted. The vendor cannot be told.
    pub(super) fn cancel(&mut self, generation: GenerationId) {
        self.waiting.retain(|(waits, _)| *waits != generation);
        if let Some(asked) = self.asked.as_mut().filter(|it| it.generation == generation) {
            asked.cancelled = Some(self.position);
        }
        self.forget_dropped();
        if let Some(current) = self.current.as_mut().filter(|it| it.generation == generation) {
            current.cancelled = true;
        }
    }

    /// Forgets an order that is not wanted any more where what the vendor says next is likely to be
    /// something else: it answers a user who has spoken behind the order. To leave that out would be
    /// silence on the line; an old greeting that does come is heard.
    fn forget_dropped(&mut self) {
        let (now, patience) = (self.position, self.format.samples_in(DROPPED));
        let _ = self.asked.take_if(|asked| {
            asked.cancelled.is_some_and(|at| asked.is_spoken_over || now - at >= patience)
        });
    }

    /// The vendor did not take what it was asked for with this event.
    pub(super) fn refuse(&mut self, event: &str, kind: ErrorKind, out: &mut Out) {
        let Some(asked) = self.asked.take_if(|asked| event_id(asked.generation) == event) else {
            return;
        };
        if asked.cancelled.is_none() {
            out.events.push(RealtimeEvent::Failed { generation: asked.generation, kind });
        }
    }

    /// The generation that came last.
    pub(super) const fn last(&self) -> Option<GenerationId> {
        self.last
    }

    /// Whether something is to come.
    pub(super) fn is_owed(&self) -> bool {
        self.asked.is_some() || !self.waiting.is_empty()
    }

    /// Whether nobody says anything.
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_owed() && self.current.is_none() && self.words.is_empty()
    }

    fn sounds(&self, piece: Bytes) -> bool {
        let frame = AudioFrame::new(self.format, MediaTime(0), piece);
        let is_loud = Decibels::of_frame(&frame).is_some_and(|level| level > QUIET);
        is_loud && self.position >= self.format.samples_in(TICK)
    }

    /// Whether silence belongs to the sound before it.
    fn rings(&self) -> bool {
        let rest = self.position - self.sounded;
        rest <= self.format.samples_in(TAIL)
            && self.current.as_ref().is_some_and(|current| current.has_sound)
    }

    /// Ends what is said, if it has been quiet for long enough.
    fn fade(&mut self, out: &mut Out) {
        let Some(current) = &self.current else { return };
        let (since, patience) =
            if current.has_sound { (self.sounded, PAUSE) } else { (current.since, LEAD) };
        if self.position - since < self.format.samples_in(patience) {
            return;
        }
        let (generation, cancelled) = (current.generation, current.cancelled);
        self.current = None;
        if !cancelled {
            out.events.push(RealtimeEvent::Finished { generation });
        }
    }

    /// What is said goes on, or begins.
    fn begin(&mut self, out: &mut Out) -> &mut Current {
        if self.current.is_none() {
            self.tell_words(out);
        }
        let (since, has_sound) = (self.position, false);
        self.current.get_or_insert_with(|| {
            let (generation, cancelled) = match self.asked.take() {
                Some(asked) => (asked.generation, asked.cancelled.is_some()),
                None => (self.names.give(), false),
            };
            self.last = Some(generation);
            Current { generation, cancelled, since, has_sound }
        })
    }

    /// Tells a part of some audio.
    fn tell(&self, payload: &Bytes, from: Option<usize>, to: usize, out: &mut Out) {
        if let (Some(from), Some(current)) = (from, &self.current)
            && !current.cancelled
        {
            let (generation, payload) = (current.generation, payload.slice(from..to));
            out.events.push(RealtimeEvent::Audio { generation, payload });
        }
    }

    /// Tells what the user has said.
    fn tell_words(&mut self, out: &mut Out) {
        let words = std::mem::take(&mut self.words);
        if !words.trim().is_empty() {
            let transcript = Transcript::final_(words.trim());
            out.events.push(RealtimeEvent::UserTranscript { turn: None, transcript });
        }
    }
}

/// Lets the vendor say something in its own words, or know it.
pub(super) fn tell(event_id: &str, text: &str, out: &mut Out) {
    let mut rest = text;
    while !rest.is_empty() {
        let (content, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        let commentary = Say::Commentary { event_id, content, delegation_id: None };
        out.messages.push(json::write(&commentary));
        rest = more;
    }
}

fn event_id(generation: GenerationId) -> String {
    format!("generation-{}", generation.number())
}
