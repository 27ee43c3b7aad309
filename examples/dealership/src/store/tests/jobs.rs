//! What is to be done later, and what is noted when a call is over.

use super::*;

async fn ready(store: &Store) -> Vec<String> {
    let query = "SELECT run_at FROM job WHERE state = 'ready' AND ref_id IN
                     (SELECT id FROM appointment WHERE idempotency_key = 'k') ORDER BY run_at";
    let jobs = store.export(query).await.unwrap();
    let at = |job: &serde_json::Value| instant(job["run_at"].as_i64().unwrap()).unwrap();
    jobs.iter().map(|job| at(job).strftime("%Y-%m-%dT%H:%MZ").to_string()).collect()
}

#[tokio::test]
async fn a_reminder_moves_and_ends_with_its_visit() {
    let store = Store::fresh().await;
    let now = "2026-03-05T18:00:00Z".parse().unwrap();
    store.seed(now).await.unwrap();
    let phone = Phone::parse("+16305550111").unwrap();
    let ana = store.customers_by_phone(&phone).await.unwrap()[0].id;
    let request = BookingRequest {
        service: "state_inspection".to_owned(),
        // A Monday behind the night in which the clocks change.
        start: "2026-03-09T15:00:00Z".parse().unwrap(),
        advisor: None,
        location: None,
        customer: ana,
        vehicle: None,
        notes: None,
        call: Some("c1".to_owned()),
        key: "k".to_owned(),
    };
    let booked = store.book(&request, now).await.unwrap();
    store.book(&request, now).await.unwrap();
    assert_eq!(ready(&store).await, ["2026-03-08T23:00Z"], "6 PM by the new clocks, once");
    let change = |key: &str| Change { appointment: booked.id, key: key.to_owned() };
    let later = "2026-03-11T15:00:00Z".parse().unwrap();
    store.reschedule(&change("m"), later, None, now).await.unwrap();
    assert_eq!(ready(&store).await, ["2026-03-10T23:00Z"]);
    store.cancel(&change("c"), None, now).await.unwrap();
    assert!(ready(&store).await.is_empty());
}

#[tokio::test]
async fn a_call_that_nobody_noted_is_noted_once_by_what_it_left_behind() {
    let store = Store::fresh().await;
    let now = "2026-03-05T18:00:00Z".parse().unwrap();
    let called = ("c1", &Phone::parse("+16305550111").unwrap());
    store.note_callback(called, ("service", "brakes"), None, now).await.unwrap();
    assert!(store.conclude("c1", Ending::default(), now).await.unwrap());
    assert!(!store.conclude("c1", Ending::default(), now).await.unwrap(), "once");
    assert!(store.conclude("c2", Ending::default(), now).await.unwrap());
    let query = "SELECT disposition FROM interaction ORDER BY call";
    let noted = store.export(query).await.unwrap();
    let noted: Vec<_> = noted.iter().map(|row| row["disposition"].as_str().unwrap()).collect();
    assert_eq!(noted, ["callback_scheduled", "abandoned"]);
}

#[tokio::test]
async fn reminders_come_at_the_hour_that_is_set_on_both_days_on_which_the_clocks_change() {
    let store = Store::fresh().await;
    let now = "2026-03-05T18:00:00Z".parse().unwrap();
    store.seed(now).await.unwrap();
    store.run("UPDATE location SET horizon_days = 400").await;
    let half_past_five = time(17, 30, 0, 0);
    store.set_remind_at(None, half_past_five).await.unwrap();
    let zoe = customer(&store, "Zoe").await;
    // The clocks change on the Sunday before each visit: to CDT, and back to CST.
    for (visit, remind) in [
        ("2026-03-09T15:00:00Z", "2026-03-08T22:30Z"),
        ("2026-11-02T16:00:00Z", "2026-11-01T23:30Z"),
    ] {
        store.run("DELETE FROM appointment WHERE idempotency_key = 'k'").await;
        let ask = request(zoe, visit.parse().unwrap(), "k");
        store.book(&ask, now).await.unwrap();
        assert_eq!(ready(&store).await, [remind]);
    }
    // Visits that another program has written are planned for the same hour.
    store.run("DELETE FROM job").await;
    let noon = "2026-11-01T18:00:00Z".parse().unwrap();
    assert_eq!(store.plan_reminders(noon).await.unwrap(), 1);
    assert_eq!(ready(&store).await, ["2026-11-01T23:30Z"]);
}
