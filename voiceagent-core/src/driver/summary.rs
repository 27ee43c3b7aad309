//! A summary of the conversation, written by the model beside the call.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;
use tracing::{error, warn};

use crate::{
    Error, ErrorKind, GenerationId, Result,
    llm::{FinishReason, LanguageModel, LlmEvent, LlmRequest, Message, Usage},
    session::Input,
};

/// Nobody waits for a summary; one that takes longer is of a conversation that is long gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest summary, in bytes. What is longer is refused by the session in most cases.
const LONGEST: usize = 64 << 10;

/// Has the model sum up. Whatever happens, there is a result.
pub(super) async fn summarize(
    llm: Arc<dyn LanguageModel>,
    generation: GenerationId,
    instructions: Arc<str>,
    transcript: Arc<str>,
) -> Option<Input> {
    let request = LlmRequest::new(instructions, [Message::User { text: transcript }]);
    let mut usage = None;
    let asked = AssertUnwindSafe(ask(&*llm, request, &mut usage)).catch_unwind();
    let text = match timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(text))) => Some(text.into()),
        Ok(Ok(Err(failed))) => {
            warn!(error = %failed, "the conversation could not be summed up");
            None
        }
        Ok(Err(_)) => {
            error!("the language model broke down");
            None
        }
        Err(_) => {
            warn!("summing up the conversation took too long");
            None
        }
    };
    Some(Input::Summarized { generation, text, usage })
}

async fn ask(
    llm: &dyn LanguageModel,
    request: LlmRequest,
    usage: &mut Option<Usage>,
) -> Result<String> {
    let cut_off = || Error::new(ErrorKind::Protocol, "summarize", "the summary is not complete");
    let mut events = llm.generate(request).await?;
    let (mut text, mut is_complete) = (String::new(), false);
    while let Some(event) = events.next().await {
        match event? {
            LlmEvent::Finished(reason) => is_complete = reason == FinishReason::Stop,
            LlmEvent::Text(more) if text.len() + more.len() > LONGEST => return Err(cut_off()),
            LlmEvent::Text(more) => text.push_str(&more),
            LlmEvent::Usage(counted) => *usage = Some(counted),
            LlmEvent::Connected { .. }
            | LlmEvent::FailedOver(_)
            | LlmEvent::Limits(_)
            | LlmEvent::Progress
            | LlmEvent::ToolCall(_) => {}
        }
    }
    if is_complete { Ok(text) } else { Err(cut_off()) }
}
