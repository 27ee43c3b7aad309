//! Recognizers whose vendor asks to be left alone for a while, in virtual time: who can wait does,
//! and nobody is asked sooner than it said.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use voiceagent_core::{
    ErrorKind, Event, Link,
    adapt::FallbackStt,
    audio::{AudioFrame, MediaTime},
    session::Leg,
    stt::{SpeechToText, SttEvent, SttInput, SttOptions},
};
use voiceagent_testkit::{
    fakes::{Answer, FakeLlm, FakeStt, Recording, SttFault, Words},
    tone,
};

use crate::rig::{MULAW, builder, ms, phone_line, timed_events};

const MINUTE: Duration = Duration::from_secs(60);

/// How long after the one before a recognizer was opened each time.
fn pauses(opened: &Recording<SttOptions>) -> Vec<Duration> {
    let times: Vec<_> = opened.timed().into_iter().map(|(at, _)| at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The pauses of a recognizer with these faults, in a call whose caller is answered all the same.
async fn pauses_until_answered(faults: impl Into<VecDeque<SttFault>>) -> Vec<Duration> {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words()).with_faults(faults);
    let opened = stt.opened();
    let agent = builder(FakeLlm::new(|_| Answer::text("Good day.")), &caller)
        .stt(Arc::new(stt))
        .build()
        .expect("the settings make sense");
    let _call = agent.start(Box::new(line)).await.expect("a call can begin");
    caller.silence(ms(1_000)).await;
    caller.speak("hello", ms(500)).await;
    caller.hears("Good day.", ms(9_000)).await;
    pauses(&opened)
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_a_recognizer_is_opened_again_when_its_vendor_said_and_no_sooner() {
    let faults = [SttFault::Drop(ms(200)), SttFault::Limit(ms(3_000)), SttFault::None];
    assert_eq!(pauses_until_answered(faults).await[1..], [ms(3_000)]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_one_that_asks_within_its_stream_is_left_alone_as_well() {
    let faults = [SttFault::LimitWithin(ms(2_000)), SttFault::None];
    let pauses = pauses_until_answered(faults).await;
    assert!((ms(2_000)..ms(2_100)).contains(&pauses[0]), "{pauses:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_one_that_asks_for_more_than_a_call_can_wait_is_tried_once_more_and_given_up() {
    let (line, caller) = phone_line();
    let mut faults = vec![SttFault::Drop(ms(200))];
    faults.resize(99, SttFault::Limit(MINUTE));
    let stt = FakeStt::new(caller.words()).with_faults(faults);
    let opened = stt.opened();
    let agent = builder(FakeLlm::answers([]), &caller).stt(Arc::new(stt)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(9_000)).await;
    let lost = timed_events(call).await.into_iter().find_map(|(_, event)| match event {
        Event::Failed { leg: Leg::Stt, kind } => Some(kind),
        _ => None,
    });
    assert_eq!(lost, Some(ErrorKind::RateLimited));
    assert_eq!(pauses(&opened)[1..], [ms(4_000)], "nobody knocks in between");
}

/// A chain of the two, and something to hear.
async fn open(first: FakeStt, second: FakeStt) -> Link<SttInput, SttEvent> {
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let link = stt.open(SttOptions::new(MULAW)).await.expect("one can be opened");
    let loud = tone::speech(MULAW, MediaTime(0), 1_600);
    link.try_send(SttInput::Audio(AudioFrame::new(MULAW, MediaTime(0), loud))).expect("it reads");
    link
}

fn stt(faults: impl Into<Vec<SttFault>>) -> FakeStt {
    FakeStt::new(Words::default()).with_faults(faults.into())
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_a_chain_goes_on_at_once_whatever_the_wait_is() {
    for wait in [ms(100), MINUTE] {
        let (first, second) = (stt([SttFault::LimitWithin(wait)]), stt([]));
        let opened = [first.opened(), second.opened()];
        let mut link = open(first, second).await;
        let SttEvent::FailedOver(failover) = link.recv().await.unwrap().unwrap() else {
            panic!("the other one takes over first of all")
        };
        assert_eq!(failover.cause, ErrorKind::RateLimited);
        let times = opened.map(|opened| opened.timed()[0].0);
        assert_eq!(times[1], times[0], "no time is lost by it, for {wait:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_where_all_ask_to_be_left_alone_the_first_that_is_back_is_asked_then() {
    let first = stt([SttFault::LimitWithin(ms(3_000)), SttFault::None]);
    let second = stt([SttFault::Limit(MINUTE)]);
    let opened = [first.opened(), second.opened()];
    let mut link = open(first, second).await;
    while opened[0].count() < 2 {
        tokio::select! {
            event = link.recv() => panic!("{event:?}: there is nobody to say anything"),
            () = tokio::time::sleep(ms(10)) => {}
        }
    }
    assert_eq!(pauses(&opened[0]), [ms(3_000)]);
    assert_eq!(opened[1].count(), 1, "a minute is not over");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_where_all_ask_for_too_much_the_chain_ends_with_what_they_ask_for() {
    let mut faults = vec![SttFault::LimitWithin(MINUTE)];
    faults.resize(9, SttFault::Limit(MINUTE));
    let (first, second) = (stt(faults), stt([SttFault::Limit(MINUTE); 9]));
    let opened = [first.opened(), second.opened()];
    let mut link = open(first, second).await;
    let ended = link.recv().await.unwrap().unwrap_err();
    assert_eq!((ended.kind(), ended.retry_after()), (ErrorKind::RateLimited, Some(MINUTE)));
    let pauses = opened.map(|opened| pauses(&opened));
    assert_eq!(pauses, [[ms(5_000)], [ms(5_000)]], "each is tried once more");
    assert!(link.recv().await.is_none());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_one_of_a_chain_may_ask_for_as_long_as_the_next_one_takes_to_open() {
    let alone = stt([]);
    let opened = alone.opened();
    let _alone = alone.open(SttOptions::new(MULAW)).await.unwrap();
    assert_eq!(opened.last().unwrap().patience, ms(5_000));
    let first = stt([]);
    let opened = first.opened();
    let _chain = open(first, stt([])).await;
    assert_eq!(opened.last().unwrap().patience, ms(2_000));
}
