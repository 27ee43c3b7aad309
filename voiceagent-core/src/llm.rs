//! The contract of language models.

mod extract;
mod format;
mod limits;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{Result, ToolCallId, adapt::Failover, tool::ToolSpec};

pub use extract::extract;
pub use format::AnswerFormat;
pub use limits::{Quota, RateLimits};

/// Writes the agent's side of the conversation.
///
/// # Implementing
///
/// `generate` sends the request and returns a stream. The stream
/// - yields text in order, each tool call complete and once, and [`LlmEvent::Finished`] last,
/// - reports a refused request as its first item or as the error of `generate`,
/// - stops the request when it is dropped.
///
/// ```
/// use async_trait::async_trait;
/// use futures_util::{StreamExt, stream::{self, BoxStream}};
/// use voiceagent_core::{Result, llm::*};
///
/// #[derive(Debug)]
/// struct Parrot;
///
/// #[async_trait]
/// impl LanguageModel for Parrot {
///     fn name(&self) -> &str {
///         "parrot"
///     }
///     fn capabilities(&self) -> LlmCapabilities {
///         LlmCapabilities::default()
///     }
///     async fn generate(
///         &self,
///         request: LlmRequest,
///     ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
///         let said = request.last_user_text().unwrap_or_default().to_owned();
///         let events =
///             [LlmEvent::Text(said), LlmEvent::Finished(FinishReason::Stop)].map(Ok);
///         Ok(stream::iter(events).boxed())
///     }
/// }
/// ```
#[async_trait]
pub trait LanguageModel: Debug + Send + Sync + 'static {
    /// The provider's name, as in the registry.
    fn name(&self) -> &str;

    /// What the model can do.
    fn capabilities(&self) -> LlmCapabilities;

    /// Begins an answer.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>>;

    /// Opens a connection ahead, so that the next answer need not wait for one. One that has none
    /// does nothing.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses the key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up if it is not open yet.
    async fn warm(&self) -> Result<()> {
        Ok(())
    }
}

/// What a model can do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LlmCapabilities {
    /// It calls tools.
    pub tools: bool,
    /// It may call several tools at once.
    pub parallel_tools: bool,
    /// The vendor keeps the beginning of a conversation at hand.
    pub prompt_caching: bool,
    /// Answers can be held to a form ([`LlmRequest::format`]).
    #[serde(default)]
    pub structured: bool,
}

impl LlmCapabilities {
    /// Says whether the model calls tools, and several at once.
    #[must_use]
    pub const fn with_tools(mut self, tools: bool, parallel: bool) -> Self {
        self.tools = tools;
        self.parallel_tools = parallel;
        self
    }

    /// Says whether the vendor holds answers to a form.
    #[must_use]
    pub const fn with_structured_outputs(mut self, structured: bool) -> Self {
        self.structured = structured;
        self
    }

    /// Says whether the vendor caches prompts.
    #[must_use]
    pub const fn with_prompt_caching(mut self, caching: bool) -> Self {
        self.prompt_caching = caching;
        self
    }
}

/// One question to a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LlmRequest {
    /// What the agent is and how it behaves.
    pub instructions: Arc<str>,
    /// The conversation so far. Each tool call is followed by its result.
    pub messages: Arc<[Message]>,
    /// The functions that the model may call.
    pub tools: Arc<[ToolSpec]>,
    /// Whether it may call them.
    pub tool_choice: ToolChoice,
    /// The form that the answer must have, for models that claim
    /// [`structured`](LlmCapabilities::structured); words unless set.
    pub format: Option<AnswerFormat>,
    /// The answer is of no use unless one model has written all of it, as of data. A
    /// [chain](crate::adapt::FallbackLlm) then passes its text on at the end, and lets nobody go on
    /// with the half of another. So it does wherever there is a [`format`](Self::format).
    pub whole: bool,
}

impl LlmRequest {
    /// A request without tools.
    pub fn new(instructions: impl Into<Arc<str>>, messages: impl Into<Arc<[Message]>>) -> Self {
        Self {
            instructions: instructions.into(),
            messages: messages.into(),
            tools: Arc::from([]),
            tool_choice: ToolChoice::Auto,
            format: None,
            whole: false,
        }
    }

