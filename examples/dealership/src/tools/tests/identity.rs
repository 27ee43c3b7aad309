//! Who calls, and what they may know and name.

use super::*;

fn facts(said: &[(&str, &str)]) -> Value {
    said.iter().map(|(kind, value)| json!({ "kind": kind, "value": value })).collect()
}

impl Call {
    /// A call in which facts have to be said before visits are told.
    fn strict(caller: &str, store: &Store) -> Self {
        Self::at(Self::desk(caller, store).with_identity(Identity::Facts))
    }

    async fn verify(&mut self, customer: &Value, said: &[(&str, &str)]) -> Envelope {
        let ask = json!({ "customer_id": customer, "factors": facts(said) });
        self.ask("verify_identity", ask).await
    }

    async fn visits(&mut self, customer: &Value) -> Envelope {
        self.ask("get_upcoming_appointments", json!({ "customer_id": customer })).await
    }
}

#[tokio::test]
async fn visits_are_told_after_one_right_fact_from_the_customers_number() {
    let store = seeded().await;
    let mut call = Call::strict(ANA, &store);
    let ana = call.customer().await;
    assert_eq!(code(&call.visits(&ana).await), Code::IdentityRequired);
    let tickets = call.ask("get_open_tickets", json!({ "customer_id": ana })).await;
    assert_eq!(code(&tickets), Code::IdentityRequired);
    let wrong = call.verify(&ana, &[("postal_code", "60540")]).await;
    assert_eq!((code(&wrong), &wrong.data["attempts_left"]), (Code::IdentityMismatch, &json!(1)));
    assert!(!format!("{wrong:?}").contains("60563"), "what is known is not told");
    let right = call.verify(&ana, &[("postal_code", "6 0 5 6 3")]).await;
    assert_eq!((right.ok, &right.data["level"]), (true, &json!(1)));
    assert!(call.visits(&ana).await.ok);
    assert!(call.ask("get_open_tickets", json!({ "customer_id": ana })).await.ok);
}

#[tokio::test]
async fn from_another_number_two_facts_are_needed() {
    let store = seeded().await;
    let mut call = Call::strict(STRANGER, &store);
    let named = json!({ "first_name": "Ana", "last_name": "Morales", "phone": ANA });
    let ana = call.ask("upsert_customer", named).await.data["customer_id"].clone();
    let one = call.verify(&ana, &[("postal_code", "60563")]).await;
    assert_eq!(code(&one), Code::IdentityMismatch, "right, but too little, which is not told");
    let twice = [("postal_code", "60563"), ("postal_code", "60563")];
    assert_eq!(code(&call.verify(&ana, &twice).await), Code::IdentityMismatch);
    let both = [("postal_code", "60563"), ("vin_last4", "0001")];
    assert_eq!(code(&call.verify(&ana, &both).await), Code::IdentityLocked, "too late");

    let mut fresh = Call::strict("+16305550177", &seeded().await);
    let named = json!({ "first_name": "Ana", "last_name": "Morales", "phone": ANA });
    let ana = fresh.ask("upsert_customer", named).await.data["customer_id"].clone();
    assert_eq!(fresh.verify(&ana, &both).await.data["level"], 2);
    assert!(fresh.visits(&ana).await.ok);
}

