use std::sync::Arc;

use crate::{
    flow::Plan,
    llm::ToolCall,
    realtime::Prompt,
    tool::{Effect, ToolSpec},
};

/// What the model is asked for.
#[derive(Debug)]
pub(in crate::session) struct Request {
    pub(in crate::session) instructions: Arc<str>,
    pub(in crate::session) tools: Arc<[ToolSpec]>,
    pub(in crate::session) plan: Option<Plan>,
    /// What a speech-to-speech model is asked for.
    pub(in crate::session) prompt: Prompt,
    /// What the history was when this was begun.
    pub(in crate::session) context: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            instructions: Arc::from(""),
            tools: Arc::from([]),
            plan: None,
            prompt: Prompt::default(),
            context: 0,
        }
    }
}

impl Request {
    /// What the flow puts in the place of the user's words.
    pub(in crate::session) fn edit(&self) -> Option<&Arc<str>> {
        match self.plan.as_ref()? {
            Plan::Generate(answer) => answer.edit.as_ref(),
            Plan::HangUp { .. } | Plan::Say(_) | Plan::Stay | Plan::Transfer { .. } => None,
        }
    }

    /// Whether a call may run before the turn is over.
    pub(in crate::session) fn may_run_early(&self, call: &ToolCall) -> bool {
        let is_free = |spec: &ToolSpec| spec.effect == Effect::Pure && !spec.detached;
        self.spec(&call.name).is_none_or(is_free)
    }

    pub(in crate::session) fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.iter().find(|spec| *spec.name == *name)
    }
}
