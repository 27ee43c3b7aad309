use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::Interaction;

use super::{Desk, Envelope, at_desk, desk::word};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// What came of the call.
    disposition: Disposition,
    /// Two to four sentences, facts only.
    summary: String,
    /// What it was about.
    topics: Vec<String>,
    /// What either side promised.
    commitments: Vec<String>,
    /// How the caller felt. Null if it is hard to say.
    sentiment: Option<Sentiment>,
    /// What should follow. Null if nothing.
    follow_up: Option<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Disposition {
    Abandoned,
    Booked,
    CallbackScheduled,
    Cancelled,
    Confirmed,
    Failed,
    IdentityFailed,
    InfoGiven,
    NoInput,
    NotQualified,
    OptedOut,
    QualifiedNoBooking,
    Rescheduled,
    Transferred,
    VoicemailLeft,
    WrongNumber,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Sentiment {
    Angry,
    Negative,
    Neutral,
    Positive,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes how the call went. Call it once, before the goodbye.";
    at_desk::writes(desk, ("save_interaction", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let interaction = Interaction {
        disposition: word(&arguments.disposition),
        summary: arguments.summary,
        topics: arguments.topics,
        commitments: arguments.commitments,
        sentiment: arguments.sentiment.as_ref().map(word),
        follow_up: arguments.follow_up,
    };
    let call = (context.call.as_str(), desk.caller.as_ref());
    let id = desk.store.note_interaction(call, &interaction, desk.now()).await?;
    desk.remember(&context, &json!({ "topics": interaction.topics })).await;
    Ok(Envelope::done(json!({ "interaction_id": id })))
}
