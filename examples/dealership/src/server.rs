//! The program that answers the phone: webhooks, media sockets, health, and the talk page.

mod needs;
mod outbound;

use std::{
    collections::BTreeMap, future::Future, io, net::SocketAddr, path::Path, sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
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
use voiceagent_core::{
    CallId, Error, ErrorKind, Result, registry::Registry, transport::Transport as _,
};
use voiceagent_telephony::{
    document::{Say, Verb},
    front_door::{CallStatus, FrontDoor, StatusEvent},
    media_stream::MediaStream,
    server,
};

use crate::{
    clock::Clock,
    config::Config,
    events, health,
    jobs::Worker,
    lobby::Lobby,
    metrics::{Metrics, Rejection},
    operator::{self, Office, OfficeKeys},
    reception::{Reception, converse},
    retention::Housekeeping,
    store::Store,
    talk::{Talk, Visitor},
    templates::Vendors,
    trace::{TRACEPARENT, Trace},
    vin::{Decoder, Vpic},
    weather::WeatherService,
};

pub use self::outbound::worker;
pub(crate) use self::{
    needs::{Account, Needs, Warning, account, provider},
    outbound::Outbound,
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
    /// Without a number of ours there is nothing that it could do.
    worker: Option<Arc<Worker>>,
    housekeeping: Housekeeping,
    drain: Duration,
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
    /// Puts a server together. Nobody is connected to yet, but for the database.
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
        let (public_url, account) = (public_url?, account?);
        let (stt, tts, llm) = (stt?, tts?, llm?);
        if let Some(folder) = &config.server.journals {
            make_folder(folder)?;
        }
        let store = Store::open(&config.dealership.database).await.map_err(|error| {
            let why = format!("field `dealership.database`: {}", error.message());
            Error::config(why).with_source(error)
        })?;
        let decoder = Decoder::new(store.clone(), Some(Vpic::new(Vpic::BASE_URL)?));
        let mut reception = Reception::open(store.clone(), clock, &config.dealership)
            .await?
            .with_endpointing(config.turns.endpointing)
            .with_voice(stt, tts)
            .with_decoder(decoder)
            .with_weather(WeatherService::new(
                WeatherService::PLACES_URL,
                WeatherService::FORECAST_URL,
            )?);
        if let Some(Outbound { messenger, .. }) = Outbound::of(config)? {
            reception = reception.with_messenger(messenger);
        }
        if let Some(vendors) = vendors {
            reception = reception.with_vendors(vendors);
        }
        if let Some(model) = llm {
            reception = reception.with_model(model);
        }
        if let Some(folder) = &config.server.journals {
            reception = reception.with_journals(folder);
        }
        let reception = Arc::new(reception);
        let worker = worker(config, store.clone(), clock)?.with_metrics(reception.metrics());
        let worker = Arc::new(worker);
        let lobby = Lobby::new();
        let (status_events, statuses) = mpsc::channel(STATUSES);
        let mut router = door((account, public_url), status_events, (&lobby, &reception))?;
        let visitors = config.server.talk_page.then(|| {
            let Talk { router: page, visitors } = Talk::new(&[]);
            router = std::mem::take(&mut router).merge(page);
            visitors
        });
        let router = router
            .layer(middleware::from_fn_with_state(lobby.clone(), refuse_when_leaving))
            .merge(health::routes(store.clone(), lobby.clone()))
            .merge(office(config, (&store, clock), (&reception, &worker, &lobby))?);
        let housekeeping = Housekeeping {
            store: store.clone(),
            clock,
            keep: config.retention,
            journals: config.server.journals.clone(),
        };
        Ok(Self {
            router,
            lobby,
            reception,
            store,
            statuses,
            visitors,
            worker: config.outbound.from.as_ref().map(|_| worker),
            housekeeping,
            drain: Duration::from_secs(config.server.drain_seconds),
            warnings,
        })
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
            worker,
            housekeeping,
            drain,
            warnings,
        } = self;
        for warning in warnings {
            warn!("{warning}");
        }
        let mut tasks = JoinSet::new();
        let (over, deaf) = oneshot::channel();
        tasks.spawn(async move {
            // Nobody waits for it once the program stops.
            let _ = over.send(listening.await);
        });
        tasks.spawn(note_statuses(statuses, Arc::clone(&reception)));
        if let Some(worker) = worker {
            let closing = lobby.clone();
            tasks.spawn(async move { worker.run(closing.closes()).await });
        }
        let closing = lobby.clone();
        tasks.spawn(async move { housekeeping.run(closing.closes()).await });
        if let Some(visitors) = visitors {
            tasks.spawn(receive(visitors, reception, lobby.clone()));
        }
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
        store.close().await;
        info!("stopped");
        outcome
    }
}

fn no_listener(cause: Option<io::Error>) -> Error {
    let error = Error::new(ErrorKind::Closed, "listen", "nobody listens for calls any more");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

/// Makes the folder of the journals, and sees that files can be made in it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&trial, ""))
        .and_then(|()| std::fs::remove_file(&trial))
        .map_err(|error| {
            let why = format!(
                "field `server.journals`: {}: {error}; name a folder in which files can be made",
                folder.display()
            );
            Error::config(why).with_source(error)
        })
}

/// Where the carrier's calls come in.
fn door(
    (account, public_url): (Account, String),
    statuses: mpsc::Sender<StatusEvent>,
    (lobby, reception): (&Lobby, &Arc<Reception>),
) -> Result<Router> {
    let (host, desk) = (lobby.clone(), Arc::clone(reception));
    let mut door = FrontDoor::twilio()
        .auth_token(account.auth_token)
        .public_url(public_url)
        .voice_path(VOICE)
        .status_path(STATUS)
        .machine_detection(true)
        .parameters(|webhook| {
            let trace = Trace::of(&CallId::new(webhook.call()));
            BTreeMap::from([(TRACEPARENT.to_owned(), trace.parent())])
        })
        .when_unheard([Say::new(NOBODY_ANSWERS).into(), Verb::Hangup])
        .statuses(statuses)
        .on_call(move |stream| {
            let (host, desk) = (host.clone(), Arc::clone(&desk));
            async move { host.host(Box::pin(answer(&desk, stream, &host))).await }
        });
    if let Some(control) = account.control {
        door = door.control(control);
    }
    let noting = middleware::from_fn_with_state(reception.metrics(), note_rejections);
    Ok(door.build()?.layer(noting))
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
        journals: config.server.journals.clone(),
    };
    Ok(operator::routes(office, keys))
}

/// Counts who asks in the carrier's name, and is not the carrier.
async fn note_rejections(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if response.status() == StatusCode::FORBIDDEN {
        metrics.rejected(Rejection::Signature);
        warn!(reason = Rejection::Signature.word(), path, "security.rejected");
    }
    response
}

async fn answer(reception: &Reception, stream: MediaStream, lobby: &Lobby) {
    let id = stream.call().id.clone();
    let span = Trace::of(&id).span(&id);
    converse_with(reception, stream, lobby).instrument(span).await;
}

async fn converse_with(reception: &Reception, stream: MediaStream, lobby: &Lobby) {
    let id = stream.call().id.clone();
    match reception.answer(Box::new(stream)).await {
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
    if !lobby.is_open() && matches!(request.uri().path(), VOICE | TALK) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
