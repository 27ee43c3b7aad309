use jiff::Timestamp;
use serde_json::{Value, json};
use voiceagent_core::{Secret, tool::ToolContext};

mod business;
mod catalogue;
mod identity;
mod origins;

use super::*;
use crate::{clock::Clock, phone::Phone, store::Store};

const ANA: &str = "+16305550111";
const GREG: &str = "+16305550112";
const HALE: &str = "+16305550114";
const STRANGER: &str = "+16305550188";

/// Friday, November 20th 2026, noon in Chicago.
fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

async fn seeded() -> Store {
    let store = Store::fresh().await;
    store.seed(friday()).await.unwrap();
    store
}

/// The tools of one call.
struct Call {
    tools: Vec<Arc<dyn Tool>>,
    calls: u32,
}

impl Call {
    fn from(caller: &str, store: &Store) -> Self {
        Self::at(Self::desk(caller, store))
    }

    fn at(desk: Desk) -> Self {
        Self { tools: all(desk), calls: 0 }
    }

    fn desk(caller: &str, store: &Store) -> Desk {
        let secret = Secret::new(format!("secret of {caller}"));
        Desk::new(store.clone(), Clock::Fixed(friday()), Phone::parse(caller), secret)
    }

    async fn ask(&mut self, tool: &str, arguments: Value) -> Envelope {
        self.calls += 1;
        let id = self.calls.to_string();
        self.repeat(tool, arguments, &id).await
    }

    async fn repeat(&self, tool: &str, arguments: Value, id: &str) -> Envelope {
        let tool = self.tools.iter().find(|one| &*one.spec().name == tool).unwrap();
        let answer = tool.call(arguments, ToolContext::detached(id)).await.unwrap();
        serde_json::from_value(answer).unwrap()
    }

    async fn customer(&mut self) -> Value {
        self.ask("lookup_customer", json!({})).await.data["customer_id"].clone()
    }

    /// The identifier of the first time that is free on a date.
    async fn slot(&mut self, service: &str, date: &str) -> Value {
        let ask = json!({ "service_type": service, "date_from": date, "date_to": date });
        self.ask("get_available_slots", ask).await.data["slots"][0]["slot_id"].clone()
    }
}

fn code(answer: &Envelope) -> Code {
    assert!(!answer.ok, "{answer:?}");
    answer.code.unwrap()
}

