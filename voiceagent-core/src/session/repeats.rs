//! What happens when the model calls a tool again with the same arguments.

use serde_json::Value;

use super::{
    Command, Session,
    history::{Exchange, Standing},
};
use crate::{GenerationId, ToolCallId, llm::ToolCall, tool::Repeat};

const REJECTED: &str = r#"{"error":"not called again: the same call was made before; go by its result, or wait for it"}"#;
const UNCONFIRMED: &str = r#"{"error":"not called again: the same call was made before; ask the user, and call it again if that is wanted"}"#;

/// Repeated calls for which the user is to be asked, and the attempt to speak that was told so.
#[derive(Debug, Default)]
pub(super) struct Confirmations(Vec<(GenerationId, ToolCall)>);

impl Confirmations {
    /// Whether the user can have been asked about this since.
    fn take(&mut self, generation: GenerationId, call: &ToolCall) -> bool {
        let asked = self.0.iter().position(|(of, asked)| *of != generation && is_same(asked, call));
        asked.map(|index| self.0.remove(index)).is_some()
    }
}

impl Session {
    /// What the model is told in place of a result if the call must not be made.
    pub(super) fn refuse_repeat(&mut self, call: &ToolCall) -> Option<&'static str> {
        let live = self.live.as_ref()?;
        let generation = live.id;
        let repeat = live.request.spec(&call.name)?.repeat;
        if repeat == Repeat::Allow {
            return None;
        }
        let earlier: Vec<(GenerationId, ToolCallId)> = self
            .history
            .exchanges()
            .chain(live.exchanges())
            .filter(|one| is_same(&one.call, call) && counts(one))
            .map(|one| (one.generation, one.call.id.clone()))
            .collect();
        if earlier.is_empty() {
            return None;
        }
        if repeat == Repeat::Replace {
            self.stop_running(earlier);
        }
        match repeat {
            Repeat::Allow | Repeat::Replace => None,
            Repeat::Reject => Some(REJECTED),
            Repeat::Confirm if self.confirmations.take(generation, call) => None,
            Repeat::Confirm => {
                self.confirmations.0.push((generation, call.clone()));
                Some(UNCONFIRMED)
            }
        }
    }

    fn stop_running(&mut self, calls: Vec<(GenerationId, ToolCallId)>) {
        for (generation, id) in calls {
            if self.tools.is_running(generation, &id) {
                self.note_tool_end(generation, &id);
                self.set_standing(generation, &id, Standing::Replaced);
                self.commands.push_back(Command::CancelTool { generation, id });
            }
        }
    }
}

/// Whether a call may have had an effect, or still may.
fn counts(exchange: &Exchange) -> bool {
    match (&exchange.output, exchange.standing) {
        (Some(output), _) => {
            let result: Option<Value> = serde_json::from_str(output).ok();
            result.is_none_or(|result| result.get("error").is_none())
        }
        (None, Standing::Detached | Standing::Overdue | Standing::Running | Standing::Unasked) => {
            true
        }
        (None, Standing::Cancelled | Standing::Replaced) => false,
    }
}

fn is_same(one: &ToolCall, other: &ToolCall) -> bool {
    let arguments = |call: &ToolCall| serde_json::from_str::<Value>(&call.arguments).ok();
    one.name == other.name
        && (one.arguments == other.arguments
            || arguments(one).is_some_and(|one| Some(one) == arguments(other)))
}
