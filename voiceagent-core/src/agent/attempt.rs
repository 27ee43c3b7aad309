use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::error;

use super::Recipe;
use crate::{CallTime, Event, session::EndReason, transport::CallInfo};

/// A call that is being answered. Whoever does something about failed calls hears of those too that
/// never began, be it for an error or because nobody waits for them any more.
pub(super) struct Attempt<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) info: &'a CallInfo,
    pub(super) has_begun: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.has_begun {
            return;
        }
        let ended = Event::Ended { reason: EndReason::Failed };
        for make in &self.recipe.observers {
            let told = || make(self.info).on_event(CallTime::ZERO, &ended);
            if catch_unwind(AssertUnwindSafe(told)).is_err() {
                error!("an observer broke down");
            }
        }
    }
}
