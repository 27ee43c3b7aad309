use std::borrow::Cow;

use serde_json::value::RawValue;
use voiceagent_core::{
    Result,
    llm::{AnswerFormat, LlmRequest, ToolCall},
    tool::ToolSpec,
};

use super::{
    super::{OpenAiLlmConfig, messages::NamedSchema, request::tool_choice},
    messages::{Item, Reasoning, Request, TextConfig, TextFormat, Tool},
};
use crate::wire::llm::{
    body,
    conversation::{Called, NO_RESULT, Turn, as_call, result_of, turns},
    keepsakes::Keepsakes,
};

/// How a request reaches the vendor, and what the vendor knows already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    /// Whether it goes over a socket.
    pub(crate) socket: bool,
    /// How many entries of the conversation the vendor knows, and the answer that ends them.
    pub(crate) known: Option<(usize, &'a str)>,
    /// What the model thought before its calls.
    pub(crate) keepsakes: &'a Keepsakes,
}

/// The body of a request.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn encode<'a>(
    config: &'a OpenAiLlmConfig,
    request: &'a LlmRequest,
    way: Way<'a>,
) -> Result<Vec<u8>> {
    let tool = |spec: &'a ToolSpec| Tool {
        kind: "function",
        name: &spec.name,
        description: &spec.description,
        parameters: &spec.parameters,
        strict: config.strict_tools,
    };
    let with_tools = !request.tools.is_empty();
    let (known, previous) = way.known.unzip();
    let effort = config.effort(with_tools);
    let standard = Request {
        kind: way.socket.then_some("response.create"),
        model: config.model(),
        instructions: &request.instructions,
        input: input(config, request, known.unwrap_or_default(), way.keepsakes),
        previous_response_id: previous,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: with_tools.then(|| tool_choice(request.tool_choice)),
        parallel_tool_calls: config.parallel_tool_calls.filter(|_| with_tools),
        stream: (!way.socket).then_some(true),
        store: config.store,
        reasoning: effort.map(|effort| Reasoning { effort }),
        text: request.format.as_ref().map(|AnswerFormat { name, schema, .. }| {
            let schema = NamedSchema { name, schema, strict: true };
            TextConfig { format: TextFormat { kind: "json_schema", schema } }
        }),
        // Without being stored, thoughts can only be given back by us.
        include: if thinks(config.model(), effort) && !config.store {
            &["reasoning.encrypted_content"]
        } else {
            &[]
        },
        temperature: config.temperature,
        top_p: config.top_p,
        max_output_tokens: config.max_completion_tokens,
        service_tier: config.service_tier.as_deref(),
        prompt_cache_key: config.prompt_cache_key.as_deref(),
    };
    body::body(&standard, &config.extra_body)
}

/// Whether a model thinks, so that there is something to give back.
fn thinks(model: &str, effort: Option<&str>) -> bool {
    let always = model.strip_prefix('o').is_some_and(|rest| rest.starts_with(char::is_numeric));
    effort.map_or(always, |effort| effort != "none")
}

/// The conversation behind its first `known` entries as the vendor's items.
fn input<'a>(
    config: &'a OpenAiLlmConfig,
    request: &'a LlmRequest,
    known: usize,
    keepsakes: &Keepsakes,
) -> Vec<Item<'a>> {
    let (known, new) = request.messages.split_at(known);
    let mut items = Vec::with_capacity(new.len());
    // The calls that end what the vendor knows have their results here.
    let open = known.iter().rev().map_while(as_call).count();
    let open = known[known.len() - open..].iter().filter_map(as_call);
    items.extend(open.map(|call| output(call, result_of(&call.id, new))));
    for turn in turns(new, config.interruption_marker.as_deref()) {
        match turn {
            Turn::Agent { text, calls } => {
                items.extend(text.map(|content| Item::Message { role: "assistant", content }));
                for Called { call, .. } in &calls {
                    items.extend(thoughts(keepsakes, call).into_iter().map(Item::Thought));
                    items.push(Item::Call {
                        kind: "function_call",
                        call_id: call.id.as_str(),
                        name: &call.name,
                        arguments: &call.arguments,
                    });
                }
                items.extend(calls.iter().map(|Called { call, result }| output(call, *result)));
            }
            Turn::User { text } => {
                items.push(Item::Message { role: "user", content: Cow::Borrowed(text) });
            }
        }
    }
    items
}

fn output<'a>(call: &'a ToolCall, result: Option<&'a str>) -> Item<'a> {
    Item::Output {
        kind: "function_call_output",
        call_id: call.id.as_str(),
        output: result.unwrap_or(NO_RESULT),
    }
}

