use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voiceagent_core::tool::{Effect, FunctionTool, ToolContext};

use crate::{departments::Department, store::Escalation};

use super::{Code, Desk, Envelope, at_desk, desk::word};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Why.
    reason: Reason,
    /// To whom.
    department: Department,
    /// What the person should know, in one or two sentences.
    summary: String,
    /// Warm tells the person before, cold does not.
    mode: Mode,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Angry,
    CallerRequest,
    Complaint,
    Emergency,
    IdentityLocked,
    Language,
    OutOfScope,
    ToolFailure,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Cold,
    Warm,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Hands the caller to a person of a department. When nobody can be had, offer \
                         to have somebody call back.";
    at_desk::writes(desk, ("transfer_to_human", ABOUT), Duration::from_secs(8), run)
        .effect(Effect::Once)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let done = hand_over(&desk, arguments.department, &context).await;
    let escalation = Escalation {
        reason: word(&arguments.reason),
        department: word(&arguments.department),
        mode: word(&arguments.mode),
        summary: arguments.summary,
        handed_over: done.is_ok(),
    };
    desk.store.note_escalation(context.call.as_str(), &escalation, desk.now()).await?;
    done
}

/// Where the call goes stands in the configuration; a model only names the department.
async fn hand_over(
    desk: &Desk,
    department: Department,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let Some(target) = desk.departments.target(department) else {
        return Err(Envelope::refused(Code::NoAgent)
            .say("Nobody can take your call right now. Shall I have somebody call you back?"));
    };
    if !desk.is_open().await? {
        return Err(Envelope::refused(Code::Closed)
            .say("We are closed right now. Shall I have somebody call you back?"));
    }
    if let Err(error) = context.line.transfer(target) {
        tracing::warn!(%error, "a call cannot be handed over");
        return Err(Envelope::refused(Code::TransferFailed)
            .say("I can't put you through. Shall I have somebody call you back?"));
    }
    let data = json!({ "accepted": true, "target_label": department.label() });
    Ok(Envelope::done(data).say(format!("I'm connecting you with {} now.", department.label())))
}
