//! The program that answers the phone: webhooks, media sockets, SIP, health, and the talk page.

mod calendars;
mod door;
mod errands;
mod furnish;
mod guests;
mod needs;
mod outbound;
mod replies;
mod trunk;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use jiff::tz::TimeZone;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use tracing::{Instrument, info, warn};
use voiceagent_core::{CallId, Error, ErrorKind, Result, registry::Registry, transport::Transport};
use voiceagent_telephony::{
    front_door::{CallStatus, StatusEvent},
    server,
    sip::SipServer,
};

use crate::{
    clock::Clock,
    config::Config,
    events, health,
    hosted::{self, Hosted, VapiDoor},
    jobs::Worker,
    knowledge::Librarian,
    lobby::Lobby,
    operator::{self, Office, OfficeKeys},
    reception::{Reception, converse},
    recordings::Recordings,
    replicas::{self, Paths, Replica},
    retention::Housekeeping,
    shared::{Health, Shared},
    store::{Life, Store},
    strain::Scales,
    talk::{Talk, Visitor},
    templates::Vendors,
    trace::{self, Exporting, Trace, note_webhooks},
    version,
};

pub use self::{
    calendars::{mirror, sheet},
    outbound::worker,
};
pub(crate) use self::{
    door::ALIASES,
    furnish::make_folder,
    needs::{Account, Needs, Warning, account, provider},
    outbound::messenger,
    replies::MESSAGES,
    trunk::try_sip,
};
use self::{
    door::{carried, front_door},
    errands::Errands,
    furnish::{Furniture, bare_reception, furnish, make_folders},
};

/// For the goodbye of calls that have not ended in time.
const FAREWELL: Duration = Duration::from_secs(12);

/// For calls that were ended to close their sockets.
const CLOSING: Duration = Duration::from_secs(2);

/// Reports of the carrier that may wait for the log. A call makes about four.
const STATUSES: usize = 256;

/// Where calls begin; these are refused first when the program stops.
pub(crate) const VOICE: &str = "/twilio/voice";
/// Where the carrier reports.
pub(crate) const STATUS: &str = "/twilio/status";
const TALK: &str = "/talk";

/// In the carrier's own voice, where ours cannot speak.
const NOBODY_ANSWERS: &str = "We are sorry, nobody can answer your call at the moment. Please call \
    again in a few minutes. Goodbye.";

/// Everything that is needed to answer calls, checked and ready to run.
#[derive(Debug)]
pub struct Server {
    router: Router,
    lobby: Lobby,
    reception: Arc<Reception>,
    store: Store,
    statuses: mpsc::Receiver<StatusEvent>,
    visitors: Option<mpsc::Receiver<Visitor>>,
    replica: Replica,
    sip: Option<SipServer>,
    errands: Option<Errands>,
    housekeeping: Option<Housekeeping>,
    exporting: Option<Exporting>,
    drain: Duration,
    scales: Scales,
    warnings: Vec<Warning>,
}

/// Listens where calls are to be answered.
///
/// # Errors
///
/// [`ErrorKind::Config`] when that is not possible; the message
/// names the field.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    server::bind(address).map_err(|error| {
        let why = format!(
            "field `server.listen`: {address}: {error}; stop whatever listens there, or set it or \
             DEALERSHIP_LISTEN to another address"
        );
        Error::config(why).with_source(error)
    })
}

impl Server {
    /// Puts a server together. Nobody is connected to yet, but for the database and the registrars of
    /// SIP. Calls over SIP ring until it runs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when something is missing or
    /// wrong; the message names the field and what it accepts.
    pub async fn new(config: &Config, registry: &Registry, clock: Clock) -> Result<Self> {
        Self::with_vendors(config, (registry, None), clock).await
    }

