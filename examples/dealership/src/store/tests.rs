mod jobs;
mod migration;
mod opening;
mod race;
mod replicas;
mod rollback;
mod rows;
mod widened;
mod wire;

use jiff::{
    ToSpan,
    civil::{Date, Time, date, time},
};

pub(crate) use self::wire::awaited;
use super::*;
use crate::phone::Phone;

/// Friday, November 20th 2026, noon in Chicago.
pub(crate) fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

async fn seeded() -> Store {
    let store = Store::fresh().await;
    store.seed(friday()).await.unwrap();
    store
}

pub(crate) async fn customer(store: &Store, name: &str) -> CustomerId {
    let new = NewCustomer {
        first_name: name.to_owned(),
        last_name: "Test".to_owned(),
        phone: Phone::parse("+16305550199").unwrap(),
        email: None,
        postal_code: None,
        language: None,
        call: None,
    };
    store.upsert_customer(&new, friday()).await.unwrap().0
}

pub(crate) fn request(customer: CustomerId, start: Timestamp, key: &str) -> BookingRequest {
    BookingRequest {
        service: "brake_inspection".to_owned(),
        start,
        advisor: None,
        location: None,
        customer,
        vehicle: None,
        notes: None,
        call: None,
        key: key.to_owned(),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Fault>) -> Refusal {
    match result {
        Err(Fault::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&store.writer).await.unwrap()
}

/// Monday after `friday`, at this hour in Chicago.
fn monday(hour: i8, minute: i8) -> Timestamp {
    date(2026, 11, 23).at(hour, minute, 0, 0).in_tz("America/Chicago").unwrap().timestamp()
}

fn change(appointment: AppointmentId, key: &str) -> Change {
    Change { appointment, key: key.to_owned() }
}

async fn starts(store: &Store, on: Date, now: Timestamp) -> Vec<String> {
    let search = SlotSearch {
        service: "oil_change".to_owned(),
        from: on,
        to: on,
        earliest: None,
        latest: None,
        advisor: None,
        location: None,
        preferred: None,
        limit: 100,
    };
    let found = store.find_slots(&search, now).await.unwrap();
    found.slots.iter().map(|slot| slot.start.strftime("%H:%M%:z").to_string()).collect()
}

#[tokio::test]
async fn a_repeat_with_the_same_key_returns_the_first_booking() {
    let store = seeded().await;
    let ask = request(customer(&store, "Zoe").await, monday(10, 0), "key");
    let first = store.book(&ask, friday()).await.unwrap();
    let repeat = store.book(&ask, friday()).await.unwrap();
    assert_eq!(first.id, repeat.id);
    assert_eq!(store.upcoming(ask.customer, friday()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_model_that_repeats_itself_books_once() {
    let store = seeded().await;
    let zoe = customer(&store, "Zoe").await;
    let first = store.book(&request(zoe, monday(10, 0), "one"), friday()).await.unwrap();
    let again = store.book(&request(zoe, monday(10, 0), "two"), friday()).await.unwrap();
    assert_eq!(first.id, again.id);
}

#[tokio::test]
async fn when_everything_is_claimed_the_slot_is_taken_and_nothing_is_left_behind() {
    let store = seeded().await;
    for (name, start) in [("Ann", monday(15, 0)), ("Bob", monday(15, 0)), ("Cid", monday(15, 30))] {
        let id = customer(&store, name).await;
        store.book(&request(id, start, name), friday()).await.unwrap();
    }
    let before = count(&store, "SELECT count(*) FROM claim").await;
    let late = request(customer(&store, "Dan").await, monday(15, 30), "Dan");
    // An advisor is free and is claimed; no bay is, so the advisor is given back.
    assert_eq!(refusal(store.book(&late, friday()).await), Refusal::SlotTaken);
    assert_eq!(count(&store, "SELECT count(*) FROM claim").await, before);
    assert_eq!(
        count(&store, "SELECT count(*) FROM appointment WHERE idempotency_key = 'Dan'").await,
        0
    );
    let free = starts(&store, date(2026, 11, 23), friday()).await;
    assert!(!free.contains(&"15:00-06:00".to_owned()), "no advisor");
    assert!(!free.contains(&"15:30-06:00".to_owned()), "no bay");
    assert!(free.contains(&"16:00-06:00".to_owned()));
}

#[tokio::test]
async fn a_vehicle_is_in_one_place_only() {
    let store = seeded().await;
    let ana = &store.customers_by_phone(&Phone::parse("+16305550111").unwrap()).await.unwrap()[0];
    let car = store.vehicles_of(ana.id).await.unwrap()[0].id;
    let booked = &store.upcoming(ana.id, friday()).await.unwrap()[0];
    let during = later(booked.start.timestamp(), 30.minutes());
    let ask = BookingRequest { vehicle: Some(car), ..request(ana.id, during, "again") };
    assert_eq!(refusal(store.book(&ask, friday()).await), Refusal::VehicleBusy);
    let foreign = BookingRequest { customer: customer(&store, "Zoe").await, ..ask };
    assert_eq!(refusal(store.book(&foreign, friday()).await), Refusal::NotFound);
}

#[tokio::test]
async fn a_failed_move_keeps_the_old_time() {
    let store = seeded().await;
    let zoe = customer(&store, "Zoe").await;
    let old = store.book(&request(zoe, monday(9, 0), "zoe"), friday()).await.unwrap();
    for name in ["Ann", "Bob"] {
        let id = customer(&store, name).await;
        store.book(&request(id, monday(14, 0), name), friday()).await.unwrap();
    }
    let moved = store.reschedule(&change(old.id, "move"), monday(14, 0), None, friday()).await;
    assert_eq!(refusal(moved), Refusal::SlotTaken);
    let kept = store.appointment(old.id).await.unwrap().unwrap();
    assert_eq!(kept.start.timestamp(), monday(9, 0));
    let active = "SELECT count(*) FROM claim JOIN appointment ON appointment_id = appointment.id
                  WHERE active = 1 AND idempotency_key = 'zoe'";
    assert_eq!(count(&store, active).await, 2, "the bay and the advisor are still claimed");
}

#[tokio::test]
async fn a_move_may_overlap_the_old_time_and_a_repeat_of_it_changes_nothing() {
    let store = seeded().await;
    let zoe = customer(&store, "Zoe").await;
    let old = store.book(&request(zoe, monday(9, 0), "zoe"), friday()).await.unwrap();
    let ask = change(old.id, "move");
    let moved = store.reschedule(&ask, monday(9, 30), None, friday()).await.unwrap();
    assert_eq!(moved.start.timestamp(), monday(9, 30));
    assert_eq!(moved.moved_from.as_ref().unwrap().timestamp(), monday(9, 0));
    let repeat = store.reschedule(&ask, monday(9, 30), None, friday()).await.unwrap();
    assert_eq!(repeat.moved_from.unwrap().timestamp(), monday(9, 0));
}

#[tokio::test]
async fn a_cancelled_time_is_free_again() {
    let store = seeded().await;
    let zoe = customer(&store, "Zoe").await;
    let booked = store.book(&request(zoe, monday(9, 0), "zoe"), friday()).await.unwrap();
    let cancelled = store.cancel(&change(booked.id, "c"), Some("rain"), friday()).await.unwrap();
    assert_eq!(cancelled.status, AppointmentStatus::Cancelled);
    store.cancel(&change(booked.id, "c"), None, friday()).await.expect("a repeat is the same");
    let other = store.cancel(&change(booked.id, "d"), None, friday()).await;
    assert_eq!(refusal(other), Refusal::AlreadyCancelled);
    assert!(store.upcoming(zoe, friday()).await.unwrap().is_empty());
    let again = store.book(&request(zoe, monday(9, 0), "anew"), friday()).await.unwrap();
    assert_ne!(again.id, booked.id);
}

#[tokio::test]
async fn what_has_begun_is_neither_moved_nor_cancelled() {
    let store = seeded().await;
    let zoe = customer(&store, "Zoe").await;
    let booked = store.book(&request(zoe, monday(9, 0), "zoe"), friday()).await.unwrap();
    let (ask, late) = (change(booked.id, "x"), monday(9, 0));
    assert_eq!(refusal(store.cancel(&ask, None, late).await), Refusal::InPast);
    let moved = store.reschedule(&ask, monday(15, 0), None, late).await;
    assert_eq!(refusal(moved), Refusal::InPast);
}

#[tokio::test]
async fn slots_keep_to_hours_lead_and_length() {
    let store = seeded().await;
    let today = starts(&store, date(2026, 11, 20), friday()).await;
    assert_eq!(today.first().unwrap(), "13:00-06:00", "an hour from now at the earliest");
    assert_eq!(today.last().unwrap(), "17:30-06:00", "done when the doors close");
    let saturday = starts(&store, date(2026, 11, 21), friday()).await;
    assert_eq!((saturday.len(), saturday[0].as_str()), (10, "09:00-06:00"));
    assert!(starts(&store, date(2026, 11, 22), friday()).await.is_empty(), "closed on Sunday");
    assert!(starts(&store, date(2026, 12, 25), friday()).await.is_empty(), "closed at Christmas");
}

#[tokio::test]
async fn dates_that_cannot_be_booked_are_refused() {
    let store = seeded().await;
    let search = |on: Date, service: &str| SlotSearch {
        service: service.to_owned(),
        from: on,
        to: on,
        earliest: None,
        latest: None,
        advisor: None,
        location: None,
        preferred: None,
        limit: 4,
    };
    let ask = async |on, service| store.find_slots(&search(on, service), friday()).await;
    assert_eq!(refusal(ask(date(2026, 11, 19), "oil_change").await), Refusal::DateInPast);
    assert_eq!(refusal(ask(date(2027, 1, 20), "oil_change").await), Refusal::OutsideHorizon);
    assert_eq!(refusal(ask(date(2026, 11, 23), "haircut").await), Refusal::UnknownService);
    let sunday = ask(date(2026, 11, 22), "oil_change").await.unwrap();
    assert!(sunday.all_closed && sunday.slots.is_empty());
    assert_eq!(sunday.closed, [(date(2026, 11, 22), "closed on Sundays".to_owned())]);
    assert_eq!(sunday.next.unwrap().start.timestamp(), monday(8, 0));
}

#[tokio::test]
async fn slots_are_spread_over_the_time_asked_for() {
    let store = seeded().await;
    let search = SlotSearch {
        service: "oil_change".to_owned(),
        from: date(2026, 11, 23),
        to: date(2026, 11, 25),
        earliest: Some(time(12, 0, 0, 0)),
        latest: Some(Time::MAX),
        advisor: None,
        location: None,
        preferred: None,
        limit: 3,
    };
    let found = store.find_slots(&search, friday()).await.unwrap();
    let days: Vec<i8> = found.slots.iter().map(|slot| slot.start.day()).collect();
    assert_eq!(days, [23, 24, 25]);
    assert!(found.slots.iter().all(|slot| slot.start.hour() >= 12));
}

async fn open_at_night() -> Store {
    let store = seeded().await;
    sqlx::query("UPDATE location SET horizon_days = 400").execute(&store.writer).await.unwrap();
    sqlx::query("INSERT INTO business_hours SELECT id, 7, '00:00', '04:00' FROM location")
        .execute(&store.writer)
        .await
        .unwrap();
    store
}

#[tokio::test]
async fn an_hour_that_the_clocks_skip_is_not_offered() {
    let store = open_at_night().await;
    let night = starts(&store, date(2027, 3, 14), friday()).await;
    let expected =
        ["00:00-06:00", "00:30-06:00", "01:00-06:00", "01:30-06:00", "03:00-05:00", "03:30-05:00"];
    assert_eq!(night, expected);
}

#[tokio::test]
async fn an_hour_that_the_clocks_repeat_is_offered_and_booked_twice() {
    let store = open_at_night().await;
    let night = starts(&store, date(2027, 11, 7), friday()).await;
    assert_eq!(night.len(), 10);
    assert_eq!(night[2..6], ["01:00-05:00", "01:30-05:00", "01:00-06:00", "01:30-06:00"]);
    let advisor = store.advisors(store.location().await.unwrap().id).await.unwrap()[0].no;
    for (name, start) in [("Ann", "2027-11-07T06:00:00Z"), ("Bob", "2027-11-07T07:00:00Z")] {
        let ask = request(customer(&store, name).await, start.parse().unwrap(), name);
        let booked = store.book(&BookingRequest { advisor: Some(advisor), ..ask }, friday()).await;
        assert_eq!(booked.unwrap().start.time(), time(1, 0, 0, 0), "{name}");
    }
}

#[tokio::test]
async fn alternatives_are_the_nearest_free_times() {
    let store = seeded().await;
    let slots =
        store.alternatives((None, "oil_change"), monday(10, 0), &[], friday()).await.unwrap();
    let times: Vec<Timestamp> = slots.iter().map(|slot| slot.start.timestamp()).collect();
    assert_eq!(times, [monday(9, 0), monday(9, 30), monday(10, 30)]);
}

#[tokio::test]
async fn seeding_twice_changes_nothing() {
    let store = seeded().await;
    let before = count(&store, "SELECT count(*) FROM customer").await;
    store.seed(friday()).await.unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM customer").await, before);
    assert_eq!(count(&store, "SELECT count(*) FROM appointment").await, 3);
}

#[tokio::test]
async fn one_phone_and_name_is_one_customer() {
    let store = seeded().await;
    let first = customer(&store, "Zoe").await;
    assert_eq!(customer(&store, "ZOE").await, first);
    assert_ne!(customer(&store, "Max").await, first);
}

#[tokio::test]
async fn a_decoded_number_is_forgotten_after_a_week() {
    let store = seeded().await;
    let vin = crate::vin::Vin::parse("1M8GDM9AXKP042788").unwrap();
    let decoded = vin.decode();
    store.cache_vin(&vin, &decoded, friday()).await.unwrap();
    let after = |days: i64| later(friday(), (days * 24).hours());
    assert_eq!(store.cached_vin(&vin, after(6)).await.unwrap(), Some(decoded));
    assert_eq!(store.cached_vin(&vin, after(8)).await.unwrap(), None);
}

fn later(moment: Timestamp, span: Span) -> Timestamp {
    slots::later(moment, span)
}
