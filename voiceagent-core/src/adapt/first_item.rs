use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{
    Error, ErrorKind, Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

/// The answer of a model, once its first item is there. A connection is no item yet, nor is who
/// answers or what is left of a rate.
pub(super) async fn first_item(
    model: &dyn LanguageModel,
    request: LlmRequest,
) -> Result<BoxStream<'static, Result<LlmEvent>>> {
    let mut answer = model.generate(request).await?;
    let mut begun = Vec::with_capacity(1);
    loop {
        let empty = || failure(model, ErrorKind::Disconnected, "the answer has no items");
        let item = answer.next().await.unwrap_or_else(|| Err(empty()))?;
        let waits = matches!(
            item,
            LlmEvent::Connected { .. } | LlmEvent::FailedOver(_) | LlmEvent::Limits(_)
        );
        begun.push(Ok(item));
        if !waits {
            return Ok(stream::iter(begun).chain(answer).boxed());
        }
    }
}

/// What a model did not do.
pub(super) fn failure(model: &dyn LanguageModel, kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "generate", message).with_provider(model.name().to_owned())
}

/// What all of the models can do: nobody knows which of them will answer.
pub(super) fn common(models: impl Iterator<Item = LlmCapabilities>) -> LlmCapabilities {
    let both = |one: LlmCapabilities, other: LlmCapabilities| {
        LlmCapabilities::default()
            .with_tools(one.tools && other.tools, one.parallel_tools && other.parallel_tools)
            .with_prompt_caching(one.prompt_caching && other.prompt_caching)
            .with_structured_outputs(one.structured && other.structured)
    };
    models.reduce(both).unwrap_or_default()
}
