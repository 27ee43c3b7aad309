//! What is noted of a call while it goes on, for its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tracing::warn;
use voiceagent_core::{
    CallId, CallTime, Event,
    observer::Observer,
    session::EndReason,
    tool::{Tool, ToolContext},
    transport::Answerer,
};

use crate::store::Ending;

/// How a call ends, and the tools by which its end is noted.
///
/// The task of the call writes it and whoever concludes the call reads it, each for a moment.
#[derive(Debug)]
pub(crate) struct Minutes {
    tools: Vec<Arc<dyn Tool>>,
    ending: Mutex<Ending>,
}

impl Minutes {
    pub(crate) fn new(tools: Vec<Arc<dyn Tool>>) -> Arc<Self> {
        Arc::new(Self { tools, ending: Mutex::new(Ending::default()) })
    }

    pub(crate) fn ending(&self) -> Ending {
        *self.lock()
    }

    /// Notes a message to a machine as a model notes a talk with a person: by the tools.
    pub(crate) async fn note_message(&self, call: &CallId) {
        let noted = json!({
            "disposition": "voicemail_left",
            "summary": "A machine answered. A message was left.",
            "topics": [],
            "commitments": [],
            "sentiment": null,
            "follow_up": null,
        });
        let ended = json!({ "reason": "voicemail" });
        for (name, arguments) in [("save_interaction", noted), ("end_call", ended)] {
            self.run(call, name, arguments).await;
        }
    }

    async fn run(&self, call: &CallId, name: &str, arguments: Value) {
        let mut context = ToolContext::detached(name);
        context.call = call.clone();
        self.use_tool(name, arguments, context).await;
    }

    /// Uses a tool of the call; `None` if there is none of that name, or it broke down.
    pub(crate) async fn use_tool(
        &self,
        name: &str,
        arguments: Value,
        context: ToolContext,
    ) -> Option<Value> {
        let tool = self.tools.iter().find(|tool| *tool.spec().name == *name)?;
        let done = tool.call(arguments, context).await;
        done.inspect_err(|error| warn!(%error, name, "a tool failed beside the model")).ok()
    }

    fn lock(&self) -> MutexGuard<'_, Ending> {
        // Nothing can be half-done in a panic: each use is one step.
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the minutes of a call.
#[derive(Debug)]
pub(crate) struct Clerk(pub(crate) Arc<Minutes>);

impl Observer for Clerk {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        let ending = &mut *self.0.lock();
        match event {
            Event::AnsweredBy { who } => ending.by_machine = *who == Answerer::Machine,
            // Before its beep a machine is told nothing, and after it nothing but the message.
            Event::AgentStopped { interrupted, .. } if ending.by_machine => {
                ending.message_left = !interrupted;
            }
            Event::Ended { reason } => ending.failed = *reason == EndReason::Failed,
            Event::LineQuality { quality } => ending.quality = Some(*quality),
            // The rest is for others.
            _ => {}
        }
    }
}
