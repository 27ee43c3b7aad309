use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    CallId, Error, ErrorKind, Result, store::ConversationStore, transport::CallInfo,
};

use super::Recording;

/// Memory that lasts as long as the test: it knows callers by their number.
#[derive(Default)]
pub struct FakeStore {
    known: Mutex<Known>,
    fails: Option<ErrorKind>,
    saved: Recording<(CallId, Value)>,
}

#[derive(Default)]
struct Known {
    callers: BTreeMap<String, Value>,
    /// Who is calling, by the names of the calls that were loaded.
    calls: BTreeMap<CallId, String>,
}

impl FakeStore {
    /// Knows this about the caller with this number from the beginning.
    #[must_use]
    pub fn with_caller(self, from: &str, state: Value) -> Self {
        self.locked(|known| known.callers.insert(from.to_owned(), state));
        self
    }

    /// Fails each time.
    #[must_use]
    pub const fn with_failure(mut self, kind: ErrorKind) -> Self {
        self.fails = Some(kind);
        self
    }

    /// Each state that was saved.
    #[must_use]
    pub fn saved(&self) -> Recording<(CallId, Value)> {
        self.saved.clone()
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        self.fails
            .map_or(Ok(()), |kind| Err(Error::new(kind, operation, "failed as the test asked")))
    }
}

#[async_trait]
impl ConversationStore for FakeStore {
    async fn load(&self, call: &CallInfo) -> Result<Option<Value>> {
        self.check("load")?;
        let from = call.from.as_ref().map_or(call.id.as_str(), |from| from.expose()).to_owned();
        Ok(self.locked(|known| {
            known.calls.insert(call.id.clone(), from.clone());
            known.callers.get(&from).cloned()
        }))
    }

    async fn save(&self, call: &CallId, state: Value) -> Result<()> {
        self.check("save")?;
        self.saved.add((call.clone(), state.clone()));
        self.locked(|known| {
            let from = known.calls.get(call).map_or(call.as_str(), |from| from.as_str()).to_owned();
            known.callers.insert(from, state);
        });
        Ok(())
    }
}

impl fmt::Debug for FakeStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeStore").field("fails", &self.fails).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use voiceagent_core::transport::Media;

    use super::*;

    fn call(id: &str, from: &str) -> CallInfo {
        CallInfo::new(id, Media::Text).with_from(from)
    }

    #[tokio::test]
    async fn a_caller_is_remembered_in_the_next_call() {
        let store = FakeStore::default().with_caller("+1", json!({ "name": "Ada" }));
        assert_eq!(store.load(&call("a", "+1")).await.unwrap(), Some(json!({ "name": "Ada" })));
        assert_eq!(store.load(&call("b", "+2")).await.unwrap(), None);
        store.save(&CallId::new("b"), json!(2)).await.unwrap();
        assert_eq!(store.load(&call("c", "+2")).await.unwrap(), Some(json!(2)));
        assert_eq!(store.saved().all(), [(CallId::new("b"), json!(2))]);
    }

    #[tokio::test]
    async fn it_fails_when_told_to() {
        let store = FakeStore::default().with_failure(ErrorKind::Disconnected);
        let failed = store.load(&call("a", "+1")).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Disconnected);
        assert!(store.save(&CallId::new("a"), json!(1)).await.is_err());
        assert_eq!(store.saved().count(), 0);
    }
}