    /// As [`new`](Self::new), with vendors that templates may name.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub async fn with_vendors(
        config: &Config,
        (registry, vendors): (&Registry, Option<Vendors>),
        clock: Clock,
    ) -> Result<Self> {
        let Needs { public_url, account, stt, tts, llm, warnings } = Needs::of(config, registry);
        let roles = config.server.roles;
        let carrier = match Needs::has_carrier(config) {
            true => Some((public_url?, account?)),
            false => None,
        };
        // Only who answers calls has to hear, to think and to speak.
        let voice = if roles.media { Some((stt?, tts?)) } else { None };
        // What is played in scenarios is what answers.
        let plays = roles.jobs && config.evaluation.folder.is_some();
        let llm = if roles.media || plays { llm? } else { None };
        make_folders(config)?;
        let recordings = Recordings::of(&config.recordings)?;
        let replica = replica(config, registry, clock).await?;
        let store = replica.store.clone();
        let reception = bare_reception(config, &replica).await?;
        let (spans, exporting) = trace::spans(config, &reception.metrics())?.unzip();
        let furniture =
            Furniture { vendors, voice, llm, recordings: recordings.clone(), spans: spans.clone() };
        let reception = Arc::new(furnish(reception, config, furniture)?);
        let errands = Errands::of(config, &replica, (&reception, spans.clone())).await?;
        let lobby = Lobby::new().with_most(config.server.most_calls);
        let (status_events, statuses) = mpsc::channel(STATUSES);
        let mut beside =
            health::routes(store.clone(), lobby.clone(), roles).merge(version::routes());
        if roles.web {
            let parts = (&reception, errands.worker(), &lobby);
            beside = beside.merge(office(config, (&store, clock), parts)?);
            beside = beside.merge(guests::routes(config, &replica, &reception)?);
        }
        let mut router = Router::new();
        if let Some(carrier) = carrier {
            beside = beside.merge(carried(&carrier, config, (&reception, &replica))?);
            if roles.media {
                let paths = (Paths::of(&replica.life), config.server.most_calls);
                router = front_door(carrier, paths, status_events, (&reception, &lobby))?;
                if let Some(spans) = spans.clone() {
                    router = router.layer(from_fn_with_state((spans, clock), note_webhooks));
                }
            }
        }
        let visitors = (config.server.talk_page && roles.media).then(|| {
            let Talk { router: page, visitors } = Talk::new(&[]);
            router = std::mem::take(&mut router).merge(page);
            visitors
        });
        if roles.media {
            beside = beside.merge(guests(config, &reception, clock)?);
        }
        let router =
            router.layer(from_fn_with_state(lobby.clone(), refuse_when_leaving)).merge(beside);
        let router = router.clone().merge(hosted::dispatching(router));
        let sip = trunk::bind(config, &reception.metrics()).await?;
        let housekeeping = Housekeeping::of(config, (store.clone(), clock), (recordings, spans));
        // Recordings are on the disk of who answers.
        let keeps = roles.jobs || roles.media && housekeeping.recordings.is_some();
        Ok(Self {
            router,
            lobby,
            reception,
            store,
            statuses,
            visitors,
            replica,
            sip,
            errands: roles.jobs.then_some(errands),
            housekeeping: keeps.then_some(housekeeping),
            exporting,
            drain: Duration::from_secs(config.server.drain_seconds),
            scales: Scales::of(&config.server),
            warnings,
        })
    }

    /// Where calls over SIP come in, over UDP, if they do.
    #[must_use]
    pub fn sip_address(&self) -> Option<SocketAddr> {
        self.sip.as_ref().map(SipServer::local_addr)
    }

    /// Lets go of the database without having answered anybody.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }

    /// Serves until `stop` ends. Then new calls are refused, those in progress have the configured
    /// time to end, those that go on hear a goodbye, and what is left is cut off.
    ///
    /// # Errors
    ///
    /// When nobody listens any more: the calls in progress end as if it had been stopped, and then
    /// whoever watches over the program can start it anew.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts all calls off.
    pub async fn run(
        mut self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let router = std::mem::take(&mut self.router);
        self.attend(server::serve(listener, router), stop).await
    }

    async fn attend(
        self,
        listening: impl Future<Output = io::Result<()>> + Send + 'static,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let Self {
            router: _,
            lobby,
            reception,
            store,
            statuses,
            visitors,
            replica,
            sip,
            errands,
            housekeeping,
            exporting,
            drain,
            scales,
            warnings,
        } = self;
        for warning in warnings {
            warn!("{warning}");
        }
        // What its last life left behind is noted before anybody calls.
        replica.beat().await;
        let mut tasks = JoinSet::new();
        tend(&replica, &mut tasks);
        let (over, deaf) = oneshot::channel();
        tasks.spawn(async move {
            // Nobody waits for it once the program stops.
            let _ = over.send(listening.await);
        });
        tasks.spawn(scales.watch(lobby.clone(), reception.metrics()));
        tasks.spawn(note_statuses(statuses, Arc::clone(&reception)));
        if let Some(errands) = errands {
            errands.begin(&mut tasks, &lobby, &store);
        }
        if let Some(housekeeping) = housekeeping {
            let closing = lobby.clone();
            tasks.spawn(async move { housekeeping.run(closing.closes()).await });
        }
        if let Some(sip) = sip {
            tasks.spawn(trunk::receive(sip, Arc::clone(&reception), lobby.clone()));
        }
        if let Some(visitors) = visitors {
            tasks.spawn(receive(visitors, reception, lobby.clone()));
        }
        let (last, stopping) = oneshot::channel::<()>();
        let exporting = exporting
            .map(|exporting| tokio::spawn(exporting.run(async move { drop(stopping.await) })));
        let outcome = tokio::select! {
            () = stop => Ok(()),
            listened = deaf => Err(no_listener(listened.ok().and_then(io::Result::err))),
        };
        lobby.refuse_new();
        info!(calls = lobby.calls(), "no new calls are taken; waiting for those in progress");
        if timeout(drain, lobby.empty()).await.is_err() {
            info!(calls = lobby.calls(), "the callers are told goodbye");
            lobby.dismiss();
        }
        if timeout(FAREWELL, lobby.empty()).await.is_err() {
            warn!(calls = lobby.calls(), "calls are cut off");
            lobby.close();
            // Their sockets are closed by the end of the process at the latest.
            let _ = timeout(CLOSING, lobby.empty()).await;
        }
        tasks.shutdown().await;
        drop(last);
        if let Some(exporting) = exporting {
            // Whatever the collector does, the program stops.
            let _ = timeout(CLOSING, exporting).await;
        }
        replica.end().await;
        store.close().await;
        info!("stopped");
        outcome
    }
}

