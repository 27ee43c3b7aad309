use std::time::Duration;

use tokio::time::Instant;

use super::super::{
    profile,
    sound::{FRAME, FRAME_MS, is_loud, word_in},
};

/// What a model hears of the user.
#[derive(Debug)]
pub(super) struct Ear {
    notices: Duration,
    silence: Duration,
    /// Words that belong to no turn yet.
    words: Vec<String>,
    loud_for: Duration,
    last_loud: Instant,
    speaking: bool,
}

/// What a model notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Edge {
    Started,
    Stopped,
}

impl Ear {
    pub(super) fn new(profile: &profile::Speaker) -> Self {
        Self {
            notices: profile.notices,
            silence: profile.silence,
            words: Vec::new(),
            loud_for: Duration::ZERO,
            last_loud: Instant::now(),
            speaking: false,
        }
    }

    /// Hears a piece of audio, of one frame or of several.
    pub(super) fn hear(&mut self, payload: &[u8]) -> Vec<Edge> {
        payload.chunks(FRAME).filter_map(|frame| self.hear_frame(frame)).collect()
    }

    fn hear_frame(&mut self, frame: &[u8]) -> Option<Edge> {
        if let Some(word) = word_in(frame) {
            self.words.push(word.to_owned());
        }
        if is_loud(frame) {
            self.loud_for += Duration::from_millis(FRAME_MS);
            self.last_loud = Instant::now();
            let starts = !self.speaking && self.loud_for >= self.notices;
            self.speaking |= starts;
            return starts.then_some(Edge::Started);
        }
        let quiet = self.last_loud.elapsed();
        if !self.speaking {
            if quiet > self.notices {
                self.loud_for = Duration::ZERO;
            }
            return None;
        }
        let stops = quiet >= self.silence;
        if stops {
            self.speaking = false;
            self.loud_for = Duration::ZERO;
        }
        stops.then_some(Edge::Stopped)
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// The words of the turn that is over.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }
}
