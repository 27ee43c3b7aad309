//! Two programs behind HAProxy: one is told to stop, or is killed, while calls go on.
//!
//! They need HAProxy, and run where `DEALERSHIP_TEST_HAPROXY` is set: `.ci/replicas` sets it.
//! `DEALERSHIP_REPLICA_CALLS=40` makes it 40 calls at once.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod pair;

use std::{env, time::Duration};

use futures_util::future::join_all;
use pair::{PER_CHARACTER, Pair, SOON, redirect, terminate};
use tokio::time::{sleep, timeout};
use voiceagent_testkit::{
    clips,
    phone::{PhoneCall, Recording, Wire},
};

const GREETING: &str = "Thank you for calling Bart's Automotive. How can I help you?";
const BACK: &str = "I am sorry, we were cut off. How can I help you?";
const LOOK: Duration = Duration::from_millis(50);

/// What is said where nothing is tested.
const SKIPPED: &str = "SKIPPED: DEALERSHIP_TEST_HAPROXY is not set; see .ci/replicas";

fn has_proxy() -> bool {
    env::var_os("DEALERSHIP_TEST_HAPROXY").is_some()
}

fn calls() -> usize {
    env::var("DEALERSHIP_REPLICA_CALLS").map_or(6, |text| text.parse().unwrap())
}

/// Waits until so much sound has arrived, however slowly it comes.
async fn hears(phone: &PhoneCall, bytes: usize) -> bool {
    let heard = async {
        while arrived(&phone.heard().await.unwrap()) < bytes {
            sleep(LOOK).await;
        }
    };
    timeout(SOON, heard).await.is_ok()
}

/// Bytes of audio that arrived.
fn arrived(recording: &Recording) -> usize {
    let audio = recording.wire.iter().map(|(_, wire)| match wire {
        Wire::Audio(bytes) => *bytes,
        _ => 0,
    });
    audio.sum()
}

/// Bytes of audio of a text, in whole frames.
fn sound(text: &str) -> usize {
    (text.len() * PER_CHARACTER.as_millis() as usize * 8).next_multiple_of(160)
}

/// Calls, and hears the greeting to its end.
async fn greeted(pair: &Pair, number: usize) -> (PhoneCall, String) {
    let (phone, twiml) = pair.call(&name(number), &from(number)).await;
    assert!(hears(&phone, sound(GREETING)).await, "call {number}\n{}", pair.logs());
    (phone, twiml)
}

fn name(number: usize) -> String {
    format!("CA{number}")
}

fn from(number: usize) -> String {
    format!("+1630{}", 2_400_000 + number)
}

/// Asks something, and is answered.
async fn is_answered(phone: &PhoneCall) {
    let before = arrived(&phone.heard().await.unwrap());
    phone.speak(clips::HELLO).await.unwrap();
    assert!(hears(phone, before + 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_told_to_stop_behind_a_proxy_loses_no_call() {
    if !has_proxy() {
        return println!("{SKIPPED}");
    }
    let mut pair = Pair::open("drain", &["what are your hours", "goodbye"]).await;
    let phones = join_all((0..calls()).map(|number| greeted(&pair, number))).await;
    let held = [pair.calls(0).await, pair.calls(1).await];
    assert!(held.iter().all(|held| *held > 0), "both have calls: {held:?}");
    terminate(&pair.a);
    pair.until_ready(0, 503).await;
    // New calls go to the other one, and those that go on are answered as before.
    let more = (calls()..calls() + 4).map(|number| greeted(&pair, number));
    let answered = phones.iter().map(|(phone, _)| is_answered(phone));
    let (more, _) = tokio::join!(join_all(more), join_all(answered));
    assert_eq!(pair.calls(0).await, held[0], "no call was lost, and none is new");
    assert_eq!(pair.calls(1).await, held[1] + 4);
    for (phone, _) in phones.iter().chain(&more) {
        phone.hang_up().await.unwrap();
    }
    let stopped = async {
        while pair.a.try_wait().unwrap().is_none() {
            sleep(LOOK).await;
        }
    };
    timeout(SOON, stopped).await.expect("it to stop behind its last call");
    assert!(pair.a.wait().unwrap().success());
    println!("{held:?} calls, SIGTERM to the first: {} answered, 4 new ones", phones.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_a_program_that_is_killed_go_on_in_the_other() {
    if !has_proxy() {
        return println!("{SKIPPED}");
    }
    let mut pair = Pair::open("crash", &["what are your hours", "goodbye"]).await;
    let phones = join_all((0..calls()).map(|number| greeted(&pair, number))).await;
    pair.a.kill().unwrap();
    pair.a.wait().unwrap();
    let went_on = phones.iter().enumerate().map(|(number, call)| goes_on(&pair, number, call));
    let went_on = join_all(went_on).await;
    let back = went_on.iter().filter(|back| **back).count();
    assert!(back > 0, "the one that was killed had calls");
    println!("SIGKILL to one of two: {back} of {} calls went on in the other", phones.len());
    let store = pair.store().await;
    let texts = store.jobs(false).await.unwrap();
    assert!(
        texts.iter().all(|job| job.kind.word() != "recovery_text"),
        "nobody was lost: {texts:?}"
    );
    store.close().await;
}

/// Sees that a call goes on when the first program is gone. Returns whether it was that one's.
async fn goes_on(pair: &Pair, number: usize, (phone, twiml): &(PhoneCall, String)) -> bool {
    if !twiml.contains("/twilio/media/a") {
        is_answered(phone).await;
        return false;
    }
    phone.wait_until_closed(SOON).await.unwrap();
    // The carrier asks how to go on, and is led to the other one.
    let (call, from) = (name(number), from(number));
    let after = pair.ask(&redirect(twiml), &call, &from).await.text().await.unwrap();
    assert!(after.contains("<Redirect"), "{after}\n{}", pair.logs());
    let twiml = pair.ask(&redirect(&after), &call, &from).await.text().await.unwrap();
    assert!(twiml.contains("/twilio/media/b"), "{twiml}");
    let again = pair.connect(&call, &twiml).await;
    assert!(hears(&again, sound(BACK)).await, "{}", pair.logs());
    is_answered(&again).await;
    again.hang_up().await.unwrap();
    true
}
