use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};
use voiceagent_core::{
    CallId, Error, ErrorKind, Event, Result,
    session::AgentState,
    transport::{self, Answerer, CallInfo, Media},
};
use voiceagent_telephony::front_door::CallStatus;

use super::{
    acts::Acts,
    caller::Move,
    cycle::Cast,
    exchange::Exchange,
    export, fixture,
    line::ScriptedLine,
    scenario::{self, Direction, Scenario},
    scene::{Scene, Watcher},
    tables::Tables,
    trace::Trace,
};
use crate::{
    analysis::{Analysis, analyse},
    clock::Clock,
    config::DealershipConfig,
    departments::Departments,
    errand::AllowList,
    jobs::Worker,
    reception::Reception,
    store::{Arm, Place, Scratch, Store},
    templates::INBOUND,
    tools::KnownCodes,
};

/// How long the agent may take over one answer. It takes milliseconds; machines are busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// The caller makes one move at a time.
const MOVES: usize = 1;

/// How the agent answers in scenarios: it says what it is, and tells visits to those who have shown
/// who they are.
pub(super) const TEMPLATE: &str = r#"{
    "greeting": "Thank you for calling {name}. I am the automated assistant, and this call may be recorded. How can I help you?",
    "identity": "facts"
}"#;

/// The one job that scenarios name: it plans reminders, and does what is due.
const TICK: &str = "reminder_tick";

/// What came of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) trace: Trace,
    pub(super) tables: Tables,
    /// What the rules make of the last call.
    pub(super) analysis: Option<Analysis>,
    /// What went wrong with the play itself, and what was not so later.
    pub(super) notes: Vec<String>,
}

/// Plays a scenario: its caller talks with the agent that answers phone calls, in text, at the
/// scenario's time, and over a database of its own that holds the scenario's rows, in memory or on a
/// server. What the house does by itself goes to a carrier that takes everything.
///
/// # Errors
///
/// When the scenario asks for something that is not there, or the agent cannot be started.
pub(super) async fn play(
    scenario: &Scenario,
    (server, cast): (Option<&Place>, &Cast),
) -> Result<Played> {
    if let Some(missing) = missing(scenario) {
        return Err(Error::new(ErrorKind::Rejected, "play", missing));
    }
    let scratch = Scratch::open(server).await?;
    let played = play_over(scratch.store.clone(), scenario, cast).await;
    scratch.remove().await?;
    played
}

pub(super) async fn play_over(store: Store, scenario: &Scenario, cast: &Cast) -> Result<Played> {
    let names = fixture::furnish(&store, scenario).await?;
    let version = store.push_template(INBOUND, (&cast.template, ""), scenario.now).await?;
    store.activate_template(INBOUND, &[Arm { version, weight: 1 }], scenario.now).await?;
    let scene = Arc::new(Scene::new(scenario, Acts::load(), names, store.clone()));
    let (exchange, last) = (Arc::default(), Mutex::default());
    let stage = Stage { scenario, scene, store, cast, exchange, last };
    let mut notes = Vec::new();
    for _ in 0..ticks(&scenario.fixture.before).count() {
        stage.tick(scenario.now).await?;
    }
    stage.call(1, scenario.now, &mut notes).await?;
    if let Some(second) = &scenario.second_call {
        // Whoever was cut off is written to before they call again.
        stage.worker(soon(scenario.now))?.run_due().await?;
        stage.scene.call_again(scenario, &second.script);
        stage.call(2, second.at, &mut notes).await?;
    }
    let tables = stage.tables().await?;
    for later in &scenario.expect.later {
        for _ in &later.run {
            stage.tick(later.at).await?;
        }
        let failures = stage.tables().await?.check(&later.expect);
        notes.extend(failures.into_iter().map(|failure| format!("later, {failure}")));
    }
    let last = stage.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let analysis = match last {
        Some(call) => analyse(&stage.store, call.as_str()).await?,
        None => None,
    };
    Ok(Played { trace: stage.scene.trace(), tables, analysis, notes })
}

/// Long enough for everything that is to follow a call at once.
fn soon(moment: Timestamp) -> Timestamp {
    moment.saturating_add(2.minutes()).unwrap_or(moment)
}

/// How often the jobs are run that are named in `run`.
fn ticks(runs: &[scenario::Run]) -> impl Iterator<Item = &String> {
    runs.iter().flat_map(|one| &one.run)
}

/// What a scenario asks for that this program does not do.
fn missing(scenario: &Scenario) -> Option<String> {
    let later = scenario.expect.later.iter().flat_map(|later| &later.run);
    if let Some(job) = ticks(&scenario.fixture.before).chain(later).find(|job| *job != TICK) {
        return Some(format!("there is no job `{job}`"));
    }
    if scenario.call.locale != "en-US" {
        return Some(format!("calls in {} are not there yet", scenario.call.locale));
    }
    None
}

/// Where a scenario is played.
struct Stage<'a> {
    scenario: &'a Scenario,
    scene: Arc<Scene>,
    store: Store,
    cast: &'a Cast,
    exchange: Arc<Exchange>,
    last: Mutex<Option<CallId>>,
}