#[tokio::test]
async fn who_says_a_name_from_elsewhere_may_show_it_and_learns_not_whether_it_is_known() {
    let store = seeded().await;
    let mut call = Call::strict(STRANGER, &store);
    let named = |name: &str| json!({ "phone": null, "name": name });
    let ana = call.ask("lookup_customer", named("Ana Morales")).await;
    let nobody = call.ask("lookup_customer", named("Vera Lindqvist")).await;
    let fields = |answer: &Envelope| -> Vec<String> {
        answer.data.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(fields(&ana), fields(&nobody));
    let (ana, nobody) = (&ana.data["customer_id"], &nobody.data["customer_id"]);
    assert_eq!(code(&call.visits(ana).await), Code::IdentityRequired);
    let slot = call.slot("oil_change", "2026-11-24").await;
    let booking = json!({ "slot_id": slot, "service_type": "oil_change", "customer_id": ana,
        "confirmed": true });
    let refused = code(&call.ask("book_appointment", booking).await);
    assert_eq!(refused, Code::IdentityRequired, "a name alone is nobody to book for");
    let wrong = [("dob", "1980-01-01"), ("postal_code", "60563")];
    for left in [1, 0] {
        let answer = call.verify(nobody, &wrong).await;
        assert_eq!(code(&answer), Code::IdentityMismatch);
        assert_eq!(answer.data["attempts_left"], left);
    }
    assert_eq!(code(&call.verify(nobody, &wrong).await), Code::IdentityLocked);
    let right = [("vin_last4", "0001"), ("postal_code", "60563")];
    let shown = call.verify(ana, &right).await;
    assert_eq!((shown.ok, &shown.data["level"]), (true, &json!(2)));
    assert!(call.visits(&shown.data["customer_id"]).await.ok);
}

#[tokio::test]
async fn two_wrong_answers_lock_the_record_for_every_call_and_the_number_for_every_record() {
    let store = seeded().await;
    let mut call = Call::strict(ANA, &store);
    let ana = call.customer().await;
    for left in [1, 0] {
        let wrong = call.verify(&ana, &[("dob", "1984-06-03")]).await;
        assert_eq!(code(&wrong), Code::IdentityMismatch);
        assert_eq!(wrong.data["attempts_left"], left);
    }
    let right = [("postal_code", "60563")];
    assert_eq!(code(&call.verify(&ana, &right).await), Code::IdentityLocked);
    let mut later = Call::strict(ANA, &store);
    let again = later.customer().await;
    assert_eq!(code(&later.verify(&again, &right).await), Code::IdentityLocked);
    assert_eq!(code(&later.visits(&again).await), Code::IdentityRequired);
    let mut greg = Call::strict(GREG, &store);
    let id = greg.customer().await;
    assert!(greg.verify(&id, &[("postal_code", "60540")]).await.ok, "he is not concerned");
}

#[tokio::test]
async fn a_model_names_only_what_it_was_given_in_this_call() {
    let store = seeded().await;
    let mut ana = Call::from(ANA, &store);
    let mut other = Call::from(ANA, &store);
    let customer = ana.customer().await;
    let slot = ana.slot("oil_change", "2026-11-24").await;
    let booking = json!({ "slot_id": slot, "service_type": "oil_change",
        "customer_id": customer, "confirmed": true });
    assert_eq!(code(&other.ask("book_appointment", booking.clone()).await), Code::IdentityRequired);
    let booked = ana.ask("book_appointment", booking).await;
    let cancel = json!({ "appointment_id": booked.data["appointment_id"], "confirmed": true });
    // It is hers, but nobody has told the model of that call.
    assert_eq!(code(&other.ask("cancel_appointment", cancel.clone()).await), Code::NotFound);
    let hers = other.customer().await;
    assert!(other.visits(&hers).await.ok);
    assert!(other.ask("cancel_appointment", cancel).await.ok);
}

#[tokio::test]
async fn an_outgoing_call_may_name_what_it_is_about() {
    let store = seeded().await;
    let lead = store.meet_lead(&Phone::parse(STRANGER).unwrap(), friday()).await.unwrap().0;
    let ask = json!({ "lead_id": lead });
    let desk = Call::desk(STRANGER, &store);
    let ledger = desk.ledger();
    let mut call = Call::at(desk);
    assert_eq!(code(&call.ask("get_lead_context", ask.clone()).await), Code::LeadNotFound);
    ledger.hand_out(lead.to_string());
    assert!(call.ask("get_lead_context", ask).await.ok);
}
