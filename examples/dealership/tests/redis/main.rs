//! What programs share on a Redis server, which stops, starts and hangs. `.ci/redis` runs it.

#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod server;

use std::time::{Duration, Instant};

use dealership::{
    clock::Clock,
    config::DealershipConfig,
    phone::Phone,
    reception::Reception,
    shared::{Health, Shared},
    store::{NewCustomer, Store},
    terminal::Terminal,
};
use futures_util::future::join_all;
use redis::AsyncCommands;
use server::{Program, Redis};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};
use voiceagent_core::CallId;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_programs_that_write_one_version_at_once_one_does() {
    let redis = Redis::start();
    let programs = [Program::at(&redis).await, Program::at(&redis).await];
    for version in 1..=50 {
        let writers = (0..16).map(|writer| {
            let shared = programs[writer % 2].shared.clone();
            tokio::spawn(async move {
                shared.update("call", (version, &format!("{writer}")), MINUTE).await
            })
        });
        let wrote = join_all(writers).await;
        let winners: Vec<_> =
            wrote.iter().enumerate().filter(|(_, won)| *won.as_ref().unwrap()).collect();
        let [(winner, _)] = winners.as_slice() else { panic!("{winners:?}") };
        let kept = programs[0].shared.version("call").await;
        assert_eq!(kept, Some((version, winner.to_string())));
    }
    assert!(!programs[1].shared.update("call", (49, "late"), MINUTE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_programs_have_what_one_has_put_there_and_for_how_long() {
    let redis = Redis::start();
    let [one, other] = [Program::at(&redis).await, Program::at(&redis).await];
    one.shared.put("key", "value", MINUTE).await;
    assert_eq!(other.shared.get("key").await.as_deref(), Some("value"));
    other.shared.forget("key").await;
    assert_eq!(one.shared.get("key").await, None);
    let counted = [
        one.shared.admit("calls", 2, MINUTE).await,
        other.shared.admit("calls", 2, MINUTE).await,
        one.shared.admit("calls", 2, MINUTE).await,
    ];
    assert_eq!(counted, [true, true, false], "they count together");
    assert!(one.shared.update("session:1", (1, "[]"), Duration::from_secs(3_600)).await);
    let client = redis::Client::open(redis.address()).unwrap();
    let mut past = client.get_multiplexed_async_connection().await.unwrap();
    for (key, most) in [("dealership:calls", 60_000), ("dealership:session:1", 3_600_000)] {
        let left: i64 = past.pttl(key).await.unwrap();
        assert!(0 < left && left <= most, "{key}: {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_turn_of_a_call_is_a_version_that_another_program_reads() {
    let redis = Redis::start();
    let [one, other] = [Program::at(&redis).await, Program::at(&redis).await];
    let talk = "x".repeat(2_000);
    let mut times = Vec::new();
    for version in 1..=500 {
        let begun = Instant::now();
        assert!(one.shared.update("session:1", (version, &talk), MINUTE).await);
        assert_eq!(other.shared.version("session:1").await, Some((version, talk.clone())));
        times.push(begun.elapsed() / 2);
    }
    times.sort();
    println!("an operation on a session: {:?}, 99 % within {:?}", times[250], times[495]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_is_done_without_and_used_again_when_it_is_back() {
    let mut redis = Redis::start();
    let program = Program::at(&redis).await;
    let shared = &program.shared;
    shared.put("key", "there", MINUTE).await;
    redis.stop();
    assert_eq!(shared.get("key").await, None, "what was there is missed, and nothing fails");
    assert_eq!(shared.health(), Health::Down);
    shared.put("key", "here", MINUTE).await;
    assert_eq!(shared.get("key").await.as_deref(), Some("here"));
    assert!(shared.update("call", (1, "[]"), MINUTE).await);
    assert!(shared.admit("calls", 1, MINUTE).await);
    assert!(!shared.admit("calls", 1, MINUTE).await);
    redis.start_again();
    program.until(Health::Up).await;
    shared.put("key", "there again", MINUTE).await;
    assert_eq!(shared.get("key").await.as_deref(), Some("there again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_waited_for_once() {
    let redis = Redis::start();
    let program = Program::at(&redis).await;
    redis.hang(true);
    let begun = Instant::now();
    assert_eq!(program.shared.get("key").await, None);
    let first = begun.elapsed();
    assert_eq!(program.shared.health(), Health::Down);
    let begun = Instant::now();
    program.shared.put("key", "here", MINUTE).await;
    assert_eq!(program.shared.get("key").await.as_deref(), Some("here"));
    println!("a hanging server: {first:?} for the first, {:?} for the next two", begun.elapsed());
    redis.hang(false);
    program.until(Health::Up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_was_looked_up_is_known_to_all_programs_until_they_change() {
    let redis = Redis::start();
    let [one, other] = [Program::at(&redis).await, Program::at(&redis).await];
    let store = Store::in_memory().await.unwrap();
    let now = Clock::System.now();
    store.seed(now).await.unwrap();
    let ana = Phone::parse("+16305550111").unwrap();
    let first = store.clone().sharing(one.shared.clone());
    assert_eq!(first.customers_by_phone(&ana).await.unwrap().len(), 1);
    // Another program asks the server, and needs no database for it.
    let elsewhere = Store::in_memory().await.unwrap().sharing(other.shared.clone());
    let known = elsewhere.customers_by_phone(&ana).await.unwrap();
    assert_eq!(known[0].first_name, "Ana");
    let new = NewCustomer {
        first_name: "Leo".to_owned(),
        last_name: "Morales".to_owned(),
        phone: ana.clone(),
        email: None,
        postal_code: None,
        language: None,
        call: None,
    };
    first.upsert_customer(&new, now).await.unwrap();
    assert_eq!(first.customers_by_phone(&ana).await.unwrap().len(), 2);
    assert_eq!(elsewhere.customers_by_phone(&ana).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_when_the_server_is_lost() {
    let mut redis = Redis::start();
    let program = Program::at(&redis).await;
    let store = Store::in_memory().await.unwrap().sharing(program.shared.clone());
    let now = Clock::System.now();
    store.seed(now).await.unwrap();
    let reception = Reception::open(store.clone(), Clock::System, &DealershipConfig::default())
        .await
        .unwrap()
        .with_shared(program.shared.clone());
    let (mut keyboard, input) = duplex(4_096);
    let (output, screen) = duplex(65_536);
    let leg = Terminal::interactive("1", BufReader::new(input), output).with_from("+16305550111");
    let call = reception.answer(Box::new(leg)).await.unwrap();
    let mut screen = BufReader::new(screen).lines();
    let mut next = async || screen.next_line().await.unwrap().unwrap();
    assert!(next().await.contains("How can I help you?"));
    for (said, answer) in [
        ("I need an oil change", "What day"),
        ("tomorrow", "orks best"),
        ("the first one", "Is that right?"),
        ("yes", "You're booked for an oil change"),
        ("no thanks", "Goodbye!"),
    ] {
        if said == "tomorrow" {
            until_kept(&program.shared, &CallId::new("1")).await;
            redis.stop();
        }
        keyboard.write_all(format!("{said}\n").as_bytes()).await.unwrap();
        let told = next().await;
        assert!(told.contains(answer), "{said}: {told}");
    }
    call.finished().await;
    assert_eq!(program.shared.health(), Health::Down);
}

/// Waits until something that was said in a call is kept.
async fn until_kept(shared: &Shared, call: &CallId) {
    while shared.version(&format!("session:{call}")).await.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
