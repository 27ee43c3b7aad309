//! The contract of conversation policy.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Result, TurnId, llm::Message, tool::ToolSpec, transport::CallInfo, turn::Expected};

/// Decides what each turn is answered with.
///
/// An agent without a flow answers each turn with its instructions and all of its tools.
///
/// `plan` may run for a draft turn that never happens, so it has no effects. `commit` runs once for
/// a turn that did happen, beside its answer, which does not wait for it. Turns are noted one
/// after another in their order, and the next turn is planned when the ones before are noted.
///
/// ```
/// use async_trait::async_trait;
/// use voiceagent_core::{Result, flow::*};
///
/// #[derive(Debug)]
/// struct ClosedOnSundays;
///
/// #[async_trait]
/// impl Flow for ClosedOnSundays {
///     async fn plan(&self, _turn: &TurnContext) -> Result<Plan> {
///         Ok(Plan::HangUp { farewell: Some("We are closed today. Goodbye.".into()) })
///     }
/// }
/// ```
#[async_trait]
pub trait Flow: Debug + Send + Sync + 'static {
    /// The answer's plan. [`Plan::Stay`] refuses an answer, and [`Generate::with_edit`] puts
    /// something else in the place of the user's words.
    ///
    /// It has the time that
    /// [`ModelConfig::first_token_timeout`](crate::session::ModelConfig::first_token_timeout)
    /// gives; [`Event::Planned`](crate::Event::Planned) tells how long it took.
    ///
    /// # Errors
    ///
    /// Any error makes the agent say its apology, as a panic does.
    ///
    /// # Cancel safety
    ///
    /// The future goes on for up to 5 s when nobody waits for the plan any more, and is dropped
    /// then.
    async fn plan(&self, turn: &TurnContext) -> Result<Plan>;

    /// Notes that the turn happened and is answered with `plan`.
    ///
    /// # Errors
    ///
    /// Reported as an event; the answer goes on.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when it takes longer than 5 s. It is not dropped because the call has
    /// ended.
    async fn commit(&self, turn: &TurnContext, plan: &Plan) -> Result<()> {
        let _ = (turn, plan);
        Ok(())
    }
}

/// What a flow may look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnContext {
    /// The call.
    pub call: Arc<CallInfo>,
    /// The turn that is to be answered.
    pub turn: TurnId,
    /// What the user said in it.
    pub text: Arc<str>,
    /// The conversation before it.
    pub history: Arc<[Message]>,
    /// What the [store](crate::store::ConversationStore) knew when the call began.
    pub memory: Option<Arc<Value>>,
}

impl TurnContext {
    /// The context of a turn.
    pub fn new(call: Arc<CallInfo>, turn: TurnId, text: impl Into<Arc<str>>) -> Self {
        Self { call, turn, text: text.into(), history: Arc::from([]), memory: None }
    }
}

/// What a turn is answered with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// Ask the language model.
    Generate(Generate),
    /// End the call once the farewell was heard.
    HangUp {
        /// What to say before.
        farewell: Option<Arc<str>>,
    },
    /// Say exactly this.
    Say(Arc<str>),
    /// Say nothing.
    Stay,
    /// Hand the call over once the announcement was heard.
    Transfer {
        /// A configured target.
        to: Arc<str>,
        /// What to say before.
        announcement: Option<Arc<str>>,
    },
}

/// An answer that the language model writes.
///
/// ```
/// use voiceagent_core::{flow::{Generate, Plan}, turn::Expected};
///
/// let ask = Generate::new("Ask for the caller's number.", []).expecting(Expected::Phone);
/// let plan = Plan::from(ask);
/// # assert!(matches!(plan, Plan::Generate(_)));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Generate {
    /// Instructions for this answer.
    pub instructions: Arc<str>,
    /// Functions that it may use.
    pub tools: Arc<[ToolSpec]>,
    /// What the user's next turn holds, if the answer asks for something of which the form is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expects: Option<Expected>,
    /// For how long after the answer silence is not taken as absence, if the user asked for time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Duration>,
    /// What stands in the conversation in place of the user's words; `None` keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Arc<str>>,
}

impl Generate {
    /// An answer with these instructions, for which these functions may be used.
    pub fn new(instructions: impl Into<Arc<str>>, tools: impl Into<Arc<[ToolSpec]>>) -> Self {
        let (instructions, tools) = (instructions.into(), tools.into());
        Self { instructions, tools, expects: None, wait: None, edit: None }
    }

    /// Says what the user's next turn holds.
    #[must_use]
    pub fn expecting(mut self, what: Expected) -> Self {
        self.expects = Some(what);
        self
    }

    /// Says for how long silence is not taken as absence.
    #[must_use]
    pub fn with_wait(mut self, period: Duration) -> Self {
        self.wait = Some(period);
        self
    }

    /// Says what stands in the conversation in place of the user's words.
    #[must_use]
    pub fn with_edit(mut self, text: impl Into<Arc<str>>) -> Self {
        self.edit = Some(text.into());
        self
    }
}

impl From<Generate> for Plan {
    fn from(answer: Generate) -> Self {
        Self::Generate(answer)
    }
}
