use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::tool::FunctionTool;

use crate::{
    phone::Phone,
    store::{Customer, Fault},
};

use super::{Code, Desk, Envelope, Identity, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The phone number to look up. Null for the number that the caller calls from.
    phone: Option<String>,
    /// The caller's name, to tell apart people who share a phone number. Null if not known.
    name: Option<String>,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Finds out who is calling, by phone number. Call it first. Returns \
                         customer_id, first name and vehicles when exactly one customer has \
                         the number.";
    let run = |desk: Arc<Desk>, arguments: Arguments, _context| async move {
        run(&desk, arguments).await.map_err(Envelope::from)
    };
    at_desk::reads(desk, ("lookup_customer", ABOUT), Duration::from_millis(500), run)
}

async fn run(desk: &Desk, arguments: Arguments) -> Result<Envelope, Fault> {
    let phone = match arguments.phone.as_deref().map(Phone::parse) {
        None => desk.caller.clone(),
        Some(Some(phone)) => Some(phone),
        Some(None) => return Ok(Envelope::refused(Code::InvalidPhone)),
    };
    let Some(phone) = phone else {
        if let (Identity::Facts, Some(name)) = (desk.identity, &arguments.name) {
            return claimed(desk, name, None).await;
        }
        return Ok(Envelope::done(json!({ "match": "none", "identity_level": 0 })));
    };
    let own = desk.caller.as_ref() == Some(&phone);
    let mut customers = desk.store.customers_by_phone(&phone).await?;
    if let (Identity::Facts, Some(name)) = (desk.identity, &arguments.name)
        && (!own || customers.is_empty())
    {
        return claimed(desk, name, (!own).then_some(customers)).await;
    }
    if let Some(name) = &arguments.name {
        customers.retain(|customer| is_called(customer, name));
    }
    let by_number = desk.identity == Identity::Number;
    let level = u8::from(own && customers.len() == 1 && by_number);
    Ok(Envelope::done(match customers.as_slice() {
        [] => json!({ "match": "none", "identity_level": level }),
        [customer] if own => one(desk, customer).await?,
        [customer] => json!({
            "match": "one", "first_name": customer.first_name, "identity_level": level,
        }),
        // Who else uses a number is told to nobody but those who call from it.
        several if own => json!({
            "match": "many", "identity_level": level,
            "candidates": several.iter().map(|one| &one.first_name).collect::<Vec<_>>(),
        }),
        _ => json!({ "match": "many", "identity_level": level }),
    }))
}

/// Somebody who calls from elsewhere, and may show who they are. Whether there is such a customer is
/// not told.
async fn claimed(
    desk: &Desk,
    name: &str,
    of_phone: Option<Vec<Customer>>,
) -> Result<Envelope, Fault> {
    let mut customers = match of_phone {
        Some(customers) => customers,
        None => desk.store.customers_named(name).await?,
    };
    customers.retain(|customer| is_called(customer, name));
    let person = match customers.as_slice() {
        [one] => Some(one.id),
        _ => None,
    };
    let handle = desk.handle(name);
    desk.ledger.claim(handle.clone(), person);
    let data = json!({ "match": "one", "customer_id": handle, "identity_level": 0 });
    Ok(Envelope::done(data))
}

async fn one(desk: &Desk, customer: &Customer) -> Result<Value, Fault> {
    let vehicles = desk.store.vehicles_of(customer.id).await?;
    let upcoming = desk.store.upcoming(customer.id, desk.now()).await?;
    let vehicles: Vec<Value> = vehicles
        .iter()
        .map(|vehicle| json!({ "vehicle_id": vehicle.id, "label": vehicle.label }))
        .collect();
    Ok(json!({
        "match": "one",
        "customer_id": customer.id,
        "first_name": customer.first_name,
        "language": customer.language,
        "returning": true,
        "vehicles": vehicles,
        "upcoming_count": upcoming.len(),
        "identity_level": match desk.identity {
            Identity::Facts => desk.ledger.level(&customer.id.to_string()),
            Identity::Number => 1,
        },
    }))
}

/// Whether every part of a name that somebody gives is part of the customer's.
fn is_called(customer: &Customer, name: &str) -> bool {
    name.split_whitespace().all(|part| {
        let part = part.to_lowercase();
        part == customer.first_name.to_lowercase() || part == customer.last_name.to_lowercase()
    })
}
