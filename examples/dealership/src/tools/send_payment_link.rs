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
    let payments = desk.payments.as_ref().ok_or_else(|| {
        Envelope::refused(Code::PaymentsDisabled).say("Payments are made at the counter.")
    })?;
    let found = desk.appointment(&arguments.appointment_id, &context).await?;
    let to = desk.texts_to(found.id).await?;
    let (cents, purpose) = (arguments.amount_cents, word(&arguments.purpose));
    let now = desk.now();
    let link = desk.store.make_payment(found.id, (cents, &purpose), now).await?;
    let page = payments.page((&link, &found.service_name), cents, now).await;
    let (provider, page) = page.map_err(|error| {
        tracing::warn!(%error, "a payment has no page");
        Envelope::refused(Code::UpstreamUnavailable).say("I can't take payments at the moment.")
    })?;
    let known = (provider, page.reference.as_str());
    desk.store.note_payment_page(&link, known, (&page.url, page.until)).await?;
    let text = payments.link(&link);
    desk.text(&to, "payment_link", &text).await.map_err(|refused| match refused.code {
        Some(Code::SmsFailed) => Envelope { code: Some(Code::UpstreamUnavailable), ..refused },
        _ => refused,
    })?;
    Ok(Envelope::done(json!({ "link_id": link, "to_masked": masked(to.as_str()) }))
        .say("I've texted you a link for the payment."))
}
