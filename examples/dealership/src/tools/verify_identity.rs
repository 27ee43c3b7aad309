use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::store::{CustomerId, Fact, Fault, Refusal, Verdict};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The customer's id as another tool returned it.
    customer_id: String,
    /// What the caller said, one to three facts.
    factors: Vec<Factor>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Factor {
    /// Which fact.
    kind: Kind,
    /// What the caller said: a date as YYYY-MM-DD, digits without spaces.
    value: String,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Dob,
    LastName,
    Plate,
    PostalCode,
    StreetNumber,
    #[serde(rename = "vin_last4")]
    VinLast4,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Checks what the caller says about themselves against the record. It never \
                         tells what is known, nor which fact is wrong; neither must you.";
    at_desk::writes(desk, ("verify_identity", ABOUT), Duration::from_millis(800), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unknown = || Envelope::refused(Code::UnknownCustomer);
    let customer = match desk.ledger.claimed(arguments.customer_id.trim()) {
        Some(Some(customer)) => customer,
        // Who says to be nobody hears what others hear.
        Some(None) => {
            return Ok(refused(match 2 - desk.ledger.miss() {
                left @ 0.. => Verdict::Mismatch { left },
                _ => Verdict::Locked,
            }));
        }
        None => CustomerId::parse(&arguments.customer_id).ok_or_else(unknown)?,
    };
    let facts: Vec<_> =
        arguments.factors.into_iter().map(|factor| (factor.kind.fact(), factor.value)).collect();
    let caller = (desk.caller.as_ref(), context.call.as_str());
    match desk.store.verify(customer, &facts, caller, desk.now()).await {
        Ok(Verdict::Verified { level }) => {
            desk.ledger.raise(customer.to_string(), level);
            let data = json!({
                "customer_id": customer, "verified": true, "level": level, "attempts_left": null,
            });
            Ok(Envelope::done(data).say("Thank you."))
        }
        Ok(verdict) => Ok(refused(verdict)),
        Err(Fault::Refused(Refusal::NotFound)) => Err(unknown()),
        Err(fault) => Err(fault.into()),
    }
}

fn refused(verdict: Verdict) -> Envelope {
    let (code, left, say) = match verdict {
        Verdict::Mismatch { left } => {
            (Code::IdentityMismatch, left, "I'm sorry, I couldn't verify that.")
        }
        Verdict::Locked | Verdict::Verified { .. } => {
            (Code::IdentityLocked, 0, "I'm sorry, I can't discuss that account on this call.")
        }
    };
    let data = json!({ "verified": false, "level": 0, "attempts_left": left });
    Envelope::refused(code).with_data(data).say(say)
}

impl Kind {
    fn fact(self) -> Fact {
        match self {
            Self::Dob => Fact::Dob,
            Self::LastName => Fact::LastName,
            Self::Plate => Fact::Plate,
            Self::PostalCode => Fact::PostalCode,
            Self::StreetNumber => Fact::StreetNumber,
            Self::VinLast4 => Fact::VinLast4,
        }
    }
}
