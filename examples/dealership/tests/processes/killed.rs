use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dealership::{
    clock::Clock,
    departments::{Department, Departments},
    errand::AllowList,
    jobs::Worker,
    phone::Phone,
    store::{BookingRequest, Ending, Store},
};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpStream;
use voiceagent_core::transport::Direction;

use super::{
    carrier::Carrier,
    friday, open, run, setting,
    site::Site,
    start, told,
    vendor::{Event, Strike, Vendor},
};

/// Between two processes, by their clocks. Leases are twelve times as long.
const STEP: SignedDuration = SignedDuration::from_secs(10);

#[test]
fn a_process_that_is_killed_anywhere_loses_and_doubles_no_booking_no_message_and_no_call() {
    let kills = setting("DEALERSHIP_KILLS", 24);
    run(async {
        let site = Site::new("killed").await;
        let vendor = Vendor::open();
        let store = open(&site.place).await;
        store.seed(friday()).await.unwrap();
        let mut killed = 0;
        let mut now = friday();
        let mut booked = 0;
        for round in 0.. {
            if killed == kills {
                break;
            }
            assert!(round < 10 * kills, "{killed} of {kills} processes were killed");
            now += STEP;
            expect_work(&store, round, now).await;
            vendor.strike(strike(round));
            killed += u64::from(let_live(&site, &vendor, (booked, now), wait(round)));
            booked += u64::from(vendor.done().contains_key(&format!("booked {booked}")));
        }
        vendor.strike(Strike::Never);
        for _ in 0..6 {
            now += SignedDuration::from_mins(3);
            assert!(!let_live(&site, &vendor, (booked, now), Duration::from_secs(60)));
        }
        let open = "SELECT count(*) FROM job WHERE state <> 'done' AND kind <> 'reminder'";
        assert_eq!(site.count(open).await, 0, "all was done");
        let done = vendor.done();
        let twice: BTreeMap<_, _> = done
            .iter()
            .filter(|(what, times)| **times > 1 && !what.starts_with("booked"))
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
        let of = |what: &str| i64::try_from(done.keys().filter(|k| k.starts_with(what)).count());
        let (calls, texts) = (of("dial").unwrap(), of("text").unwrap());
        println!("{killed} kills: {calls} calls, {texts} texts and {booked} bookings, each once");
        for (what, table, times) in [
            ("call", "SELECT count(*) FROM callback", calls),
            ("text", "SELECT count(*) FROM call_record", texts),
            ("text", "SELECT count(*) FROM message WHERE status = 'sent'", texts),
            ("call", "SELECT count(*) FROM contact_attempt WHERE state = 'placed'", calls),
        ] {
            assert_eq!(site.count(table).await, times, "a {what} for everybody: {table}");
        }
        assert!(booked > 0, "something was booked");
        let half =
            "SELECT count(*) FROM appointment WHERE idempotency_key LIKE 'killed:%' AND 2 > (
            SELECT count(*) FROM claim WHERE appointment_id = appointment.id AND active = 1)";
        assert_eq!(site.count(half).await, 0, "what was booked was booked whole");
        for key in 0..booked {
            let one =
                format!("SELECT count(*) FROM appointment WHERE idempotency_key = 'killed:{key}'");
            assert_eq!(site.count(&one).await, 1, "booking {key}");
        }
        store.close().await;
        site.remove().await;
    });
}

/// Where the process of a round is killed: at a request, or at some moment.
fn strike(round: u64) -> Strike {
    let nth = 1 + round * 5 % 6;
    match round % 4 {
        0 => Strike::Before(nth),
        1 | 2 => Strike::Behind(nth),
        _ => Strike::Never,
    }
}

/// How long the process of a round lives at most, once it has connected.
fn wait(round: u64) -> Duration {
    match strike(round) {
        // Between nothing and somewhat more than its whole run, a different moment each time.
        Strike::Never => Duration::from_micros(round * 7_919 % 60_000),
        Strike::Before(_) | Strike::Behind(_) => Duration::from_secs(60),
    }
}

