use super::*;

#[tokio::test]
async fn nobody_is_called_who_is_not_on_the_list_and_an_empty_list_is_nobody() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    let worker = house.worker(evening()).with_allowed(AllowList::default());
    worker.run_due().await.unwrap();
    assert_eq!(house.attempts().await, ["voice_ai skipped test_number_safety"]);
    assert_eq!(house.jobs().await, ["reminder done"]);
    house.run_after(minutes(5)).await;
    assert!(house.vendor.calls().is_empty() && house.vendor.texts().is_empty());
}

#[tokio::test]
async fn who_has_opted_out_since_it_was_planned_is_not_called() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.store.opt_out(&ana(), &["all"], None, evening()).await.unwrap();
    house.run_after(minutes(0)).await;
    assert_eq!(house.attempts().await, ["voice_ai skipped do_not_call"]);
    assert!(house.vendor.calls().is_empty() && house.vendor.texts().is_empty());
}

#[tokio::test]
async fn who_has_not_agreed_to_calls_is_written_to_if_they_have_agreed_to_that() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    for purpose in ["transactional", "marketing"] {
        let back = (false, "took it back");
        let asked = ("voice_ai", purpose);
        house.store.note_consent(&ana(), asked, back, evening() + minutes(1)).await.unwrap();
    }
    house.run_after(minutes(2)).await;
    let expected = ["voice_ai skipped no_consent", "sms completed sent"];
    assert_eq!(house.attempts().await, expected);
    let (channel, text) = house.vendor.texts().pop().unwrap();
    assert_eq!(channel, Channel::Sms);
    assert!(text.contains("Nair Motors: a reminder of your appointment on Tuesday"), "{text}");
}

#[tokio::test]
async fn it_is_called_at_the_hour_at_which_people_may_be_called_again() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    // 9 PM in Illinois is too late; 8 AM is not too early.
    house.run_after(minutes(180)).await;
    assert!(house.vendor.calls().is_empty());
    assert_eq!(house.next().await, minutes(14 * 60), "8 AM on Saturday");
    assert!(house.attempts().await.is_empty(), "nothing was tried");
    house.run_after(minutes(14 * 60) - SignedDuration::from_millis(1)).await;
    assert!(house.vendor.calls().is_empty());
    house.run_after(minutes(14 * 60)).await;
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn one_row_stops_all_contact_in_every_program() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.store.stop_contacts(Some("a bad template"), evening()).await.unwrap();
    house.run_after(minutes(0)).await;
    assert!(house.vendor.calls().is_empty());
    house.store.stop_contacts(None, evening()).await.unwrap();
    house.run_after(minutes(15)).await;
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn a_phone_that_rings_is_called_for_nothing_else_and_three_calls_are_enough_for_a_day() {
    let house = House::open().await;
    let visit = house.reminded(JobKind::Reminder).await;
    house.run_after(minutes(0)).await;
    let called = ("c1", &ana());
    let callback = house.store.note_callback(called, ("service", "x"), None, evening()).await;
    let departments = [(crate::departments::Department::Service, "+16305550102".to_owned())];
    let departments = Departments::read(&departments.into()).unwrap();
    // Saturday at 11 AM: somebody is there.
    let noon = evening() + minutes(17 * 60);
    let worker = house.worker(noon).with_departments(departments);
    worker.run_due().await.unwrap();
    assert_eq!(house.vendor.calls().len(), 1, "the first call is not known to be over");
    let job = house.store.jobs(false).await.unwrap().remove(0);
    assert_eq!((job.about, job.run_at), (callback.unwrap(), noon + minutes(2)));
    for (nth, hours) in [(1, 17), (2, 18)] {
        house.report(CallStatus::NoAnswer, minutes(hours * 60)).await;
        let about = visit.to_string();
        let at = evening() + minutes(hours * 60 + nth);
        house.store.schedule_job((JobKind::Reminder, &about), at, at).await.unwrap();
        house.worker(at).run_due().await.unwrap();
    }
    assert_eq!(house.vendor.calls().len(), 2, "a reminder is tried twice");
}
