//! Tools that a template defines, and a service of the house does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use voiceagent_core::{
    Error, Result, Secret,
    tool::{Effect, Tool, ToolContext, ToolSpec},
};

use super::{Code, Envelope};
use crate::config::TargetConfig;

/// A tool as a template defines it.
///
/// What is asked goes as `POST` to the target of that name in the configuration, with the body
/// `{"call": "...", "arguments": {...}}` and an `Idempotency-Key`; what comes back is an object in
/// JSON, and is data for the model.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpToolSpec {
    /// The name, as the model calls it.
    pub name: String,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// The target in the configuration that is asked.
    pub target: String,
    /// Where it is there: `/loyalty/points`.
    pub path: String,
    /// The arguments, each with its JSON Schema.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Whether it changes anything. It is not used for drafts then, nor stopped by interruptions.
    #[serde(default)]
    pub changes: bool,
    /// How long it may take, in milliseconds.
    #[serde(default = "usual_timeout")]
    pub timeout_ms: u64,
}

const fn usual_timeout() -> u64 {
    2_000
}

/// The tools that a template may define.
const MOST_TOOLS: usize = 16;
/// The longest answer that is read: a model is told all of it.
const MOST_BYTES: usize = 16 * 1_024;

impl HttpToolSpec {
    /// Whether tools make sense, beside those of the program.
    pub(crate) fn fit(all: &[Self]) -> bool {
        let mut names: Vec<&str> = all.iter().map(|tool| tool.name.as_str()).collect();
        names.sort_unstable();
        let is_double = names.windows(2).any(|two| two[0] == two[1]);
        all.len() <= MOST_TOOLS && !is_double && all.iter().all(Self::is_fit)
    }

    fn is_fit(&self) -> bool {
        let is_word = |word: &str| {
            (1..=64).contains(&word.len())
                && word.starts_with(|first: char| first.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let is_path = self.path.starts_with('/')
            && self.path.split('/').skip(1).all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            });
        let is_described = |(name, schema): (&String, &Value)| {
            is_word(name) && schema["description"].is_string() && !schema["type"].is_null()
        };
        is_word(&self.name)
            && !super::NAMES.contains(&self.name.as_str())
            && !self.description.trim().is_empty()
            && !self.target.trim().is_empty()
            && is_path
            && self.parameters.iter().all(is_described)
            && (100..=10_000).contains(&self.timeout_ms)
    }

    /// What the model is told of it. All arguments are required; one that may be left out takes null.
    fn spec(&self) -> ToolSpec {
        let names: Vec<&String> = self.parameters.keys().collect();
        let schema = json!({
            "type": "object",
            "properties": self.parameters,
            "required": names,
            "additionalProperties": false,
        });
        let mut spec = ToolSpec::new(self.name.as_str(), self.description.as_str(), schema);
        spec.effect = if self.changes { Effect::Idempotent } else { Effect::Pure };
        spec.cancellable = !self.changes;
        // The service gets its time; the rest is for the way.
        spec.timeout = Duration::from_millis(self.timeout_ms + 250);
        spec
    }
}

/// The services that the tools of templates may ask, by their names in the configuration.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    http: Option<reqwest::Client>,
    known: Arc<BTreeMap<String, TargetConfig>>,
}

impl Targets {
    /// Those of a configuration. Nobody is connected to.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the TLS of this machine cannot be used.
    pub fn new(known: BTreeMap<String, TargetConfig>) -> Result<Self> {
        if known.is_empty() {
            return Ok(Self::default());
        }
        // Whoever installed a provider before has the same one; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        // A redirect would lead to an address that the configuration does not name.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|cause| {
            Error::config("no HTTP client can be made").with_source(cause.without_url())
        })?;
        Ok(Self { http: Some(http), known: Arc::new(known) })
    }

    /// The tools of a template.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) for one that names a target which there is
    /// not.
    pub(crate) fn tools(&self, specs: &[HttpToolSpec]) -> Result<Vec<Arc<dyn Tool>>> {
        specs.iter().map(|spec| self.tool(spec)).collect()
    }

    fn tool(&self, spec: &HttpToolSpec) -> Result<Arc<dyn Tool>> {
        let (Some(http), Some(target)) = (&self.http, self.known.get(&spec.target)) else {
            return Err(Error::config(format!(
                "field `tools`: there is no target `{}` in the configuration; write a table \
                 `[targets.{}]`",
                spec.target, spec.target
            )));
        };
        Ok(Arc::new(HttpTool {
            spec: spec.spec(),
            http: http.clone(),
            url: format!("{}{}", target.url.trim_end_matches('/'), spec.path),
            token: target.token.clone(),
            limit: Duration::from_millis(spec.timeout_ms),
        }))
    }
}

#[derive(Debug)]
struct HttpTool {
    spec: ToolSpec,
    http: reqwest::Client,
    url: String,
    token: Secret,
    limit: Duration,
}

