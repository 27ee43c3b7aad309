use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use super::{vendor::Mood, *};
use crate::store::tests::awaited;

/// Lets a future run for so many steps, and drops it then, as a process does that is killed. Returns
/// whether it came to its end.
async fn killed_after(steps: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// Kills a worker at each of its steps; others go on later. Returns how often it was killed.
async fn kill_at_each_step(kind: JobKind, mood: Mood) -> usize {
    for steps in 0.. {
        let house = House::at(awaited().await).await;
        house.reminded(kind).await;
        house.vendor.be(mood);
        let is_done = killed_after(steps, house.worker(evening()).run_due()).await;
        house.vendor.be(Mood::Does);
        // The lease runs out, and then it is known what the carrier has done.
        for later in [1, 3, 5] {
            house.run_after(minutes(later)).await;
        }
        let reached = (house.vendor.calls().len(), house.vendor.texts().len());
        let expected = if kind == JobKind::Reminder { (1, 0) } else { (0, 1) };
        let story = house.attempts().await;
        assert_eq!(reached, expected, "killed after {steps} steps: {story:?}");
        let states = house.jobs().await;
        assert!(states.iter().all(|job| job.ends_with(" done")), "{steps} steps: {states:?}");
        let made = ["voice_ai placed -", "sms completed sent"];
        let made = story.iter().filter(|attempt| made.contains(&attempt.as_str())).count();
        assert_eq!(made, 1, "killed after {steps} steps: {story:?}");
        if is_done {
            return steps;
        }
    }
    unreachable!("it comes to its end")
}

#[tokio::test]
async fn a_program_that_is_killed_at_any_step_has_called_once() {
    let steps = kill_at_each_step(JobKind::Reminder, Mood::Does).await;
    assert!(steps > 10, "{steps} steps");
}

#[tokio::test]
async fn a_program_that_is_killed_at_any_step_has_written_once() {
    let steps = kill_at_each_step(JobKind::ReminderText, Mood::Does).await;
    assert!(steps > 10, "{steps} steps");
}

#[tokio::test]
async fn an_answer_that_gets_lost_and_a_kill_make_no_second_call() {
    kill_at_each_step(JobKind::Reminder, Mood::DoesInSilence).await;
}

#[tokio::test]
async fn a_call_whose_answer_got_lost_is_asked_for_and_not_made_again() {
    for (mood, calls_at_first) in [(Mood::DoesInSilence, 1), (Mood::Loses, 0)] {
        let house = House::open().await;
        house.reminded(JobKind::Reminder).await;
        house.vendor.be(mood);
        house.run_after(minutes(0)).await;
        assert_eq!(house.vendor.calls().len(), calls_at_first);
        assert_eq!(house.attempts().await, ["voice_ai intent -"]);
        assert_eq!(house.next().await, minutes(1), "not before nothing is on its way");
        house.vendor.be(Mood::Does);
        house.run_after(SignedDuration::from_secs(59)).await;
        assert_eq!(house.vendor.calls().len(), calls_at_first);
        house.run_after(minutes(1)).await;
        assert_eq!(house.vendor.calls().len(), 1, "{mood:?}");
        assert_eq!(house.attempts().await.last().unwrap(), "voice_ai placed -");
    }
}

#[tokio::test]
async fn where_the_carrier_does_not_tell_nobody_is_called_again() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.vendor.be(Mood::Loses);
    house.vendor.tell_nothing();
    for later in [0, 1, 5, 60] {
        house.run_after(minutes(later)).await;
    }
    assert_eq!(house.attempts().await, ["voice_ai unknown the carrier does not tell"]);
    assert_eq!(house.vendor.calls().len(), 0);
}

#[tokio::test]
async fn what_is_refused_is_tried_again_later_and_given_up_at_last() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.vendor.be(Mood::Refuses);
    house.run_after(minutes(0)).await;
    assert_eq!(house.attempts().await, ["voice_ai failed rejected"]);
    assert_eq!(house.next().await, SignedDuration::from_secs(30));
    house.vendor.be(Mood::Does);
    house.run_after(minutes(1)).await;
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn many_workers_make_each_call_once() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    let workers: Vec<Worker> = (0..8).map(|_| house.worker(evening())).collect();
    let runs = futures_util::future::join_all(workers.iter().map(Worker::run_due)).await;
    assert_eq!(runs.into_iter().map(Result::unwrap).sum::<usize>(), 1);
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn who_has_lost_the_lease_writes_nothing() {
    let house = House::open().await;
    let visit = house.reminded(JobKind::Reminder).await;
    let slow = house.store.claim_job(None, LEASE, evening()).await.unwrap().unwrap();
    let early = evening() + minutes(1);
    assert!(house.store.claim_job(None, LEASE, early).await.unwrap().is_none(), "it is held");
    let quick = house.store.claim_job(None, LEASE, evening() + minutes(2)).await.unwrap().unwrap();
    assert_eq!(quick.id, slow.id);
    let plan = ContactPlan {
        is_free_text: false,
        phone: ana(),
        channel: Channel::Voice,
        purpose: Purpose::Reminder,
        about: visit.to_string(),
        occasion: "1".to_owned(),
        most: 2,
        allowed: Allowed::IfAgreed,
    };
    let intent = house.store.intend(&slow, &plan, evening()).await.unwrap();
    assert!(matches!(intent, crate::store::Intent::Lost), "{intent:?}");
    let end = JobEnd::Done("too late");
    assert!(!house.store.end_job(&slow, &end, evening()).await.unwrap());
    let intent = house.store.intend(&quick, &plan, evening()).await.unwrap();
    assert!(matches!(intent, crate::store::Intent::Free(_)), "{intent:?}");
}
