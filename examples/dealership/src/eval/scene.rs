use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    Result,
    tool::{Tool, ToolContext, ToolSpec},
};

use super::{
    acts::Acts,
    caller::{Move, Player},
    fixture::{self, Names},
    scenario::{Beat, Injection, Phase, Scenario},
    trace::{ToolRun, Trace},
};
use crate::{
    agent::Witness,
    store::Store,
    tools::{Code, Envelope},
};

/// What is seen of the calls of a scenario, and what happens in them behind the agent's back.
///
/// The line and the tools tell it what they do, from tasks of their own; each holds the lock for a
/// moment and over no wait.
pub(super) struct Scene {
    acts: Acts,
    names: Names,
    store: Store,
    injections: Vec<Injection>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    trace: Trace,
    player: Player,
    faults: Vec<ToolFault>,
}

/// A tool that fails so many times.
#[derive(Clone, Debug)]
struct ToolFault {
    tool: String,
    code: Code,
    times: u64,
}

impl Scene {
    pub(super) fn new(scenario: &Scenario, acts: Acts, names: Names, store: Store) -> Self {
        let faults =
            scenario.fixture.faults.iter().filter(|fault| fault.get("at") == Some(&"tool".into()));
        let faults = faults.filter_map(|fault| {
            Some(ToolFault {
                tool: fault.get("name")?.as_str()?.to_owned(),
                code: serde_json::from_value(fault.get("do")?["error"].clone()).ok()?,
                times: fault.get("times").and_then(Value::as_u64).unwrap_or(1),
            })
        });
        let state = State {
            trace: Trace::default(),
            player: Player::new(scenario, &scenario.caller.script),
            faults: faults.collect(),
        };
        Self {
            acts,
            names,
            store,
            injections: scenario.fixture.inject.clone(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn begin_call(&self) {
        self.state().trace.begin_call();
    }

    /// The caller calls again, with another script.
    pub(super) fn call_again(&self, scenario: &Scenario, script: &[Beat]) {
        self.state().player = Player::new(scenario, script);
    }

    pub(super) fn say(&self, words: &str) {
        self.state().trace.say(words, &self.acts);
    }

    pub(super) fn fall_silent(&self) {
        self.state().trace.fall_silent();
    }

    /// What of its last words the agent is let say, and how it is interrupted then.
    pub(super) fn interruption(&self) -> Option<(String, String)> {
        let state = &mut *self.state();
        let (heard, said) = state.player.interrupts(&state.trace)?;
        state.trace.interrupt();
        let (id, words) = said;
        state.trace.hear(id, &words);
        Some((heard, words))
    }

    /// What the caller does, now that the agent waits.
    pub(super) fn next_move(&self) -> Option<Move> {
        let state = &mut *self.state();
        let (id, next) = state.player.next(&state.trace, &self.acts)?;
        match &next {
            Move::Say(words) | Move::Press(words) | Move::Record(words) => {
                state.trace.hear(id, words);
            }
            Move::HangUp | Move::Lose | Move::Silence => {}
        }
        Some(next)
    }

    pub(super) fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The failure that a tool is to have, once.
    fn fault(&self, tool: &str) -> Option<Envelope> {
        let mut state = self.state();
        let fault = state.faults.iter_mut().find(|one| one.tool == tool && one.times > 0)?;
        fault.times -= 1;
        Some(Envelope::refused(fault.code))
    }

    /// Notes what a tool did, and lets others do behind it what they are to do.
    async fn ran(&self, name: &str, arguments: &Value, result: &Value) -> Result<()> {
        let mut run =
            ToolRun { name: name.to_owned(), arguments: arguments.clone(), result: result.clone() };
        self.names.translate(&mut run.arguments);
        self.names.translate(&mut run.result);
        let nth = {
            let trace = &mut self.state().trace;
            trace.run(run);
            trace.runs().filter(|(_, run)| run.name == name).count()
        };
        for one in &self.injections {
            let Phase::After = one.when.phase;
            if one.when.tool == name && one.when.nth == nth {
                fixture::insert(&self.store, &one.insert).await?;
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can be half-done in a panic: each use is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").finish_non_exhaustive()
    }
}

/// Shows the tools to a scene.
#[derive(Clone, Debug)]
pub(super) struct Watcher(pub(super) Arc<Scene>);

impl Witness for Watcher {
    fn watch(&self, tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
        Arc::new(Watched { tool, scene: Arc::clone(&self.0) })
    }
}

#[derive(Debug)]
struct Watched {
    tool: Arc<dyn Tool>,
    scene: Arc<Scene>,
}

#[async_trait]
impl Tool for Watched {
    fn spec(&self) -> ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        let name = self.tool.spec().name;
        let result = match self.scene.fault(&name) {
            Some(fault) => serde_json::to_value(fault).expect("an envelope is plain data"),
            None => self.tool.call(arguments.clone(), context).await?,
        };
        self.scene.ran(&name, &arguments, &result).await?;
        Ok(result)
    }
}