#[async_trait]
impl Tool for HttpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        let mut request = self
            .http
            .post(&self.url)
            .timeout(self.limit)
            .header("idempotency-key", &*context.idempotency_key)
            .json(&json!({ "call": context.call.as_str(), "arguments": arguments }));
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        let answer = match ask(request).await {
            Ok(data) => Envelope::done(data),
            Err(why) => {
                tracing::warn!(tool = &*self.spec.name, why, "a service did not do its tool");
                Envelope::refused(Code::UpstreamUnavailable)
            }
        };
        Ok(json!(answer))
    }
}

/// The object that a service answers with, or why there is none.
async fn ask(request: reqwest::RequestBuilder) -> std::result::Result<Value, &'static str> {
    let mut answer = request.send().await.map_err(|cause| match cause.is_timeout() {
        true => "it took too long",
        false => "it is not there",
    })?;
    if !answer.status().is_success() {
        return Err("it refused");
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| "it broke off")? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err("its answer is too long");
        }
        body.extend_from_slice(&chunk);
    }
    match serde_json::from_slice(&body) {
        Ok(data @ Value::Object(_)) => Ok(data),
        _ => Err("its answer is no object in JSON"),
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::{HeaderMap, StatusCode},
        response::Redirect,
        routing::post,
    };
    use tokio::net::TcpListener;

    use super::*;
    use crate::templates::Template;

    async fn points(headers: HeaderMap, Json(asked): Json<Value>) -> Json<Value> {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Json(json!({
            "points": 120, "asked": asked, "key": header("idempotency-key"),
            "by": header("authorization"),
        }))
    }

    async fn targets() -> Targets {
        let routes = Router::new()
            .route("/agent/points", post(points))
            .route("/agent/down", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/agent/away", post(|| async { Redirect::temporary("/agent/points") }))
            .route("/agent/long", post(|| async { Json(json!({ "x": "y".repeat(20_000) })) }))
            .route("/agent/list", post(|| async { Json(json!([1])) }))
            .route("/agent/never", post(std::future::pending::<()>));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/agent/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let target = TargetConfig { url, token: Secret::new("t0ken") };
        Targets::new([("crm".to_owned(), target)].into()).unwrap()
    }

    fn template(path: &str) -> Template {
        let tool = json!({ "tools": [{
            "name": "get_loyalty_points", "description": "Tells how many points they have.",
            "target": "crm", "path": path, "timeout_ms": 200,
            "parameters": { "phone": { "type": ["string", "null"], "description": "The number." } },
        }] });
        Template::read(&tool.to_string()).unwrap()
    }

    async fn use_tool(path: &str) -> Envelope {
        let tools = targets().await.tools(&template(path).tools).unwrap();
        let asked = tools[0].call(json!({ "phone": "+1" }), ToolContext::detached("k")).await;
        serde_json::from_value(asked.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_tool_of_a_template_asks_the_target_of_the_configuration() {
        let tools = targets().await.tools(&template("/points").tools).unwrap();
        let spec = tools[0].spec();
        assert_eq!(spec.parameters["required"], json!(["phone"]));
        assert_eq!((spec.effect, spec.cancellable), (Effect::Pure, true));
        let answer = use_tool("/points").await;
        assert!(answer.ok, "{answer:?}");
        assert_eq!(answer.data["points"], 120);
        assert_eq!(answer.data["asked"]["arguments"], json!({ "phone": "+1" }));
        assert!(answer.data["asked"]["call"].is_string() && answer.data["key"].is_string());
        assert_eq!(answer.data["by"], "Bearer t0ken");
        assert!(!format!("{tools:?}").contains("t0ken"));
    }

    #[tokio::test]
    async fn a_target_that_fails_redirects_or_talks_too_much_is_no_answer() {
        for path in ["/down", "/away", "/long", "/list", "/never", "/nowhere"] {
            let answer = use_tool(path).await;
            assert_eq!(answer.code, Some(Code::UpstreamUnavailable), "{path}: {answer:?}");
        }
    }

    #[test]
    fn a_template_names_no_address_and_no_tool_of_the_program() {
        let tool = |change: Value| {
            let mut tool = json!({
                "name": "get_points", "description": "Tells.", "target": "crm", "path": "/points",
            });
            tool.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap());
            Template::read(&json!({ "tools": [tool] }).to_string())
        };
        assert!(tool(json!({})).is_ok());
        for wrong in [
            json!({ "path": "https://evil.example.com/" }),
            json!({ "path": "/../admin" }),
            json!({ "path": "/points?all=1" }),
            json!({ "path": "//evil.example.com" }),
            json!({ "name": "book_appointment" }),
            json!({ "name": "Get Points" }),
            json!({ "description": " " }),
            json!({ "timeout_ms": 60_000 }),
            json!({ "parameters": { "phone": { "type": "string" } } }),
            json!({ "url": "https://evil.example.com/" }),
        ] {
            let error = tool(wrong.clone()).unwrap_err();
            assert!(error.message().starts_with("field `tools`"), "{wrong}: {}", error.message());
        }
        let known = template("/points");
        let error = Targets::default().tools(&known.tools).unwrap_err();
        assert!(error.message().contains("there is no target `crm`"), "{error}");
    }
}
