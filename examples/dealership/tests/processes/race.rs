use std::time::{Duration, Instant};

use dealership::{
    phone::Phone,
    store::{BookingRequest, Change, CustomerId, Fault, NewCustomer, Refusal, Store},
};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::{friday, open, run, setting, site::Site, start, told};

const PROCESSES: u64 = 3;
/// At once in each process.
const WRITERS: u64 = 8;

/// The half-hours for which everybody competes: fewer than can hold what would stand if nobody were
/// refused, which is four of ten attempts where two fit at once, and two weeks of them at most.
fn starts(attempts: u64) -> u64 {
    attempts.div_ceil(10).min(280)
}

/// What became of the attempts of a writer.
#[derive(Default)]
struct Tally {
    booked: u64,
    changed: u64,
    refused: u64,
    held: u64,
    slowest: Duration,
}

#[test]
fn processes_that_compete_for_the_same_times_never_overlap_and_never_block_one_another() {
    let attempts = setting("DEALERSHIP_RACE_ATTEMPTS", 240);
    run(async {
        let site = Site::new("race").await;
        let store = open(&site.place).await;
        store.seed(friday()).await.unwrap();
        store.close().await;
        let seeded = site.count(STANDING).await;
        let begun = Instant::now();
        let processes: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let each = attempts.div_ceil(PROCESSES).to_string();
                let settings = [
                    ("RACE_PLACE", site.place.clone()),
                    ("RACE_PROCESS", process.to_string()),
                    ("RACE_ATTEMPTS", each),
                ];
                start("race::a_process_that_competes", &settings)
            })
            .collect();
        let mut sums = [0; 5];
        for process in processes {
            let ended = process.wait_with_output().unwrap();
            let told = String::from_utf8(ended.stdout).unwrap();
            assert!(ended.status.success(), "{told}");
            let line = told.lines().find_map(|line| line.strip_prefix("TALLY ")).unwrap();
            let numbers: Vec<u64> =
                line.split_whitespace().map(|number| number.parse().unwrap()).collect();
            for (sum, number) in sums[..4].iter_mut().zip(&numbers) {
                *sum += number;
            }
            sums[4] = sums[4].max(numbers[4]);
        }
        let [booked, changed, refused, held, slowest] = sums;
        println!(
            "{} attempts: {booked} booked, {changed} moved or cancelled, {refused} refused, \
             the slowest {slowest} ms, in {} ms",
            booked + changed + refused,
            begun.elapsed().as_millis()
        );
        assert!(booked + changed + refused >= attempts, "none was without an answer");
        assert!(booked > 0 && refused > 0, "they competed");
        assert_eq!(site.count(OVERLAPS).await, 0);
        assert_eq!(site.count(HALF).await, 0, "every booking holds all that it needs");
        let standing = u64::try_from(site.count(STANDING).await - seeded).unwrap();
        assert_eq!(standing, held, "what was promised stands, and nothing else");
        site.remove().await;
    });
}

pub(crate) const OVERLAPS: &str = "SELECT count(*) FROM claim one JOIN claim other
    ON one.claimable_no = other.claimable_no AND one.id < other.id
   AND one.active = 1 AND other.active = 1
   AND one.starts_at < other.ends_at AND one.ends_at > other.starts_at";
const HALF: &str = "SELECT count(*) FROM appointment WHERE status = 'booked' AND 2 > (
    SELECT count(*) FROM claim WHERE appointment_id = appointment.id AND active = 1)";
const STANDING: &str = "SELECT count(*) FROM appointment WHERE status = 'booked'";

#[test]
fn a_process_that_competes() {
    let Some(place) = told("RACE_PLACE") else { return };
    let number = |name| told(name).unwrap().parse::<u64>().unwrap();
    let (process, attempts) = (number("RACE_PROCESS"), number("RACE_ATTEMPTS"));
    run(async {
        let store = open(&place).await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let each = attempts.div_ceil(WRITERS);
            let starts = starts(attempts * PROCESSES);
            writers.spawn(compete(store.clone(), process * WRITERS + writer, each, starts));
        }
        let mut sum = Tally::default();
        for one in writers.join_all().await {
            sum.booked += one.booked;
            sum.changed += one.changed;
            sum.refused += one.refused;
            sum.held += one.held;
            sum.slowest = sum.slowest.max(one.slowest);
        }
        let Tally { booked, changed, refused, held, slowest } = sum;
        println!("\nTALLY {booked} {changed} {refused} {held} {}", slowest.as_millis());
        store.close().await;
    });
}

async fn compete(store: Store, writer: u64, attempts: u64, starts: u64) -> Tally {
    let customer = customer(&store, writer).await;
    let (mut mine, mut tally) = (Vec::new(), Tally::default());
    for attempt in 0..attempts {
        let start = start_of((attempt * 7 + writer * 3) % starts);
        let key = format!("{writer}:{attempt}");
        let begun = Instant::now();
        let done = match mine.pop() {
            Some(old) if attempt % 5 == 4 => {
                let change = Change { appointment: old, key };
                store.cancel(&change, None, friday()).await.map(|_| tally.changed += 1)
            }
            Some(old) if attempt % 5 == 2 => {
                mine.push(old);
                let change = Change { appointment: old, key };
                let moved = store.reschedule(&change, start, None, friday()).await;
                moved.map(|_| tally.changed += 1)
            }
            last => {
                mine.extend(last);
                let booked = store.book(&request(customer, start, key), friday()).await;
                booked.map(|booked| {
                    tally.booked += 1;
                    if !mine.contains(&booked.id) {
                        mine.push(booked.id);
                    }
                })
            }
        };
        tally.slowest = tally.slowest.max(begun.elapsed());
        match done {
            Ok(()) => {}
            Err(Fault::Refused(Refusal::SlotTaken)) => tally.refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    tally.held = u64::try_from(mine.len()).unwrap();
    tally
}

/// One of twenty half-hours of one of fourteen days.
fn start_of(step: u64) -> Timestamp {
    let (day, slot) = (step / 20, step % 20);
    let minutes = i64::try_from((day + 3) * 24 * 60 + slot * 30).unwrap();
    friday() + SignedDuration::from_mins(minutes)
}

async fn customer(store: &Store, writer: u64) -> CustomerId {
    let new = NewCustomer {
        first_name: format!("Writer{writer}"),
        last_name: "Test".to_owned(),
        phone: Phone::parse("+16305550199").unwrap(),
        email: None,
        postal_code: None,
        language: None,
        call: None,
    };
    store.upsert_customer(&new, friday()).await.unwrap().0
}

fn request(customer: CustomerId, start: Timestamp, key: String) -> BookingRequest {
    BookingRequest {
        service: "oil_change".to_owned(),
        start,
        advisor: None,
        location: None,
        customer,
        vehicle: None,
        notes: None,
        call: None,
        key,
    }
}
