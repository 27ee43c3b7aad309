use serde_json::value::RawValue;
use voiceagent_core::{Error, ErrorKind, Result, llm::ToolCall};

use super::messages::CallDelta;
use crate::wire::{
    json::is_object,
    llm::call_ids::{CallIds, MOST_CALLS, too_many_calls},
};

/// Puts tool calls together from their fragments.
///
/// OpenAI keys fragments by `index` and sends the id and the name with the first one only. Servers
/// that speak its protocol leave out the index, send 0 for every call, repeat the id, or leave it
/// empty; so a fragment begins a call of its own wherever it cannot continue an earlier one.
#[derive(Debug)]
pub(crate) struct Calls {
    ids: CallIds,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    index: Option<u32>,
    id: String,
    name: String,
    arguments: String,
    /// An escape at the end that is the first half of a character.
    half: String,
}

impl Calls {
    /// `ids` are those of the conversation's earlier calls.
    pub(crate) fn new(ids: CallIds) -> Self {
        Self { ids, parts: Vec::new() }
    }

    /// Adds a fragment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for arguments that are no text, and for too many calls.
    pub(crate) fn add(&mut self, delta: CallDelta<'_>) -> Result<()> {
        let id = delta.id.as_deref().unwrap_or_default();
        let function = delta.function.unwrap_or_default();
        let name = function.name.as_deref().unwrap_or_default();
        let arguments = function.arguments.map_or("null", RawValue::get);
        let at = match self.continued(delta.index, id, name, arguments) {
            Some(at) => at,
            None => self.begin(delta.index, id)?,
        };
        let part = &mut self.parts[at];
        if part.name.is_empty() {
            name.clone_into(&mut part.name);
        }
        part.extend(arguments)
    }

    fn begin(&mut self, index: Option<u32>, id: &str) -> Result<usize> {
        if self.parts.len() >= MOST_CALLS {
            return Err(too_many_calls());
        }
        let id = id.to_owned();
        let (name, arguments, half) = (String::new(), String::new(), String::new());
        self.parts.push(Part { index, id, name, arguments, half });
        Ok(self.parts.len() - 1)
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
        let begins = !name.is_empty() && (another_id || part.is_complete() && !is_empty(arguments));
        (!begins).then_some(at)
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether all of them have arguments that are written to their end.
    pub(crate) fn are_complete(&self) -> bool {
        self.parts.iter().all(Part::is_complete)
    }

    /// Takes the calls, in the order in which they began. Those that were cut off are left out if
    /// `only_complete`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for arguments that end within a character.
    pub(crate) fn take(&mut self, only_complete: bool) -> Result<Vec<ToolCall>> {
        let parts = std::mem::take(&mut self.parts);
        let parts = parts.into_iter().filter(|part| !only_complete || part.is_complete());
        parts.map(|part| self.finished(part)).collect()
    }

    fn finished(&mut self, part: Part) -> Result<ToolCall> {
        if !part.half.is_empty() {
            return Err(not_text());
        }
        let arguments = match part.arguments.trim() {
            // So do vLLM and others call a function without parameters.
            "" | "null" => "{}".into(),
            _ => part.arguments.into(),
        };
        Ok(ToolCall { id: self.ids.unique(part.id), name: part.name.into(), arguments })
    }
}

impl Part {
    fn is_complete(&self) -> bool {
        self.half.is_empty() && self.arguments.ends_with('}') && is_object(&self.arguments)
    }

    /// Adds what `json` adds to the arguments: a JSON text's content, or any other JSON as it
    /// stands.
    ///
    /// A character beyond the first 65,536 may be written as two escapes, and servers that cut
    /// their answer anywhere send them apart.
    fn extend(&mut self, json: &str) -> Result<()> {
        let Some(text) = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            if json != "null" {
                self.arguments.push_str(json);
            }
            return Ok(());
        };
        let text = format!("{}{text}", std::mem::take(&mut self.half));
        let (whole, half) = text.split_at(text.len() - half_at_end(&text));
        // What the parser let pass as JSON may still hold halves of characters.
        let whole: String =
            serde_json::from_str(&format!("\"{whole}\"")).map_err(|_| not_text())?;
        self.arguments.push_str(&whole);
        half.clone_into(&mut self.half);
        Ok(())
    }
}

/// Whether these arguments add nothing.
fn is_empty(json: &str) -> bool {
    matches!(json, "null" | "\"\"")
}

/// How many bytes at the end of a JSON text are the escape of a character's first half (RFC 8259,
/// section 7).
fn half_at_end(text: &str) -> usize {
    const ESCAPE: usize = r"\ud83d".len();
    let Some((before, escape)) = text.split_at_checked(text.len().wrapping_sub(ESCAPE)) else {
        return 0;
    };
    // A backslash that another one escapes begins nothing.
    let escaped = before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    let is_half = matches!(
        escape.as_bytes(),
        [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..]
    );
    if is_half && !escaped { ESCAPE } else { 0 }
}

fn not_text() -> Error {
    let message = "the arguments of a tool call hold half a character";
    Error::new(ErrorKind::Protocol, "generate", message)
}

#[cfg(test)]
mod tests;
