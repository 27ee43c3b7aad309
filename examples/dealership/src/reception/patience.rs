//! How long nobody answers while it is found out who calls.

use std::{future::Future, time::Duration};

use serde_json::Value;
use tokio::time::timeout;
use tracing::{Instrument, warn};
use voiceagent_core::transport::{CallInfo, Direction};

use super::{Reception, known};
use crate::{
    agent::{Occasion, counterpart},
    call_context::CallContext,
    store::Fault,
};

/// A store that is well tells all in some milliseconds, and a busy one in some more. Who calls while
/// it hangs hears the usual greeting after this, and not nothing for as long as it hangs.
const PATIENCE: Duration = Duration::from_millis(600);

/// Something that is written, of which there are three before a call is answered. Somebody else may
/// have the turn to write for seconds, and what is read is there meanwhile.
const NOTING: Duration = Duration::from_millis(100);

impl Reception {
    /// What there is to know of a call before it is answered, as far as the store tells it in time.
    /// A call that we make waits for longer: nobody could say what it is about.
    pub(super) async fn known_in_time(&self, call: &CallInfo) -> Occasion {
        if call.direction == Direction::Outbound {
            return self.occasion(call).await;
        }
        if let Ok(known) = timeout(PATIENCE, self.occasion(call)).await {
            return known;
        }
        warn!("the store hangs; a call is answered without what it knows");
        // It may be noted already: it is the same call then.
        tokio::spawn(self.begin_call(call).in_current_span());
        Occasion {
            context: CallContext::of(call),
            // Where it cannot be read who has refused to be recorded, nobody is recorded.
            is_private: self.makings.recordings.is_some(),
            ..Occasion::default()
        }
    }

    /// Notes that a call begins. Returns what the last call of the number was about to book when it
    /// broke off.
    pub(super) fn begin_call(
        &self,
        call: &CallInfo,
    ) -> impl Future<Output = Option<Value>> + Send + use<> {
        let store = self.makings.store.clone();
        let now = self.makings.clock.now();
        let (id, phone, direction) = (call.id.clone(), counterpart(call), call.direction);
        async move {
            let begun = store.begin_call(id.as_str(), phone.as_ref(), direction, now).await;
            known(begun, "a call is not noted").flatten()
        }
    }
}

/// What was written, or nothing where that takes long: it is written beside the call then.
pub(super) async fn soon<T: Send + 'static>(
    write: impl Future<Output = Option<T>> + Send + 'static,
) -> Option<T> {
    let written = tokio::spawn(write.in_current_span());
    timeout(NOTING, written).await.ok()?.ok()?
}

/// As [`soon`], for what nobody needs to know the result of.
pub(super) async fn note(
    write: impl Future<Output = Result<(), Fault>> + Send + 'static,
    otherwise: &'static str,
) {
    soon(async move { known(write.await, otherwise) }).await;
}
