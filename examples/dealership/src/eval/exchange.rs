use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use jiff::Timestamp;
use voiceagent_core::{CallId, Result};
use voiceagent_telephony::{
    control::{CallControl, Callee, ControlCapabilities, Directory, NewCall},
    front_door::CallStatus,
};

use crate::{messages::Messenger, phone::Phone, store::Channel};

/// The carrier of a scenario: it takes every call and message, and keeps what it took.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    directory: Directory,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// The number that was called, and the name of the call.
    calls: Vec<(String, CallId)>,
    messages: usize,
}

impl Exchange {
    /// The last call to a number.
    pub(super) fn call_to(&self, number: &str) -> Option<CallId> {
        let taken = self.taken();
        taken.calls.iter().rfind(|(to, _)| to == number).map(|(_, call)| call.clone())
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing can be half-done in a panic: each use is one step.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CallControl for Exchange {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default().with_dial(true).with_made(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, _call: &CallId) -> Result<()> {
        Ok(())
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        let number = match &call.to {
            Callee::Number(number) => number.as_str().to_owned(),
            Callee::Target(name) => name.clone(),
            _ => String::new(),
        };
        let mut taken = self.taken();
        let id = CallId::new(format!("exchange-{}", taken.calls.len() + 1));
        taken.calls.push((number, id.clone()));
        Ok(id)
    }

    async fn made(&self, to: &Callee, _since: SystemTime) -> Result<Vec<CallId>> {
        let Callee::Number(number) = to else { return Ok(Vec::new()) };
        Ok(self.call_to(number.as_str()).into_iter().collect())
    }

    async fn status(&self, _call: &CallId) -> Result<CallStatus> {
        Ok(CallStatus::InProgress)
    }
}

#[async_trait]
impl Messenger for Exchange {
    async fn send(&self, _to: &Phone, _channel: Channel, _text: &str) -> Result<String> {
        let mut taken = self.taken();
        taken.messages += 1;
        Ok(format!("message-{}", taken.messages))
    }

    async fn sent(&self, _to: &Phone, _channel: Channel, _since: Timestamp) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
