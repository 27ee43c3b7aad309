//! Tools, predictions and plans: what runs beside the conversation.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::FuturesUnordered,
};
use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};
use tracing::{Instrument as _, error, warn};

use super::tool_result::{explain, failure, told};
use crate::{
    CallId, ErrorKind, GenerationId, Line, Result, ToolCallId,
    flow::{Flow, Plan, TurnContext},
    llm::ToolCall,
    session::Input,
    tool::{EquippedTool, Schema, ToolContext},
    turn::{TurnDetector, TurnSnapshot},
};

/// A prediction that takes longer comes too late to be of use.
const SCORE_TIMEOUT: Duration = Duration::from_millis(500);
/// A flow that takes longer to note a turn is given up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a flow may go on to plan an answer that nobody waits for any more.
const PLAN_GRACE: Duration = Duration::from_secs(5);
/// What a tool is given beyond its time when the call is over.
const TOOL_GRACE: Duration = Duration::from_secs(1);

/// What runs beside the conversation.
#[derive(Default)]
pub(super) struct Jobs {
    /// What goes on when the call is over: tools, and what a flow notes. Each has a deadline.
    lasting: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    /// What only matters while the call goes on.
    passing: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    running: Vec<Running>,
    planning: Vec<Planning>,
    /// What the flow notes last; it notes turns in their order, and plans when it has noted them.
    noting: Option<Shared<BoxFuture<'static, Option<Input>>>>,
    /// When the flow has noted it, at the latest.
    noted_at: Option<Instant>,
    /// When the last of what goes on after the call is given up.
    give_up_at: Option<Instant>,
}

/// A flow that plans an answer.
struct Planning {
    generation: GenerationId,
    /// Dropped when nobody waits for the plan any more.
    _wanted: oneshot::Sender<()>,
}

/// A tool on its own task.
struct Running {
    generation: GenerationId,
    id: ToolCallId,
    cancellable: bool,
    task: tokio::task::AbortHandle,
}

