use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Map, Value, value::RawValue};
use voiceagent_core::{ToolCallId, llm::ToolCall};

use super::messages::CallDelta;

/// Numbers the ids that are made up, so that no two calls of the process share one.
static MADE_UP: AtomicU64 = AtomicU64::new(1);

/// Puts tool calls together from their fragments.
///
/// OpenAI keys fragments by `index` and sends the id and the name with the first one only. Servers
/// that speak its protocol leave out the index, send 0 for every call, repeat the id, or leave it
/// empty; so a fragment begins a call of its own wherever it cannot continue an earlier one.
#[derive(Debug)]
pub(crate) struct Calls {
    taken: Vec<ToolCallId>,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    index: Option<u32>,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// `taken` are the ids of the conversation's earlier calls, which no other call may have.
    pub(crate) fn new(taken: Vec<ToolCallId>) -> Self {
        Self { taken, parts: Vec::new() }
    }

    /// Adds a fragment.
    pub(crate) fn add(&mut self, delta: CallDelta<'_>) {
        let id = delta.id.as_deref().unwrap_or_default();
        let function = delta.function.unwrap_or_default();
        let name = function.name.as_deref().unwrap_or_default();
        let arguments = function.arguments.map_or(Cow::Borrowed(""), text_of);
        let at = self.continued(delta.index, id, name, &arguments).unwrap_or_else(|| {
            let (id, name) = (id.to_owned(), String::new());
            self.parts.push(Part { index: delta.index, id, name, arguments: String::new() });
            self.parts.len() - 1
        });
        let part = &mut self.parts[at];
        if part.name.is_empty() {
            name.clone_into(&mut part.name);
        }
        part.arguments.push_str(&arguments);
    }

    /// The call that a fragment belongs to, unless it begins one.
    fn continued(
        &self,
        index: Option<u32>,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Option<usize> {
        let at = match index {
            Some(_) => self.parts.iter().rposition(|part| part.index == index)?,
            None if id.is_empty() => self.parts.len().checked_sub(1)?,
            None => self.parts.iter().rposition(|part| part.id == id)?,
        };
        let part = &self.parts[at];
        let another_id = !id.is_empty() && !part.id.is_empty() && id != part.id;
        let begins =
            !name.is_empty() && (another_id || part.is_complete() && !arguments.is_empty());
        (!begins).then_some(at)
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes the calls, in the order in which they began. Those that were cut off are left out if
    /// `only_complete`.
    pub(crate) fn take(&mut self, only_complete: bool) -> Vec<ToolCall> {
        let parts = std::mem::take(&mut self.parts);
        let parts = parts.into_iter().filter(|part| !only_complete || part.is_complete());
        parts.map(|part| self.finished(part)).collect()
    }

    fn finished(&mut self, part: Part) -> ToolCall {
        let mut id = ToolCallId::new(part.id);
        while id.as_str().is_empty() || self.taken.contains(&id) {
            // Nine letters and digits, the only form that Mistral takes.
            let number = MADE_UP.fetch_add(1, Ordering::Relaxed);
            id = ToolCallId::new(format!("call{number:05}"));
        }
        self.taken.push(id.clone());
        let arguments = match part.arguments.trim() {
            // So do vLLM and others call a function without parameters.
            "" | "null" => "{}".into(),
            _ => part.arguments.into(),
        };
        ToolCall { id, name: part.name.into(), arguments }
    }
}

impl Part {
    fn is_complete(&self) -> bool {
        self.arguments.ends_with('}')
            && serde_json::from_str::<Map<String, Value>>(&self.arguments).is_ok()
    }
}

/// The text that `arguments` adds: a JSON text's content, or any other JSON as it stands.
fn text_of(raw: &RawValue) -> Cow<'_, str> {
    match raw.get() {
        "null" => Cow::Borrowed(""),
        text if text.starts_with('"') => {
            Cow::Owned(serde_json::from_str(text).expect("a raw value is valid JSON"))
        }
        json => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    /// `(id, name, arguments)` of the calls that the fragments make.
    fn assemble(taken: &[&str], fragments: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::new(taken.iter().map(|&id| id.into()).collect());
        for fragment in fragments {
            calls.add(from_str(&fragment.to_string()).unwrap());
        }
        let text = |call: ToolCall| {
            (call.id.to_string(), call.name.to_string(), call.arguments.to_string())
        };
        calls.take(false).into_iter().map(text).collect()
    }

    fn fragment(index: Value, id: Value, name: Value, arguments: Value) -> Value {
        json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } })
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn rd11_fragments_of_several_calls_may_alternate() {
        let none = Value::Null;
        let made = assemble(
            &[],
            &[
                fragment(json!(0), json!("a"), json!("book"), json!("")),
                fragment(json!(1), json!("b"), json!("look"), json!("{\"x\"")),
                fragment(json!(0), none.clone(), none.clone(), json!("{\"y\":1}")),
                fragment(json!(1), none.clone(), none, json!(":2}")),
            ],
        );
        assert_eq!(made, [call("a", "book", "{\"y\":1}"), call("b", "look", "{\"x\":2}")]);
    }

