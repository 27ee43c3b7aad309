use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{civil::Date, tz::TimeZone};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, warn};
use voiceagent_core::{
    Error, Result,
    flow::{Flow, Generate, Plan, TurnContext},
    tool::{Tool, ToolContext, ToolSpec},
    turn::Expected,
};

use super::{
    Intent, Node, Script,
    ask::{Asked, Known},
    offer,
    place::{Cause, Place},
    signals::Signals,
};
use crate::{
    brain::Reading,
    clock::Clock,
    events,
    minutes::Minutes,
    phone::Phone,
    store::{CallStep, LocationId, Store, ToolUse},
    team::Team,
    tools::Identity,
};

/// The last words of a call that has nowhere left to go.
const NOTHING_LEFT: &str =
    "I'm sorry that I could not help you more. Please call again and ask for a person. Goodbye!";

/// What a guide goes by in one call.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) zone: TimeZone,
    /// The place that was called, where that is not the first.
    pub(crate) place: Option<LocationId>,
    pub(crate) call: Arc<str>,
    pub(crate) phone: Option<Phone>,
    pub(crate) identity: Identity,
    /// Whether the call is about a lead.
    pub(crate) is_for_lead: bool,
    /// What the agent is told in every node.
    pub(crate) instructions: Arc<str>,
    pub(crate) script: Arc<Script>,
    pub(crate) minutes: Arc<Minutes>,
    /// Those between whom the talk is handed, where there are several.
    pub(crate) team: Option<Arc<Team>>,
}

/// Leads one call through the graph: it says for each turn what the model is told and what it may
/// use, and keeps what promises anything from being done anywhere but where it was agreed to.
///
/// The driver of the call plans and notes turns one after another; tools run beside them. Each takes
/// the lock for a moment and holds it over no wait.
#[derive(Debug)]
pub(crate) struct Guide {
    journey: Journey,
    specs: BTreeMap<Arc<str>, ToolSpec>,
    /// Tools that no node names: they may be used wherever a caller may do more than ask.
    others: Vec<ToolSpec>,
    state: Mutex<State>,
    /// Steps are written by one at a time, so that they stay in order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// Where the last turn that happened has led.
    base: Place,
    /// Where the turn leads that is being answered.
    current: Place,
    /// Whether that turn happened.
    happened: bool,
    /// Its number; plans that come late have an older one.
    turn: u64,
    known: Known,
    /// Steps that are to be written if the turn happens.
    ahead: Vec<CallStep>,
    /// Steps that are to be written.
    pending: Vec<CallStep>,
}

impl Guide {
    /// A guide for a call with these tools. A call that was cut off goes on where these steps led.
    pub(crate) fn new(journey: Journey, steps: &[CallStep], tools: &[Arc<dyn Tool>]) -> Arc<Self> {
        let nodes: Vec<Node> = steps.iter().filter_map(|step| Node::named(&step.node)).collect();
        let (place, pending) = match nodes.split_last() {
            Some((last, before)) => (Place::at(*last, before.iter().copied()), Vec::new()),
            None => (Place::at(Node::Greet, []), vec![step(Node::Greet, Cause::Facts, None)]),
        };
        let specs: Vec<ToolSpec> = tools.iter().map(|tool| tool.spec()).collect();
        let usual = Script::default();
        let others = specs.iter().filter(|spec| !usual.names(&spec.name)).cloned().collect();
        let state = State {
            base: place.clone(),
            current: place,
            happened: false,
            turn: 0,
            known: Known::default(),
            ahead: Vec::new(),
            pending,
        };
        Arc::new(Self {
            journey,
            specs: specs.into_iter().map(|spec| (Arc::clone(&spec.name), spec)).collect(),
            others,
            state: Mutex::new(state),
            writing: tokio::sync::Mutex::default(),
        })
    }

    /// The tools, watched over.
    pub(crate) fn watch(self: &Arc<Self>, tools: Vec<Arc<dyn Tool>>) -> Vec<Arc<dyn Tool>> {
        let watched =
            |tool| -> Arc<dyn Tool> { Arc::new(Watched { tool, guide: Arc::clone(self) }) };
        tools.into_iter().map(watched).collect()
    }

    /// What the tables say now; what they said last if they cannot be read.
    async fn known(&self, place: &Place, reading: Option<&Reading>) -> Known {
        let journey = &self.journey;
        let last = self.state().known;
        let asked = Asked {
            store: &journey.store,
            now: journey.clock.now(),
            call: &journey.call,
            phone: journey.phone.as_ref(),
            place: journey.place,
            identity: journey.identity,
            is_for_lead: journey.is_for_lead,
            by_machine: journey.minutes.ending().by_machine,
        };
        match asked.answer(place.ran_before, reading, last).await {
            Ok(known) => known,
            Err(fault) => {
                warn!(error = %Error::from(fault), "a turn goes by what was known before");
                last
            }
        }
    }

    fn plan_at(&self, place: &Place, known: &Known, reading: &Reading) -> Plan {
        if place.is_over {
            return Plan::HangUp { farewell: Some(NOTHING_LEFT.into()) };
        }
        if place.node == Node::Voicemail {
            return Plan::Stay;
        }
        let guidance = &self.journey.script.node(place.node).guidance;
        let team = self.journey.team.as_ref();
        let told = team.and_then(|team| Some(team.member()?.instructions));
        let told = told.as_ref().unwrap_or(&self.journey.instructions);
        let instructions = format!("{told}\n{guidance}\n");
        let names = offer::tools(&self.journey.script, place, &known.facts);
        let mut tools: Vec<ToolSpec> =
            names.iter().filter_map(|name| self.specs.get(*name).cloned()).collect();
        if place.node != Node::Answer {
            tools.extend(self.others.iter().cloned());
        }
        if let Some(team) = team {
            tools.retain(|tool| team.may_use(&tool.name));
        }
        let answer = Generate::new(instructions, tools);
        match expected(place.node, known, reading) {
            Some(what) => answer.expecting(what).into(),
            None => answer.into(),
        }
    }

