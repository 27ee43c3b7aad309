use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{Fault, Refusal};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The appointment's id as another tool returned it.
    appointment_id: String,
    /// How the code is sent.
    #[expect(dead_code, reason = "there is one way; the schema names it")]
    channel: Channel,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Channel {
    Sms,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Texts a six-digit code with which the caller confirms an appointment. Only \
                         a result with ok=true means that it was sent.";
    let limit = Duration::from_secs(4);
    at_desk::writes(desk, ("send_appointment_confirmation", ABOUT), limit, run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let found = desk.appointment(&arguments.appointment_id, &context).await?;
    let to = desk.texts_to(found.id).await?;
    let note =
        desk.store.note_code((found.id, &to), |id| desk.code_hash(id, &desk.code(id)), desk.now());
    let sent = match note.await {
        Err(Fault::Refused(Refusal::TooSoon)) => {
            return Err(Envelope::refused(Code::RateLimited)
                .say("I can't send another code right now. Your appointment stands."));
        }
        sent => sent?,
    };
    let text = format!("{} is the code for your appointment.", desk.code(sent.id));
    desk.text(&to, "appointment_code", &text).await?;
    let seconds = |at: jiff::Timestamp| at.duration_since(desk.now()).as_secs();
    let data = json!({
        "mfa_session_id": sent.id,
        "to_masked": masked(to.as_str()),
        "expires_in_s": seconds(sent.expires_at),
        "resend_after_s": seconds(sent.again_at),
    });
    Ok(Envelope::done(data)
        .say("I've texted you a six-digit code. Please read it to me when you have it."))
}

/// A number that only those recognise who know it.
pub(super) fn masked(number: &str) -> String {
    let shown = number.len().saturating_sub(2);
    format!("••• {}", &number[shown..])
}
