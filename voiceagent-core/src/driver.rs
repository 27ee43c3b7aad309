//! The task of a call: waits for one thing, hands it to the session, does what the session says.

mod background;
mod ears;
mod health;
mod jobs;
mod keys;
mod legs;
mod levels;
mod listeners;
mod meter;
mod perform;
mod pre_roll;
mod provider;
mod realtime;
mod record;
mod summary;
mod tool_result;
mod wait;

use std::{
    collections::VecDeque, convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};

use futures_util::{FutureExt, future::Fuse, stream::BoxStream};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::{Instrument, error, warn};

use crate::{
    CallTime, Event, GenerationId, Line, Result,
    agent::Recipe,
    journal::Journal,
    line::LineRequest,
    llm::LlmEvent,
    observer::Observer,
    recorder::Recorder,
    session::{EndReason, Input, Leg, Session, SessionConfig},
    transport::CallInfo,
};

pub(crate) use background::BackgroundLine;
pub(crate) use legs::Legs;

use health::Health;
use jobs::Jobs;
use keys::Keys;
use listeners::Listeners;
use meter::Meter;
use wait::Alarm;

/// How long a store may take to remember a call. Nobody waits on the line any more.
const REMEMBERING: Duration = Duration::from_secs(10);

/// Runs one call. Owns everything that belongs to it.
pub(crate) struct Driver {
    recipe: Arc<Recipe>,
    info: Arc<CallInfo>,
    session: Session,
    started: Instant,
    legs: Legs,
    model: Option<(GenerationId, BoxStream<'static, Result<LlmEvent>>)>,
    jobs: Jobs,
    /// What a command made happen; handled before anything from outside.
    caused: VecDeque<Input>,
    alarm: Alarm,
    line: Line,
    requests: mpsc::Receiver<LineRequest>,
    listeners: Listeners,
    events: mpsc::Sender<(CallTime, Event)>,
    /// Ready when the owner has dropped the call.
    owner: Fuse<oneshot::Receiver<Infallible>>,
    events_lost: u64,
    health: Health,
    keys: Keys,
    meter: Meter,
    observers: Vec<Box<dyn Observer>>,
    journal: Option<Journal>,
    recorder: Option<Recorder>,
    background: Option<BackgroundLine>,
    memory: Option<Arc<Value>>,
    ended: bool,
}

impl Driver {
    pub(crate) fn new(
        recipe: Arc<Recipe>,
        info: Arc<CallInfo>,
        config: SessionConfig,
        mut legs: Legs,
        (events, owner): (mpsc::Sender<(CallTime, Event)>, oneshot::Receiver<Infallible>),
        (line, requests): (Line, mpsc::Receiver<LineRequest>),
        journal: Option<Journal>,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a call begins at a moment")]
        let started = Instant::now();
        Self {
            session: Session::new(config),
            started,
            memory: legs.memory.take().map(Arc::new),
            observers: recipe.observers.iter().map(|make| make(&info)).collect(),
            legs,
            model: None,
            jobs: Jobs::default(),
            caused: VecDeque::from([Input::Opened]),
            alarm: Alarm::new(started),
            line,
            requests,
            listeners: Listeners::default(),
            events,
            owner: owner.fuse(),
            events_lost: 0,
            health: Health::default(),
            keys: Keys::default(),
            meter: Meter::default(),
            journal,
            recorder: None,
            background: None,
            ended: false,
            recipe,
            info,
        }
    }

    /// Runs the call to its end. A panic, be it of a model or of our own, ends this call and no other,
    /// and does not leave the caller on a dead line.
    ///
    /// In a box, since a future holds what it is given twice.
    pub(crate) async fn run(mut self: Box<Self>) {
        let span = tracing::info_span!("call", id = %self.info.id);
        async {
            if AssertUnwindSafe(self.converse()).catch_unwind().await.is_err() {
                error!("the call broke down");
                self.model = None;
                self.take(Input::EndCall { reason: EndReason::Failed });
                self.drain();
            }
            self.wind_up().await;
        }
        .instrument(span)
        .await;
    }

    /// The loop: drain, wait for one, handle.
    async fn converse(&mut self) {
        let (leg, after) = (Leg::Transport, self.legs.line_opened);
        self.emit(Event::Connected { leg, after, reused: false });
        self.begin_recording();
        self.play_background();
        self.drain();
        while !self.ended {
            let input = self.next_input().await;
            self.take(input);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(command) = self.session.poll() {
            self.perform(command);
        }
        if let Some(model) = &self.legs.model {
            model.remember(self.session.messages_for_successor());
        }
    }

    /// Hands one input to the session.
    fn take(&mut self, input: Input) {
        let now = self.now();
        if let Some(journal) = &mut self.journal {
            journal.input(now, &input);
        }
        self.session.handle(now, input);
    }

    /// The one clock of the crate.
    fn now(&self) -> CallTime {
        let elapsed = self.started.elapsed();
        CallTime::ZERO + elapsed
    }

    /// After the call: lets the leg go, waits for what must not be stopped, and remembers.
    async fn wind_up(&mut self) {
        self.model = None;
        self.requests.close();
        self.listeners = Listeners::default();
        let ended = self.now();
        self.legs.say_goodbye().await;
        self.end_recording(ended).await;
        while let Some(input) = self.jobs.next_lasting().await {
            self.take(input);
            self.drain();
        }
        if let Some(store) = &self.recipe.store {
            let messages = self.session.messages();
            let state = json!({ "messages": &*messages });
            match tokio::time::timeout(REMEMBERING, store.save(&self.info.id, state)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the conversation could not be remembered"),
                Err(_) => warn!("the store took too long to remember the conversation"),
            }
        }
        if let Some(journal) = self.journal.take() {
            journal.close().await;
        }
        if self.events_lost > 0 {
            warn!(lost = self.events_lost, "the owner of the call did not read its events");
        }
    }
}
