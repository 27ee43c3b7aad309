//! What a call makes of the failure of each leg, in virtual time.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    Agent, Call, ErrorKind, Event,
    adapt::PromptCache,
    audio::AudioFormat,
    session::{EndReason, Leg},
    transport::{CallInfo, Media},
    tts::TextToSpeech,
};
use voiceagent_testkit::fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTts, SttFault, TtsFault};

use crate::rig::{MULAW, builder, events, ms, phone_line};

/// Why a call was over, and the legs that failed before.
async fn end(call: Call) -> (Option<EndReason>, Vec<Leg>) {
    let (mut reason, mut failed) = (None, Vec::new());
    for event in events(call).await {
        match event {
            Event::Ended { reason: why } => reason = Some(why),
            Event::Failed { leg, .. } => failed.push(leg),
            _ => {}
        }
    }
    (reason, failed)
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_is_overloaded_once_is_asked_again() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([Answer::refuse(ErrorKind::Overloaded), Answer::text("Here I am.")]);
    let agent = builder(llm, &caller).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears("Here I am.", ms(6_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_breaks_off_unheard_is_asked_again() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([
        Answer::text("I can do that for you. And").then_break(ErrorKind::Disconnected),
        Answer::text("Yes, that is possible."),
    ]);
    let agent = builder(llm, &caller).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("please help", ms(500)).await;
    caller.hears("Yes, that is possible.", ms(6_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_stalls_in_mid_sentence_keeps_what_it_said() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([
        Answer::text("I can do that for you. And").then_stall(),
        Answer::text("Anything else?"),
    ]);
    let agent = builder(llm, &caller).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("please help", ms(500)).await;
    caller.hears("I can do that for you.", ms(6_000)).await;
    caller.silence(ms(1_000)).await;
    caller.speak("and now", ms(500)).await;
    caller.hears("Anything else?", ms(6_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_stalled_model_is_noticed_and_the_caller_is_answered() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::default().then_stall());
    let agent = builder(llm, &caller)
        .tune(|config| config.apology = "Sorry, please repeat.".into())
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears("Sorry, please repeat.", ms(15_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_drops_before_its_first_sound_is_replaced() {
    let (line, caller) = phone_line();
    let tts = FakeTts::new()
        .with_segments()
        .with_faults([TtsFault::Drop(Duration::ZERO), TtsFault::None]);
    let agent = builder(FakeLlm::new(|_| Answer::text("Hello there, friend.")), &caller)
        .tts(Arc::new(tts))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears("Hello there, friend.", ms(9_000)).await;
    drop(call);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a8_nothing_is_said_twice_when_the_voice_drops_in_mid_sentence() {
    let (line, caller) = phone_line();
    let tts = FakeTts::new().with_segments().with_faults([TtsFault::Drop(ms(600)), TtsFault::None]);
    let llm = FakeLlm::answers([
        Answer::text("Hello there, friend of the house."),
        Answer::text("I am back."),
    ]);
    let requests = llm.requests();
    let agent = builder(llm, &caller).tts(Arc::new(tts)).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("what are your hours", ms(500)).await;
    caller.hears("Hello", ms(5_000)).await;
    caller.silence(ms(4_000)).await;
    caller.speak("are you there", ms(800)).await;
    caller.hears("I am back.", ms(9_000)).await;
    assert_eq!(caller.heard_text().matches("Hello").count(), 1, "{}", caller.heard_text());
    let messages = requests.last().unwrap().messages;
    assert!(format!("{messages:?}").contains("interrupted: true"), "{messages:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_a_voice_did_not_say_before_it_ended_is_not_taken_for_heard() {
    // The model writes the second sentence when the voice has gone, with and without known texts.
    for with_prompts in [false, true] {
        let (line, caller) = phone_line();
        let tts = FakeTts::new().with_segments().with_faults([TtsFault::End(ms(600))]);
        let mut voice: Arc<dyn TextToSpeech> = Arc::new(tts);
        if with_prompts {
            voice = Arc::new(PromptCache::new(voice));
        }
        let llm = FakeLlm::answers([
            Answer::text("The bakery closes at six in the evening. Bye now, and come again soon."),
            Answer::text("I am back."),
        ]);
        let llm = llm.with_token(ms(40));
        let requests = llm.requests();
        let agent = builder(llm, &caller).tts(voice).build().unwrap();
        let call = agent.start(Box::new(line)).await.unwrap();
        caller.speak("what are your hours", ms(500)).await;
        caller.hears("The bakery", ms(5_000)).await;
        caller.silence(ms(4_000)).await;
        caller.speak("are you there", ms(800)).await;
        caller.hears("I am back.", ms(9_000)).await;
        assert!(!caller.heard_text().contains("Bye"), "{}", caller.heard_text());
        let messages = format!("{:?}", requests.last().unwrap().messages);
        assert!(messages.contains("interrupted: true"), "{messages}");
        assert!(!messages.contains("Bye") && !messages.contains("evening"), "{messages}");
        caller.hang_up().await;
        assert_eq!(end(call).await.1, [Leg::Tts]);
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_recognizer_that_takes_connections_and_closes_them_is_given_up() {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words()).with_faults([SttFault::Drop(ms(200)); 20]);
    let opened = stt.opened();
    let agent = builder(FakeLlm::answers([]), &caller).stt(Arc::new(stt)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(5_000)).await;
    assert_eq!(end(call).await, (Some(EndReason::Failed), vec![Leg::Stt]));
    assert_eq!(opened.count(), 3);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_recognizer_that_drops_is_opened_again() {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words()).with_faults([SttFault::Drop(ms(200)), SttFault::None]);
    let opened = stt.opened();
    let agent = builder(FakeLlm::new(|_| Answer::text("Good day.")), &caller)
        .stt(Arc::new(stt))
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(1_000)).await;
    caller.speak("hello", ms(500)).await;
    caller.hears("Good day.", ms(6_000)).await;
    assert_eq!(opened.count(), 2);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_recognizer_that_stays_away_ends_the_call_with_an_apology() {
    let (line, caller) = phone_line();
    let mut faults = vec![SttFault::Drop(ms(200))];
    faults.resize(200, SttFault::Refuse(ErrorKind::Overloaded));
    let stt = FakeStt::new(caller.words()).with_faults(faults);
    let agent = builder(FakeLlm::new(|_| Answer::text("Good day.")), &caller)
        .stt(Arc::new(stt))
        .tune(|config| config.apology = "Sorry, we cannot hear you.".into())
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let (reason, failed) = end(call).await;
    assert_eq!(reason, Some(EndReason::Failed));
    assert!(failed.contains(&Leg::Stt));
    assert!(caller.heard_text().contains("Sorry, we cannot hear you."));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_lost_line_ends_the_call() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("Yes.")), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(300)).await;
    caller.lose_line().await;
    assert_eq!(end(call).await.0, Some(EndReason::Failed));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_refused_leg_fails_the_start_and_nothing_is_answered() {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words()).with_faults([SttFault::Refuse(ErrorKind::Unauthorized)]);
    let agent = builder(FakeLlm::new(|_| Answer::text("Yes.")), &caller)
        .stt(Arc::new(stt))
        .build()
        .unwrap();
    let error = agent.start(Box::new(line)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(caller.received().is_empty());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn formats_that_differ_are_transcoded_both_ways() {
    let info = CallInfo::new("call-1", Media::audio(MULAW));
    let line = FakeLine::new(info);
    let caller = line.caller();
    let stt = FakeStt::new(caller.words()).with_formats([AudioFormat::PCM_16K]);
    let (opened, inputs) = (stt.opened(), stt.inputs());
    let tts = FakeTts::new().with_formats([AudioFormat::PCM_24K]).with_segments();
    let agent = builder(FakeLlm::new(|_| Answer::text("Good day.")), &caller)
        .stt(Arc::new(stt))
        .tts(Arc::new(tts))
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears_something(ms(6_000)).await;
    assert_eq!(opened.last().unwrap().format, AudioFormat::PCM_16K);
    assert!(inputs.count() > 20);
}

#[test]
fn an_agent_that_cannot_work_is_not_built() {
    let nothing = Agent::builder().build().unwrap_err();
    assert!(nothing.message().contains("llm"), "{nothing}");
    let hasty = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("x"))))
        .tune(|config| config.endpointing.max_delay = ms(10))
        .build()
        .unwrap_err();
    assert_eq!(hasty.kind(), ErrorKind::Config);
    assert!(hasty.message().contains("endpointing.min_delay"), "{hasty}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_writes_faster_than_the_voice_takes_is_spoken() {
    let (line, caller) = phone_line();
    let clauses: Vec<String> = (1..=400).map(|number| format!("This is part {number}.")).collect();
    let llm = FakeLlm::new(move |_| Answer::text(clauses.join(" ")));
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("tell me everything", ms(500)).await;
    caller.hears("This is part 3.", ms(20_000)).await;
    caller.hang_up().await;
    assert_eq!(end(call).await.1, [], "nothing failed");
}
