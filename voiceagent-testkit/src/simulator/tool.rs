use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    tool::{Effect, Tool, ToolContext, ToolSpec},
};

use super::{
    dice::Dice,
    log::{Log, ToolRun},
    profile::Profile,
};

/// How long a tool may take.
pub(super) const TIME: Duration = Duration::from_secs(6);

/// A tool that takes its time, fails at times, and notes what it did.
#[derive(Debug)]
pub(super) struct Work {
    spec: ToolSpec,
    does: Does,
    median: Duration,
    healthy: bool,
    says: bool,
    dice: Mutex<Dice>,
    log: Log,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Does {
    Work,
    HangUp,
    Transfer,
}

/// A run, until it is dropped.
struct Running {
    log: Log,
    index: usize,
}

impl Work {
    /// The tools of a call.
    pub(super) fn all(profile: &Profile, seed: u64, log: &Log) -> Vec<Self> {
        let Profile { tool: median, healthy, manner, .. } = profile;
        let (median, healthy) = (*median, *healthy);
        let kinds = [
            ("look_up", Effect::Pure, true, Does::Work),
            ("note", Effect::Idempotent, false, Does::Work),
            ("book", Effect::Once, false, Does::Work),
            ("hang_up", Effect::Once, false, Does::HangUp),
            ("transfer", Effect::Once, false, Does::Transfer),
        ];
        let tools = (10..).zip(kinds).map(|(purpose, (name, effect, cancellable, does))| {
            let mut spec = ToolSpec::new(name, "", json!({ "type": "object" }));
            spec.effect = effect;
            spec.cancellable = cancellable;
            spec.timeout = TIME;
            spec.detached = manner.detached && name == "book";
            let says = manner.says && does == Does::Work;
            let dice = Mutex::new(Dice::new(seed, purpose));
            Self { spec, does, median, healthy, says, dice, log: log.clone() }
        });
        tools.collect()
    }
}

#[async_trait]
impl Tool for Work {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, _arguments: Value, context: ToolContext) -> Result<Value> {
        let index = {
            let begun = self.log.now();
            let runs = &mut self.log.account().tools;
            runs.push(ToolRun {
                name: self.spec.name.clone(),
                id: context.tool_call.clone(),
                generation: context.generation,
                effect: self.spec.effect,
                key: context.idempotency_key.clone(),
                begun,
                ended: None,
                output: None,
                dropped: None,
                cancellable: self.spec.cancellable,
            });
            runs.len() - 1
        };
        let _running = Running { log: self.log.clone(), index };
        let (delay, fails) = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            (dice.latency(self.median), !self.healthy && dice.percent(15))
        };
        if self.says {
            let said = context.line.say(format!("tool{index} works."));
            self.log.tell(|| format!("tool {} says: {said:?}", self.spec.name));
        }
        sleep(if self.does == Does::Work { delay } else { Duration::ZERO }).await;
        let result = if fails {
            self.log.inject("a tool fails");
            Err(Error::new(ErrorKind::Disconnected, "work", "failed"))
        } else {
            Ok(json!({ "run": index }))
        };
        if self.does != Does::Work {
            self.log.leave();
        }
        let asked = match self.does {
            Does::Work => Ok(()),
            Does::HangUp => context.line.hang_up(),
            Does::Transfer => context.line.transfer("desk"),
        };
        self.log.tell(|| format!("tool {} ends: {result:?}; line: {asked:?}", self.spec.name));
        let now = self.log.now();
        let run = &mut self.log.account().tools[index];
        run.ended = Some(now);
        run.output = result.as_ref().ok().cloned();
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let now = self.log.now();
        let run = &mut self.log.account().tools[self.index];
        run.dropped = run.ended.is_none().then_some(now);
    }
}
