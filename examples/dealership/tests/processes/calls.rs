use std::{
    collections::BTreeMap,
    process::Child,
    sync::Arc,
    time::{Duration, Instant},
};

use dealership::{
    clock::Clock,
    config::DealershipConfig,
    errand::AllowList,
    jobs::Worker,
    phone::Phone,
    reception::Reception,
    spoken,
    store::{Life, Store},
    terminal::Terminal,
};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use voiceagent_core::CallId;

use super::{
    carrier::Carrier,
    friday, open,
    race::OVERLAPS,
    run, setting,
    site::Site,
    start,
    switch::Switch,
    told,
    vendor::{Event, Strike, Vendor},
};

/// Between two processes, by their clocks.
const STEP: SignedDuration = SignedDuration::from_secs(10);
/// Calls at once in a process.
const LINES: usize = 4;

#[test]
fn a_process_that_is_killed_in_calls_loses_and_doubles_no_booking_and_no_message() {
    let kills = setting("DEALERSHIP_CALL_KILLS", 12);
    run(async {
        let site = Site::new("calls").await;
        let (vendor, switch) = (Vendor::open(), Switch::open());
        let store = open(&site.place).await;
        store.seed(friday()).await.unwrap();
        let (mut killed, mut now, mut callers) = (0, friday(), 0);
        let mut slowest = Duration::ZERO;
        for round in 0.. {
            if killed == kills {
                break;
            }
            assert!(round < 10 * kills, "{killed} of {kills} processes were killed");
            now += STEP;
            while switch.waiting() < LINES {
                call_in(&store, &switch, callers, now).await;
                callers += 1;
            }
            vendor.strike(if round % 4 == 0 { Strike::Behind(2) } else { Strike::Never });
            let (mut process, recovered) = begin(&site, &vendor, &switch, now);
            slowest = slowest.max(recovered);
            assert_eq!(site.count(LEFT_BEHIND).await, 0, "no call is left to a dead process");
            killed += u64::from(end(&mut process, &vendor, moment(round)));
        }
        vendor.strike(Strike::Never);
        for _ in 0..6 {
            now += SignedDuration::from_mins(3);
            let (mut process, _) = begin(&site, &vendor, &switch, now);
            assert!(!end(&mut process, &vendor, Duration::from_secs(60)));
        }
        println!(
            "{killed} kills in {callers} calls; what was left behind was noted within {} ms of a \
             process's start",
            slowest.as_millis()
        );
        println!("{}", check(&site, &vendor.done(), &switch).await);
        store.close().await;
        site.remove().await;
    });
}

/// Calls that go on in the database alone: all processes but the last are dead.
const LEFT_BEHIND: &str = "SELECT count(*) FROM call_record
    WHERE status = 'live' AND life NOT IN (SELECT life FROM replica)";

/// What must hold when all calls are over; `done` is what the carrier was asked for. Returns what to
/// tell of it.
async fn check(site: &Site, done: &BTreeMap<String, u64>, switch: &Switch) -> String {
    assert_eq!(site.count("SELECT count(*) FROM call_record WHERE status = 'live'").await, 0);
    let (mut came_back, mut texted, mut booked) = (0, 0, 0);
    for (number, caller) in switch.gone() {
        let visits = format!(
            "SELECT count(*) FROM appointment WHERE source_call = '{}' AND status <> 'cancelled'",
            caller.call
        );
        let visits = site.count(&visits).await;
        assert!(visits <= 1, "{caller:?}: booked {visits} times");
        assert!(!caller.was_booked || visits == 1, "{caller:?}: what was promised stands");
        let begun = format!("SELECT count(*) FROM call_record WHERE call = '{}'", caller.call);
        let begun = site.count(&begun).await == 1;
        assert!(begun || !caller.was_greeted, "{caller:?}: nobody is greeted in a call unnoted");
        let texts = done.get(&format!("text {number}")).copied().unwrap_or_default();
        let is_owed = begun && caller.breaks > 0 && visits == 0;
        // Who has booked has it in writing, once, and who was cut off without is written to.
        let expected = u64::from(is_owed || visits == 1);
        assert_eq!(texts, expected, "{caller:?}: {texts} texts");
        came_back += u64::from(caller.breaks > 0 && caller.was_booked);
        (texted, booked) = (texted + texts, booked + visits);
    }
    assert!(booked > 0 && came_back > 0, "calls came back and were booked");
    let half = "SELECT count(*) FROM appointment WHERE source_call LIKE 'CA%' AND 2 > (
        SELECT count(*) FROM claim WHERE appointment_id = appointment.id AND active = 1)";
    assert_eq!(site.count(half).await, 0, "what was booked was booked whole");
    assert_eq!(site.count(OVERLAPS).await, 0);
    format!("{booked} booked, {came_back} of them after the line broke; {texted} written to")
}

