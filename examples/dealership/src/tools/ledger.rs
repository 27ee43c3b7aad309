//! What a call has been told and has done.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    Error, Result,
    tool::{Tool, ToolContext, ToolSpec},
};

use super::{Code, Desk, Envelope, provenance};
use crate::store::{CustomerId, Fault, Source};

/// The identifiers that tools handed out in a call, and how sure it is who calls.
///
/// A model can name a time, a person or an appointment only by an identifier, and only by one that
/// it was given in this call. Its tools run beside one another, so each takes the lock for a moment
/// and holds it over no wait.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// With where they are from.
    handed_out: BTreeMap<String, Source>,
    /// What the last call of the number was about to book.
    wish: Value,
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
        self.entries().handed_out.insert(id.into(), Source::Errand);
    }

    /// Notes what the last call of the number was about to book, so that it is known where that is
    /// from.
    pub fn recall(&self, wish: Value) {
        self.entries().wish = wish;
    }

    pub(super) fn wish(&self) -> Value {
        self.entries().wish.clone()
    }

    fn origin(&self, id: &str) -> Option<Source> {
        self.entries().handed_out.get(id.trim()).copied()
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
        ids(arguments)
            .find(|(_, id)| !entries.handed_out.contains_key(id.trim()))
            .map(|(name, _)| name)
    }

    /// Notes all identifiers in a result, each with where it is from; the first time counts.
    fn hand_out_all(&self, data: &Value, from: &impl Fn(&str) -> Source) {
        match data {
            Value::Object(fields) => {
                let mut entries = self.entries();
                for (name, id) in ids(data) {
                    entries.handed_out.entry(id.to_owned()).or_insert_with(|| from(name));
                }
                drop(entries);
                fields.values().for_each(|field| self.hand_out_all(field, from));
            }
            Value::Array(items) => items.iter().for_each(|item| self.hand_out_all(item, from)),
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
    desk: Arc<Desk>,
}

impl Entered {
    pub(super) fn new(tool: Arc<dyn Tool>, desk: &Arc<Desk>) -> Self {
        Self { tool, desk: Arc::clone(desk) }
    }

    /// Notes what the caller has come to with a tool that has done its work.
    async fn note(&self, tool: &str, (call, arguments): (&str, &Value)) {
        let Desk { store, ledger, .. } = &*self.desk;
        let origin = |id: &str| ledger.origin(id);
        let gathered = provenance::of_arguments(&self.desk, (tool, arguments), origin);
        let noted = async {
            if !gathered.is_empty() {
                store.note_gathered(call, &gathered, self.desk.now()).await?;
            }
            if matches!(tool, "book_appointment" | "reschedule_appointment") {
                store.note_agreed(call).await?;
            }
            Ok::<(), Fault>(())
        };
        if let Err(fault) = noted.await {
            tracing::warn!(error = %Error::from(fault), "where something is from is not noted");
        }
    }
}

#[async_trait]
impl Tool for Entered {
    fn spec(&self) -> ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        let ledger = &self.desk.ledger;
        let name = self.tool.spec().name;
        if let Some(named) = ledger.unknown(&arguments) {
            let refused = serde_json::to_value(invented(named, &name));
            return Ok(refused.expect("an envelope is plain data"));
        }
        let (call, asked) = (context.call.clone(), arguments.clone());
        let answer = self.tool.call(arguments, context).await?;
        let is_by_number = asked["phone"].is_null() && asked["name"].is_null();
        ledger.hand_out_all(&answer["data"], &|field| {
            provenance::of_result(&name, field, is_by_number)
        });
        if answer["ok"] == true {
            self.note(&name, (call.as_str(), &asked)).await;
        }
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
        ledger.hand_out_all(
            &json!({
                "customer_id": "c", "slots": [{ "slot_id": "s" }], "next": { "slot_id": "t" },
            }),
            &|_| Source::Records,
        );
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