#[tokio::test]
async fn a_known_caller_books_moves_and_cancels() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let who = call.ask("lookup_customer", json!({ "phone": null, "name": null })).await;
    assert_eq!(who.data["first_name"], "Ana");
    assert_eq!(who.data["vehicles"][0]["label"], "2019 Honda CR-V");
    assert_eq!((&who.data["upcoming_count"], &who.data["identity_level"]), (&json!(1), &json!(1)));
    let customer = &who.data["customer_id"];

    let slots = call
        .ask(
            "get_available_slots",
            json!({ "service_type": "oil_change", "date_from": "2026-11-24",
                "date_to": "2026-11-24", "part_of_day": "afternoon", "earliest_time": "13:30",
                "latest_time": null, "advisor_id": null, "limit": 2 }),
        )
        .await;
    let say = "I have Tuesday, November 24th at 1:30 PM, or Tuesday, November 24th at 4:30 PM.";
    assert_eq!(slots.say.as_deref(), Some(say));
    let slot = &slots.data["slots"][0];
    assert_eq!(slot["start_local"], "2026-11-24T13:30:00-06:00");

    let mut booking = json!({ "slot_id": slot["slot_id"], "service_type": "oil_change",
        "customer_id": customer, "vehicle_id": null, "notes": "squeaks", "confirmed": false });
    let unsure = call.ask("book_appointment", booking.clone()).await;
    assert_eq!(code(&unsure), Code::NotConfirmed);
    let readback = "That is an oil change on Tuesday, November 24th at 1:30 PM. Shall I book it?";
    assert_eq!(unsure.say.as_deref(), Some(readback));
    booking["confirmed"] = json!(true);
    let booked = call.repeat("book_appointment", booking.clone(), "b").await;
    assert!(booked.ok, "{booked:?}");
    assert!(booked.say.as_ref().unwrap().starts_with(
        "You're booked for an oil change on Tuesday, November 24th at 1:30 PM. Your confirmation code is "
    ));
    let repeat = call.repeat("book_appointment", booking.clone(), "b").await;
    assert_eq!(repeat, booked, "a repeat of the same tool call is the same booking");
    let again = call.repeat("book_appointment", booking, "c").await;
    assert_eq!(again, booked, "and so is the model's own repetition");

    let upcoming = call.ask("get_upcoming_appointments", json!({ "customer_id": customer })).await;
    assert_eq!(upcoming.data["appointments"].as_array().unwrap().len(), 2);
    assert_eq!(
        upcoming.say.unwrap(),
        "You have 2 appointments: a brake inspection for your 2019 Honda CR-V on Monday, November \
         23rd at 10 AM; an oil change for your 2019 Honda CR-V on Tuesday, November 24th at 1:30 PM."
    );

    let id = &booked.data["appointment_id"];
    let new = call.slot("oil_change", "2026-11-27").await;
    let mv = json!({ "appointment_id": id, "new_slot_id": new, "confirmed": true });
    let moved = call.ask("reschedule_appointment", mv).await;
    assert_eq!(
        moved.say.as_deref(),
        Some("Your oil change is now on Friday, November 27th at 8 AM.")
    );
    assert_eq!(moved.data["old_start_local"], "2026-11-24T13:30:00-06:00");

    let ask = |confirmed| json!({ "appointment_id": id, "reason": null, "confirmed": confirmed });
    assert_eq!(code(&call.ask("cancel_appointment", ask(false)).await), Code::NotConfirmed);
    let cancelled = call.ask("cancel_appointment", ask(true)).await;
    assert_eq!(
        cancelled.say.as_deref(),
        Some("Your oil change on Friday, November 27th at 8 AM is cancelled.")
    );
    assert_eq!(code(&call.ask("cancel_appointment", ask(true)).await), Code::AlreadyCancelled);
}

#[tokio::test]
async fn a_new_caller_is_noted_and_books_in_the_same_call() {
    let store = seeded().await;
    let mut call = Call::from(STRANGER, &store);
    assert_eq!(call.ask("lookup_customer", json!({})).await.data["match"], "none");
    let slot = call.slot("test_drive", "2026-11-21").await;
    let mut booking = json!({ "slot_id": slot, "service_type": "test_drive", "confirmed": true });
    assert_eq!(code(&call.ask("book_appointment", booking.clone()).await), Code::CustomerRequired);
    let new = json!({ "first_name": "Zoe", "last_name": "Quinn", "phone": null });
    let noted = call.ask("upsert_customer", new.clone()).await;
    assert_eq!(noted.data["created"], true);
    assert_eq!(call.ask("upsert_customer", new).await.data["created"], false);
    booking["customer_id"] = noted.data["customer_id"].clone();
    let booked = call.ask("book_appointment", booking).await;
    assert_eq!(booked.data["start_local"], "2026-11-21T09:00:00-06:00");
}

#[tokio::test]
async fn a_withheld_number_may_book_but_read_nothing() {
    let store = seeded().await;
    let mut call = Call::from("anonymous", &store);
    assert_eq!(call.ask("lookup_customer", json!({})).await.data["match"], "none");
    let ana = call.ask("lookup_customer", json!({ "phone": ANA })).await.data;
    assert_eq!(ana, json!({ "match": "one", "first_name": "Ana", "identity_level": 0 }));
    let nowhere = json!({ "first_name": "Zoe", "last_name": "Quinn" });
    assert_eq!(code(&call.ask("upsert_customer", nowhere).await), Code::InvalidPhone);
    let new = json!({ "first_name": "Zoe", "last_name": "Quinn", "phone": STRANGER });
    let zoe = call.ask("upsert_customer", new).await.data["customer_id"].clone();
    let slot = call.slot("sales_consult", "2026-11-21").await;
    let booking = json!({ "slot_id": slot, "service_type": "sales_consult", "customer_id": zoe,
        "confirmed": true });
    assert!(call.ask("book_appointment", booking).await.ok);
}

