use jiff::SignedDuration;
use voiceagent_core::transport::Direction;

use super::*;
use crate::store::{BookingRequest, Ending, Life};

fn at(seconds: i64) -> Timestamp {
    "2026-11-20T18:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

async fn begin(store: &Store, life: &Life, call: &str, seconds: i64) {
    let caller = Phone::parse("+16305550111").unwrap();
    let store = store.clone().living(life.clone());
    store.begin_call(call, Some(&caller), Direction::Inbound, at(seconds)).await.unwrap();
}

#[tokio::test]
async fn calls_of_a_program_that_is_gone_are_noted_as_broken_off() {
    let store = Store::fresh().await;
    let (a, b) = (Life::new("a", at(0)), Life::new("b", at(0)));
    for life in [&a, &b] {
        assert!(store.keep_alive(life, at(0)).await.unwrap().is_empty());
    }
    begin(&store, &a, "1", 1).await;
    assert!(store.keep_alive(&b, at(9)).await.unwrap().is_empty(), "it may be slow");
    assert_eq!(store.keep_alive(&b, at(10)).await.unwrap(), ["1"]);
    assert!(store.keep_alive(&b, at(12)).await.unwrap().is_empty(), "once");
    let jobs = store.jobs(false).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].kind.word(), &*jobs[0].about), ("recovery_text", "1"));
}

#[tokio::test]
async fn a_program_that_starts_anew_notes_what_its_last_life_has_left_behind() {
    let store = Store::fresh().await;
    let (last, next) = (Life::new("a", at(0)), Life::new("a", at(1)));
    store.keep_alive(&last, at(0)).await.unwrap();
    begin(&store, &last, "1", 0).await;
    assert_eq!(store.keep_alive(&next, at(1)).await.unwrap(), ["1"]);
    begin(&store, &next, "2", 1).await;
    store.end_life(&next).await.unwrap();
    let other = Life::new("b", at(2));
    assert_eq!(store.keep_alive(&other, at(2)).await.unwrap(), ["2"], "it is not waited for");
}

#[tokio::test]
async fn a_call_that_broke_off_is_gone_on_with_by_one_program() {
    let store = Store::fresh().await;
    let (a, b) = (Life::new("a", at(0)), Life::new("b", at(0)));
    begin(&store, &a, "1", 0).await;
    assert!(store.goes_on(("1", a.id())).await.unwrap());
    let since = at(-60);
    assert!(!store.take_from(("1", b.id()), since, at(1)).await.unwrap(), "it is not that one's");
    assert!(store.take_from(("1", a.id()), since, at(1)).await.unwrap());
    assert!(store.take_from(("1", a.id()), since, at(2)).await.unwrap(), "the carrier repeats it");
    begin(&store, &b, "1", 3).await;
    assert!(!store.take_from(("1", a.id()), since, at(4)).await.unwrap(), "it is somebody else's");
    store.conclude("1", Ending::default(), at(5)).await.unwrap();
    assert!(!store.take_from(("1", b.id()), since, at(6)).await.unwrap(), "it came to its end");
    assert!(store.take_from(("2", a.id()), since, at(6)).await.unwrap(), "nobody has begun it");
}

#[tokio::test]
async fn who_broke_off_long_ago_is_not_gone_on_with() {
    let store = Store::fresh().await;
    let a = Life::new("a", at(0));
    begin(&store, &a, "1", 0).await;
    assert!(store.take_from(("1", a.id()), at(-60), at(0)).await.unwrap());
    assert!(!store.take_from(("1", a.id()), at(10), at(70)).await.unwrap());
}

#[tokio::test]
async fn a_call_that_is_back_knows_what_was_booked_in_it_and_owes_no_text() {
    let store = Store::fresh().await;
    store.seed(at(0)).await.unwrap();
    let (a, b) = (Life::new("a", at(0)), Life::new("b", at(0)));
    begin(&store, &a, "1", 0).await;
    assert!(store.back("1").await.unwrap().is_none(), "it has not been away");
    store.take_from(("1", a.id()), at(-60), at(1)).await.unwrap();
    assert!(store.back("1").await.unwrap().unwrap().is_empty());
    begin(&store, &b, "1", 2).await;
    assert!(store.jobs(false).await.unwrap().iter().all(|job| job.about != "1"), "it is back");
    let ana = Phone::parse("+16305550111").unwrap();
    let request = BookingRequest {
        service: "oil_change".to_owned(),
        start: at(7 * 24 * 3_600),
        advisor: None,
        location: None,
        customer: store.customers_by_phone(&ana).await.unwrap()[0].id,
        vehicle: None,
        notes: None,
        call: Some("1".to_owned()),
        key: "key".to_owned(),
    };
    let booked = store.book(&request, at(3)).await.unwrap();
    store.take_from(("1", b.id()), at(-60), at(4)).await.unwrap();
    assert_eq!(store.back("1").await.unwrap().unwrap()[0].id, booked.id);
    assert!(store.jobs(false).await.unwrap().iter().all(|job| job.about != "1"), "it is booked");
}
