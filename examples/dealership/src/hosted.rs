//! Calls whose talk somebody else leads, and who come here for what the agent can do: each call has
//! a desk of its own, as those have that are answered here.
//!
//! A desk belongs to this program. Where several answer at one address, whoever asks for tools is
//! sent to one of them.

mod action;
mod vapi;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use voiceagent_core::{CallId, Result, transport::CallInfo};

use crate::{mcp::Counter, reception::Reception};

pub(crate) use self::{
    action::{dispatching, tool_calls},
    vapi::VapiDoor,
};

/// Desks that are kept. A platform tells of the end of a call; of those of which it does not, the
/// oldest give way.
const MOST: usize = 1_000;

/// What a tool answers: its envelope, or why it did not run.
pub(crate) type Answer = Result<Value, String>;

/// The desks of hosted calls.
#[derive(Debug)]
pub(crate) struct Hosted {
    reception: Arc<Reception>,
    /// Each use of the lock is one step.
    desks: Mutex<VecDeque<Desk>>,
}

/// What there is for one call.
#[derive(Clone, Debug)]
struct Desk {
    call: CallId,
    counter: Counter,
    greeting: Arc<str>,
    instructions: Arc<str>,
}

impl Hosted {
    pub(crate) fn new(reception: Arc<Reception>) -> Arc<Self> {
        Arc::new(Self { reception, desks: Mutex::default() })
    }

    /// The desk of a call, which begins here with the first that is heard of it.
    async fn desk(&self, call: &CallInfo) -> Result<Desk> {
        let known = self.desks().iter().find(|desk| desk.call == call.id).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let talk = self.reception.host(call).await?;
        let desk = Desk {
            call: call.id.clone(),
            counter: Counter::of(talk.tools, call.id.clone())?,
            greeting: talk.greeting.into(),
            instructions: talk.instructions.into(),
        };
        let mut desks = self.desks();
        // Two requests of one call may have come at once; what one was handed is good at one desk.
        if let Some(first) = desks.iter().find(|first| first.call == call.id) {
            return Ok(first.clone());
        }
        if desks.len() >= MOST {
            desks.pop_front();
        }
        desks.push_back(desk.clone());
        Ok(desk)
    }

    /// Uses a tool in a call, under a name for the use that a repetition has again. `None` if there
    /// is no such tool.
    async fn ask(
        &self,
        call: &CallInfo,
        (tool, arguments): (&str, Value),
        name: &str,
    ) -> Result<Option<Answer>> {
        Ok(self.desk(call).await?.counter.ask((tool, arguments), name).await)
    }

    /// Takes the desk of a call away that is over.
    fn clear(&self, call: &CallId) {
        self.desks().retain(|desk| desk.call != *call);
    }

    fn desks(&self) -> MutexGuard<'_, VecDeque<Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
