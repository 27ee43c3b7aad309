use serde_json::{Value, json};

use super::super::http::HttpRequest;
use super::{
    ChatMessage, ChatRequest, anthropic, gemini, openai,
    reply::Script,
    request::{Wrong, wrong},
    responses,
};

/// A vendor's protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Dialect {
    /// `POST /v1/messages` of Anthropic.
    Anthropic,
    /// `POST /v1beta/models/{model}:streamGenerateContent?alt=sse` of Google.
    Gemini,
    /// `POST /v1/chat/completions` of OpenAI.
    OpenAi,
    /// `POST /v1/responses` of OpenAI, and the same over a WebSocket.
    OpenAiResponses,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Page {
    Answer,
    /// One model.
    Model,
    Models,
    None,
    /// Requests over a WebSocket.
    Socket,
}

/// An answer as server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    /// What leaves with the first token.
    pub(crate) first: String,
    /// The words and calls, one by one.
    pub(crate) tokens: Vec<String>,
    /// What completes the answer.
    pub(crate) last: String,
}

impl Dialect {
    /// The path that all others begin with.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Anthropic | Self::OpenAi | Self::OpenAiResponses => "/v1",
            Self::Gemini => "/v1beta",
        }
    }

    pub(crate) fn page(self, request: &HttpRequest) -> Page {
        let path = request.path.strip_prefix(self.root()).unwrap_or_default();
        let is_answer = match self {
            Self::Anthropic => path == "/messages",
            Self::Gemini => gemini::model(path).is_some(),
            Self::OpenAi => path == "/chat/completions",
            Self::OpenAiResponses => path == "/responses",
        };
        match request.method.as_str() {
            "GET" if is_answer && request.header("upgrade").is_some() => match self {
                Self::OpenAiResponses => Page::Socket,
                Self::Anthropic | Self::Gemini | Self::OpenAi => Page::None,
            },
            "POST" if is_answer => Page::Answer,
            "GET" | "HEAD" if path == "/models" => Page::Models,
            "GET" if path.starts_with("/models/") => Page::Model,
            _ => Page::None,
        }
    }

    /// The key of a request.
    pub(crate) fn key(self, request: &HttpRequest) -> Option<&str> {
        let bearer = || request.header("authorization")?.strip_prefix("Bearer ");
        match self {
            // Its clients have used the one, and use the other.
            Self::Anthropic => request.header("x-api-key").or_else(bearer),
            Self::Gemini => request.header("x-goog-api-key"),
            Self::OpenAi | Self::OpenAiResponses => bearer(),
        }
    }

    /// Reads a request as strictly as the real server. `stored` knows the conversation that an
    /// answer ends.
    ///
    /// # Errors
    ///
    /// The parameter that is wrong, and why.
    pub(crate) fn parse(
        self,
        request: &HttpRequest,
        stored: impl Fn(&str) -> Option<Vec<ChatMessage>>,
    ) -> Result<ChatRequest, Wrong> {
        let key = self.key(request).map(str::to_owned);
        match self {
            Self::Anthropic => {
                anthropic::parse(key, request.header("anthropic-version"), &request.body)
            }
            Self::Gemini => {
                let path = request.path.strip_prefix(self.root()).unwrap_or_default();
                gemini::parse(key, gemini::model(path).unwrap_or_default(), &request.body)
            }
            Self::OpenAi => {
                let key = request.header("authorization").map(str::to_owned);
                openai::parse(key, &request.body)
            }
            Self::OpenAiResponses => {
                let key = request.header("authorization").map(str::to_owned);
                let asked = responses::parse(key, &request.body)?;
                if asked.body["stream"] != true {
                    return Err(wrong("stream", "this server only streams"));
                }
                resumed(asked, stored)
            }
        }
    }

    /// What a script says, as answer number `number` of the server.
    pub(crate) fn events(self, script: &Script, asked: &ChatRequest, number: usize) -> Events {
        match self {
            Self::Anthropic => anthropic::events(script, asked, number),
            Self::Gemini => gemini::events(script, asked, number),
            Self::OpenAi => openai::events(script, asked, number),
            Self::OpenAiResponses => responses::events(script, asked, number),
        }
    }

    /// The body of a refusal.
    pub(crate) fn refusal(self, status: u16, why: &str, param: Option<&str>) -> String {
        let body = match self {
            Self::Anthropic => {
                let kind = match status {
                    401 => "authentication_error",
                    404 => "not_found_error",
                    _ => "invalid_request_error",
                };
                let message = format!("{}: {why}", param.unwrap_or_default());
                json!({ "type": "error", "error": { "type": kind, "message": message } })
            }
            Self::Gemini => {
                let status_name = match status {
                    401 => "UNAUTHENTICATED",
                    404 => "NOT_FOUND",
                    _ => "INVALID_ARGUMENT",
                };
                let message = format!("{}: {why}", param.unwrap_or_default());
                json!({ "error": { "code": status, "message": message, "status": status_name } })
            }
            Self::OpenAi | Self::OpenAiResponses => json!({ "error": {
                "message": "Refused.", "type": "invalid_request_error", "code": why, "param": param,
            } }),
        };
        body.to_string()
    }

    /// The list of models.
    pub(crate) fn models(self) -> String {
        let list = match self {
            Self::Anthropic => json!({ "data": [
                { "id": "claude-haiku-5-5", "type": "model", "display_name": "Claude Haiku 5.5" },
            ], "has_more": false }),
            Self::Gemini => json!({ "models": [{ "name": "models/gemini-3.8-flash" }] }),
            Self::OpenAi | Self::OpenAiResponses => json!({ "object": "list", "data": [
                { "id": "gpt-6-luna", "object": "model", "shutdown_date": null },
            ] }),
        };
        list.to_string()
    }

    /// A model that ends on a day, or does not.
    pub(crate) fn model(self, id: &str, ends: Option<&str>) -> String {
        let model = match self {
            Self::Anthropic => json!({ "id": id, "type": "model", "display_name": id,
                "lifecycle": if ends.is_some() { "deprecated" } else { "active" },
                "retires_at": ends.map(|day| format!("{day}T00:00:00Z")) }),
            // It tells of no end.
            Self::Gemini => json!({ "name": format!("models/{id}"), "version": "001" }),
            Self::OpenAi | Self::OpenAiResponses => {
                json!({ "id": id, "object": "model", "created": 1_790_000_000,
                    "owned_by": "system", "shutdown_date": ends })
            }
        };
        model.to_string()
    }
}

