use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Answers that are kept. A carrier repeats a request within seconds, or never.
const ANSWERS: usize = 256;

/// What was answered to recent requests, by call and the token that the carrier repeats with retries.
///
/// A retry gets the very answer of the first attempt, so that it makes no second stream token.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Oldest first.
    held: Mutex<VecDeque<(String, String)>>,
}

impl Answers {
    pub(super) fn find(&self, attempt: &str) -> Option<String> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|(known, _)| known == attempt).map(|(_, answer)| answer.clone())
    }

    pub(super) fn keep(&self, attempt: String, answer: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= ANSWERS {
            held.pop_front();
        }
        held.push_back((attempt, answer.to_owned()));
    }
}