impl Stage<'_> {
    /// One call, from its beginning to all that follows it at once.
    async fn call(&self, nth: usize, at: Timestamp, notes: &mut Vec<String>) -> Result<()> {
        let codes = self.scenario.fixture.mfa.iter();
        let codes = codes.flat_map(|mfa| mfa["next_codes"].as_array()).flatten();
        let codes = KnownCodes::new(codes.filter_map(Value::as_str).map(str::to_owned));
        let mut reception = Reception::open(self.store.clone(), Clock::Fixed(at), &self.config())
            .await?
            .with_codes(codes)
            .with_messenger(self.exchange.clone())
            .with_witness(Arc::new(Watcher(Arc::clone(&self.scene))));
        if let Some(model) = &self.cast.model {
            reception = reception.with_model(Arc::clone(model));
        }
        let plan = &self.scenario.call;
        let dialled = self.exchange.call_to(&plan.to);
        let id = dialled.unwrap_or_else(|| CallId::new(format!("{}-{nth}", self.scenario.id)));
        converse(&reception, &self.scene, self.scenario, id.clone(), notes).await?;
        reception.conclude(&id).await;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        for _ in 0..self.failed_reports(nth) {
            reception.note_status(&id, CallStatus::Failed).await;
        }
        self.worker(at)?.run_due().await?;
        Ok(())
    }

    /// How often the carrier says of a call that it failed.
    fn failed_reports(&self, nth: usize) -> u64 {
        let faults = self.scenario.fixture.faults.iter().filter(|_| nth == 1);
        let reports = faults.filter(|fault| {
            fault.get("at") == Some(&"status_callback".into())
                && fault.get("body").is_some_and(|body| body["CallStatus"] == "failed")
        });
        reports.map(|fault| fault.get("times").and_then(Value::as_u64).unwrap_or(1)).sum()
    }

    /// Plans the reminders, and does what is due.
    async fn tick(&self, at: Timestamp) -> Result<()> {
        self.store.plan_reminders(at).await?;
        self.worker(at)?.run_due().await.map(drop)
    }

    fn worker(&self, at: Timestamp) -> Result<Worker> {
        let config = self.config();
        let allowed = self.scenario.fixture.config.get("outbound_allow_list");
        let allowed = allowed.and_then(Value::as_array).into_iter().flatten();
        let allowed: Vec<String> = allowed.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Worker::new(self.store.clone(), Clock::Fixed(at), &*config.name)
            .with_line(self.exchange.clone())
            .with_messenger(self.exchange.clone())
            .with_allowed(AllowList::read(&allowed)?)
            .with_departments(Departments::read(&config.departments)?))
    }

    async fn tables(&self) -> Result<Tables> {
        export::tables(&self.store, self.scene.names()).await
    }

    fn config(&self) -> DealershipConfig {
        let place = fixture::place(self.scenario);
        let people = self.scenario.fixture.agents.iter().filter(|person| person.available);
        // Somebody who is there has a number; which one is of no account.
        let departments: BTreeMap<_, _> =
            people.map(|person| (person.department, "+16305550109".to_owned())).collect();
        DealershipConfig {
            name: place.name,
            timezone: place.zone,
            departments,
            ..Default::default()
        }
    }
}

/// The call as its line knows it, and who takes it if we have made it.
fn leg(scenario: &Scenario, id: CallId) -> (CallInfo, Option<Answerer>) {
    let plan = &scenario.call;
    let call = CallInfo::new(id, Media::Text).with_to(plan.to.as_str());
    let call = match plan.from.as_str() {
        "anonymous" => call,
        from => call.with_from(from),
    };
    match plan.direction {
        Direction::Inbound => (call, None),
        Direction::Outbound => {
            let who = match plan.answered_by {
                Some(scenario::Answerer::Machine) => Answerer::Machine,
                Some(scenario::Answerer::Human) | None => Answerer::Human,
            };
            (call.with_direction(transport::Direction::Outbound), Some(who))
        }
    }
}

async fn converse(
    reception: &Reception,
    scene: &Arc<Scene>,
    scenario: &Scenario,
    id: CallId,
    notes: &mut Vec<String>,
) -> Result<()> {
    scene.begin_call();
    let (moves, received) = mpsc::channel(MOVES);
    let (call, answerer) = leg(scenario, id);
    let line = ScriptedLine { call, answerer, scene: Arc::clone(scene), moves: received };
    let mut call = reception.answer(Box::new(line)).await?;
    if answerer == Some(Answerer::Machine)
        && let Some(first) = scene.next_move()
    {
        // A line that is gone needs no answer.
        drop(moves.send(first).await);
    }
    loop {
        let Ok(event) = timeout(PATIENCE, call.next_event()).await else {
            notes.push("the agent says nothing more".to_owned());
            return Ok(());
        };
        match event {
            None | Some((_, Event::Ended { .. })) => return Ok(()),
            Some((_, Event::AgentState { state: AgentState::Listening })) => {
                let trace = scene.trace();
                if !trace.is_answered() {
                    // It has not begun, or was interrupted.
                    continue;
                }
                let next = scene.next_move();
                if next.is_none() && trace.done(&["transfer_to_human", "end_call"]).is_some() {
                    // Whoever is put through waits.
                    continue;
                }
                let next = next.unwrap_or_else(|| {
                    let last = trace.said().next_back().map_or("", |(_, said)| said.text.as_str());
                    notes.push(format!("the caller has no answer to {last:?}"));
                    Move::HangUp
                });
                drop(moves.send(next).await);
            }
            Some(_) => {}
        }
    }
}