    #[test]
    fn rd11_whole_calls_under_one_index_are_several() {
        let whole = |id: &str, n: i64| {
            fragment(json!(0), json!(id), json!("book"), json!(json!({ "n": n }).to_string()))
        };
        let made = assemble(&[], &[whole("a", 1), whole("b", 2), whole("b", 3)]);
        assert_eq!(made[..2], [call("a", "book", "{\"n\":1}"), call("b", "book", "{\"n\":2}")]);
        assert_eq!(made[2].2, "{\"n\":3}");
        assert!(!["a", "b", ""].contains(&made[2].0.as_str()), "a repeated id is replaced");
    }

    #[test]
    fn rd11_calls_without_index_are_told_apart_by_their_ids() {
        let none = Value::Null;
        let made = assemble(
            &[],
            &[
                fragment(none.clone(), json!("a"), json!("book"), json!("{\"n\"")),
                fragment(none.clone(), none.clone(), none.clone(), json!(":1}")),
                fragment(none.clone(), json!("b"), json!("look"), json!({})),
                fragment(none, json!(""), json!("look"), json!({ "at": "noon" })),
            ],
        );
        assert_eq!(made[..2], [call("a", "book", "{\"n\":1}"), call("b", "look", "{}")]);
        assert_eq!((made[2].1.as_str(), made[2].2.as_str()), ("look", "{\"at\":\"noon\"}"));
        assert_eq!(made[2].0.len(), 9, "{}", made[2].0);
    }

    #[test]
    fn an_id_and_a_name_that_come_again_with_every_fragment_begin_nothing() {
        let piece = |text: &str| fragment(json!(0), json!("a"), json!("book"), json!(text));
        let made = assemble(&[], &[piece(""), piece("{\"n\""), piece(":1}"), piece("")]);
        assert_eq!(made, [call("a", "book", "{\"n\":1}")]);
    }

    #[test]
    fn an_id_of_an_earlier_answer_is_replaced() {
        let made =
            assemble(&["call_0"], &[fragment(json!(0), json!("call_0"), json!("f"), json!(""))]);
        assert_ne!(made[0].0, "call_0");
        assert_eq!(made[0].2, "{}", "no arguments are an empty object");
    }

    #[test]
    fn rd7_a_call_that_was_cut_off_is_left_out_on_demand() {
        let mut calls = Calls::new(Vec::new());
        for (index, arguments) in ["{\"n\":1}", "{\"phone\":\"+1555"].into_iter().enumerate() {
            let whole =
                fragment(json!(index), json!(format!("c{index}")), json!("f"), json!(arguments));
            calls.add(from_str(&whole.to_string()).unwrap());
        }
        let complete = calls.take(true);
        assert_eq!(complete.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["c0"]);
    }
}
