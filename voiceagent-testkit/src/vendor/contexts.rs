use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    outbox::{Outbox, Output},
};

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// What a vendor still sends of a context that was cancelled.
const IN_FLIGHT: usize = 3;

/// Streams of speech side by side on one connection, each with a name.
#[derive(Debug, Default)]
pub(super) struct Contexts(Vec<Context>);

/// One stream of speech.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) name: String,
    /// How much audio was made so far.
    pub(super) position: Duration,
    /// No more text is taken.
    pub(super) ended: bool,
    /// What it holds is said, although it ends.
    pub(super) flushed: bool,
    outbox: Outbox,
}

/// A piece of audio within a context.
pub(super) struct Piece {
    pub(super) due: Instant,
    /// Where it begins.
    pub(super) position: Duration,
    pub(super) audio: Bytes,
}

impl Contexts {
    /// The context of this name, which begins now if there is none.
    pub(super) fn named(&mut self, name: &str) -> &mut Context {
        let at = self.0.iter().position(|context| context.name == name).unwrap_or_else(|| {
            self.0.push(Context::new(name));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The context of this name, if it began.
    pub(super) fn get(&mut self, name: &str) -> Option<&mut Context> {
        self.0.iter_mut().find(|context| context.name == name)
    }

    /// How many take text or have something to say.
    pub(super) fn active(&self) -> usize {
        self.0.iter().filter(|context| !context.ended || context.outbox.due().is_some()).count()
    }

    /// Stops a context but for what is on its way.
    pub(super) fn cancel(&mut self, name: &str) {
        if let Some(context) = self.get(name) {
            context.ended = true;
            context.outbox.truncate(IN_FLIGHT);
        }
    }

    /// The next thing to send of any context.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Output> {
        let next = self.0.iter_mut().filter(|it| it.outbox.due().is_some());
        next.min_by_key(|it| it.outbox.due())?.outbox.pop(now)
    }

    /// When the next thing is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().filter_map(|context| context.outbox.due()).min()
    }
}

impl Context {
    fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self {
            name,
            position: Duration::ZERO,
            ended: false,
            flushed: false,
            outbox: Outbox::default(),
        }
    }

    /// Makes the audio of a text, piece by piece at the pace of the script.
    pub(super) fn speak(
        &mut self,
        script: &SpeakScript,
        format: AudioFormat,
        text: &str,
        now: Instant,
    ) -> Vec<Piece> {
        // Audio that is on its way already hides the delay of what follows.
        let due = self.outbox.last_due().unwrap_or(now + script.first_audio_delay);
        let (mut due, mut audio) = (due.max(now), script.audio(format, text));
        let mut pieces = Vec::new();
        while !audio.is_empty() {
            let piece = audio.split_to(format.bytes_in(PIECE).clamp(1, audio.len()));
            let position = self.position;
            self.position += format.duration_of(format.samples(piece.len()));
            pieces.push(Piece { due, position, audio: piece });
            due += PIECE / script.speed.max(1);
        }
        pieces
    }

    /// Sends a message when it is due, and behind what came before.
    pub(super) fn send(&mut self, due: Instant, message: &Value) {
        self.push(due, Output::Text(message.to_string()));
    }

    /// Sends anything when it is due, and behind what came before.
    pub(super) fn push(&mut self, due: Instant, output: Output) {
        self.outbox.push(due, output);
    }

    /// When the last of it is sent.
    pub(super) fn last_due(&self) -> Option<Instant> {
        self.outbox.last_due()
    }
}
