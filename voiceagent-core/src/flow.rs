//! The contract of conversation policy.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Result, TurnId, llm::Message, tool::ToolSpec, transport::CallInfo};

/// Decides what each turn is answered with.
///
/// An agent without a flow answers each turn with its instructions and all of its tools.
///
/// `plan` may run for a draft turn that never happens, so it has no effects; `commit` runs once
/// for a turn that did happen, before its answer is heard.
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
    /// The answer's plan.
    ///
    /// # Errors
    ///
    /// Any error makes the agent say its apology.
    async fn plan(&self, turn: &TurnContext) -> Result<Plan>;

    /// Notes that the turn happened and is answered with `plan`.
    ///
    /// # Errors
    ///
    /// Reported as an event; the answer goes on.
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
    Generate {
        /// Instructions for this answer.
        instructions: Arc<str>,
        /// Functions that it may use.
        tools: Arc<[ToolSpec]>,
    },
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