#[tokio::test]
async fn whoever_knows_name_and_number_may_book_for_a_customer_and_learns_nothing_else() {
    let store = seeded().await;
    let mut call = Call::from("anonymous", &store);
    let named = json!({ "first_name": "Ana", "last_name": "Morales", "phone": ANA });
    let noted = call.ask("upsert_customer", named).await.data;
    assert_eq!(noted["created"], false);
    let ana = &noted["customer_id"];
    let slot = call.slot("oil_change", "2026-11-24").await;
    let booking = json!({ "slot_id": slot, "service_type": "oil_change", "customer_id": ana,
        "confirmed": true });
    let booked = call.ask("book_appointment", booking).await;
    assert!(booked.ok, "{booked:?}");
    assert_eq!(booked.data["vehicle_label"], Value::Null);
    let listed = call.ask("get_upcoming_appointments", json!({ "customer_id": ana })).await;
    let appointments = listed.data["appointments"].as_array().unwrap();
    assert_eq!(appointments.len(), 1, "hers are more, and were not booked in this call");
    let id = &booked.data["appointment_id"];
    assert_eq!(&appointments[0]["appointment_id"], id);
    let new = call.slot("oil_change", "2026-11-25").await;
    let mv = json!({ "appointment_id": id, "new_slot_id": new, "confirmed": true });
    let moved = call.ask("reschedule_appointment", mv).await;
    assert!(moved.ok, "{moved:?}");
    let cancel = json!({ "appointment_id": id, "confirmed": true });
    assert!(call.ask("cancel_appointment", cancel).await.ok);
    let asked = call.ask("get_upcoming_appointments", json!({ "customer_id": ana })).await;
    assert_eq!(code(&asked), Code::IdentityRequired);
}

#[tokio::test]
async fn what_belongs_to_others_is_neither_shown_nor_changed() {
    let store = seeded().await;
    let mut ana = Call::from(ANA, &store);
    let hers = ana.customer().await;
    let listed = ana.ask("get_upcoming_appointments", json!({ "customer_id": hers })).await;
    let appointment = &listed.data["appointments"][0]["appointment_id"];

    let mut greg = Call::from(GREG, &store);
    let asked = greg.ask("get_upcoming_appointments", json!({ "customer_id": hers })).await;
    let invented = greg.ask("get_upcoming_appointments", json!({ "customer_id": "cus_1" })).await;
    assert_eq!(code(&asked), Code::IdentityRequired);
    assert_eq!(asked, invented, "whether a customer exists is not told");
    let cancel = json!({ "appointment_id": appointment, "confirmed": true });
    assert_eq!(code(&greg.ask("cancel_appointment", cancel).await), Code::NotFound);
    let slot = greg.slot("brake_inspection", "2026-11-24").await;
    let mv = json!({ "appointment_id": appointment, "new_slot_id": slot, "confirmed": true });
    assert_eq!(code(&greg.ask("reschedule_appointment", mv).await), Code::NotFound);
}

#[tokio::test]
async fn people_who_share_a_phone_are_told_apart_by_name() {
    let store = seeded().await;
    let mut call = Call::from(HALE, &store);
    let both = call.ask("lookup_customer", json!({})).await.data;
    assert_eq!((&both["match"], &both["candidates"]), (&json!("many"), &json!(["Jane", "Tom"])));
    let jane = call.ask("lookup_customer", json!({ "name": "jane hale" })).await.data;
    assert_eq!(jane["vehicles"][0]["label"], "2018 Chevrolet Equinox");
    let other = Call::from(ANA, &store).ask("lookup_customer", json!({ "phone": HALE })).await.data;
    assert_eq!(other, json!({ "match": "many", "identity_level": 0 }));
}

