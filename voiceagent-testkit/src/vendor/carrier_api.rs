//! The HTTP APIs by which carriers are told what to do with calls.

mod key;
mod rules;
mod tables;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use self::rules::{Effect, Rule};
use super::{
    http::{HttpConnection, HttpRequest},
    query::Query,
    server::Server,
};
use crate::phone::Carrier;

/// Whether a header `Authorization` is the account's.
type IsAuthorized = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A carrier's API on loopback: it knows its calls, and refuses what the real one refuses, by a
/// table of paths and fields that was written from the carrier's documentation and SDK.
///
/// ```
/// use voiceagent_testkit::{phone::Carrier, vendor::CarrierApi};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let api = CarrierApi::start(Carrier::Twilio).await;
/// api.add_call("CA1");
/// assert_eq!(api.status("CA1").as_deref(), Some("in-progress"));
/// # }
/// ```
pub struct CarrierApi {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// A request that the API got, refused or not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ApiRequest {
    /// `GET`, `POST` or another method.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// The fields of the form, or of the JSON object; what is no text stands as JSON.
    pub fields: Vec<(String, String)>,
}

impl ApiRequest {
    /// The first field with this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    calls: BTreeMap<String, String>,
    requests: Vec<ApiRequest>,
    faults: VecDeque<(u16, String)>,
    made: Vec<Made>,
}

/// A call or a message that the API made.
struct Made {
    is_call: bool,
    name: String,
    to: String,
    from: String,
    at: SystemTime,
}

impl CarrierApi {
    /// The one account that it knows.
    pub const ACCOUNT: &'static str = "AC1";

    /// What the account proves itself with.
    pub const SECRET: &'static str = "scripted-carrier-secret";

    /// A private RSA key in PEM, for an application of Vonage: the one that RFC 7515 publishes in
    /// its appendix A.2.
    #[must_use]
    pub fn application_key() -> String {
        key::pem()
    }

    /// Starts the API of this carrier.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn start(carrier: Carrier) -> Self {
        Self::serve(tables::rules(carrier), move |header| tables::is_authorized(carrier, header))
            .await
    }

    /// Starts the API of Vapi, which makes calls by an assistant that it hosts.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn vapi() -> Self {
        let key = format!("Bearer {}", Self::SECRET);
        Self::serve(&tables::VAPI, move |header| header == key).await
    }

    async fn serve(
        rules: &'static [Rule],
        is_authorized: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let is_authorized: IsAuthorized = Arc::new(is_authorized);
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::serve(move |tcp, _| {
            serve(tcp, rules, Arc::clone(&is_authorized), Arc::clone(&shared))
        })
        .await;
        Self { server, state }
    }

    /// The base address to configure a client with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Lets a call be in progress.
    pub fn add_call(&self, call: impl Into<String>) {
        lock(&self.state).calls.insert(call.into(), "in-progress".to_owned());
    }

    /// How far a call has come; `None` when there is none with this name.
    #[must_use]
    pub fn status(&self, call: &str) -> Option<String> {
        lock(&self.state).calls.get(call).cloned()
    }

    /// Lets the calls and messages that were made so far be older by this.
    pub fn age(&self, by: Duration) {
        lock(&self.state).made.iter_mut().for_each(|made| made.at -= by);
    }

    /// Answers the next request that is not answered so yet with this status and text, whatever
    /// it asks, and does nothing.
    pub fn fail_next(&self, status: u16, body: impl Into<String>) {
        lock(&self.state).faults.push_back((status, body.into()));
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ApiRequest> {
        lock(&self.state).requests.clone()
    }
}

impl fmt::Debug for CarrierApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarrierApi").field("server", &self.server).finish_non_exhaustive()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    tcp: TcpStream,
    rules: &'static [Rule],
    is_authorized: IsAuthorized,
    state: Arc<Mutex<State>>,
) {
    let Ok(mut connection) = HttpConnection::new(tcp) else { return };
    if let Ok(Some(request)) = connection.request().await {
        let (status, body) = answer(&request, rules, &*is_authorized, &mut lock(&state));
        let headers = [("connection", "close")];
        // A client that has gone wants no answer.
        let _ = connection.respond(status, &headers, &body).await;
    }
}

fn answer(
    request: &HttpRequest,
    rules: &[Rule],
    is_authorized: &dyn Fn(&str) -> bool,
    state: &mut State,
) -> (u16, String) {
    let refuse = |status: u16, why: &str| (status, json!({ "message": why }).to_string());
    let fields = read_fields(request);
    let (method, path) = (request.method.clone(), request.path.clone());
    state.requests.push(ApiRequest { method, path, fields: fields.clone() });
    if let Some(fault) = state.faults.pop_front() {
        return fault;
    }
    let key = request.header("authorization").unwrap_or_default();
    if !is_authorized(key) {
        return refuse(401, "authenticate");
    }
    let found = rules.iter().find_map(|rule| Some((rule, rule.find(request)?)));
    let Some((rule, names)) = found else { return refuse(404, "no such resource") };
    if let Err(why) = rule.check(&fields) {
        return refuse(400, &why);
    }
    let call = names.first().cloned().unwrap_or_default();
    if !matches!(
        rule.effect,
        Effect::Create(_)
            | Effect::List(..)
            | Effect::Made(..)
            | Effect::MadeByHost
            | Effect::Send(_)
    ) && !state.calls.contains_key(&call)
    {
        return refuse(404, "no such call");
    }
    perform(rule, &call, &fields, state)
}

