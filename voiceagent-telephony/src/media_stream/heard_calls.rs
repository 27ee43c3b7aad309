use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use voiceagent_core::CallId;

/// Calls that are kept. They are asked for when their stream ends; a call takes 100 bytes.
const CALLS: usize = 4_096;

/// The calls whose caller was sent any sound.
#[derive(Debug, Default)]
pub(crate) struct HeardCalls {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    calls: BTreeSet<CallId>,
    /// Oldest first.
    order: VecDeque<CallId>,
}

impl HeardCalls {
    pub(super) fn note(&self, call: &CallId) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.calls.insert(call.clone()) {
            return;
        }
        held.order.push_back(call.clone());
        if held.order.len() > CALLS
            && let Some(oldest) = held.order.pop_front()
        {
            held.calls.remove(&oldest);
        }
    }

    pub(crate) fn has(&self, call: &CallId) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).calls.contains(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_calls_pushes_out_the_oldest() {
        let heard = HeardCalls::default();
        let call = |number: usize| CallId::new(format!("CA{number}"));
        for number in 0..=CALLS {
            heard.note(&call(number));
            heard.note(&call(number));
        }
        assert!(!heard.has(&call(0)) && heard.has(&call(1)) && heard.has(&call(CALLS)));
    }
}
