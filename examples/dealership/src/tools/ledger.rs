//! What a call has been told and has done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    Result,
    tool::{Tool, ToolContext, ToolSpec},
};

use super::{Code, Envelope};
use crate::store::CustomerId;

/// The identifiers that tools handed out in a call, and how sure it is who calls.
///
/// A model can name a time, a person or an appointment only by an identifier, and only by one that
/// it was given in this call. Its tools run beside one another, so each takes the lock for a moment
/// and holds it over no wait.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    handed_out: BTreeSet<String>,
    /// By customer.
    levels: BTreeMap<String, u8>,
    /// Who somebody says to be that the line does not belong to: a customer, or nobody.
    claimed: BTreeMap<String, Option<CustomerId>>,
    /// How often somebody failed to show that they are nobody.
    missed: i64,
}

impl Ledger {
    /// Lets the model name something that it was given without a tool, such as the appointment that
    /// an outgoing call is about.
    pub fn hand_out(&self, id: impl Into<String>) {
        self.entries().handed_out.insert(id.into());
    }

    /// How sure it is that the caller is this customer: 0 to 2.
    #[must_use]
    pub fn level(&self, customer: &str) -> u8 {
        self.entries().levels.get(customer).copied().unwrap_or_default()
    }

    /// Notes that the caller has shown to be this customer.
    pub fn raise(&self, customer: impl Into<String>, level: u8) {
        let mut entries = self.entries();
        let known = entries.levels.entry(customer.into()).or_default();
        *known = level.max(*known);
    }

    /// Notes who the person is that is called `handle` from now on. A handle is good for showing that
    /// one is that person and for nothing else, and looks the same if there is no such person.
    pub(super) fn claim(&self, handle: String, person: Option<CustomerId>) {
        self.entries().claimed.insert(handle, person);
    }

    /// Who a handle stands for; `None` if it is none.
    pub(super) fn claimed(&self, handle: &str) -> Option<Option<CustomerId>> {
        self.entries().claimed.get(handle).copied()
    }

    /// Counts an attempt to be a person that there is not.
    pub(super) fn miss(&self) -> i64 {
        let mut entries = self.entries();
        entries.missed += 1;
        entries.missed
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing can be half-done in a panic: each use is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first identifier that was never handed out, as what it was named.
    fn unknown<'a>(&self, arguments: &'a Value) -> Option<&'a str> {
        let entries = self.entries();
        ids(arguments).find(|(_, id)| !entries.handed_out.contains(id.trim())).map(|(name, _)| name)
    }

    fn hand_out_all(&self, data: &Value) {
        match data {
            Value::Object(fields) => {
                let mut entries = self.entries();
                entries.handed_out.extend(ids(data).map(|(_, id)| id.to_owned()));
                drop(entries);
                fields.values().for_each(|field| self.hand_out_all(field));
            }
            Value::Array(items) => items.iter().for_each(|item| self.hand_out_all(item)),
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// The fields of an object that hold identifiers.
fn ids(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(name, _)| name.ends_with("_id")).filter_map(|(name, id)| {
        let id = id.as_str()?;
        Some((name.as_str(), id))
    })
}

/// A tool that takes only identifiers which the ledger knows, and notes those that it hands out.
#[derive(Debug)]
pub(super) struct Entered {
    tool: Arc<dyn Tool>,
    ledger: Arc<Ledger>,
}

impl Entered {
    pub(super) fn new(tool: Arc<dyn Tool>, ledger: Arc<Ledger>) -> Self {
        Self { tool, ledger }
    }
}

#[async_trait]
impl Tool for Entered {
    fn spec(&self) -> ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        if let Some(named) = self.ledger.unknown(&arguments) {
            let refused = serde_json::to_value(invented(named, &self.tool.spec().name));
            return Ok(refused.expect("an envelope is plain data"));
        }
        let answer = self.tool.call(arguments, context).await?;
        self.ledger.hand_out_all(&answer["data"]);
        Ok(answer)
    }
}

/// The answer to an identifier that nobody handed out: that of one which is somebody else's.
fn invented(named: &str, tool: &str) -> Envelope {
    match (named, tool) {
        ("slot_id" | "new_slot_id", _) => Envelope::refused(Code::SlotExpired),
        ("customer_id", "verify_identity" | "add_vehicle") => {
            Envelope::refused(Code::UnknownCustomer)
        }
        ("customer_id", _) => Envelope::refused(Code::IdentityRequired).say(super::desk::NOT_YOURS),
        ("lead_id", _) => Envelope::refused(Code::LeadNotFound),
        ("broker_id", _) => Envelope::refused(Code::UnknownBroker),
        ("vehicle_id", "book_appointment") => Envelope::refused(Code::VehicleRequired),
        ("vehicle_id", _) => Envelope::refused(Code::UnknownVehicle),
        ("advisor_id" | "location_id", _) => Envelope::refused(Code::NoneAvailable),
        ("mfa_session_id", _) => Envelope::refused(Code::UnknownSession),
        _ => Envelope::refused(Code::NotFound).say("I can't find that appointment."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identifiers_are_known_wherever_a_result_holds_them() {
        let ledger = Ledger::default();
        ledger.hand_out_all(&json!({
            "customer_id": "c", "slots": [{ "slot_id": "s" }], "next": { "slot_id": "t" },
        }));
        assert_eq!(ledger.unknown(&json!({ "customer_id": "c", "slot_id": "t" })), None);
        let invented = json!({ "customer_id": "c", "slot_id": "u", "lead_id": null });
        assert_eq!(ledger.unknown(&invented), Some("slot_id"));
    }

    #[test]
    fn who_calls_does_not_become_less_sure() {
        let ledger = Ledger::default();
        ledger.raise("c", 2);
        ledger.raise("c", 1);
        assert_eq!((ledger.level("c"), ledger.level("d")), (2, 0));
    }
}
