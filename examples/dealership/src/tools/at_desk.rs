use std::{future::Future, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use voiceagent_core::tool::{Effect, FunctionTool, ToolContext};

use super::{Desk, Envelope};

/// A tool that only reads, and stops when the caller interrupts.
pub(super) fn reads<A, F>(
    desk: &Arc<Desk>,
    (name, description): (&'static str, &'static str),
    limit: Duration,
    run: impl Fn(Arc<Desk>, A, ToolContext) -> F + Send + Sync + 'static,
) -> FunctionTool<A>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Future<Output = Result<Envelope, Envelope>> + Send + 'static,
{
    works(desk, (name, description), limit, run).effect(Effect::Pure).cancellable(true)
}

/// A tool that changes something, and nothing more when it is repeated.
pub(super) fn writes<A, F>(
    desk: &Arc<Desk>,
    (name, description): (&'static str, &'static str),
    limit: Duration,
    run: impl Fn(Arc<Desk>, A, ToolContext) -> F + Send + Sync + 'static,
) -> FunctionTool<A>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Future<Output = Result<Envelope, Envelope>> + Send + 'static,
{
    works(desk, (name, description), limit, run).effect(Effect::Idempotent)
}

fn works<A, F>(
    desk: &Arc<Desk>,
    (name, description): (&'static str, &'static str),
    limit: Duration,
    run: impl Fn(Arc<Desk>, A, ToolContext) -> F + Send + Sync + 'static,
) -> FunctionTool<A>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Future<Output = Result<Envelope, Envelope>> + Send + 'static,
{
    let desk = Arc::clone(desk);
    let run = move |arguments, context| {
        let done = run(Arc::clone(&desk), arguments, context);
        async move { Ok(done.await.unwrap_or_else(|refused| refused)) }
    };
    FunctionTool::new(name, description, run).timeout(limit)
}