/// Somebody calls who may be written to. They hold on when the line breaks, up to three times.
async fn call_in(store: &Store, switch: &Switch, nth: u64, now: Timestamp) {
    let phone = Phone::parse(&format!("+1630{}", 2_300_000 + nth)).unwrap();
    store.note_consent(&phone, ("sms", "transactional"), (true, "a form"), now).await.unwrap();
    // Weekdays of the next weeks, so that there is room for all.
    let day = 23 + nth % 5 + 7 * (nth % 7);
    let date = friday().to_zoned(TimeZone::UTC).date().first_of_month();
    let date = date.saturating_add((i64::try_from(day).unwrap() - 1).days());
    switch.dial_in((&format!("CA{nth}"), phone.as_str()), &spoken::date(date), nth % 4);
}

/// How long the process of a round lives, once it takes calls: a different moment each time.
fn moment(round: u64) -> Duration {
    Duration::from_micros(round * 79_190 % 900_000)
}

/// Starts a process. Returns how long it took until nothing was left behind by the one before.
fn begin(site: &Site, vendor: &Vendor, switch: &Switch, now: Timestamp) -> (Child, Duration) {
    let settings = [
        ("CALLS_PLACE", site.place.clone()),
        ("CALLS_VENDOR", vendor.address.clone()),
        ("CALLS_SWITCH", switch.address.clone()),
        ("CALLS_NOW", now.to_string()),
    ];
    let begun = Instant::now();
    let process = start("calls::a_process_that_takes_calls", &settings);
    // It asks the carrier for the first time when it has noted what was left behind.
    assert_eq!(vendor.events.recv_timeout(Duration::from_secs(60)).unwrap(), Event::Begun);
    (process, begun.elapsed())
}

/// Waits for the end of a process, or kills it. Returns whether it was killed.
fn end(process: &mut Child, vendor: &Vendor, wait: Duration) -> bool {
    let event = vendor.events.recv_timeout(wait);
    if event == Ok(Event::Ended) {
        assert!(process.wait().unwrap().success());
        return false;
    }
    process.kill().unwrap();
    let is_killed = !process.wait().unwrap().success();
    if event != Ok(Event::Strike) {
        let ended = vendor.events.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(matches!(ended, Event::Ended | Event::Strike));
    }
    is_killed
}

#[test]
fn a_process_that_takes_calls() {
    let Some(place) = told("CALLS_PLACE") else { return };
    let now: Timestamp = told("CALLS_NOW").unwrap().parse().unwrap();
    let switch = told("CALLS_SWITCH").unwrap();
    run(async {
        let life = Life::new("house", now);
        let store = open(&place).await.living(life.clone());
        store.keep_alive(&life, now).await.unwrap();
        let line = TcpStream::connect(told("CALLS_VENDOR").unwrap()).await.unwrap();
        let carrier = Arc::new(Carrier::new(line));
        let clock = Clock::Fixed(now);
        let config = DealershipConfig::default();
        let reception = Reception::open(store.clone(), clock, &config).await.unwrap();
        let reception = reception.with_messenger(carrier.clone());
        let worker = Worker::new(store.clone(), clock, "Nair Motors")
            .with_messenger(carrier.clone())
            .with_allowed(AllowList::read(&["*".to_owned()]).unwrap());
        let lines = (0..LINES).map(|_| take_calls(&switch, &reception, (&store, &life), now));
        let (done, _) = tokio::join!(worker.run_due(), futures_util::future::join_all(lines));
        done.unwrap();
        store.end_life(&life).await.unwrap();
        store.close().await;
    });
}

/// Takes calls on one line until there are none.
async fn take_calls(
    switch: &str,
    reception: &Reception,
    (store, life): (&Store, &Life),
    now: Timestamp,
) {
    loop {
        let (read, mut write) = TcpStream::connect(switch).await.unwrap().into_split();
        write.write_all(format!("{}\n", life.id()).as_bytes()).await.unwrap();
        let mut lines = BufReader::new(read);
        let mut offered = String::new();
        lines.read_line(&mut offered).await.unwrap();
        let words: Vec<&str> = offered.split_whitespace().collect();
        let ["CALL", call, number, last] = words.as_slice() else { return };
        // As the carrier asks how to go on with a call that has broken off.
        let since = now - SignedDuration::from_secs(60);
        if *last != "-" {
            assert!(store.take_from((call, last), since, now).await.unwrap(), "{offered}");
        }
        let leg = Terminal::interactive(*call, lines, write).with_from(number);
        let id = CallId::new(*call);
        reception.answer(Box::new(leg)).await.unwrap().finished().await;
        reception.conclude(&id).await;
    }
}