/// A request with the conversation that it goes on from, of which every call must be answered.
///
/// # Errors
///
/// When that conversation is not remembered.
pub(crate) fn resumed(
    mut asked: ChatRequest,
    remembers: impl Fn(&str) -> Option<Vec<ChatMessage>>,
) -> Result<ChatRequest, Wrong> {
    if let Some(id) = asked.body["previous_response_id"].as_str() {
        let unknown = || wrong("previous_response_id", "previous_response_not_found");
        let said = remembers(id).ok_or_else(unknown)?;
        asked.messages.splice(0..0, said);
    }
    openai::check_calls(&asked.messages)?;
    Ok(asked)
}

/// Refuses fields that are not among the known ones.
pub(crate) fn only_known(body: &Value, known: &[&str]) -> Result<(), Wrong> {
    let fields = body.as_object().ok_or(Wrong { param: "", why: "no object" })?;
    match fields.keys().all(|field| known.contains(&field.as_str())) {
        true => Ok(()),
        false => Err(Wrong { param: "", why: "unknown field" }),
    }
}

/// A text in two pieces.
pub(crate) fn halves(text: &str) -> [&str; 2] {
    let middle = (text.len() / 2..=text.len())
        .find(|&at| text.is_char_boundary(at))
        .expect("the end is a boundary");
    [&text[..middle], &text[middle..]]
}
