//! Where is from what a call has gathered.

use serde_json::{Map, Value};

use super::Desk;
use crate::{phone::Phone, store::Source};

/// The tools whose arguments are what a call gathers.
const GATHER: [&str; 7] = [
    "add_vehicle",
    "book_appointment",
    "get_available_slots",
    "lookup_customer",
    "reschedule_appointment",
    "update_lead_info",
    "upsert_customer",
];

/// What of their arguments is not gathered, but decided by whoever asks.
const DECIDED: [&str; 3] = ["confirmed", "kind", "limit"];

/// What the arguments of a tool are, and where each is from. `origin` is where an identifier was
/// handed out.
pub(super) fn of_arguments(
    desk: &Desk,
    (tool, arguments): (&str, &Value),
    origin: impl Fn(&str) -> Option<Source>,
) -> Vec<(String, Source)> {
    if !GATHER.contains(&tool) {
        return Vec::new();
    }
    let wish = desk.ledger.wish();
    let empty = Map::new();
    let fields = arguments.as_object().unwrap_or(&empty);
    let nested = fields.get("patch").and_then(Value::as_object).unwrap_or(&empty);
    let own = fields.iter().filter(|(name, _)| *name != "patch");
    let mut gathered: Vec<(String, Source)> = own
        .chain(nested)
        .filter(|(name, value)| !value.is_null() && !DECIDED.contains(&name.as_str()))
        .map(|(name, value)| {
            let source = match value.as_str() {
                Some(id) if name.ends_with("_id") => origin(id).unwrap_or(Source::Records),
                Some(said) if name == "phone" && is_own(desk, said) => Source::Number,
                _ if wish.get(name) == Some(value) => Source::LastCall,
                _ => Source::Caller,
            };
            (name.clone(), source)
        })
        .collect();
    let looks_by_number = matches!(tool, "lookup_customer" | "upsert_customer");
    if looks_by_number && fields.get("phone").is_none_or(Value::is_null) && desk.caller.is_some() {
        gathered.push(("phone".to_owned(), Source::Number));
    }
    gathered
}

/// Where an identifier is from that a tool hands out.
pub(super) fn of_result(tool: &str, field: &str, is_by_number: bool) -> Source {
    match (tool, field) {
        (_, "slot_id" | "new_slot_id") => Source::Offer,
        ("lookup_customer", "customer_id") if is_by_number => Source::Number,
        ("upsert_customer" | "add_vehicle", _) => Source::Caller,
        _ => Source::Records,
    }
}

fn is_own(desk: &Desk, said: &str) -> bool {
    desk.caller.is_some() && Phone::parse(said) == desk.caller
}
