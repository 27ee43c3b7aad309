use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voiceagent_core::ToolCallId;

/// The most bytes that are kept. What a model thought before a call is a few kilobytes, and is
/// asked for within seconds: this is enough for a thousand calls at once.
const MOST_BYTES: usize = 4 << 20;

/// What a vendor wants to see again with a tool call, and is nobody else's: the model's signed
/// thoughts before it.
///
/// It is kept by the model and not in the conversation, because it means nothing to another vendor
/// or model, and holds what nobody is to read. The oldest make room for new ones. Where one is
/// missing, as after a restart, the call is sent without.
///
/// A lock and not a task guards it: it is held for a look-up, twice in an answer that calls tools.
#[derive(Clone, Default)]
pub(crate) struct Keepsakes(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_call: HashMap<ToolCallId, Arc<str>>,
    order: VecDeque<ToolCallId>,
    bytes: usize,
}

impl Keepsakes {
    /// Keeps something for a call.
    pub(crate) fn keep(&self, call: ToolCallId, keepsake: &str) {
        let mut kept = self.lock();
        kept.bytes += keepsake.len();
        match kept.by_call.insert(call.clone(), keepsake.into()) {
            Some(earlier) => kept.bytes -= earlier.len(),
            None => kept.order.push_back(call),
        }
        while kept.bytes > MOST_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.bytes -= kept.by_call.remove(&oldest).map_or(0, |keepsake| keepsake.len());
        }
    }

    /// What was kept for a call.
    pub(crate) fn of(&self, call: &ToolCallId) -> Option<Arc<str>> {
        self.lock().by_call.get(call).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing in between can panic and leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keepsakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Keepsakes")
            .field("calls", &kept.by_call.len())
            .field("bytes", &kept.bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: usize) -> ToolCallId {
        ToolCallId::new(format!("call {number}"))
    }

    #[test]
    fn what_is_kept_for_a_call_is_found_again_and_is_not_in_debug() {
        let keepsakes = Keepsakes::default();
        keepsakes.keep(call(1), "a secret thought");
        keepsakes.keep(call(1), "another");
        assert_eq!(keepsakes.of(&call(1)).as_deref(), Some("another"));
        assert_eq!(keepsakes.of(&call(2)), None);
        assert_eq!(format!("{keepsakes:?}"), "Keepsakes { calls: 1, bytes: 7 }");
    }

    #[test]
    fn the_oldest_make_room_for_new_ones() {
        let keepsakes = Keepsakes::default();
        let large = "x".repeat(MOST_BYTES / 10);
        for number in 0..100 {
            keepsakes.keep(call(number), &large);
        }
        assert_eq!(keepsakes.of(&call(89)), None);
        assert!((90..100).all(|number| keepsakes.of(&call(number)).is_some()));
        keepsakes.keep(call(100), &"x".repeat(MOST_BYTES + 1));
        assert_eq!(format!("{keepsakes:?}"), "Keepsakes { calls: 0, bytes: 0 }");
    }
}