/// Somebody who asked to be called back, and somebody whose call broke off.
async fn expect_work(store: &Store, round: u64, now: Timestamp) {
    let phone = |group: u64| Phone::parse(&format!("+1630{}", group * 100_000 + 2_000_000 + round));
    let (caller, cut_off) = (phone(1).unwrap(), phone(2).unwrap());
    let asked = (format!("asked-{round}"), format!("cut-{round}"));
    let wish = ("front_desk", "a question");
    store.note_callback((&asked.0, &caller), wish, None, now).await.unwrap();
    let agreed = ("sms", "transactional");
    store.note_consent(&cut_off, agreed, (true, "a form"), now).await.unwrap();
    let earlier = now - SignedDuration::from_mins(2);
    store.begin_call(&asked.1, Some(&cut_off), Direction::Inbound, earlier).await.unwrap();
    let failed = Ending { failed: true, ..Ending::default() };
    store.conclude(&asked.1, failed, earlier).await.unwrap();
}

/// Starts a process and waits for its end, or kills it. Returns whether it was killed.
fn let_live(site: &Site, vendor: &Vendor, (booked, now): (u64, Timestamp), wait: Duration) -> bool {
    let settings = [
        ("KILLED_PLACE", site.place.clone()),
        ("KILLED_VENDOR", vendor.address.clone()),
        ("KILLED_KEY", booked.to_string()),
        ("KILLED_NOW", now.to_string()),
    ];
    let mut process = start("killed::a_process_that_does_jobs_and_books", &settings);
    let patience = Duration::from_secs(60);
    assert_eq!(vendor.events.recv_timeout(patience).unwrap(), Event::Begun);
    let event = vendor.events.recv_timeout(wait);
    if event == Ok(Event::Ended) {
        assert!(process.wait().unwrap().success());
        return false;
    }
    process.kill().unwrap();
    let is_killed = !process.wait().unwrap().success();
    if event != Ok(Event::Strike) {
        assert_eq!(vendor.events.recv_timeout(patience).unwrap(), Event::Ended);
    }
    is_killed
}

#[test]
fn a_process_that_does_jobs_and_books() {
    let Some(place) = told("KILLED_PLACE") else { return };
    let now: Timestamp = told("KILLED_NOW").unwrap().parse().unwrap();
    let key: i64 = told("KILLED_KEY").unwrap().parse().unwrap();
    run(async {
        let line = TcpStream::connect(told("KILLED_VENDOR").unwrap()).await.unwrap();
        let carrier = Arc::new(Carrier::new(line));
        let store = open(&place).await;
        let desk = BTreeMap::from([(Department::FrontDesk, "+16305550101".to_owned())]);
        let worker = Worker::new(store.clone(), Clock::Fixed(now), "Nair Motors")
            .with_line(carrier.clone())
            .with_messenger(carrier.clone())
            .with_departments(Departments::read(&desk).unwrap())
            .with_allowed(AllowList::read(&["*".to_owned()]).unwrap());
        let ana = Phone::parse("+16305550111").unwrap();
        let customer = store.customers_by_phone(&ana).await.unwrap()[0].id;
        // Each key has a time of its own, some days ahead.
        let request = BookingRequest {
            service: "oil_change".to_owned(),
            start: friday() + SignedDuration::from_hours(24 * 7 + key),
            advisor: None,
            location: None,
            customer,
            vehicle: None,
            notes: None,
            call: None,
            key: format!("killed:{key}"),
        };
        // Both go on at once, so that neither keeps the other from being killed.
        let book = async {
            store.book(&request, now).await.unwrap();
            carrier.ask(&format!("booked {key}")).await
        };
        let (done, told) = tokio::join!(worker.run_due(), book);
        done.unwrap();
        told.unwrap();
        store.close().await;
    });
}
