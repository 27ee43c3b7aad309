use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use async_trait::async_trait;
use tokio::task::yield_now;
use voiceagent_core::Error;
use voiceagent_telephony::control::{Callee, ControlCapabilities, Directory, NewCall};

use super::*;

/// A carrier that does with requests what a test wants.
#[derive(Debug, Default)]
pub(super) struct Vendor {
    directory: Directory,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    mood: Mood,
    tells_nothing: bool,
    calls: Vec<CallId>,
    texts: Vec<(Channel, String)>,
    status: Option<CallStatus>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Mood {
    /// It is done, and the answer arrives.
    #[default]
    Does,
    /// It is done, and the answer gets lost.
    DoesInSilence,
    /// It gets lost.
    Loses,
    /// It is refused.
    Refuses,
}

impl Vendor {
    pub(super) fn be(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Lists nothing of what it has done.
    pub(super) fn tell_nothing(&self) {
        self.state().tells_nothing = true;
    }

    /// What it says of every call when it is asked.
    pub(super) fn say(&self, status: CallStatus) {
        self.state().status = Some(status);
    }

    pub(super) fn calls(&self) -> Vec<CallId> {
        self.state().calls.clone()
    }

    pub(super) fn texts(&self) -> Vec<(Channel, String)> {
        self.state().texts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A request on its way, with a moment before and after what it does.
    async fn ask(&self, done: impl FnOnce(&mut State) -> String) -> Result<String> {
        yield_now().await;
        let mood = self.state().mood;
        let failed = |kind| Err(Error::new(kind, "ask", "the vendor of a test"));
        let name = match mood {
            Mood::Does | Mood::DoesInSilence => done(&mut self.state()),
            Mood::Loses => return failed(ErrorKind::Timeout),
            Mood::Refuses => return failed(ErrorKind::Rejected),
        };
        yield_now().await;
        if mood == Mood::DoesInSilence { failed(ErrorKind::Timeout) } else { Ok(name) }
    }

    fn list(&self, names: impl FnOnce(&State) -> Vec<String>) -> Result<Vec<String>> {
        let state = self.state();
        if state.tells_nothing {
            return Err(Error::new(ErrorKind::Unsupported, "list", "the vendor of a test"));
        }
        Ok(names(&state))
    }
}

#[async_trait]
impl CallControl for Vendor {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default().with_dial(true).with_made(true).with_status(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, _call: &CallId) -> Result<()> {
        pending().await
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        assert!(call.detects_machine);
        let name = self.ask(|state| {
            let call = CallId::new(format!("CA{}", state.calls.len() + 1));
            state.calls.push(call.clone());
            call.as_str().to_owned()
        });
        name.await.map(CallId::new)
    }

    async fn made(&self, _to: &Callee, _since: SystemTime) -> Result<Vec<CallId>> {
        let names = self.list(|state| {
            state.calls.iter().rev().map(|call| call.as_str().to_owned()).collect()
        })?;
        Ok(names.into_iter().map(CallId::new).collect())
    }

    async fn status(&self, _call: &CallId) -> Result<CallStatus> {
        Ok(self.state().status.unwrap_or(CallStatus::InProgress))
    }
}

#[async_trait]
impl Messenger for Vendor {
    async fn send(&self, _to: &Phone, channel: Channel, text: &str) -> Result<String> {
        let name = self.ask(|state| {
            state.texts.push((channel, text.to_owned()));
            format!("SM{}", state.texts.len())
        });
        name.await
    }

    async fn send_template(
        &self,
        to: &Phone,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<String> {
        self.send(to, Channel::WhatsApp, &format!("{name} {variables:?}")).await
    }

    async fn sent(&self, _to: &Phone, channel: Channel, _since: Timestamp) -> Result<Vec<String>> {
        self.list(|state| {
            let sent = state.texts.iter().zip(1..).filter(|((by, _), _)| *by == channel);
            sent.map(|(_, nth)| format!("SM{nth}")).collect()
        })
    }
}
