//! Where visits are, where what a call gathers is from, and what is remembered of a number.

use jiff::civil::time;
use voiceagent_core::transport::Direction;

use super::*;
use crate::store::{Capacity, Premises, Source};

#[tokio::test]
async fn a_visit_at_the_second_place_is_offered_booked_and_moved_there() {
    let store = seeded().await;
    let place = Premises {
        phone: Phone::parse("+13125550200").unwrap(),
        name: "Bart's Downtown".to_owned(),
        zone: "America/Chicago".to_owned(),
        address: Default::default(),
        remind_at: None,
        hours: (1..=6).map(|day| (day, time(7, 0, 0, 0), time(12, 0, 0, 0))).collect(),
        closures: Default::default(),
        resources: ["bay", "advisor"]
            .map(|kind| Capacity { kind, name: kind.to_owned(), skills: None, buffer_minutes: 0 })
            .into(),
    };
    let (downtown, _) = store.put_location(&place, friday()).await.unwrap();
    let mut call = Call::from(ANA, &store);
    let day = json!({ "service_type": "oil_change", "date_from": "2026-11-23",
        "date_to": "2026-11-23", "location_id": null });
    let first = call.ask("get_available_slots", day.clone()).await.data;
    assert_eq!(first["locations"][1]["name"], "Bart's Downtown");
    assert_eq!(first["slots"][0]["start_local"], "2026-11-23T08:00:00-06:00");
    let mut there = day.clone();
    there["location_id"] = first["locations"][1]["location_id"].clone();
    let second = call.ask("get_available_slots", there).await.data;
    assert_eq!(second["slots"][0]["start_local"], "2026-11-23T07:00:00-06:00");
    let customer = call.customer().await;
    let mut booking = json!({ "slot_id": second["slots"][0]["slot_id"],
        "service_type": "oil_change", "customer_id": customer, "confirmed": false });
    let asked = call.ask("book_appointment", booking.clone()).await;
    let readback = "That is an oil change on Monday, November 23rd at 7 AM at Bart's Downtown. \
                    Shall I book it?";
    assert_eq!(asked.say.as_deref(), Some(readback));
    booking["confirmed"] = json!(true);
    let booked = call.ask("book_appointment", booking).await;
    let said =
        "You're booked for an oil change on Monday, November 23rd at 7 AM at Bart's Downtown.";
    assert!(booked.say.as_ref().unwrap().starts_with(said), "{booked:?}");

    // A time of the first place is none of the second.
    let wrong = json!({ "appointment_id": booked.data["appointment_id"], "confirmed": true,
        "new_slot_id": first["slots"][0]["slot_id"] });
    assert_eq!(code(&call.ask("reschedule_appointment", wrong).await), Code::SlotExpired);
    // Who calls the second place is offered its times, and other identifiers are none.
    let mut other = Call::at(Call::desk(GREG, &store).called_at(downtown));
    let offered = other.ask("get_available_slots", day.clone()).await.data;
    assert_eq!(offered["slots"][0]["start_local"], "2026-11-23T07:30:00-06:00");
    let mut invented = day;
    invented["location_id"] = json!("019ab000-0000-7000-8000-000000000000");
    assert_eq!(code(&other.ask("get_available_slots", invented).await), Code::NoneAvailable);
}

async fn gathered(store: &Store) -> Vec<(String, Source, bool)> {
    let all = store.gathered("detached").await.unwrap();
    all.into_iter().map(|one| (one.field, one.source, one.agreed)).collect()
}

#[tokio::test]
async fn where_everything_is_from_that_a_call_gathers_is_kept_and_agreed_to_or_corrected() {
    let store = seeded().await;
    let desk = Call::desk(ANA, &store);
    desk.ledger().recall(json!({ "service_type": "oil_change", "date_from": "2026-11-24" }));
    let mut call = Call::at(desk);
    let customer = call.customer().await;
    assert_eq!(gathered(&store).await, [("phone".to_owned(), Source::Number, false)]);
    let day = json!({ "service_type": "oil_change", "date_from": "2026-11-24",
        "date_to": "2026-11-25", "part_of_day": "morning" });
    let slots = call.ask("get_available_slots", day).await.data;
    let booking = json!({ "slot_id": slots["slots"][0]["slot_id"], "service_type": "oil_change",
        "customer_id": customer, "notes": "squeaks", "confirmed": true });
    assert!(call.ask("book_appointment", booking).await.ok);
    let expected = [
        ("customer_id", Source::Number),
        ("date_from", Source::LastCall),
        ("date_to", Source::Caller),
        ("notes", Source::Caller),
        ("part_of_day", Source::Caller),
        ("phone", Source::Number),
        ("service_type", Source::LastCall),
        ("slot_id", Source::Offer),
    ];
    let expected = expected.map(|(field, source)| (field.to_owned(), source, true));
    assert_eq!(gathered(&store).await, expected, "the caller has agreed to all of it");
    let other = json!({ "service_type": "brake_inspection", "date_from": "2026-11-24",
        "date_to": "2026-11-25" });
    call.ask("get_available_slots", other).await;
    let all = gathered(&store).await;
    assert_eq!(all[6], ("service_type".to_owned(), Source::Caller, false), "it was corrected");
    assert_eq!(all[3], ("notes".to_owned(), Source::Caller, true));
}

#[tokio::test]
async fn what_a_call_was_about_and_how_they_like_it_is_remembered_of_the_number() {
    let store = seeded().await;
    let ana = Phone::parse(ANA).unwrap();
    store.begin_call("detached", Some(&ana), Direction::Inbound, friday()).await.unwrap();
    let mut call = Call::from(ANA, &store);
    let day = json!({ "service_type": "oil_change", "date_from": "2026-11-24",
        "date_to": "2026-11-25", "part_of_day": "morning" });
    call.ask("get_available_slots", day).await;
    let note = json!({ "disposition": "info_given", "summary": "Asked.", "topics": ["oil", "price"],
        "commitments": [], "sentiment": null, "follow_up": null });
    assert!(call.ask("save_interaction", note).await.ok);
    let lead = json!({ "patch": { "qualified": true, "preferred_language": "es-US" } });
    assert!(call.ask("update_lead_info", lead).await.ok);
    let memory = store.conversation(&ana).await.unwrap().unwrap().memory;
    assert_eq!(memory["topics"], json!(["oil", "price"]));
    assert_eq!(memory["preferences"], json!({ "part_of_day": "morning", "language": "es-US" }));
    assert_eq!(memory["qualified"], true);
}