impl Jobs {
    /// The next result.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            let done = tokio::select! {
                // Without it chance decides, and two runs of one call differ.
                biased;
                Some(done) = self.lasting.next() => done,
                Some(done) = self.passing.next() => done,
                else => std::future::pending().await,
            };
            if let Some(input) = done {
                self.forget(&input);
                return input;
            }
        }
    }

    /// The next result of what goes on after the call; `None` when nothing is left, or nothing
    /// that keeps to its time.
    pub(super) async fn next_lasting(&mut self) -> Option<Input> {
        let give_up_at = self.give_up_at?;
        while let Ok(Some(done)) = timeout_at(give_up_at, self.lasting.next()).await {
            if let Some(input) = done {
                self.forget(&input);
                return Some(input);
            }
        }
        if !self.lasting.is_empty() {
            warn!("what was started in the call does not end; it is left behind");
        }
        None
    }

    /// Stops what may be stopped of a generation.
    pub(super) fn cancel(&mut self, generation: GenerationId) {
        self.running.retain(|tool| {
            let stop = tool.generation == generation && tool.cancellable;
            if stop {
                tool.task.abort();
            }
            !stop
        });
        self.cancel_plan(generation);
    }

    /// Stops one call of a tool.
    pub(super) fn cancel_tool(&mut self, generation: GenerationId, id: &ToolCallId) {
        self.running.retain(|tool| {
            let stop = tool.generation == generation && tool.id == *id;
            if stop {
                tool.task.abort();
            }
            !stop
        });
    }

    /// Lets a flow that plans an answer know that nobody waits for it: it is cut off soon.
    pub(super) fn cancel_plan(&mut self, generation: GenerationId) {
        self.planning.retain(|planning| planning.generation != generation);
    }

    /// Runs a tool on a task of its own, so that one that blocks or panics does not hold up the
    /// call. Whatever happens, there is a result.
    pub(super) fn call_tool(
        &mut self,
        found: Option<&EquippedTool>,
        generation: GenerationId,
        call: ToolCall,
        call_id: &CallId,
        line: &Line,
    ) {
        let id = call.id.clone();
        let finished = move |output: String| {
            let output = output.into();
            Input::ToolFinished { generation, id, output }
        };
        let prepared = found
            .ok_or_else(|| format!("there is no tool named `{}`", call.name))
            .and_then(|found| Ok((found, arguments(&found.schema, &call.arguments)?)));
        let (EquippedTool { tool, spec, .. }, arguments) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => {
                self.lasting.push(std::future::ready(Some(finished(failure(&why)))).boxed());
                return;
            }
        };
        let context = ToolContext {
            call: call_id.clone(),
            generation,
            idempotency_key: format!("{call_id}:{generation}:{}", call.id).into(),
            tool_call: call.id.clone(),
            line: line.for_tool(generation, call.id.clone()),
        };
        let (tool, name, limit) = (tool.clone(), spec.name.clone(), spec.timeout);
        let work = async move {
            match timeout(limit, tool.call(arguments, context)).await {
                Ok(Ok(value)) => told(&value),
                Ok(Err(error)) => {
                    warn!(tool = %name, %error, "a tool failed");
                    explain(&error)
                }
                Err(_) => {
                    warn!(tool = %name, "a tool took too long");
                    failure("it did not finish in time; it is not known whether it had an effect")
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "foreign code must not hold up the call")]
        let task: JoinHandle<String> = tokio::spawn(work.in_current_span());
        self.running.push(Running {
            generation,
            id: call.id,
            cancellable: spec.cancellable && !spec.detached,
            task: task.abort_handle(),
        });
        let result = task.map(move |ended| match ended {
            Ok(output) => Some(finished(output)),
            // The session stopped it, and knows.
            Err(stopped) if stopped.is_cancelled() => None,
            Err(_) => Some(finished(failure("it broke down; nothing is known of it"))),
        });
        let end = now().checked_add(limit.saturating_add(TOOL_GRACE));
        self.give_up_at = self.give_up_at.max(end);
        self.lasting.push(result.boxed());
    }

    pub(super) fn score(&self, detector: Arc<dyn TurnDetector>, turn: TurnSnapshot) {
        let (id, text_len) = (turn.turn, turn.text.len());
        self.push(async move {
            let score = async { AssertUnwindSafe(detector.score(turn)).catch_unwind().await };
            let score = match timeout(SCORE_TIMEOUT, score).await {
                Ok(Err(_)) => {
                    error!("the turn detector broke down");
                    return None;
                }
                Ok(Ok(score)) => Ok(score),
                Err(late) => Err(late),
            };
            let score = match score {
                Ok(Ok(score)) if score.end_of_turn.is_finite() => score,
                Ok(Ok(_)) => {
                    warn!("the turn detector gave no number");
                    return None;
                }
                Ok(Err(error)) => {
                    warn!(%error, "the turn detector failed");
                    return None;
                }
                Err(_) => {
                    warn!("the turn detector took too long");
                    return None;
                }
            };
            let probability = score.end_of_turn;
            let backchannel = if score.backchannel.is_finite() { score.backchannel } else { 0.0 };
            Some(Input::EndOfTurnScore { turn: id, text_len, probability, backchannel })
        });
    }

    /// Lets the flow plan, once it has noted the turns before. A flow that breaks down has failed.
    pub(super) fn plan(
        &mut self,
        flow: Arc<dyn Flow>,
        generation: GenerationId,
        turn: TurnContext,
    ) {
        let (wanted, unwanted) = oneshot::channel::<()>();
        self.planning.push(Planning { generation, _wanted: wanted });
        let noted = self.noting.clone();
        let planned = async move {
            if let Some(noted) = noted {
                noted.await;
            }
            match AssertUnwindSafe(flow.plan(&turn)).catch_unwind().await {
                Ok(plan) => plan.inspect_err(|error| warn!(%error, "the flow failed")).ok(),
                Err(_) => {
                    error!("the flow broke down");
                    None
                }
            }
        };
        let cut_off = async move {
            // An error: that nobody waits is told by dropping the other end.
            let _ = unwanted.await;
            sleep(PLAN_GRACE).await;
        };
        self.push(async move {
            tokio::select! {
                biased;
                plan = planned => Some(Input::Planned { generation, plan }),
                () = cut_off => {
                    warn!("the flow did not stop planning, and was cut off");
                    None
                }
            }
        });
    }

    /// Lets the flow note a turn, after the turns before.
    pub(super) fn commit_plan(&mut self, flow: Arc<dyn Flow>, turn: TurnContext, plan: Plan) {
        let before = self.noting.clone();
        let commit = async move {
            if let Some(before) = before {
                before.await;
            }
            let noted = AssertUnwindSafe(flow.commit(&turn, &plan)).catch_unwind();
            match timeout(COMMIT_TIMEOUT, noted).await {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(error))) => {
                    warn!(%error, "the flow could not note a turn");
                    Some(leg_failed(error.kind()))
                }
                Ok(Err(_)) => {
                    error!("the flow broke down");
                    Some(leg_failed(ErrorKind::Rejected))
                }
                Err(_) => Some(leg_failed(ErrorKind::Timeout)),
            }
        };
        let commit = commit.boxed().shared();
        self.noting = Some(commit.clone());
        let noted_at = self.noted_at.max(Some(now())).map(|begins| begins + COMMIT_TIMEOUT);
        self.noted_at = noted_at;
        self.give_up_at = self.give_up_at.max(noted_at);
        self.lasting.push(commit.boxed());
    }

    /// Runs something that only matters while the call goes on.
    pub(super) fn push(&self, job: impl Future<Output = Option<Input>> + Send + 'static) {
        self.passing.push(job.boxed());
    }

    fn forget(&mut self, input: &Input) {
        if let Input::ToolFinished { generation, id, .. } = input {
            self.running.retain(|tool| tool.generation != *generation || tool.id != *id);
        }
        if let Input::Planned { generation, .. } = input {
            self.cancel_plan(*generation);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline begins at a moment")]
fn now() -> Instant {
    Instant::now()
}

fn leg_failed(kind: ErrorKind) -> Input {
    Input::LegLost { leg: crate::session::Leg::Flow, kind }
}

/// The arguments, if they are JSON that fits the schema.
fn arguments(schema: &Schema, text: &str) -> Result<Value, String> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let value: Value = serde_json::from_str(text)
        .map_err(|wrong| format!("the arguments are not JSON: {wrong}"))?;
    schema.validate(&value).map_err(|wrong| wrong.to_string())?;
    Ok(value)
}
