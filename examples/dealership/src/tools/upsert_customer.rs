use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    phone::Phone,
    store::{Fault, NewCustomer},
};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The given name.
    first_name: String,
    /// The family name.
    last_name: String,
    /// The phone number. Null for the number that the caller calls from.
    phone: Option<String>,
    /// The e-mail address. Null if not given.
    email: Option<String>,
    /// The ZIP code. Null if not given.
    postal_code: Option<String>,
    /// The language to speak, a BCP 47 tag such as en-US. Null if not known.
    language: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Notes a new customer, or finds the one with that phone number and \
                         name. Call it when lookup_customer found nobody and the caller wants \
                         to book.";
    let run = |desk: Arc<Desk>, arguments: Arguments, context: ToolContext| async move {
        run(&desk, arguments, context).await.map_err(Envelope::from)
    };
    at_desk::writes(desk, ("upsert_customer", ABOUT), Duration::from_secs(2), run)
}

async fn run(desk: &Desk, arguments: Arguments, context: ToolContext) -> Result<Envelope, Fault> {
    let phone = match &arguments.phone {
        Some(phone) => Phone::parse(phone),
        None => desk.caller.clone(),
    };
    let Some(phone) = phone else {
        return Ok(Envelope::refused(Code::InvalidPhone));
    };
    let new = NewCustomer {
        first_name: arguments.first_name.trim().to_owned(),
        last_name: arguments.last_name.trim().to_owned(),
        phone,
        email: arguments.email,
        postal_code: arguments.postal_code,
        language: arguments.language,
        call: Some(context.call.to_string()),
    };
    let (id, created) = desk.store.upsert_customer(&new, desk.now()).await?;
    Ok(Envelope::done(json!({ "customer_id": id, "created": created })))
}