#[tokio::test]
async fn a_slot_of_another_call_or_service_or_of_nobody_is_expired() {
    let store = seeded().await;
    let mut ana = Call::from(ANA, &store);
    let mut greg = Call::from(GREG, &store);
    let customer = ana.customer().await;
    let foreign = greg.slot("oil_change", "2026-11-24").await;
    let longer = ana.slot("tire_rotation", "2026-11-24").await;
    for slot in [foreign, longer, json!("2026-11-24T10:00"), json!("")] {
        let booking = json!({ "slot_id": slot, "service_type": "oil_change",
            "customer_id": customer, "confirmed": true });
        assert_eq!(code(&ana.ask("book_appointment", booking).await), Code::SlotExpired);
    }
}

#[tokio::test]
async fn a_slot_that_was_just_taken_comes_with_three_others() {
    let store = seeded().await;
    let mut ana = Call::from(ANA, &store);
    let customer = ana.customer().await;
    let slot = ana.slot("test_drive", "2026-11-25").await;
    for name in ["Ann", "Bob"] {
        let mut other = Call::from("anonymous", &store);
        let new = json!({ "first_name": name, "last_name": "Rush", "phone": STRANGER });
        let id = other.ask("upsert_customer", new).await.data["customer_id"].clone();
        let slot = other.slot("test_drive", "2026-11-25").await;
        let booking = json!({ "slot_id": slot, "service_type": "test_drive", "customer_id": id,
            "confirmed": true });
        assert!(other.repeat("book_appointment", booking, name).await.ok);
    }
    let mut booking = json!({ "slot_id": slot, "service_type": "test_drive",
        "customer_id": customer, "confirmed": true });
    let taken = ana.ask("book_appointment", booking.clone()).await;
    assert_eq!(code(&taken), Code::SlotTaken);
    assert_eq!(taken.data["alternatives"].as_array().unwrap().len(), 3);
    assert_eq!(
        taken.say.as_deref(),
        Some(
            "That time was just taken. I still have Wednesday, November 25th at 8:30 AM, or \
             Wednesday, November 25th at 9 AM, or Wednesday, November 25th at 9:30 AM."
        )
    );
    booking["slot_id"] = taken.data["alternatives"][0]["slot_id"].clone();
    assert!(ana.ask("book_appointment", booking).await.ok);
}

#[tokio::test]
async fn a_customer_with_two_cars_says_which_and_a_car_is_in_one_place() {
    let store = seeded().await;
    let mut greg = Call::from(GREG, &store);
    let who = greg.ask("lookup_customer", json!({})).await.data;
    // His truck has its oil changed on Monday at 8:30.
    let slot = greg.slot("major_service", "2026-11-23").await;
    let mut booking = json!({ "slot_id": &slot, "service_type": "major_service",
        "customer_id": who["customer_id"], "confirmed": true });
    let which = greg.ask("book_appointment", booking.clone()).await;
    assert_eq!(code(&which), Code::VehicleRequired);
    assert_eq!(which.data["vehicles"].as_array().unwrap().len(), 2);
    let car = |label: &str| {
        let cars = who["vehicles"].as_array().unwrap();
        cars.iter().find(|car| car["label"] == label).unwrap()["vehicle_id"].clone()
    };
    booking["vehicle_id"] = car("2021 Ford F-150");
    let busy = greg.ask("book_appointment", booking.clone()).await;
    assert_eq!(code(&busy), Code::VehicleBusy);
    let say = busy.say.unwrap();
    assert!(
        say.starts_with("That vehicle already has a visit at that time. I still have"),
        "{say}"
    );
    booking["slot_id"] = busy.data["alternatives"][0]["slot_id"].clone();
    assert!(greg.ask("book_appointment", booking.clone()).await.ok, "what is offered can be had");
    booking["slot_id"] = slot;
    booking["vehicle_id"] = car("2016 Toyota Camry");
    assert!(greg.ask("book_appointment", booking).await.ok);
}

