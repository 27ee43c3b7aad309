use std::sync::{Mutex, MutexGuard, PoisonError};

use voiceagent_core::CallId;

use crate::recent::Recent;

/// Calls that are kept. They are asked for when their stream ends; a call takes 100 bytes.
const CALLS: usize = 4_096;

/// The calls whose caller was sent any sound.
#[derive(Debug)]
pub(crate) struct HeardCalls(Mutex<Recent<CallId, ()>>);

impl HeardCalls {
    pub(super) fn note(&self, call: &CallId) {
        self.calls().of(call);
    }

    pub(crate) fn has(&self, call: &CallId) -> bool {
        self.calls().has(call)
    }

    fn calls(&self) -> MutexGuard<'_, Recent<CallId, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for HeardCalls {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(CALLS)))
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