    /// Asks for data of this form in place of words.
    #[must_use]
    pub fn with_format(mut self, format: AnswerFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Offers tools.
    #[must_use]
    pub fn with_tools(mut self, tools: impl Into<Arc<[ToolSpec]>>, choice: ToolChoice) -> Self {
        self.tools = tools.into();
        self.tool_choice = choice;
        self
    }

    /// What the user said last.
    #[must_use]
    pub fn last_user_text(&self) -> Option<&str> {
        self.messages.iter().rev().find_map(|message| match message {
            Message::User { text } => Some(&**text),
            Message::Assistant { .. }
            | Message::Summary { .. }
            | Message::ToolCall(_)
            | Message::ToolResult { .. } => None,
        })
    }
}

/// Whether a model may call tools.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// It may.
    #[default]
    Auto,
    /// It may not: it must answer in words.
    None,
}

/// One entry of a conversation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// What the agent said, as far as the caller heard it.
    Assistant {
        /// The heard words.
        text: Arc<str>,
        /// Whether the agent had more to say.
        interrupted: bool,
    },
    /// What was said before, in short. It stands first.
    Summary {
        /// The summary, with words that introduce it.
        text: Arc<str>,
    },
    /// A function that the model called.
    ToolCall(ToolCall),
    /// What the function returned.
    ToolResult {
        /// The call that it answers.
        id: ToolCallId,
        /// The result, as JSON text.
        output: Arc<str>,
    },
    /// What the user said.
    User {
        /// The words.
        text: Arc<str>,
    },
}

/// A function call by a model.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a call is an id, a name and arguments")]
pub struct ToolCall {
    /// The model's name for the call; made up by the adapter where the vendor gives none.
    pub id: ToolCallId,
    /// The function.
    pub name: Arc<str>,
    /// The arguments, as JSON text. May be malformed: models err.
    pub arguments: Arc<str>,
}

/// What a model's answer consists of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LlmEvent {
    /// The request has a connection. Sent first, and only where the adapter knows.
    Connected {
        /// How long the connection took to open, name and TLS included; zero if it was open.
        after: Duration,
        /// Whether the connection was open already.
        reused: bool,
    },
    /// Another model has taken over. Only chains of them say so, before its first words.
    FailedOver(Failover),
    /// The answer is complete. Always the last event, and sent once.
    Finished(FinishReason),
    /// What is left of the vendor's rates. Sent before the answer, and only where the vendor tells. A
    /// chain acts by it, and sends none: it has no rates of its own.
    Limits(RateLimits),
    /// The model works on its answer and has nothing to say yet: it reasons, or writes the arguments
    /// of a call, which is sent when it is complete. Sent for each sign of it that the vendor gives,
    /// so that the model is not taken for stalled.
    Progress,
    /// More words.
    Text(String),
    /// A complete function call.
    ToolCall(ToolCall),
    /// What the answer cost.
    Usage(Usage),
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: u32,
    /// Tokens of the request that the vendor had at hand.
    pub cached_tokens: u32,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u32,
    /// Tokens of the answer that nobody hears: the model reasoned with them.
    #[serde(default)]
    pub reasoning_tokens: u32,
}

impl Usage {
    /// Counts of one answer.
    #[must_use]
    pub const fn new(input_tokens: u32, cached_tokens: u32, output_tokens: u32) -> Self {
        Self { input_tokens, cached_tokens, output_tokens, reasoning_tokens: 0 }
    }

    /// Says how many of the answer's tokens were reasoning.
    #[must_use]
    pub const fn with_reasoning(mut self, tokens: u32) -> Self {
        self.reasoning_tokens = tokens;
        self
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The vendor withheld the rest.
    Filtered,
    /// The token limit was reached.
    Length,
    /// The answer is complete.
    Stop,
    /// The model waits for the results of its tool calls.
    ToolCalls,
}