/// Looks after what is shared with other programs, and after what is kept of documents.
fn tend(replica: &Replica, tasks: &mut JoinSet<()>) {
    tasks.spawn(replica.clone().live());
    let knowing = replica.store.clone();
    tasks.spawn(async move { knowing.keep_points().await });
    if replica.shared.health() != Health::Local {
        let shared = replica.shared.clone();
        tasks.spawn(async move { shared.watch().await });
    }
}

/// This program among those on its database.
async fn replica(config: &Config, registry: &Registry, clock: Clock) -> Result<Replica> {
    let librarian = Librarian::of(config, registry)?;
    let shared = match &config.redis {
        Some(redis) => Shared::at(&redis.url)?,
        None => Shared::local(),
    };
    let store = Store::open(&config.dealership.database).await.map_err(|error| {
        let why = format!("field `dealership.database`: {}", error.message());
        Error::config(why).with_source(error)
    })?;
    let life = Life::new(replicas::name(&config.server), clock.now());
    let store = store.living(life.clone()).sharing(shared.clone()).reading_by(librarian);
    Ok(Replica { store, clock, life, shared })
}

fn no_listener(cause: Option<io::Error>) -> Error {
    let error = Error::new(ErrorKind::Closed, "listen", "nobody listens for calls any more");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

/// The operator's side; without its keys, nothing.
fn office(
    config: &Config,
    (store, clock): (&Store, Clock),
    (reception, worker, lobby): (&Arc<Reception>, &Arc<Worker>, &Lobby),
) -> Result<Router> {
    let keys = OfficeKeys {
        operator: config.operator.key.clone(),
        metrics: config.operator.metrics_key.clone(),
        is_https: config.server.public_url.as_ref().is_some_and(|url| url.starts_with("https")),
    };
    let zone = TimeZone::get(&config.dealership.timezone).map_err(|cause| {
        Error::config("field `dealership.timezone` is no IANA time zone").with_source(cause)
    })?;
    let office = Office {
        store: store.clone(),
        clock,
        zone,
        house: config.dealership.name.clone(),
        worker: Arc::clone(worker),
        reception: Arc::clone(reception),
        lobby: lobby.clone(),
        journals: config.journals().cloned(),
        recordings: Recordings::of(&config.recordings)?,
    };
    let routes = operator::routes(office, keys);
    Ok(if config.switches.observability { routes } else { routes.layer(from_fn(unmeasured)) })
}

/// What programs come for that lead talks themselves.
fn guests(config: &Config, reception: &Arc<Reception>, clock: Clock) -> Result<Router> {
    let hosted = Hosted::new(Arc::clone(reception));
    let mut router = Router::new();
    if let Some(key) = &config.operator.key {
        router = router.merge(hosted::tool_calls(Arc::clone(&hosted), key.clone()));
    }
    if let Some(table) = &config.vapi {
        let door = VapiDoor::new(table, hosted, (clock, reception.metrics()))?;
        router = router.merge(door.router());
    }
    Ok(router)
}

/// Tells no metrics.
async fn unmeasured(request: Request, next: Next) -> Response {
    if request.uri().path() == "/metrics" {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

async fn answer(reception: &Reception, leg: impl Transport, lobby: &Lobby) {
    let id = leg.call().id.clone();
    let span = Trace::of(&id).span(&id);
    converse_with(reception, leg, lobby).instrument(span).await;
}

async fn converse_with(reception: &Reception, leg: impl Transport, lobby: &Lobby) {
    let id = leg.call().id.clone();
    match reception.answer(Box::new(leg)).await {
        Ok(call) => converse(call, lobby.dismissed(), |_, _| {}).await,
        Err(error) => warn!(%error, "a call could not be answered"),
    }
    reception.conclude(&id).await;
}

/// Talks with visitors of the talk page, each on a task of its own.
async fn receive(mut visitors: mpsc::Receiver<Visitor>, reception: Arc<Reception>, lobby: Lobby) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            visitor = visitors.recv() => {
                let Some(visitor) = visitor else { return };
                let (reception, lobby) = (Arc::clone(&reception), lobby.clone());
                talks.spawn(async move {
                    let talk = Box::pin(reception.receive(visitor, lobby.dismissed()));
                    lobby.host(talk).await;
                });
            }
            Some(_) = talks.join_next() => {}
        }
    }
}

async fn note_statuses(mut statuses: mpsc::Receiver<StatusEvent>, reception: Arc<Reception>) {
    while let Some(StatusEvent { call, status, duration, .. }) = statuses.recv().await {
        note_status(&reception, &call, (status, duration)).await;
    }
}

async fn note_status(
    reception: &Reception,
    call: &CallId,
    (status, duration): (CallStatus, Option<Duration>),
) {
    let noted = async {
        events::status(call, status, duration);
        reception.note_status(call, status).await;
    };
    noted.instrument(Trace::of(call).span(call)).await;
}

async fn refuse_when_leaving(State(lobby): State<Lobby>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_new = matches!(path, VOICE | TALK) || ALIASES.contains(&path);
    if !lobby.is_open() && is_new {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
