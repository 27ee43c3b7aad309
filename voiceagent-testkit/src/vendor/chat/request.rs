use serde_json::Value;

/// A chat request, as it came.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The header with the key: `Authorization`, or the one that the dialect has for it.
    pub authorization: Option<String>,
    /// The model.
    pub model: String,
    /// The conversation.
    pub messages: Vec<ChatMessage>,
    /// The names of the tools on offer.
    pub tools: Vec<String>,
    /// The whole body.
    pub body: Value,
}

/// One message of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`; those of other dialects are put into
    /// these.
    pub role: String,
    /// The words, or a tool's result.
    pub content: String,
    /// The calls of an assistant's message.
    pub tool_calls: Vec<ChatToolCall>,
    /// The call that a tool's message answers.
    pub tool_call_id: Option<String>,
}

/// A tool call of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChatToolCall {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as JSON text.
    pub arguments: String,
}

impl ChatRequest {
    /// What the user said last.
    #[must_use]
    pub fn last_user_text(&self) -> Option<&str> {
        let last = self.messages.iter().rev().find(|message| message.role == "user");
        last.map(|message| &*message.content)
    }

    /// The schema that the answer is held to, wherever the dialect says it.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        let held = [
            ("/response_format/type", "/response_format/json_schema/schema"),
            ("/text/format/type", "/text/format/schema"),
            ("/output_config/format/type", "/output_config/format/schema"),
        ];
        let schema = held.into_iter().find_map(|(kind, schema)| {
            let is_schema = self.body.pointer(kind)? == "json_schema";
            self.body.pointer(schema).filter(|_| is_schema)
        });
        schema.or_else(|| self.body.pointer("/generationConfig/responseJsonSchema"))
    }

    /// The results of the tools that were called last, if nothing was said since.
    #[must_use]
    pub fn tool_results(&self) -> Vec<&str> {
        let results = self.messages.iter().rev().take_while(|message| message.role == "tool");
        let mut results: Vec<_> = results.map(|message| &*message.content).collect();
        results.reverse();
        results
    }
}

/// What the real server would refuse.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) param: &'static str,
    pub(crate) why: &'static str,
}

/// What is wrong with `param`.
pub(crate) fn wrong(param: &'static str, why: &'static str) -> Wrong {
    Wrong { param, why }
}

/// Whether a function may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}