    /// Notes what a tool did, and goes where the tables lead now.
    async fn ran(&self, tool: ToolUse, took: Duration) {
        let Journey { store, clock, call, script, .. } = &self.journey;
        let place = self.state().current.clone();
        let noted = store.note_tool(call, (&tool, place.node.name(), took), clock.now()).await;
        if let Err(fault) = noted {
            warn!(error = %Error::from(fault), tool = tool.name, "a tool is not noted");
        }
        let known = self.known(&place, None).await;
        {
            let mut state = self.state();
            let path = state.current.take_facts(&known.facts, known.ran, script);
            state.known = known;
            let steps = path.into_iter().map(|(node, cause)| step(node, cause, None));
            if state.happened {
                state.pending.extend(steps);
            } else {
                state.ahead.extend(steps);
            }
        }
        self.write().await;
    }

    /// Writes the steps that are to be written.
    async fn write(&self) {
        let _turn = self.writing.lock().await;
        let steps = std::mem::take(&mut self.state().pending);
        let Journey { store, clock, call, .. } = &self.journey;
        if steps.is_empty() {
            return;
        }
        for step in &steps {
            debug!(node = step.node, phase = step.phase, cause = step.cause, "node");
        }
        if let Err(fault) = store.note_steps(call, &steps, clock.now()).await {
            warn!(error = %Error::from(fault), "the way of a call is not noted");
        }
    }

    fn today(&self) -> Date {
        self.journey.clock.now().to_zoned(self.journey.zone.clone()).date()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can be half-done in a panic: what is changed together is computed before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Flow for Guide {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        let (mut place, number) = {
            let mut state = self.state();
            if std::mem::take(&mut state.happened) {
                state.base = state.current.clone();
            }
            state.turn += 1;
            (state.base.clone(), state.turn)
        };
        let instructions = &self.journey.instructions;
        let reading = Reading::new(instructions, &turn.history, &turn.text, self.today());
        let known = self.known(&place, Some(&reading)).await;
        let said = Signals::of(&reading, &turn.text);
        let path = place.take_turn((&known.facts, &said), known.ran, &self.journey.script);
        let plan = self.plan_at(&place, &known, &reading);
        let mut state = self.state();
        if state.turn == number {
            let intent = Intent::of(&turn.text);
            let steps = path.into_iter().map(|(node, cause)| step(node, cause, Some(intent)));
            state.ahead = steps.collect();
            (state.current, state.known) = (place, known);
        }
        Ok(plan)
    }

    async fn commit(&self, _turn: &TurnContext, _plan: &Plan) -> Result<()> {
        {
            let mut state = self.state();
            state.happened = true;
            let ahead = std::mem::take(&mut state.ahead);
            state.pending.extend(ahead);
        }
        self.write().await;
        Ok(())
    }
}

/// A tool that does what it promises where the graph lets it.
#[derive(Debug)]
struct Watched {
    tool: Arc<dyn Tool>,
    guide: Arc<Guide>,
}

#[async_trait]
impl Tool for Watched {
    fn spec(&self) -> ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, mut arguments: Value, context: ToolContext) -> Result<Value> {
        let name = self.tool.spec().name;
        let may_do = offer::may_do(&name, &self.guide.state().current);
        if let (false, Some(asked)) = (may_do, arguments.as_object_mut()) {
            warn!(tool = &*name, "graph.unconfirmed");
            // The tool answers with what is to be read back.
            asked.insert("confirmed".to_owned(), Value::Bool(false));
        }
        let call = context.call.clone();
        let begun = Instant::now();
        let answer = self.tool.call(arguments, context).await;
        let code = match &answer {
            Ok(answer) if answer["ok"] == true => "OK",
            Ok(answer) => answer["code"].as_str().unwrap_or("REFUSED"),
            Err(_) => "ERROR",
        };
        let is_known = answer.as_ref().is_ok_and(|answer| answer["data"]["match"] == "one");
        if &*name == "lookup_customer" && is_known {
            events::identified(&call);
        }
        let used = ToolUse { name: name.to_string(), code: code.to_owned() };
        self.guide.ran(used, begun.elapsed()).await;
        answer
    }
}

fn step(node: Node, cause: Cause, intent: Option<Intent>) -> CallStep {
    CallStep {
        node: node.name().to_owned(),
        phase: node.phase().name().to_owned(),
        intent: intent.map(|intent| intent.name().to_owned()),
        cause: cause.name().to_owned(),
    }
}

/// What the next turn holds, where the node asks for something of which the form is known. Where it
/// asks for different things, the core tells by the question which one.
fn expected(node: Node, known: &Known, reading: &Reading) -> Option<Expected> {
    match node {
        _ if reading.dialogue.wants_vin => Some(Expected::Vin),
        Node::Code => Some(Expected::Code),
        Node::Verify if known.has_own_number || reading.dialogue.birthday.is_some() => {
            Some(Expected::Code)
        }
        Node::Verify => Some(Expected::Date),
        Node::Greet
        | Node::Intent
        | Node::Manage
        | Node::Qualify
        | Node::Answer
        | Node::Objections
        | Node::Collect
        | Node::Confirm
        | Node::Execute
        | Node::Escalate
        | Node::Voicemail
        | Node::Close => None,
    }
}
