use std::{fs, future::poll_fn, path::PathBuf, task::Poll};

use jiff::ToSpan;
use tokio::task::JoinSet;

use super::*;

const OVERLAPS: &str = "SELECT count(*) FROM claim one JOIN claim other
    ON one.claimable_no = other.claimable_no AND one.id < other.id
   AND one.active = 1 AND other.active = 1
   AND one.starts_at < other.ends_at AND one.ends_at > other.starts_at";

/// A place for a database that several programs use: a file in a folder that goes with the test, or
/// a schema on the server of the tests.
struct Site {
    place: Place,
    folder: PathBuf,
}

impl Site {
    async fn new() -> Self {
        let name = format!("dealership-{}", ids::version_7(Timestamp::now()));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let place = match Store::test_server() {
            Some(Place::Server(address)) => server::make_schema(&address).await.unwrap().0,
            _ => folder.join("dealership.db").into(),
        };
        Self { place, folder }
    }

    async fn open(&self) -> Store {
        Store::open(&self.place).await.unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_on_three_bays_never_double_book() {
    const WRITERS: u64 = 64;
    const TRIES: u64 = 10;
    let site = Site::new().await;
    let store = site.open().await;
    store.seed(friday()).await.unwrap();
    // Two stores of one place compete as two processes do.
    let stores = [store.clone(), site.open().await];

    let mut customers = Vec::new();
    for writer in 0..WRITERS {
        customers.push(customer(&store, &format!("Writer{writer}")).await);
    }
    let mut writers = JoinSet::new();
    for (writer, customer) in (0..WRITERS).zip(customers) {
        let store = stores[usize::from(writer % 2 == 0)].clone();
        writers.spawn(async move {
            let (mut booked, mut refused) = (Vec::new(), 0_u64);
            for attempt in 0..TRIES {
                // Two days of half-hour starts, visited by each writer in another order.
                let step = (attempt * 7 + writer * 3) % 40;
                let start = later(monday(8, 0), (i64::try_from(step).unwrap() * 30).minutes());
                let key = format!("{writer}:{attempt}");
                let done = match booked.pop() {
                    Some(old) if attempt % 5 == 4 => {
                        let change = change(old, &key);
                        patient(|| store.cancel(&change, None, friday())).await
                    }
                    Some(old) if attempt % 5 == 2 => {
                        booked.push(old);
                        let change = change(old, &key);
                        patient(|| store.reschedule(&change, start, None, friday())).await
                    }
                    last => {
                        booked.extend(last);
                        let ask = request(customer, start, &key);
                        let done = patient(|| store.book(&ask, friday())).await;
                        booked.extend(done.iter().map(|appointment| appointment.id));
                        done
                    }
                };
                match done {
                    Ok(_) => {}
                    Err(Fault::Refused(Refusal::SlotTaken)) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (u64::try_from(booked.len()).unwrap(), refused)
        });
    }
    let (booked, refused) = writers
        .join_all()
        .await
        .into_iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));

    assert!(booked > 0 && refused > 0, "they competed: {booked} booked, {refused} refused");
    assert_eq!(count(&store, OVERLAPS).await, 0);
    let half = "SELECT count(*) FROM appointment WHERE status = 'booked' AND 2 > (
        SELECT count(*) FROM claim WHERE appointment_id = appointment.id AND active = 1)";
    assert_eq!(count(&store, half).await, 0, "every booking holds all that it needs");
}

/// Asks again, with the same key, where the store was only slow: on a busy machine so many writers may
/// wait for longer than it lets them.
async fn patient<T: Future<Output = Result<Appointment, Fault>>>(
    ask: impl Fn() -> T,
) -> Result<Appointment, Fault> {
    for _ in 0..20 {
        match ask().await {
            Err(Fault::Failed(slow)) if slow.kind() == ErrorKind::Timeout => {}
            done => return done,
        }
    }
    ask().await
}

async fn claim_raw(store: &Store, from: i64, until: i64, active: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO claim (appointment_id, claimable_no, starts_at, ends_at, active)
         SELECT id, 1, $1, $2, $3 FROM appointment LIMIT 1 RETURNING id",
    )
    .bind(from)
    .bind(until)
    .bind(active)
    .fetch_one(&store.writer)
    .await
}

#[tokio::test]
async fn a_claim_that_overlaps_is_refused_whoever_writes_it() {
    let store = seeded().await;
    claim_raw(&store, 100, 200, 1).await.unwrap();
    for (from, until) in [(100, 200), (150, 250), (50, 101), (120, 130), (50, 250)] {
        let refused = claim_raw(&store, from, until, 1).await.unwrap_err();
        assert!(fault::is_overlap(&refused), "{from}..{until}: {refused}");
    }
    claim_raw(&store, 200, 300, 1).await.expect("one ends when the next begins");
    let sleeping = claim_raw(&store, 150, 250, 0).await.expect("an inactive claim claims nothing");
    let woken = sqlx::query("UPDATE claim SET active = 1 WHERE id = $1")
        .bind(sleeping)
        .execute(&store.writer)
        .await
        .unwrap_err();
    assert!(fault::is_overlap(&woken), "{woken}");
    assert_eq!(count(&store, OVERLAPS).await, 0);
}

#[tokio::test]
async fn the_count_of_overlaps_would_notice_one() {
    let store = seeded().await;
    let careless = match store.dialect {
        Dialect::Postgres => "ALTER TABLE claim DROP CONSTRAINT claim_overlap",
        Dialect::Sqlite => "DROP TRIGGER claim_insert_overlap",
    };
    sqlx::query(careless).execute(&store.writer).await.unwrap();
    claim_raw(&store, 100, 200, 1).await.unwrap();
    claim_raw(&store, 150, 250, 1).await.unwrap();
    assert_eq!(count(&store, OVERLAPS).await, 1);
}

#[tokio::test]
async fn what_was_booked_is_there_after_a_restart() {
    let site = Site::new().await;
    let store = site.open().await;
    store.seed(friday()).await.unwrap();
    let zoe = customer(&store, "Zoe").await;
    let booked = store.book(&request(zoe, monday(10, 0), "key"), friday()).await.unwrap();
    store.close().await;
    assert!(store.ping().await.is_err());
    let reopened = site.open().await;
    assert_eq!(reopened.upcoming(zoe, friday()).await.unwrap()[0].id, booked.id);
}

#[tokio::test]
async fn a_booking_that_is_dropped_at_any_await_is_made_whole_or_not_at_all() {
    let store = awaited().await;
    store.seed(friday()).await.unwrap();
    let zoe = customer(&store, "Zoe").await;
    let mut cuts = 0;
    for stop in 1.. {
        let ask = request(zoe, monday(15, 0), "key");
        let mut booking = Box::pin(store.book(&ask, friday()));
        let mut polls = 0;
        let finished = poll_fn(|context| {
            polls += 1;
            match booking.as_mut().poll(context) {
                Poll::Ready(booked) => Poll::Ready(booked.is_ok()),
                Poll::Pending if polls == stop => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        drop(booking);
        let half = "SELECT count(*) FROM appointment WHERE 2 > (
            SELECT count(*) FROM claim WHERE appointment_id = appointment.id AND active = 1)";
        assert_eq!(count(&store, half).await, 0, "cut at poll {stop}");
        if finished {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 0, "it was never cut");
    assert_eq!(store.upcoming(zoe, friday()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_in_memory_outlives_the_connection_of_its_writer() {
    let store = Store::in_memory().await.unwrap();
    store.seed(friday()).await.unwrap();
    store.writer.acquire().await.unwrap().close().await.unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM location").await, 1);
}
