//! What the driver owes a call whatever happens: no busy loop, no dead line, nothing lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use voiceagent_core::{
    Agent, CallId, CallTime, ErrorKind, Event, Result,
    flow::{Flow, Generate, Plan, TurnContext},
    observer::Observer,
    session::{EndReason, Input},
    store::ConversationStore,
    transport::{CallInfo, Outbound},
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLlm, FakeStt, FakeTool};

use crate::rig::{Folder, builder, ends, ms, phone_line, text_line};

fn was_hung_up(caller: &Caller) -> bool {
    caller.received().iter().any(|(_, outbound)| matches!(outbound, Outbound::HangUp))
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn law_3_a_call_wakes_a_few_times_for_each_piece_of_audio_and_never_spins() {
    let folder = Folder::new("wakes");
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::text("One two three four five six seven eight nine ten."));
    let agent = builder(llm, &caller).journals(folder.path()).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let ended = tokio::spawn(ends(call));
    caller.speak("count", ms(600)).await;
    caller.hears("nine ten.", ms(9_000)).await;
    caller.hang_up().await;
    ended.await.unwrap();

    let recording = folder.recording();
    let wakes: Vec<CallTime> = recording
        .inputs()
        .iter()
        .filter(|(_, input)| *input == Input::Timeout)
        .map(|(at, _)| *at)
        .collect();
    assert!(wakes.len() < 100, "{} wakes for 3 s of speech", wakes.len());
    assert!(wakes.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_micros(900)));
}

#[derive(Debug)]
struct Planned;

#[async_trait]
impl Flow for Planned {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        Ok(match &*turn.text {
            "bye" => Plan::HangUp { farewell: None },
            "book it" => Generate::new("Book.", turn_tools()).into(),
            _ => Plan::Say("Pardon?".into()),
        })
    }
}

fn turn_tools() -> Arc<[voiceagent_core::tool::ToolSpec]> {
    [voiceagent_core::tool::ToolSpec::new("book", "Books.", json!({ "type": "object" }))].into()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d13_a_journal_of_text_flow_and_tools_replays_and_is_complete_when_the_call_is_over() {
    let folder = Folder::new("replay");
    let (line, caller) = text_line();
    let llm =
        FakeLlm::answers([Answer::call("book", json!({ "day": 1.5 })), Answer::text("Done.")]);
    let agent = Agent::builder()
        .llm(Arc::new(llm))
        .tool(FakeTool::returning("book", json!({ "ok": true })))
        .flow(Arc::new(Planned))
        .journals(folder.path())
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let ended = tokio::spawn(ends(call));
    caller.speak("well", ms(200)).await;
    caller.hears("Pardon?", ms(3_000)).await;
    caller.speak("book it", ms(200)).await;
    caller.hears("Done.", ms(5_000)).await;
    caller.speak("bye", ms(200)).await;
    assert_eq!(ended.await.unwrap(), [EndReason::AgentHungUp]);

    let recording = folder.recording();
    assert!(recording.commands().iter().any(|command| command.contains("call_tool")));
    assert_eq!(recording.replay(), recording.commands());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_journal_that_cannot_be_written_refuses_the_call_before_it_is_answered() {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words());
    let opened = stt.opened();
    let agent = builder(FakeLlm::new(|_| Answer::text("x")), &caller)
        .stt(Arc::new(stt))
        .journals("/nowhere/at/all")
        .build()
        .unwrap();
    let error = agent.start(Box::new(line)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("journals"), "{error}");
    assert_eq!(opened.count(), 0);
}

#[derive(Debug)]
struct Broken;

impl Observer for Broken {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        assert!(!matches!(event, Event::UserTurn { .. }), "a broken observer");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn an_observer_that_panics_does_not_end_the_call() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::text("Good day."));
    let agent = builder(llm, &caller).observer(|_| Broken).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears("Good day.", ms(6_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rp4_a_panic_ends_its_call_with_a_reason_and_hangs_up() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| panic!("a broken model"));
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    let ended = tokio::time::timeout(ms(10_000), ends(call)).await;
    assert_eq!(ended.unwrap(), [EndReason::Failed]);
    assert!(was_hung_up(&caller));
}

#[derive(Debug)]
struct Amnesiac;

#[async_trait]
impl ConversationStore for Amnesiac {
    async fn load(&self, _call: &CallInfo) -> Result<Option<Value>> {
        std::future::pending().await
    }

    async fn save(&self, _call: &CallId, _state: Value) -> Result<()> {
        std::future::pending().await
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d5_a_store_that_hangs_holds_up_neither_the_beginning_nor_the_end() {
    let (line, caller) = text_line();
    let llm = FakeLlm::new(|_| Answer::text("Good day."));
    let agent = Agent::builder().llm(Arc::new(llm)).store(Arc::new(Amnesiac)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(200)).await;
    caller.hears("Good day.", ms(6_000)).await;
    caller.hang_up().await;
    assert_eq!(ends(call).await, [EndReason::UserHungUp]);
}

#[derive(Debug)]
struct Farewell(Arc<std::sync::atomic::AtomicBool>);

#[async_trait]
impl Flow for Farewell {
    async fn plan(&self, _turn: &TurnContext) -> Result<Plan> {
        Ok(Plan::HangUp { farewell: None })
    }

    async fn commit(&self, _turn: &TurnContext, _plan: &Plan) -> Result<()> {
        tokio::time::sleep(ms(300)).await;
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_flow_notes_the_turn_that_ends_the_call() {
    let (line, caller) = text_line();
    let noted = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("x"))))
        .flow(Arc::new(Farewell(noted.clone())))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("bye", ms(200)).await;
    assert_eq!(ends(call).await, [EndReason::AgentHungUp]);
    assert!(noted.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d8_a_call_that_is_being_left_ends_though_the_model_hangs() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::default().then_stall());
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.silence(ms(500)).await;
    call.line().hang_up().unwrap();
    let ended = tokio::time::timeout(ms(30_000), ends(call)).await;
    assert_eq!(ended.unwrap(), [EndReason::AgentHungUp]);
}
