//! What falls due while nobody looks, and clocks that jump.

use super::*;

/// So long after the evening on which all begins: Friday, 6 PM.
const MONDAY_NOON: i64 = 66 * 60;

#[tokio::test]
async fn what_fell_due_while_no_program_ran_is_done_once_when_one_runs_again() {
    let house = House::open().await;
    house.reminded(JobKind::Reminder).await;
    house.run_after(minutes(MONDAY_NOON)).await;
    assert_eq!(house.vendor.calls().len(), 1);
    house.report(CallStatus::InProgress, minutes(MONDAY_NOON + 1)).await;
    house.report(CallStatus::Completed, minutes(MONDAY_NOON + 2)).await;
    // The clock is set back over the whole weekend, and forward over the visit.
    for later in [0, 60, MONDAY_NOON, 40 * MONDAY_NOON] {
        house.run_after(minutes(later)).await;
    }
    assert_eq!(house.vendor.calls().len(), 1, "{:?}", house.attempts().await);
    assert!(house.vendor.texts().is_empty());
}

#[tokio::test]
async fn nobody_is_reminded_when_it_is_too_late_for_it() {
    // A quarter of an hour before the visit, and a day after it.
    for after in [87 * 60 - 15, 111 * 60] {
        let house = House::open().await;
        house.reminded(JobKind::Reminder).await;
        house.run_after(minutes(after)).await;
        assert!(house.vendor.calls().is_empty() && house.vendor.texts().is_empty());
        assert!(house.jobs().await.iter().all(|job| !job.ends_with(" ready")), "it is let go");
    }
}
