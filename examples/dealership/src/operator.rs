//! The operator's side over HTTP: the JSON API, the dashboard and the metrics.
//!
//! All of it needs a key, which comes from the environment alone. Without one none of it is there.

mod access;
mod answers;
mod api;
mod events;
mod openapi;
mod pages;
mod plots;
mod refusal;
mod waterfall;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::sync::Semaphore;
use tracing::warn;
use voiceagent_core::Secret;

use self::{access::Access, refusal::Refusal};
use crate::{
    clock::Clock,
    jobs::Worker,
    lobby::Lobby,
    metrics::{Rejection, Stored},
    reception::Reception,
    recordings::Recordings,
    store::{Fault, Store},
};

pub use self::openapi::description;

/// The largest body: a template is a few kilobytes.
const LARGEST_BODY: usize = 256 * 1024;

/// Over so long the rate of those who do not come is told: of a day there would be none.
const NO_SHOWS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Streams of live calls at the same time. Each asks the database a few times a second.
const MOST_WATCHERS: usize = 32;

/// A job that is due for so long is late: workers look every five seconds.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// Ratings are told of so long.
const RATED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the operator's side is made of.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) zone: TimeZone,
    pub(crate) house: String,
    pub(crate) worker: Arc<Worker>,
    pub(crate) reception: Arc<Reception>,
    pub(crate) lobby: Lobby,
    pub(crate) journals: Option<PathBuf>,
    pub(crate) recordings: Option<Recordings>,
}

/// With which keys it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfficeKeys {
    pub(crate) operator: Option<Secret>,
    pub(crate) metrics: Option<Secret>,
    /// Whether people reach the program over TLS.
    pub(crate) is_https: bool,
}

/// What all routes share.
#[derive(Debug)]
struct Desk {
    office: Office,
    access: Access,
    watchers: Arc<Semaphore>,
}

type Shared = Arc<Desk>;

/// The routes of the operator's side; what there is no key for is not there.
pub(crate) fn routes(office: Office, keys: OfficeKeys) -> Router {
    let has_operator = keys.operator.is_some();
    let has_metrics = has_operator || keys.metrics.is_some();
    let access = Access::new(keys.operator, keys.metrics, keys.is_https);
    let watchers = Arc::new(Semaphore::new(MOST_WATCHERS));
    let desk = Arc::new(Desk { office, access, watchers });
    let mut router = Router::new();
    if has_metrics {
        router = router.route("/metrics", get(metrics));
    }
    if has_operator {
        let api = api::routes()
            .layer(middleware::from_fn_with_state(Arc::clone(&desk), let_operators_in));
        router = router.merge(api).merge(pages::routes(&desk));
    }
    router.layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(desk)
}

/// Lets in who brings the key, and for what only reads, who is signed in to the dashboard.
async fn let_operators_in(State(desk): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let reads = request.method().is_safe();
    let is_signed_in = || desk.access.is_signed_in(headers, desk.office.clock.now());
    if desk.access.may_operate(headers) || reads && is_signed_in() {
        return next.run(request).await;
    }
    desk.reject(request.uri().path());
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "the operator's key is needed");
    ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
}

async fn metrics(State(desk): State<Shared>, request: Request) -> Response {
    if !desk.access.may_measure(request.headers()) {
        desk.reject("/metrics");
        return ([(header::WWW_AUTHENTICATE, "Bearer")], StatusCode::UNAUTHORIZED).into_response();
    }
    // What the process counts is told even where the database does not answer.
    let stored = stored(&desk.office).await.unwrap_or_default();
    let metrics = desk.office.reception.metrics();
    let now = desk.office.clock.now();
    let attended = desk.office.store.attendance(now - NO_SHOWS, now).await;
    metrics.attendance(&attended.unwrap_or_default());
    let text = metrics.text(desk.office.lobby.calls(), &stored);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn stored(office: &Office) -> Result<Stored, Fault> {
    let Office { store, worker, clock, .. } = office;
    let now = clock.now();
    let late = match worker.reaches_people() {
        true => store.late_jobs(LATE, now).await?,
        // Then nothing is done by itself.
        false => 0,
    };
    let since = now.saturating_sub(RATED).unwrap_or(Timestamp::MIN);
    Ok(Stored { jobs: store.job_states().await?, late, ratings: store.ratings(since).await? })
}

impl Desk {
    /// Notes that somebody was not let in.
    fn reject(&self, path: &str) {
        self.office.reception.metrics().rejected(Rejection::Key);
        warn!(reason = Rejection::Key.word(), path, "security.rejected");
    }
}
