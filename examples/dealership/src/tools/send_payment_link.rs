use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voiceagent_core::tool::{Effect, FunctionTool, ToolContext};

use super::{Code, Desk, Envelope, at_desk, desk::word, send_appointment_confirmation::masked};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The appointment's id as another tool returned it.
    appointment_id: String,
    /// The amount in cents.
    #[schemars(range(min = 50))]
    amount_cents: i64,
    /// What for.
    purpose: Purpose,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Deposit,
    Invoice,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Texts a link by which the caller pays; no card is ever read out.";
    at_desk::writes(desk, ("send_payment_link", ABOUT), Duration::from_secs(4), run)
        .effect(Effect::Once)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let base = desk.payments.as_deref().ok_or_else(|| {
        Envelope::refused(Code::PaymentsDisabled).say("Payments are made at the counter.")
    })?;
    let found = desk.appointment(&arguments.appointment_id, &context).await?;
    let to = desk.texts_to(found.id).await?;
    let amount = (arguments.amount_cents, word(&arguments.purpose));
    let link = desk.store.make_payment_link(found.id, (amount.0, &amount.1), desk.now()).await?;
    let text = format!("{}/{link}", base.trim_end_matches('/'));
    desk.text(&to, "payment_link", &text).await.map_err(|refused| match refused.code {
        Some(Code::SmsFailed) => Envelope { code: Some(Code::UpstreamUnavailable), ..refused },
        _ => refused,
    })?;
    Ok(Envelope::done(json!({ "link_id": link, "to_masked": masked(to.as_str()) }))
        .say("I've texted you a link for the payment."))
}
