//! Tools, predictions and plans: what runs beside the conversation.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::{
    CallId, ErrorKind, GenerationId, Line, Result, ToolCallId,
    flow::{Flow, Plan, TurnContext},
    llm::ToolCall,
    session::Input,
    tool::{Schema, Tool, ToolContext},
    turn::{TurnDetector, TurnSnapshot},
};

/// A prediction that takes longer comes too late to be of use.
const SCORE_TIMEOUT: Duration = Duration::from_millis(500);
/// A flow that takes longer to note a turn is given up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// What runs beside the conversation.
#[derive(Default)]
pub(super) struct Jobs {
    /// What goes on when the call is over: tools, and what a flow notes. Each has a deadline.
    lasting: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    /// What only matters while the call goes on.
    passing: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    running: Vec<Running>,
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

    /// The next result of what goes on after the call; `None` when nothing is left.
    pub(super) async fn next_lasting(&mut self) -> Option<Input> {
        while let Some(done) = self.lasting.next().await {
            if let Some(input) = done {
                self.forget(&input);
                return Some(input);
            }
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
    }

    /// Runs a tool on a task of its own, so that one that blocks or panics does not hold up the
    /// call. Whatever happens, there is a result.
    pub(super) fn call_tool(
        &mut self,
        found: Option<&(Arc<dyn Tool>, Schema)>,
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
            .and_then(|(tool, schema)| Ok((tool.clone(), arguments(schema, &call.arguments)?)));
        let (tool, arguments) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => {
                self.lasting.push(std::future::ready(Some(finished(failure(&why)))).boxed());
                return;
            }
        };
        let spec = tool.spec();
        let context = ToolContext {
            call: call_id.clone(),
            generation,
            idempotency_key: format!("{call_id}:{generation}:{}", call.id).into(),
            tool_call: call.id.clone(),
            line: line.clone(),
        };
        let name = spec.name.clone();
        let work = async move {
            match tokio::time::timeout(spec.timeout, tool.call(arguments, context)).await {
                Ok(Ok(value)) => value.to_string(),
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
        let task: JoinHandle<String> = tokio::spawn(work);
        self.running.push(Running {
            generation,
            id: call.id,
            cancellable: spec.cancellable,
            task: task.abort_handle(),
        });
        let result = task.map(move |ended| match ended {
            Ok(output) => Some(finished(output)),
            // The session stopped it, and knows.
            Err(stopped) if stopped.is_cancelled() => None,
            Err(_) => Some(finished(failure("it broke down; nothing is known of it"))),
        });
        self.lasting.push(result.boxed());
    }

    pub(super) fn score(&self, detector: Arc<dyn TurnDetector>, turn: TurnSnapshot) {
        let (id, text_len) = (turn.turn, turn.text.len());
        self.push(async move {
            let score = async { AssertUnwindSafe(detector.score(turn)).catch_unwind().await };
            let score = match tokio::time::timeout(SCORE_TIMEOUT, score).await {
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

    pub(super) fn plan(&self, flow: Arc<dyn Flow>, generation: GenerationId, turn: TurnContext) {
        self.push(async move {
            let plan = flow.plan(&turn).await;
            let plan = plan.inspect_err(|error| warn!(%error, "the flow failed")).ok();
            Some(Input::Planned { generation, plan })
        });
    }

    pub(super) fn commit_plan(&self, flow: Arc<dyn Flow>, turn: TurnContext, plan: Plan) {
        let commit = async move {
            match tokio::time::timeout(COMMIT_TIMEOUT, flow.commit(&turn, &plan)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => {
                    warn!(%error, "the flow could not note a turn");
                    Some(leg_failed(error.kind()))
                }
                Err(_) => Some(leg_failed(ErrorKind::Timeout)),
            }
        };
        self.lasting.push(commit.boxed());
    }

    fn push(&self, job: impl Future<Output = Option<Input>> + Send + 'static) {
        self.passing.push(job.boxed());
    }

    fn forget(&mut self, input: &Input) {
        if let Input::ToolFinished { generation, id, .. } = input {
            self.running.retain(|tool| tool.generation != *generation || tool.id != *id);
        }
    }
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

/// What the model is told about an error: the message where it is meant for it, and never more
/// than is known. Whoever lost the connection may have lost it after the change was made.
fn explain(error: &crate::Error) -> String {
    match error.kind() {
        ErrorKind::Rejected => failure(error.message()),
        ErrorKind::Config
        | ErrorKind::RateLimited
        | ErrorKind::Unauthorized
        | ErrorKind::Unsupported => failure("it failed for a technical reason; nothing was done"),
        ErrorKind::Closed
        | ErrorKind::Disconnected
        | ErrorKind::Overloaded
        | ErrorKind::Protocol
        | ErrorKind::Stalled
        | ErrorKind::Timeout => {
            failure("it failed for a technical reason; it is not known whether it had an effect")
        }
    }
}

fn failure(why: &str) -> String {
    json!({ "error": why }).to_string()
}
