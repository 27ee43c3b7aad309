use serde_json::Value;

/// A chat request, as it came.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The `Authorization` header.
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
    /// `system`, `developer`, `user`, `assistant` or `tool`.
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

    /// The results of the tools that were called last, if nothing was said since.
    #[must_use]
    pub fn tool_results(&self) -> Vec<&str> {
        let results = self.messages.iter().rev().take_while(|message| message.role == "tool");
        let mut results: Vec<_> = results.map(|message| &*message.content).collect();
        results.reverse();
        results
    }

    /// Reads a request as strictly as the real server.
    ///
    /// # Errors
    ///
    /// The parameter that is wrong, and why.
    pub(crate) fn parse(authorization: Option<String>, body: &[u8]) -> Result<Self, Wrong> {
        let body: Value = serde_json::from_slice(body).map_err(|_| wrong("", "no JSON"))?;
        check_fields(&body)?;
        let model = body["model"].as_str().ok_or_else(|| wrong("model", "missing"))?.to_owned();
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages: Vec<_> = messages
            .ok_or_else(|| wrong("messages", "missing"))?
            .iter()
            .map(message)
            .collect::<Result<_, _>>()?;
        check_calls(&messages)?;
        let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tools = tools.iter().map(tool).collect::<Result<_, _>>()?;
        Ok(Self { authorization, model, messages, tools, body })
    }
}

/// What the real server would refuse.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) param: &'static str,
    pub(crate) why: &'static str,
}

fn wrong(param: &'static str, why: &'static str) -> Wrong {
    Wrong { param, why }
}

/// Refuses fields that do not exist or have another type.
fn check_fields(body: &Value) -> Result<(), Wrong> {
    let fields = body.as_object().ok_or_else(|| wrong("", "no object"))?;
    if body["stream"] != true {
        return Err(wrong("stream", "this server only streams"));
    }
    for (field, value) in fields {
        let fits = match field.as_str() {
            "messages" => value.is_array(),
            "tools" => value.as_array().is_some_and(|tools| !tools.is_empty()),
            "stream" | "parallel_tool_calls" | "store" | "logprobs" => value.is_boolean(),
            "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => value.is_number(),
            "max_completion_tokens" | "max_tokens" | "n" | "top_logprobs" => value.is_u64(),
            "seed" => value.is_i64(),
            "tool_choice" => {
                let known =
                    value.as_str().is_none_or(|v| ["auto", "none", "required"].contains(&v));
                known && fields.contains_key("tools")
            }
            "stream_options"
            | "response_format"
            | "metadata"
            | "prediction"
            | "logit_bias"
            | "prompt_cache_options" => value.is_object(),
            "model" | "reasoning_effort" | "service_tier" | "prompt_cache_key" | "verbosity"
            | "safety_identifier" | "user" => value.is_string(),
            "stop" => value.is_string() || value.is_array(),
            _ => return Err(wrong("", "unknown field")),
        };
        if !fits {
            return Err(wrong("", "a field has a wrong value"));
        }
    }
    Ok(())
}

fn message(value: &Value) -> Result<ChatMessage, Wrong> {
    let role = value["role"].as_str().unwrap_or_default();
    let calls = value["tool_calls"].as_array();
    let tool_calls: Vec<_> = calls
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(called)
        .collect::<Result<_, _>>()?;
    if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
        return Err(wrong("messages", "unknown role"));
    }
    if role != "assistant" && calls.is_some() || calls.is_some_and(Vec::is_empty) {
        return Err(wrong("messages", "misplaced tool_calls"));
    }
    let content = match &value["content"] {
        Value::Null if !tool_calls.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(wrong("messages", "no content"));
        }
    };
    let tool_call_id = value["tool_call_id"].as_str().map(str::to_owned);
    if (role == "tool") != tool_call_id.is_some() {
        return Err(wrong("messages", "tool_call_id belongs to tools"));
    }
    Ok(ChatMessage { role: role.to_owned(), content, tool_calls, tool_call_id })
}

