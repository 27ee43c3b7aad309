use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::fakes::Reply;

/// How a speech-to-speech vendor answers, whatever its protocol.
///
/// The audio spells its text (see [`tone::spell`](crate::tone::spell)). Clones share one script, so
/// that a test can go on writing it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RealtimeScript {
    shared: Arc<Mutex<Shared>>,
    /// From the request of an answer to its first audio.
    pub first_audio_delay: Duration,
    /// How long one character lasts.
    pub per_character: Duration,
    /// How many times faster than it plays audio is sent.
    pub speed: u32,
}

#[derive(Debug, Default)]
struct Shared {
    replies: VecDeque<Reply>,
    utterances: VecDeque<String>,
    failures: VecDeque<String>,
    complaints: Vec<String>,
}

impl RealtimeScript {
    /// First audio after 50 ms, 60 ms a character, 20 times faster than real time.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            first_audio_delay: Duration::from_millis(50),
            per_character: Duration::from_millis(60),
            speed: 20,
        }
    }

    /// Changes how many times faster than it plays audio is sent.
    #[must_use]
    pub const fn speed(mut self, times: u32) -> Self {
        self.speed = times;
        self
    }

    /// Answers with these from now on, one after another, and then with nothing.
    pub fn play(&self, replies: impl IntoIterator<Item = Reply>) {
        self.lock().replies = replies.into_iter().collect();
    }

    /// Understands these words from now on, turn by turn, and then `hello`.
    pub fn hear<T: Into<String>>(&self, utterances: impl IntoIterator<Item = T>) {
        self.lock().utterances = utterances.into_iter().map(Into::into).collect();
    }

    /// Fails the next answer with this code of the vendor's.
    pub fn fail(&self, code: &str) {
        self.lock().failures.push_back(code.to_owned());
    }

    /// What the vendor refused.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.lock().complaints.clone()
    }

    pub(super) fn next_reply(&self) -> Reply {
        self.lock().replies.pop_front().unwrap_or_default()
    }

    pub(super) fn next_utterance(&self) -> String {
        self.lock().utterances.pop_front().unwrap_or_else(|| "hello".to_owned())
    }

    pub(super) fn next_failure(&self) -> Option<String> {
        self.lock().failures.pop_front()
    }

    pub(super) fn complain(&self, what: impl Into<String>) {
        self.lock().complaints.push(what.into());
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a message has no other fields than these, as vendors want it.
pub(super) fn has_only(object: &Value, fields: &[&str]) -> bool {
    let is_known = |name: &String| fields.contains(&name.as_str());
    object.as_object().is_some_and(|object| object.keys().all(is_known))
}

impl Default for RealtimeScript {
    fn default() -> Self {
        Self::new()
    }
}