fn perform(
    rule: &Rule,
    call: &str,
    fields: &[(String, String)],
    state: &mut State,
) -> (u16, String) {
    let tell = |status: u16, body: Value| (status, body.to_string());
    match rule.effect {
        Effect::Create(name) => {
            let made = format!("CA{:032x}", state.made.len() + 1);
            state.calls.insert(made.clone(), "queued".to_owned());
            state.made.push(Made::new(true, &made, fields));
            tell(201, json!({ name: made, "status": "queued" }))
        }
        Effect::Made(list, calls) => {
            let query = Query::parse(call);
            let asked = |name: &str| query.0.iter().find(|(known, _)| known == name);
            let fits = |name: &str, value: &str| asked(name).is_some_and(|(_, it)| it == value);
            let wanted = state.made.iter().rev().filter(|made| {
                made.is_call == calls && fits("To", &made.to) && fits("From", &made.from)
            });
            tell(200, json!({ list: wanted.map(Made::entry).collect::<Value>() }))
        }
        Effect::MadeByHost => {
            let query = Query::parse(call);
            let asked = |name: &str| query.0.iter().find(|(known, _)| known == name);
            let since: Option<Timestamp> =
                asked("createdAtGe").and_then(|(_, since)| since.parse().ok());
            let fits = |made: &&Made| {
                let at = Timestamp::try_from(made.at).ok();
                asked("phoneNumberId").is_some_and(|(_, number)| *number == made.from)
                    && since.zip(at).is_some_and(|(since, at)| since <= at)
            };
            tell(200, state.made.iter().rev().filter(fits).map(Made::hosted).collect())
        }
        Effect::Update => {
            let ends = |(name, value): &&(String, String)| {
                (name == "Status" && value == "completed")
                    || (name == "action" && value == "hangup")
            };
            if fields.iter().any(|field| ends(&field)) {
                state.calls.insert(call.to_owned(), "completed".to_owned());
            }
            tell(200, json!({ "sid": call }))
        }
        Effect::End => {
            state.calls.insert(call.to_owned(), "completed".to_owned());
            (204, String::new())
        }
        Effect::List(list, name) => {
            // Vonage and Plivo have words of their own.
            let wanted = match call {
                "answered" | "live" => "in-progress",
                "started" => "queued",
                same => same,
            };
            let found = state.calls.iter().filter(|(_, status)| *status == wanted);
            let calls =
                Value::Array(found.map(|(name_of, _)| entry(name, name_of, call)).collect());
            let parts = list.split('/').skip(1).collect::<Vec<_>>();
            tell(200, parts.iter().rev().fold(calls, |inner, part| json!({ *part: inner })))
        }
        Effect::Status(name) => tell(200, json!({ name: state.calls[call] })),
        Effect::Note(body) => (200, body.to_owned()),
        Effect::Send(body) => {
            let name = serde_json::from_str::<Value>(body).unwrap_or_default();
            let name = name["sid"].as_str().unwrap_or_default();
            state.made.push(Made::new(false, name, fields));
            (202, body.to_owned())
        }
    }
}

/// A call in a list that has its name in this field: as Twilio and SignalWire, as Vonage, or as
/// Plivo tell of it, with the state in the carrier's word.
fn entry(name: &str, call: &str, status: &str) -> Value {
    match name {
        "sid" => json!({
            "sid": call, "from": "+14155550123", "to": "+14155550199", "direction": "inbound",
            "status": status, "start_time": "Wed, 01 Jan 2020 12:00:00 +0000",
        }),
        "uuid" => json!({
            "uuid": call, "from": { "type": "phone", "number": "14155550123" },
            "to": { "type": "phone", "number": "14155550199" }, "direction": "inbound",
            "status": status,
        }),
        _ => json!(call),
    }
}

impl Made {
    fn new(is_call: bool, name: &str, fields: &[(String, String)]) -> Self {
        let field = |name: &str| {
            let found = fields.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (mut to, mut from, at) = (field("To"), field("From"), SystemTime::now());
        if let Ok(customer) = serde_json::from_str::<Value>(&field("customer")) {
            to = customer["number"].as_str().unwrap_or_default().to_owned();
            from = field("phoneNumberId");
        }
        Self { is_call, name: name.to_owned(), to, from, at }
    }

    /// An entry of Vapi's list.
    fn hosted(&self) -> Value {
        let at = Timestamp::try_from(self.at).expect("a time of this age");
        json!({ "id": self.name, "createdAt": at.to_string(), "customer": { "number": self.to } })
    }

    fn entry(&self) -> Value {
        let at = Timestamp::try_from(self.at).expect("a time of this age");
        let at = rfc2822::to_string(&at.in_tz("UTC").expect("it is always there"));
        json!({ "sid": self.name, "date_created": at.expect("a time of this age") })
    }
}

fn read_fields(request: &HttpRequest) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&request.body);
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Query::parse(&text.replace('+', "%20")).0;
    }
    let object: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let plain = |value: Value| match value {
        Value::String(text) => text,
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    object.into_iter().map(|(name, value)| (name, plain(value))).collect()
}
