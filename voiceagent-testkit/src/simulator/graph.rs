use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    flow::{Flow, Generate, Plan, TurnContext},
    tool::ToolSpec,
    turn::Expected,
};

use super::{
    dice::Dice,
    log::{Log, NoteRun, PlanRun},
    profile,
};

const NODES: u64 = 6;
const EXPECTED: [Expected; 6] = [
    Expected::Code,
    Expected::Date,
    Expected::Email,
    Expected::Phone,
    Expected::Spelled,
    Expected::Vin,
];
/// What stands before words that a node has edited.
pub(super) const EDITED: &str = "edited";

/// A flow of some nodes, each of which has instructions and tools of its own; a few answer by
/// script, say nothing, or end the call.
pub(super) struct Graph {
    profile: profile::Flow,
    seed: u64,
    tools: Vec<ToolSpec>,
    /// The node that the conversation has come to.
    node: AtomicU64,
    log: Log,
}

impl Graph {
    pub(super) fn new(
        profile: profile::Flow,
        tools: Vec<ToolSpec>,
        seed: u64,
        log: Log,
    ) -> Arc<Self> {
        Arc::new(Self { profile, seed, tools, node: AtomicU64::new(0), log })
    }

    /// What a node answers this turn with: the same whenever it is asked.
    fn answer(&self, node: u64, turn: &TurnContext, dice: &mut Dice) -> Plan {
        match dice.between(0, 99) {
            0..15 => Plan::Say(format!("node{node} answers{} by script.", turn.turn).into()),
            15..20 => Plan::Stay,
            20..23 => Plan::HangUp { farewell: Some("Thanks and goodbye.".into()) },
            23..25 => {
                Plan::Transfer { to: "desk".into(), announcement: Some("One moment there.".into()) }
            }
            _ => Plan::from(self.generate(node, turn, dice)),
        }
    }

    fn generate(&self, node: u64, turn: &TurnContext, dice: &mut Dice) -> Generate {
        let tools: Vec<ToolSpec> =
            self.tools.iter().filter(|_| dice.percent(60)).cloned().collect();
        // Instructions tell of which turn they are, so that it is known which plan was followed.
        let mut answer = Generate::new(instructions(node, turn), tools);
        if dice.percent(20) {
            answer = answer.expecting(*dice.pick(&EXPECTED));
        }
        if dice.percent(10) {
            answer = answer.with_wait(dice.millis(1_000, 10_000));
        }
        if dice.percent(20) {
            answer = answer.with_edit(format!("{EDITED} {}", turn.text));
        }
        answer
    }
}

#[async_trait]
impl Flow for Graph {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        let node = self.node.load(Ordering::Relaxed);
        let index = {
            let begun = self.log.now();
            let plans = &mut self.log.account().plans;
            plans.push(PlanRun { turn: turn.turn, begun, plan: None });
            plans.len() - 1
        };
        let asked = 7 * turn.turn.number() + turn.text.len() as u64 + 1_000 * node;
        let mut dice = Dice::new(self.seed, 500 + asked);
        sleep(dice.latency(self.profile.plans_after)).await;
        if dice.percent(self.profile.fails) {
            return self.fail(&mut dice).await;
        }
        let plan = self.answer(node, turn, &mut dice);
        self.log.tell(|| format!("flow: node {node} plans {plan:?}"));
        if matches!(plan, Plan::HangUp { .. } | Plan::Transfer { .. }) {
            self.log.leave();
        }
        self.log.account().plans[index].plan = Some(plan.clone());
        Ok(plan)
    }

    async fn commit(&self, turn: &TurnContext, plan: &Plan) -> Result<()> {
        self.log.tell(|| format!("flow: notes turn {}", turn.turn));
        let index = {
            let (begun, plan) = (self.log.now(), plan.clone());
            let notes = &mut self.log.account().notes;
            notes.push(NoteRun { turn: turn.turn, begun, ended: None, plan });
            notes.len() - 1
        };
        let mut dice = Dice::new(self.seed, 900 + turn.turn.number());
        sleep(dice.latency(self.profile.notes_after)).await;
        let fails = dice.percent(self.profile.fails);
        self.node.store(dice.between(0, NODES - 1), Ordering::Relaxed);
        let now = self.log.now();
        self.log.account().notes[index].ended = Some(now);
        if fails {
            self.log.inject("the flow cannot note a turn");
            return Err(Error::new(ErrorKind::Disconnected, "commit", "failed"));
        }
        Ok(())
    }
}

impl Graph {
    async fn fail(&self, dice: &mut Dice) -> Result<Plan> {
        if dice.percent(60) {
            self.log.inject("the flow fails");
            return Err(Error::new(ErrorKind::Disconnected, "plan", "failed"));
        }
        self.log.inject("the flow hangs");
        sleep(Duration::from_secs(60)).await;
        Ok(Plan::Stay)
    }
}

/// What a node tells the model to do in a turn.
pub(super) fn instructions(node: u64, turn: &TurnContext) -> String {
    format!("Do what node {node} does in turn {}.", turn.turn)
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("profile", &self.profile).finish_non_exhaustive()
    }
}
