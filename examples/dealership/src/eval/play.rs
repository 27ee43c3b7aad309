use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use voiceagent_core::{
    CallId, Error, ErrorKind, Event, Result,
    session::{AgentState, EndReason},
    transport::{CallInfo, Media},
};

use super::{
    acts::Acts,
    caller::Move,
    export, fixture,
    line::ScriptedLine,
    scenario::{Direction, Scenario},
    scene::{Scene, Watcher},
    tables::Tables,
    trace::Trace,
};
use crate::{
    clock::Clock,
    config::DealershipConfig,
    reception::Reception,
    store::{Arm, Store},
    templates::INBOUND,
};

/// How long the agent may take over one answer. It takes milliseconds; machines are busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// The caller makes one move at a time.
const MOVES: usize = 1;

/// How the agent answers in scenarios: it says what it is, and tells visits to those who have shown
/// who they are.
const TEMPLATE: &str = r#"{
    "greeting": "Thank you for calling {name}. I am the automated assistant, and this call may be recorded. How can I help you?",
    "identity": "facts"
}"#;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) trace: Trace,
    pub(super) tables: Tables,
    /// What went wrong with the play itself.
    pub(super) notes: Vec<String>,
}

/// Plays a scenario: its caller talks with the agent that answers phone calls, in text, at the
/// scenario's time, and over a database of its own that holds the scenario's rows.
///
/// # Errors
///
/// When the scenario asks for something that is not there, or the agent cannot be started.
pub(super) async fn play(scenario: &Scenario) -> Result<Played> {
    if let Some(missing) = missing(scenario) {
        return Err(Error::new(ErrorKind::Rejected, "play", missing));
    }
    let store = Store::in_memory().await?;
    let names = fixture::furnish(&store, scenario).await?;
    let config = config(scenario);
    let version = store.push_template(INBOUND, (TEMPLATE, ""), scenario.now).await?;
    store.activate_template(INBOUND, &[Arm { version, weight: 1 }], scenario.now).await?;
    let scene = Arc::new(Scene::new(scenario, Acts::load(), names, store.clone()));
    let reception = Reception::open(store.clone(), Clock::Fixed(scenario.now), &config)
        .await?
        .with_witness(Arc::new(Watcher(Arc::clone(&scene))));
    let id = CallId::new(format!("{}-1", scenario.id));
    let mut notes = Vec::new();
    let ended = converse(&reception, &scene, scenario, id.clone(), &mut notes).await?;
    reception.conclude(&id).await;
    let tables = export::tables(&store, scene.names(), &[(id.as_str(), ended)]).await?;
    store.close().await;
    Ok(Played { trace: scene.trace(), tables, notes })
}

/// What a scenario asks for that this program does not do.
fn missing(scenario: &Scenario) -> Option<String> {
    let fixture = &scenario.fixture;
    if scenario.call.direction == Direction::Outbound {
        return Some("calls that the dealership makes are not there yet".to_owned());
    }
    if scenario.second_call.is_some() {
        return Some("calls that go on where another broke off are not there yet".to_owned());
    }
    if !fixture.before.is_empty() || !scenario.expect.later.is_empty() {
        return Some("jobs are not there yet".to_owned());
    }
    if scenario.call.locale != "en-US" {
        return Some(format!("calls in {} are not there yet", scenario.call.locale));
    }
    None
}

fn config(scenario: &Scenario) -> DealershipConfig {
    let place = fixture::place(scenario);
    let people = scenario.fixture.agents.iter().filter(|person| person.available);
    // Somebody who is there has a number; which one is of no account.
    let departments: BTreeMap<_, _> =
        people.map(|person| (person.department, "+16305550109".to_owned())).collect();
    DealershipConfig { name: place.name, timezone: place.zone, departments, ..Default::default() }
}

async fn converse(
    reception: &Reception,
    scene: &Arc<Scene>,
    scenario: &Scenario,
    id: CallId,
    notes: &mut Vec<String>,
) -> Result<Option<EndReason>> {
    scene.begin_call();
    let (moves, received) = mpsc::channel(MOVES);
    let mut call = CallInfo::new(id, Media::Text).with_to(scenario.call.to.as_str());
    if scenario.call.from != "anonymous" {
        call = call.with_from(scenario.call.from.as_str());
    }
    let line = ScriptedLine { call, scene: Arc::clone(scene), moves: received };
    let mut call = reception.answer(Box::new(line)).await?;
    loop {
        let Ok(event) = timeout(PATIENCE, call.next_event()).await else {
            notes.push("the agent says nothing more".to_owned());
            return Ok(None);
        };
        match event {
            None => return Ok(None),
            Some((_, Event::Ended { reason })) => return Ok(Some(reason)),
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
                // A line that is gone needs no answer.
                drop(moves.send(next).await);
            }
            Some(_) => {}
        }
    }
}
