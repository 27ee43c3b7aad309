use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::Router;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;

/// What a calendar service holds, as far as tests look at it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The events as they were sent, by name, with a number that each change makes higher.
    pub(super) events: BTreeMap<String, (Value, i64)>,
    /// Changes so far.
    pub(super) changes: i64,
    /// Access tokens that were given out.
    pub(super) tokens: u64,
    /// Requests for access tokens that are refused from now on.
    pub(super) is_revoked: bool,
    /// A token that the service does not take any more.
    pub(super) refused: Option<String>,
    /// For how many seconds tokens are given out.
    pub(super) lasts: u64,
}

/// A calendar service in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Service(Arc<Mutex<Held>>);

impl Service {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// Keeps an event. Returns its number.
    pub(super) fn keep(&self, name: &str, event: Value) -> i64 {
        let mut held = self.held();
        held.changes += 1;
        let number = held.changes;
        held.events.insert(name.to_owned(), (event, number));
        number
    }

    /// Changes an event, as somebody at a browser does.
    pub(super) fn meddle(&self, name: &str) {
        let event = self.held().events[name].0.clone();
        self.keep(name, event);
    }

    pub(super) fn find(&self, name: &str) -> Option<(Value, i64)> {
        self.held().events.get(name).cloned()
    }
}

/// Serves on loopback. Returns the address.
pub(super) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

pub(super) fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}