/// What the model thought before a call, which the vendor wants to see again.
fn thoughts(keepsakes: &Keepsakes, call: &ToolCall) -> Vec<Box<RawValue>> {
    let kept = keepsakes.of(&call.id);
    kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use voiceagent_core::llm::{Message, ToolChoice};

    use super::*;
    use crate::openai::OpenAiApi;

    fn user(text: &str) -> Message {
        Message::User { text: text.into() }
    }

    fn call(id: &str) -> Message {
        Message::ToolCall(ToolCall { id: id.into(), name: "look".into(), arguments: "{}".into() })
    }

    fn result(id: &str) -> Message {
        Message::ToolResult { id: id.into(), output: "1".into() }
    }

    fn called(id: &str) -> Value {
        json!({ "type": "function_call", "call_id": id, "name": "look", "arguments": "{}" })
    }

    fn returned(id: &str, output: &str) -> Value {
        json!({ "type": "function_call_output", "call_id": id, "output": output })
    }

    fn config(mut settings: Value) -> OpenAiLlmConfig {
        settings["api"] = json!("responses");
        serde_json::from_value(settings).unwrap()
    }

    fn sent(config: &OpenAiLlmConfig, request: &LlmRequest, known: Option<(usize, &str)>) -> Value {
        let keepsakes = Keepsakes::default();
        keepsakes.keep("thought".into(), r#"[{"type":"reasoning","encrypted_content":"x"}]"#);
        let socket = config.api == OpenAiApi::ResponsesWebsocket;
        let way = Way { socket, known, keepsakes: &keepsakes };
        serde_json::from_slice(&encode(config, request, way).unwrap()).unwrap()
    }

    #[test]
    fn a_plain_request_holds_nothing_that_was_not_asked_for() {
        let request = LlmRequest::new("Be brief.", vec![user("Hi")]);
        let expected = json!({
            "model": "gpt-6-luna", "instructions": "Be brief.", "stream": true, "store": false,
            "input": [{ "role": "user", "content": "Hi" }], "reasoning": { "effort": "none" },
        });
        assert_eq!(sent(&config(json!({})), &request, None), expected);
    }

    #[test]
    fn every_setting_reaches_the_vendor() {
        let config = config(json!({
            "base_url": "http://localhost/v1", "model": "m", "reasoning_effort": "low",
            "temperature": 0.5, "top_p": 0.25, "max_completion_tokens": 9, "strict_tools": true,
            "service_tier": "priority", "prompt_cache_key": "k", "parallel_tool_calls": false,
            "extra_body": { "truncation": "auto" },
        }));
        let tool = ToolSpec::new("look", "Looks.", json!({ "type": "object" }));
        let request =
            LlmRequest::new("", vec![user("Hi")]).with_tools(vec![tool], ToolChoice::None);
        let expected = json!({
            "model": "m", "input": [{ "role": "user", "content": "Hi" }], "stream": true,
            "store": false, "tools": [{ "type": "function", "name": "look", "strict": true,
                "description": "Looks.", "parameters": { "type": "object" } }],
            "tool_choice": "none", "parallel_tool_calls": false, "temperature": 0.5, "top_p": 0.25,
            "max_output_tokens": 9, "service_tier": "priority", "prompt_cache_key": "k",
            "reasoning": { "effort": "low" }, "include": ["reasoning.encrypted_content"],
            "truncation": "auto",
        });
        assert_eq!(sent(&config, &request, None), expected);
    }

    #[test]
    fn what_was_thought_goes_back_before_its_call_and_every_call_has_a_result() {
        let messages = vec![user("When?"), call("thought"), call("lost"), result("thought")];
        let body = sent(&config(json!({})), &LlmRequest::new("", messages), None);
        let expected = json!([
            { "role": "user", "content": "When?" },
            { "type": "reasoning", "encrypted_content": "x" },
            called("thought"), called("lost"),
            returned("thought", "1"), returned("lost", NO_RESULT),
        ]);
        assert_eq!(body["input"], expected);
    }

    #[test]
    fn only_what_the_vendor_does_not_know_is_sent_behind_what_it_knows() {
        let said = Message::Assistant { text: "Let me look.".into(), interrupted: false };
        let filler = Message::Assistant { text: "One moment.".into(), interrupted: false };
        let messages = vec![
            user("When?"),
            said,
            call("a"),
            call("b"),
            filler,
            result("b"),
            result("a"),
            user("Well?"),
        ];
        let request = LlmRequest::new("Be brief.", messages);
        let body = sent(&config(json!({ "store": true })), &request, Some((4, "resp_0")));
        assert_eq!(
            (&body["previous_response_id"], &body["store"]),
            (&json!("resp_0"), &json!(true))
        );
        let expected = json!([
            returned("a", "1"), returned("b", "1"),
            { "role": "assistant", "content": "One moment." },
            { "role": "user", "content": "Well?" },
        ]);
        assert_eq!((&body["input"], &body["instructions"]), (&expected, &json!("Be brief.")));
    }

    #[test]
    fn a_socket_is_sent_what_the_vendor_documents() {
        let sample: Value = serde_json::from_str(include_str!(
            "../../../tests/cassettes/openai_responses/ws_client_response_create.sample.json"
        ))
        .unwrap();
        let config: OpenAiLlmConfig =
            serde_json::from_value(json!({ "api": "responses_websocket" })).unwrap();
        let output: Value = json!("{\"ok\":true}");
        let result =
            Message::ToolResult { id: "call_1".into(), output: output.as_str().unwrap().into() };
        let request = LlmRequest::new("", vec![call("call_1"), result]);
        let mut body = sent(&config, &request, Some((1, "resp_0")));
        assert_eq!(body["reasoning"].take(), json!({ "effort": "none" }));
        body.as_object_mut().unwrap().remove("reasoning");
        assert_eq!(body, sample);
    }

    #[test]
    fn a_form_is_sent_with_its_name() {
        let schema = json!({ "type": "object", "properties": {} });
        let format = AnswerFormat::new("Outcome", schema.clone());
        let request = LlmRequest::new("", vec![user("Hi")]).with_format(format);
        let form = json!({
            "type": "json_schema", "name": "Outcome", "schema": schema, "strict": true,
        });
        assert_eq!(sent(&config(json!({})), &request, None)["text"], json!({ "format": form }));
    }
}