#[tokio::test]
async fn dates_that_do_not_do_are_explained() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let ask = |service: &str, date: &str| json!({ "service_type": service, "date_from": date, "date_to": date });
    let sunday = call.ask("get_available_slots", ask("oil_change", "2026-11-22")).await;
    assert_eq!(code(&sunday), Code::Closed);
    assert_eq!(
        sunday.say.as_deref(),
        Some("We are closed on Sundays. The next free time is Monday, November 23rd at 8 AM.")
    );
    let past = call.ask("get_available_slots", ask("oil_change", "2026-11-19")).await;
    assert_eq!(code(&past), Code::DateInPast);
    assert_eq!(past.data["last_date"], "2027-01-19");
    let far = call.ask("get_available_slots", ask("oil_change", "2027-03-01")).await;
    assert_eq!(code(&far), Code::OutsideHorizon);
    let unknown = call.ask("get_available_slots", ask("haircut", "2026-11-23")).await;
    assert_eq!(code(&unknown), Code::UnknownService);
    assert!(unknown.data["service_types"].as_array().unwrap().contains(&json!("oil_change")));
    let mut evening = ask("major_service", "2026-11-23");
    evening["part_of_day"] = json!("evening");
    assert_eq!(code(&call.ask("get_available_slots", evening).await), Code::NoneAvailable);
}

#[tokio::test]
async fn a_named_advisor_is_the_one_who_is_claimed() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let customer = call.customer().await;
    let mut ask =
        json!({ "service_type": "test_drive", "date_from": "2026-11-25", "date_to": "2026-11-25" });
    let advisors = call.ask("get_available_slots", ask.clone()).await.data["advisors"].clone();
    assert_eq!(advisors[1]["name"], "Rey Castillo");
    ask["advisor_id"] = advisors[1]["advisor_id"].clone();
    let slot = call.ask("get_available_slots", ask.clone()).await.data["slots"][0].clone();
    assert_eq!(slot["with"], "Rey Castillo");
    let booking = json!({ "slot_id": slot["slot_id"], "service_type": "test_drive",
        "customer_id": customer, "confirmed": true });
    assert!(call.ask("book_appointment", booking).await.ok);
    let next = call.ask("get_available_slots", ask).await.data["slots"][0].clone();
    assert_ne!(next["start_local"], slot["start_local"]);
}

#[tokio::test]
async fn a_vehicle_number_is_checked_and_decoded_offline() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let mut decode = async |vin: &str| call.ask("decode_vin", json!({ "vin": vin })).await;
    let civic = decode("2HGFE2F50PH500001").await;
    assert_eq!((&civic.data["make"], &civic.data["source"]), (&json!("Honda"), &json!("local")));
    assert_eq!(code(&decode("2HGFE2F50PH50000").await), Code::VinLength);
    assert_eq!(code(&decode("2HGFE2F5OPH500001").await), Code::VinIllegalChar);
    assert_eq!(code(&decode("2HGFE2F51PH500001").await), Code::VinCheckDigit);
    assert_eq!(code(&decode("11111111111111111").await), Code::VinNotFound);
}

#[tokio::test]
async fn a_store_that_is_gone_is_admitted() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    store.close().await;
    let answer = call.ask("lookup_customer", json!({})).await;
    assert_eq!((code(&answer), answer.retryable), (Code::DbUnavailable, true));
    assert!(answer.say.unwrap().contains("Nothing was changed"));
}

#[tokio::test]
async fn hanging_up_needs_a_line() {
    let store = seeded().await;
    let call = Call::from(ANA, &store);
    let tool = call.tools.iter().find(|one| &*one.spec().name == "end_call").unwrap();
    let refused = tool.call(json!({ "reason": "done" }), ToolContext::detached("1")).await;
    assert_eq!(refused.unwrap_err().kind(), voiceagent_core::ErrorKind::Closed);
}

#[tokio::test]
async fn unusable_arguments_are_told_to_the_model() {
    let store = seeded().await;
    let call = Call::from(ANA, &store);
    let slots = call.tools.iter().find(|one| &*one.spec().name == "get_available_slots").unwrap();
    for dates in
        [("tomorrow", "tomorrow"), ("2026-11-24", "2026-11-23"), ("2026-02-30", "2026-03-01")]
    {
        let ask = json!({ "service_type": "oil_change", "date_from": dates.0, "date_to": dates.1 });
        let error = slots.call(ask, ToolContext::detached("1")).await.unwrap_err();
        assert_eq!(error.kind(), voiceagent_core::ErrorKind::Rejected, "{dates:?}");
    }
}
