use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{spoken, store::Change};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The appointment's id as another tool returned it.
    appointment_id: String,
    /// Why, in the caller's words. Null if not said.
    reason: Option<String>,
    /// True only after the caller said yes to cancelling this very appointment.
    confirmed: bool,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Cancels an appointment. Only a result with ok=true means that it is \
                         cancelled.";
    let run = |desk: Arc<Desk>, arguments: Arguments, context: ToolContext| async move {
        run(&desk, &arguments, &context).await
    };
    at_desk::writes(desk, ("cancel_appointment", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: &Desk,
    arguments: &Arguments,
    context: &ToolContext,
) -> Result<Envelope, Envelope> {
    let found = desk.appointment(&arguments.appointment_id, context).await?;
    if !arguments.confirmed {
        let moment = spoken::moment(&found.start);
        return Err(Envelope::refused(Code::NotConfirmed)
            .say(format!("Shall I cancel your {} on {moment}?", found.service_name)));
    }
    let change = Change { appointment: found.id, key: context.idempotency_key.to_string() };
    let cancelled = desk.store.cancel(&change, arguments.reason.as_deref(), desk.now()).await?;
    let say = format!(
        "Your {} on {} is cancelled.",
        cancelled.service_name,
        spoken::moment(&cancelled.start)
    );
    let data = json!({
        "appointment_id": cancelled.id,
        "status": cancelled.status,
        "cancelled_at": cancelled.cancelled_at.map(|at| at.to_string()),
    });
    Ok(Envelope::done(data).say(say))
}
