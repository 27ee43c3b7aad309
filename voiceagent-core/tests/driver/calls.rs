//! Whole calls through the real driver, in virtual time.

use std::sync::Arc;

use serde_json::json;
use voiceagent_core::{
    Agent, Event, journal::Recording, llm::Message, session::EndReason, tool::Effect,
    transport::Outbound,
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLine, FakeLlm, FakeStore, FakeStt, FakeTool};

use crate::rig::{Folder, builder, ends, events, ms, phone_line, text_line};

const END: &str = r#"{"command":"end"}"#;

fn ended(events: &[Event]) -> Option<EndReason> {
    events.iter().find_map(|event| match event {
        Event::Ended { reason } => Some(*reason),
        _ => None,
    })
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_call_with_greeting_tool_and_goodbye() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([
        Answer::call("book", json!({ "day": "Monday" })),
        Answer::text("You are booked for Monday."),
    ]);
    let requests = llm.requests();
    let tool = FakeTool::returning("book", json!({ "ok": true }));
    let calls = tool.calls();
    let agent = builder(llm, &caller).greeting("Good morning!").tool(tool).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let line = call.line().clone();
    let events = tokio::spawn(events(call));

    caller.hears("Good morning!", ms(5_000)).await;
    caller.speak("book me for Monday", ms(1_200)).await;
    caller.hears("You are booked for Monday.", ms(5_000)).await;
    line.say("Goodbye!").unwrap();
    line.hang_up().unwrap();
    let events = events.await.unwrap();

    assert_eq!(ended(&events), Some(EndReason::AgentHungUp));
    assert!(caller.heard_text().ends_with("Goodbye!"), "d1: {}", caller.heard_text());
    assert_eq!(calls.count(), 1);
    assert_eq!(&*calls.all()[0].1.idempotency_key, "call-1:2:call-1");
    let last = requests.last().unwrap();
    assert_eq!(
        last.messages[..2],
        [
            Message::Assistant { text: "Good morning!".into(), interrupted: false },
            Message::User { text: "book me for Monday".into() },
        ]
    );
    assert!(
        matches!(&last.messages[3], Message::ToolResult { output, .. } if output.contains("true"))
    );
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h1_after_a_barge_in_the_model_sees_what_the_caller_heard() {
    let (line, caller) = phone_line();
    let long = "The first thing is this. The second thing is that. The third thing is other.";
    let llm = FakeLlm::answers([Answer::text(long), Answer::text("Very well.")]);
    let requests = llm.requests();
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let line = call.line().clone();
    let events = tokio::spawn(events(call));

    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears("The second", ms(6_000)).await;
    caller.speak("wait a moment", ms(900)).await;
    caller.hears("Very well.", ms(5_000)).await;
    line.hang_up().unwrap();
    events.await.unwrap();

    let last = requests.last().unwrap();
    let Message::Assistant { text, interrupted: true } = &last.messages[1] else {
        panic!("{:?}", last.messages)
    };
    let heard = caller.heard_text();
    let heard = heard.strip_suffix("Very well.").unwrap();
    assert!(heard.starts_with(&**text), "{text:?} of {heard:?}");
    let missing = heard[text.len()..].split_whitespace().count();
    assert!(missing <= 1, "all but the word that was being spoken: {text:?} of {heard:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m11_the_carrier_is_cleared_soon_after_the_callers_first_sound() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::text("One two three four five six seven eight nine ten."));
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("count", ms(600)).await;
    caller.hears("One two", ms(5_000)).await;
    let before = caller.received().len();
    caller.speak("stop it now", ms(1_000)).await;
    let received = caller.received();
    let last_before = received[before - 1].0;
    let clear = received[before..]
        .iter()
        .find(|(_, outbound)| matches!(outbound, Outbound::Clear))
        .map(|(at, _)| *at)
        .expect("it was cleared");
    // Audio leaves each 100 ms, so the caller's onset is at most that long after the last piece.
    let after = clear - last_before;
    assert!(after < ms(320), "{after:?}");
    drop(call);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn p1_speculation_hides_the_model_behind_the_silence() {
    let mut delays = Vec::new();
    for speculation in [true, false] {
        let (line, caller) = phone_line();
        let llm = FakeLlm::new(|_| Answer::text("Yes we are open."));
        let agent = builder(llm, &caller)
            .stt(Arc::new(FakeStt::new(caller.words()).with_final_delay(ms(150))))
            .tune(|config| config.speculation.enabled = speculation)
            .build()
            .unwrap();
        let _call = agent.start(Box::new(line)).await.unwrap();
        caller.speak("are you open on Monday", ms(1_000)).await;
        let end = tokio::time::Instant::now();
        caller.hears_something(ms(5_000)).await;
        delays.push(end.elapsed());
    }
    assert!(delays[0] + ms(100) < delays[1], "{delays:?}");
    assert!(delays[0] < ms(520), "{delays:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a18_calls_of_one_agent_do_not_touch_each_other() {
    let mut lines: Vec<FakeLine> = Vec::new();
    for _ in 0..3 {
        lines.push(FakeLine::text());
    }
    let callers: Vec<Caller> = lines.iter().map(FakeLine::caller).collect();
    let llm = FakeLlm::new(|request| {
        Answer::text(format!("You said {}.", request.last_user_text().unwrap()))
    });
    let agent = Agent::builder().llm(Arc::new(llm)).build().unwrap();
    let mut calls = Vec::new();
    for line in lines {
        calls.push(agent.start(Box::new(line)).await.unwrap());
    }
    for (number, caller) in callers.iter().enumerate() {
        caller.speak(&format!("number {number}"), ms(300)).await;
    }
    for (number, caller) in callers.iter().enumerate() {
        caller.hears(&format!("You said number {number}."), ms(5_000)).await;
        assert_eq!(caller.heard_text().matches("You said").count(), 1);
    }
    callers[0].lose_line().await;
    callers[1].speak("again", ms(300)).await;
    callers[1].hears("You said again.", ms(5_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d5_dropping_the_call_ends_it_and_a_running_tool_finishes() {
    let (line, caller) = text_line();
    let llm = FakeLlm::new(|_| Answer::call("book", json!({})));
    let tool = FakeTool::returning("book", json!("done")).with_delay(ms(2_000));
    let (started, finished) = (tool.calls(), tool.finished());
    let store = Arc::new(FakeStore::default());
    let saved = store.saved();
    let agent = Agent::builder().llm(Arc::new(llm)).tool(tool).store(store).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("book it", ms(200)).await;
    while started.count() == 0 {
        tokio::time::sleep(ms(20)).await;
    }
    drop(call);
    while saved.count() == 0 {
        tokio::time::sleep(ms(100)).await;
    }
    assert_eq!(finished.count(), 1, "x1: a tool that started runs to its end");
    let (_, state) = saved.last().unwrap();
    assert!(state.to_string().contains("done"), "law 7: {state}");
    assert!(
        caller.received().iter().any(|(_, outbound)| matches!(outbound, Outbound::HangUp)),
        "the caller is not left on a dead line"
    );
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x6_rf10_whatever_a_tool_does_the_model_gets_a_result_that_it_can_read() {
    for (tool, told) in [
        (FakeTool::failing("book", voiceagent_core::ErrorKind::Disconnected), "not known"),
        (FakeTool::failing("book", voiceagent_core::ErrorKind::Unauthorized), "nothing was done"),
        (FakeTool::returning("book", json!(1)).with_delay(ms(60_000)).with_timeout(ms(500)), "in time"),
        (FakeTool::new("book", |_| panic!("a broken tool")), "broke down"),
        (FakeTool::returning("other", json!(1)), "no tool named"),
        (FakeTool::returning("book", json!("\u{e9}".repeat(5_000_000))), "the rest is left out"),
        (
            FakeTool::returning("book", json!(1)).with_parameters(
                json!({ "type": "object", "properties": { "day": { "type": "string" } }, "required": ["day"] }),
            ),
            "day",
        ),
    ] {
        let (line, caller) = text_line();
        let llm =
            FakeLlm::answers([Answer::call("book", json!({})), Answer::text("I could not do it.")]);
        let requests = llm.requests();
        let agent = Agent::builder()
            .llm(Arc::new(llm))
            .tool(tool.with_effect(Effect::Once))
            .build()
            .unwrap();
        let _call = agent.start(Box::new(line)).await.unwrap();
        caller.speak("book it", ms(200)).await;
        caller.hears("I could not do it.", ms(9_000)).await;
        let last = requests.last().unwrap();
        let Some(Message::ToolResult { output, .. }) = last.messages.last() else {
            panic!("{:?}", last.messages)
        };
        assert!(output.contains(told), "{output}");
        assert!(output.len() < 33 * 1024, "{} bytes", output.len());
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_journal_replays_byte_for_byte() {
    let folder = Folder::new("journal");
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::text("Yes we are open. Do you want to come by today?"));
    let agent = builder(llm, &caller).greeting("Hello!").journals(folder.path()).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let call = tokio::spawn(events(call));
    caller.hears("Hello!", ms(3_000)).await;
    caller.speak("are you open", ms(900)).await;
    caller.hears("Yes we", ms(5_000)).await;
    caller.speak("good I will come", ms(900)).await;
    caller.hang_up().await;
    call.await.unwrap();

    let path = folder.path().join("call-1.journal");
    let recording = loop {
        // The last block is on its way to the disk.
        match Recording::open(&path) {
            Ok(recording) if recording.commands().last().is_some_and(|last| last == END) => {
                break recording;
            }
            _ => tokio::time::sleep(ms(10)).await,
        }
    };
    assert!(recording.inputs().len() > 50);
    assert!(recording.replay() == recording.commands());
    assert_eq!(recording.rewritten(), [0; 0], "byte for byte");

    let mut patient = recording.config().clone();
    patient.endpointing.min_delay = ms(900);
    assert!(recording.replay_with(patient) != recording.commands(), "what-if");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d11_a_caller_who_hangs_up_is_the_reason() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("Yes.")), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(500)).await;
    caller.hang_up().await;
    assert_eq!(ends(call).await, [EndReason::UserHungUp]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn whoever_answers_a_call_stays_until_it_is_over() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("Yes.")), &caller).build().unwrap();
    let answered = tokio::spawn(agent.answer(Box::new(line)));
    caller.silence(ms(500)).await;
    assert!(!answered.is_finished());
    caller.hang_up().await;
    answered.await.unwrap();

    let (line, _caller) = phone_line();
    let nobody_hears = Agent::builder().llm(Arc::new(FakeLlm::new(|_| Answer::text("Yes."))));
    nobody_hears.build().unwrap().answer(Box::new(line)).await;
}
