use super::*;
use crate::{
    departments::Department,
    logging::memory,
    store::{Ending, Errand},
};
use voiceagent_core::transport::Direction;

const INBOUND: Direction = Direction::Inbound;

#[tokio::test]
async fn who_does_not_answer_is_called_once_more_and_then_written_to() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.run_after(minutes(0)).await;
    house.report(CallStatus::NoAnswer, minutes(1)).await;
    house.report(CallStatus::NoAnswer, minutes(2)).await;
    assert_eq!(house.next().await, minutes(46), "what is reported twice counts once");
    house.run_after(minutes(46)).await;
    assert_eq!(house.vendor.calls().len(), 2);
    house.report(CallStatus::Busy, minutes(47)).await;
    house.run_after(minutes(92)).await;
    assert_eq!(house.vendor.calls().len(), 2);
    assert_eq!(
        house.attempts().await,
        ["voice_ai completed no_answer", "voice_ai completed busy", "sms completed sent"]
    );
    house.run_after(minutes(120)).await;
    assert_eq!(house.vendor.texts().len(), 1);
}

#[tokio::test]
async fn a_call_of_which_nothing_is_heard_is_asked_about() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.run_after(minutes(0)).await;
    house.run_after(minutes(3)).await;
    assert_eq!(house.attempts().await, ["voice_ai placed -"], "it goes on");
    house.vendor.say(CallStatus::NoAnswer);
    house.run_after(minutes(4)).await;
    assert_eq!(house.attempts().await, ["voice_ai placed -"], "it was asked about a minute ago");
    house.run_after(minutes(5)).await;
    assert_eq!(house.attempts().await, ["voice_ai completed no_answer"]);
}

#[tokio::test]
async fn a_call_is_known_by_its_number_before_the_carrier_has_named_it() {
    let house = House::open().await;
    let visit = house.reminded(JobKind::Reminder).await;
    house.vendor.be(vendor::Mood::DoesInSilence);
    house.run_after(minutes(0)).await;
    // The phone is picked up before anybody knows that it rang.
    let errand = house.store.take_up("CA1", Some(&ana()), evening()).await.unwrap().unwrap();
    assert!(matches!(errand, Errand::Reminder { appointment, .. } if appointment == visit));
    house.vendor.be(vendor::Mood::Does);
    house.run_after(minutes(2)).await;
    assert_eq!(house.vendor.calls().len(), 1);
    let talked = Ending::default();
    house.store.conclude("CA1", talked, evening() + minutes(3)).await.unwrap();
    house.run_after(minutes(60)).await;
    assert_eq!(house.attempts().await, ["voice_ai completed answered"]);
    assert_eq!((house.vendor.calls().len(), house.vendor.texts().len()), (1, 0));
}

#[tokio::test]
async fn who_is_cut_off_is_written_to_once_and_not_if_they_call_again() {
    memory::begin();
    for calls_again in [false, true] {
        let house = House::open().await;
        let store = &house.store;
        let metrics: Arc<Metrics> = Arc::default();
        let counted = |count: usize| format!("va_recovery_sms_total {count}\n");
        store.begin_call("c1", Some(&ana()), INBOUND, evening()).await.unwrap();
        let failed = Ending { failed: true, ..Ending::default() };
        assert!(store.conclude("c1", failed, evening()).await.unwrap());
        for _ in 0..3 {
            store.note_failed("c1", evening()).await.unwrap();
        }
        house.run_after(SignedDuration::from_secs(59)).await;
        assert!(house.vendor.texts().is_empty(), "they may call again by themselves");
        if calls_again {
            let again = evening() + minutes(1);
            store.begin_call("c2", Some(&ana()), INBOUND, again).await.unwrap();
        }
        for later in [1, 2, 60] {
            // Who is not on the list of those who may be called has called by themselves.
            let worker = house.worker(evening() + minutes(later));
            let worker = worker.with_allowed(AllowList::default());
            worker.with_metrics(Arc::clone(&metrics)).run_due().await.unwrap();
            store.note_failed("c1", evening()).await.unwrap();
        }
        let texts = house.vendor.texts();
        assert_eq!(texts.len(), usize::from(!calls_again), "{texts:?}");
        assert!(
            metrics.text(0, &crate::metrics::Stored::default()).contains(&counted(texts.len())),
            "{}",
            texts.len()
        );
    }
    let begun = memory::lines(|line| line["message"] == "recovery.started" && line["call"] == "c1");
    assert!(!begun.is_empty());
}

#[tokio::test]
async fn a_wish_is_remembered_from_a_call_that_broke_off_and_from_no_other() {
    let store = Store::fresh().await;
    let wish = serde_json::json!({ "service_type": "oil_change" });
    let begin = |call: &'static str, at: i64| {
        let store = store.clone();
        async move {
            let at = evening() + minutes(at);
            store.begin_call(call, Some(&ana()), INBOUND, at).await.unwrap()
        }
    };
    assert_eq!(begin("c1", 0).await, None);
    store.note_wish("c1", &wish, evening()).await.unwrap();
    let failed = Ending { failed: true, ..Ending::default() };
    store.conclude("c1", failed, evening()).await.unwrap();
    assert_eq!(begin("c2", 10).await, Some(wish.clone()));
    store.conclude("c2", Ending::default(), evening() + minutes(12)).await.unwrap();
    assert_eq!(begin("c3", 20).await, None, "that call came to its end");
    store.note_wish("c3", &wish, evening()).await.unwrap();
    store.conclude("c3", failed, evening() + minutes(21)).await.unwrap();
    assert_eq!(begin("c4", 21 + 24 * 60).await, None, "a day later");
    let query = "SELECT call_count FROM conversation_state";
    assert_eq!(store.export(query).await.unwrap()[0]["call_count"], 4);
}

