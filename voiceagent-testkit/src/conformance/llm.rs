//! What every language model must do.

mod checks;
mod faults;
mod vendor;

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{
    Error, Result,
    llm::{LanguageModel, LlmEvent, LlmRequest, Message},
    registry::Registry,
};

use super::Report;

pub use vendor::{LlmScene, LlmVendor};

/// The key that the configuration under test must use, so that the suite can look for leaks.
pub const KEY: &str = "sk-conformance-0123456789abcdef";

/// How long anything may take before a check fails. Generous: machines are busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A deadline that is not met within any check, so that none passes because of it.
const NEVER: Duration = Duration::from_secs(600);

/// A deadline for checks that wait for it.
const SOON: Duration = Duration::from_secs(1);

const CONTRACT: &str = "language model";

type Outcome = std::result::Result<(), String>;

/// A language model under test, with all that the suite needs to know of it.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a suite is called with all of its parts")]
pub struct LlmSuite<'a, V> {
    /// The name under which the model is registered, and what is special about the configuration.
    pub subject: &'a str,
    /// Where the model is registered.
    pub registry: &'a Registry,
    /// The configuration that reaches a vendor: with [`KEY`] as the key, and with the given time
    /// as deadline for the first token and for every further one.
    pub config: fn(&V, Duration) -> Value,
}

impl<V: LlmVendor> LlmSuite<'_, V> {
    /// Runs every check, each against a vendor of its own that `start` starts.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the checks; there is no report then.
    pub async fn run<F: Future<Output = V> + Send>(&self, start: impl Fn() -> F + Sync) -> Report {
        let first = start().await;
        let mut report = Report::new(CONTRACT, self.subject);
        let capabilities = match self.build(&first, NEVER) {
            Ok(model) => model.capabilities(),
            Err(error) => {
                report.note("is built from its configuration", Err(error.to_string()));
                return report;
            }
        };
        report.claim(&capabilities);
        report.note("unknown fields of the configuration are refused", self.unknown_fields(&first));
        macro_rules! check {
            ($name:literal, $check:path) => {
                check!($name, $check, NEVER)
            };
            ($name:literal, $check:path, $deadline:expr) => {{
                let vendor = start().await;
                let outcome = match self.build(&vendor, $deadline) {
                    Ok(model) => within($check(&vendor, &model)).await,
                    Err(error) => Err(error.to_string()),
                };
                report.note($name, outcome);
            }};
        }
        check!("text comes in order", checks::text_in_order);
        check!("text may be cut within a character", checks::text_cut_anywhere);
        check!("`Finished` comes once and last", checks::finished_once_and_last);
        check!("the cost is reported", checks::usage_reported);
        if capabilities.prompt_caching {
            check!("a conversation that goes on is cached", checks::cached);
        } else {
            report.not_claimed("a conversation that goes on is cached");
        }
        if capabilities.structured {
            check!("an answer is held to its form", checks::held_to_form);
        } else {
            report.not_claimed("an answer is held to its form");
        }
        check!("concurrent requests are independent", checks::concurrent_requests);
        check!("dropping the stream aborts the request", checks::dropped_stream);
        check!("dropping `generate` aborts the request", checks::dropped_generate);
        check!("401 and 403 are `Unauthorized`", faults::unauthorized);
        check!("429 is `RateLimited`, with the time to wait", faults::rate_limited);
        check!("500 and 503 are `Overloaded`", faults::overloaded);
        check!("a silent vendor is a `Timeout`", faults::silent_vendor, SOON);
        check!(
            "a stalled answer ends with an error that allows a retry",
            faults::stalled_answer,
            SOON
        );
        check!(
            "a cut connection is `Disconnected`, once, and then the end",
            faults::cut_connection
        );
        check!("garbage ends with an error and not with a panic", faults::garbage);
        check!("the key is in no `Debug` and no error", faults::key_is_kept);
        if capabilities.tools {
            check!("tool calls are complete", checks::tool_call);
            check!("arguments that come slowly are no stall", checks::slow_arguments);
            check!("no tool is called when the answer is cut off", faults::cut_tool_call);
        } else {
            report.not_claimed("tool calls are complete");
            report.not_claimed("arguments that come slowly are no stall");
            report.not_claimed("no tool is called when the answer is cut off");
        }
        if capabilities.tools && capabilities.parallel_tools {
            check!("several tools are called at once", checks::parallel_tool_calls);
        } else {
            report.not_claimed("several tools are called at once");
        }
        report
    }

    fn build(&self, vendor: &V, deadline: Duration) -> Result<Arc<dyn LanguageModel>> {
        self.registry.llm.build((self.config)(vendor, deadline))
    }

    fn unknown_fields(&self, vendor: &V) -> Outcome {
        let mut config = (self.config)(vendor, NEVER);
        config["no_such_field"] = Value::Bool(true);
        match self.registry.llm.build(config) {
            Err(error) if error.message().contains("no_such_field") => Ok(()),
            Err(error) => Err(format!("the error does not name the field: {error}")),
            Ok(_) => Err("accepted".to_owned()),
        }
    }
}

/// All items of an answer; an error of `generate` is the only one.
async fn ask(model: &Arc<dyn LanguageModel>, request: LlmRequest) -> Vec<Result<LlmEvent>> {
    match model.generate(request).await {
        Ok(stream) => stream.collect().await,
        Err(error) => vec![Err(error)],
    }
}

/// All events of an answer that must not fail.
async fn ask_well(
    model: &Arc<dyn LanguageModel>,
    request: LlmRequest,
) -> std::result::Result<Vec<LlmEvent>, String> {
    let items = ask(model, request).await;
    items.into_iter().collect::<Result<_>>().map_err(|error| error.to_string())
}

/// The only error of an answer, which must be its last item.
fn only_error(items: Vec<Result<LlmEvent>>) -> std::result::Result<Error, String> {
    let count = items.len();
    let mut errors = items.into_iter().enumerate().filter_map(|(at, item)| Some((at, item.err()?)));
    match (errors.next(), errors.next()) {
        (Some((at, error)), None) if at + 1 == count => Ok(error),
        (None, _) => Err("no error came".to_owned()),
        (Some((_, error)), _) => Err(format!("`{error}` is not the last item")),
    }
}

fn question(text: &str) -> LlmRequest {
    LlmRequest::new("Answer.", vec![Message::User { text: text.into() }])
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why()) }
}

async fn within(check: impl Future<Output = Outcome> + Send) -> Outcome {
    timeout(PATIENCE, check).await.unwrap_or_else(|_| Err("it does not come to an end".to_owned()))
}
