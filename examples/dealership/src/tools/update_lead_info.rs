use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    store::{Fault, Refusal},
    templates::Verdict,
};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The lead's id as another tool returned it. Null for the lead with the number.
    lead_id: Option<String>,
    /// The lead's phone number. Null for the number of this call, or with a lead_id.
    phone: Option<String>,
    /// What was learnt. Null leaves a field as it is.
    patch: Patch,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// The given name.
    first_name: Option<String>,
    /// The family name.
    last_name: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The city.
    city: Option<String>,
    /// The state, two letters.
    state: Option<String>,
    /// The kind of vehicle that they look for.
    vehicle_interest: Option<String>,
    /// By when.
    timeframe: Option<String>,
    /// What they would trade in.
    trade_in: Option<String>,
    /// Whether and how they want it financed.
    financing: Option<String>,
    /// Why they are not qualified.
    disqualify_reason: Option<String>,
    /// The language they prefer, a BCP 47 tag.
    #[serde(rename(deserialize = "preferred_language", serialize = "language"))]
    #[schemars(rename = "preferred_language")]
    language: Option<String>,
    /// When they are best reached.
    best_time: Option<String>,
    /// Anything else.
    notes: Option<String>,
    /// The ZIP code, 5 digits.
    postal_code: Option<String>,
    /// What they can spend a month, in dollars.
    #[schemars(range(min = 0))]
    budget_monthly_usd: Option<i64>,
    /// Whether a consultation is worth their while.
    qualified: Option<bool>,
    /// What they objected; it is added to what is known.
    objections: Option<Vec<String>>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes what was learnt of a lead; one who is not known is noted anew.";
    at_desk::writes(desk, ("update_lead_info", ABOUT), Duration::from_secs(2), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let (lead, created) = match &arguments.lead_id {
        Some(id) => (desk.lead(Some(id), None).await?.id, false),
        None => {
            let phone = desk.phone(arguments.phone.as_deref())?;
            desk.store.meet_lead(&phone, desk.now()).await?
        }
    };
    let Ok(Value::Object(mut patch)) = serde_json::to_value(&arguments.patch) else {
        return Err(Envelope::refused(Code::InvalidField));
    };
    if desk.qualification.is_some() {
        // The rule says so.
        patch.remove("qualified");
        patch.remove("disqualify_reason");
    }
    let changed = match desk.store.update_lead(lead, &patch, desk.now()).await {
        Err(Fault::Refused(Refusal::NotFound)) => {
            return Err(Envelope::refused(Code::LeadNotFound));
        }
        changed => changed?,
    };
    let mut known = desk.store.lead(lead).await?;
    if let Some(rule) = &desk.qualification {
        let judged = match rule.judge(&known) {
            Verdict::No(reason) => json!({ "qualified": false, "disqualify_reason": reason }),
            Verdict::Unknown => json!({}),
            Verdict::Yes => json!({ "qualified": true }),
        };
        let judged = judged.as_object().cloned().unwrap_or_default();
        desk.store.update_lead(lead, &judged, desk.now()).await?;
        known = desk.store.lead(lead).await?;
    }
    // Another number's lead is not what is remembered of this one.
    if desk.caller.as_ref() == Some(&known.phone) {
        let mut memory = json!({ "lead_id": lead, "qualified": known.qualified });
        if let Some(language) = &arguments.patch.language {
            memory["preferences"] = json!({ "language": language });
        }
        desk.remember(&context, &memory).await;
    }
    let missing: Vec<&str> = [
        ("vehicle_interest", known.vehicle_interest.is_none()),
        ("timeframe", known.timeframe.is_none()),
        ("qualified", known.qualified.is_none()),
    ]
    .into_iter()
    .filter_map(|(field, is_missing)| is_missing.then_some(field))
    .collect();
    Ok(Envelope::done(json!({
        "lead_id": lead,
        "created": created,
        "changed_fields": changed,
        "qualified": known.qualified,
        "missing_fields": missing,
    })))
}