#[tokio::test]
async fn a_campaign_calls_and_then_writes_and_ends_with_whoever_answers() {
    for answers in [false, true] {
        let house = House::open().await;
        let store = &house.store;
        store.meet_lead(&ana(), evening()).await.unwrap();
        let place = store.enroll("spring", &ana(), evening()).await.unwrap();
        assert_eq!(store.enroll("spring", &ana(), evening()).await.unwrap(), place, "once");
        house.run_after(minutes(0)).await;
        let mut at = minutes(1);
        if answers {
            let call = house.vendor.calls().pop().unwrap();
            let errand = store.take_up(call.as_str(), Some(&ana()), evening()).await.unwrap();
            assert!(matches!(errand, Some(Errand::Lead { .. })), "{errand:?}");
            store.conclude(call.as_str(), Ending::default(), evening()).await.unwrap();
        }
        for _ in 0..5 {
            if !answers {
                house.report(CallStatus::NoAnswer, at).await;
            }
            // 28 hours later, or at 8 AM after a night.
            at += minutes(40 * 60);
            house.run_after(at).await;
        }
        let node = store.enrollment(&place).await.unwrap().node;
        let made = (house.vendor.calls().len(), house.vendor.texts().len());
        let expected = if answers { ((1, 0), "talked") } else { ((3, 1), "ended") };
        assert_eq!((made, node.as_str()), expected, "{:?}", house.attempts().await);
    }
}

#[tokio::test]
async fn a_call_back_waits_until_somebody_is_there_and_is_done_when_it_is_answered() {
    let house = House::open().await;
    let called = ("c1", &ana());
    let id = house.store.note_callback(called, ("service", "x"), None, evening()).await.unwrap();
    house.run_after(minutes(0)).await;
    assert_eq!(house.jobs().await, ["callback done"], "without a department people call back");
    house.store.schedule_job((JobKind::Callback, &id), evening(), evening()).await.unwrap();
    let departments = [(Department::Service, "+16305550102".to_owned())];
    let departments = Departments::read(&departments.into()).unwrap();
    let worker = |at| house.worker(evening() + at).with_departments(departments.clone());
    worker(minutes(1)).run_due().await.unwrap();
    assert!(house.vendor.calls().is_empty());
    let opens = house.next().await;
    assert!(opens > minutes(13 * 60), "on Saturday morning: {opens:?}");
    // They have asked for it: no other consent is needed.
    worker(opens).run_due().await.unwrap();
    let call = house.vendor.calls().pop().unwrap();
    let errand = house.store.take_up(call.as_str(), None, evening()).await.unwrap().unwrap();
    assert_eq!(errand.department(), Some(Department::Service));
    house.store.conclude(call.as_str(), Ending::default(), evening() + opens).await.unwrap();
    assert!(!house.store.callback(&id).await.unwrap().is_open);
    worker(opens + minutes(60)).run_due().await.unwrap();
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn visits_that_nobody_reminds_of_are_planned_for_the_evening_once() {
    let house = House::open().await;
    let visit = house.reminded(JobKind::Reminder).await.to_string();
    house.run_after(minutes(0)).await;
    let monday = evening() + minutes(3 * 24 * 60 - 60);
    let planned = || async {
        house.store.plan_reminders(monday).await.unwrap();
        let jobs = house.store.jobs(false).await.unwrap();
        let of_visit = jobs.iter().filter(|job| job.about == visit);
        of_visit.map(|job| job.run_at.duration_since(monday)).collect::<Vec<_>>()
    };
    assert_eq!(planned().await, [], "somebody was called");
    // Another program moves the visit.
    house.store.run("UPDATE appointment SET starts_at = starts_at + 60000").await;
    assert_eq!(planned().await, [minutes(60)], "for 6 PM");
    assert_eq!(planned().await, [minutes(60)], "once");
}

#[tokio::test]
async fn jobs_are_listed_made_and_run_by_hand() {
    let house = House::open().await;
    let visit = house.reminded(JobKind::Reminder).await.to_string();
    let worker = house.worker(evening());
    let ask = |command: JobsCommand| {
        let (store, worker) = (&house.store, &worker);
        async move { command.run(store, worker, evening()).await }
    };
    let listed = ask(JobsCommand::List { all: false }).await.unwrap();
    assert!(listed.starts_with("2026-11-20 18:00  reminder       ready"), "{listed}");
    let at = Some(evening() + minutes(60));
    let moved = JobsCommand::Schedule { kind: JobKind::Reminder, about: visit, at };
    let told = ask(moved).await.unwrap();
    let id = told.trim().trim_start_matches("Job ").trim_end_matches('.').to_owned();
    assert!(ask(JobsCommand::List { all: false }).await.unwrap().starts_with("2026-11-20 19:00"));
    assert_eq!(ask(JobsCommand::Run { id: id.clone() }).await.unwrap(), "done\n");
    assert_eq!(house.vendor.calls().len(), 1, "it is run before it is due");
    let error = ask(JobsCommand::Run { id }).await.unwrap_err();
    assert!(error.message().contains("no such job"), "{error}");
    let phone = ana();
    let error = ask(JobsCommand::Enroll { campaign: "spring".into(), phone }).await.unwrap_err();
    assert!(error.message().contains("no lead"), "{error}");
    assert!(ask(JobsCommand::List { all: true }).await.unwrap().contains("done"));
}