fn called(value: &Value) -> Result<ChatToolCall, Wrong> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let function = &value["function"];
    match (text(&value["id"]), text(&function["name"]), text(&function["arguments"])) {
        (Some(id), Some(name), Some(arguments))
            if value["type"] == "function" && !id.is_empty() && is_name(&name) =>
        {
            Ok(ChatToolCall { id, name, arguments })
        }
        _ => Err(wrong("messages", "a tool call is incomplete")),
    }
}

fn tool(value: &Value) -> Result<String, Wrong> {
    let function = &value["function"];
    let name = function["name"].as_str().filter(|name| is_name(name));
    let schema = &function["parameters"];
    match name {
        Some(name) if value["type"] == "function" && schema["type"] == "object" => {
            Ok(name.to_owned())
        }
        _ => Err(wrong("tools", "a tool is malformed")),
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

/// Every call is answered by one tool message, right after the message that has it.
fn check_calls(messages: &[ChatMessage]) -> Result<(), Wrong> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        match &message.tool_call_id {
            Some(id) => match open.iter().position(|call| call == id) {
                Some(at) => drop(open.remove(at)),
                None => return Err(wrong("messages", "a tool message answers no call")),
            },
            None if !open.is_empty() => return Err(wrong("messages", "a call has no answer")),
            None => open = message.tool_calls.iter().map(|call| &*call.id).collect(),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(wrong("messages", "a call has no answer")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, Wrong> {
        ChatRequest::parse(None, body.to_string().as_bytes())
    }

    fn call(id: &str) -> Value {
        let function = json!({ "name": "look", "arguments": "{}" });
        json!({ "id": id, "type": "function", "function": function })
    }

    fn conversation(messages: Value) -> Value {
        json!({ "model": "m", "stream": true, "messages": messages })
    }

    #[test]
    fn a_request_is_read_into_its_parts() {
        let mut body = conversation(json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "When?" }] },
            { "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] },
            { "role": "tool", "tool_call_id": "b", "content": "2" },
            { "role": "tool", "tool_call_id": "a", "content": "1" },
        ]));
        let function = json!({ "name": "look", "parameters": { "type": "object" } });
        body["tools"] = json!([{ "type": "function", "function": function }]);
        body["tool_choice"] = json!("auto");
        let request = parse(&body).unwrap();
        assert_eq!(request.last_user_text(), Some("When?"));
        assert_eq!(request.tool_results(), ["2", "1"]);
        assert_eq!(request.tools, ["look"]);
        assert_eq!(request.messages[2].tool_calls[1].id, "b");
    }

    #[test]
    fn a_call_without_its_answer_is_refused() {
        let calls = json!({ "role": "assistant", "tool_calls": [call("a")] });
        let answer = json!({ "role": "tool", "tool_call_id": "a", "content": "1" });
        let user = json!({ "role": "user", "content": "Hi" });
        for (messages, accepted) in [
            (json!([calls, answer, user]), true),
            (json!([calls]), false),
            (json!([calls, user, answer]), false),
            (json!([calls, answer, answer]), false),
            (json!([answer]), false),
        ] {
            assert_eq!(parse(&conversation(messages.clone())).is_ok(), accepted, "{messages}");
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_refused() {
        let fine = conversation(json!([{ "role": "user", "content": "Hi" }]));
        assert!(parse(&fine).is_ok());
        for (field, value) in [
            ("temperature", json!("hot")),
            ("max_completion_tokens", json!(-1)),
            ("tools", json!([])),
            ("tool_choice", json!("auto")),
            ("stream", json!(false)),
            ("no_such_field", json!(1)),
            ("reasoning_effort", Value::Null),
            ("messages", json!([])),
            ("messages", json!([{ "role": "narrator", "content": "Once" }])),
            ("messages", json!([{ "role": "assistant", "content": null }])),
        ] {
            let mut body = fine.clone();
            body[field] = value;
            assert!(parse(&body).is_err(), "{body}");
        }
    }
}
