//! The end of whole calls through the real driver, in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use voiceagent_core::{
    Agent, CallTime, ErrorKind, Event, Link, Result,
    observer::Observer,
    session::{EndReason, IdlePrompt},
    tool::{FunctionTool, ToolContext},
    transport::{
        Answerer, CallInfo, Direction, Inbound, Media, Outbound, Transport, TransportCapabilities,
    },
};
use voiceagent_testkit::fakes::{
    Answer, FakeLine, FakeLlm, FakeStore, FakeTool, FakeTts, TtsFault,
};

use crate::rig::{Folder, builder, ends, ms, phone_line, text_line};

/// A leg that says what it is told to, and never lets go.
#[derive(Debug)]
struct Stubborn {
    call: CallInfo,
    says: Vec<(Duration, Inbound)>,
    heard: Arc<Mutex<Vec<Outbound>>>,
}

impl Stubborn {
    fn new(says: Vec<(Duration, Inbound)>) -> Self {
        let call = CallInfo::new("call-1", Media::Text).with_direction(Direction::Outbound);
        Self { call, says, heard: Arc::default() }
    }
}

#[async_trait]
impl Transport for Stubborn {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_answerer(true).with_transfer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(64, move |mut peer| async move {
            for (after, inbound) in self.says {
                sleep(after).await;
                peer.send(inbound).await?;
            }
            while let Some(outbound) = peer.recv().await {
                self.heard.lock().expect("nobody panics").push(outbound);
            }
            std::future::pending().await
        }))
    }
}

fn texts(heard: &Mutex<Vec<Outbound>>) -> String {
    let heard = heard.lock().expect("nobody panics");
    let texts = heard.iter().filter_map(|outbound| match outbound {
        Outbound::Text { text, .. } => Some(&**text),
        _ => None,
    });
    texts.collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d6_a_line_that_does_not_let_go_is_left_after_two_seconds() {
    let line = Stubborn::new(Vec::new());
    let heard = line.heard.clone();
    let agent =
        Agent::builder().llm(Arc::new(FakeLlm::new(|_| Answer::text("x")))).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    call.line().hang_up().unwrap();
    let begun = Instant::now();
    assert_eq!(ends(call).await, [EndReason::AgentHungUp]);
    assert!(heard.lock().unwrap().contains(&Outbound::HangUp));
    assert!((ms(2_000)..ms(2_200)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d9_a_machine_gets_its_message_after_the_beep() {
    let line = Stubborn::new(vec![
        (ms(500), Inbound::AnsweredBy(Answerer::Machine)),
        (ms(4_000), Inbound::Beep),
    ]);
    let heard = line.heard.clone();
    let llm = FakeLlm::new(|_| Answer::text("x"));
    let agent = Agent::builder()
        .llm(Arc::new(llm))
        .tune(|config| config.farewell.voicemail = Some("Your car is ready.".into()))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    assert_eq!(ends(call).await, [EndReason::AgentHungUp]);
    assert_eq!(texts(&heard), "Your car is ready.");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn u7_nobody_is_idle_before_the_carrier_has_told_who_answered() {
    let line = Stubborn::new(vec![(ms(60_000), Inbound::AnsweredBy(Answerer::Human))]);
    let heard = line.heard.clone();
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("x"))))
        .tune(|config| {
            config.idle.prompts = [IdlePrompt::new(ms(8_000), "Are you there?")].into();
            config.idle.hang_up_after = Some(ms(5_000));
        })
        .build()
        .unwrap();
    let begun = Instant::now();
    let call = agent.start(Box::new(line)).await.unwrap();
    assert_eq!(ends(call).await, [EndReason::Idle]);
    assert!(begun.elapsed() >= ms(73_000), "{:?}", begun.elapsed());
    assert_eq!(texts(&heard), "Are you there?");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d11_a_call_that_was_handed_over_says_so() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("x")), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    call.line().say("I connect you.").unwrap();
    call.line().transfer("desk").unwrap();
    assert_eq!(ends(call).await, [EndReason::Transferred]);
    assert!(caller.heard_text().ends_with("I connect you."));
    let hung_up = |(_, outbound): &(Duration, Outbound)| *outbound == Outbound::HangUp;
    assert!(!caller.received().iter().any(hung_up));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d11_a_line_that_cannot_transfer_is_not_left() {
    let line = FakeLine::text().with_capabilities(TransportCapabilities::default());
    let caller = line.caller();
    let llm = FakeLlm::new(|_| Answer::text("Good day."));
    let agent = Agent::builder().llm(Arc::new(llm)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    call.line().transfer("desk").unwrap();
    caller.hears("I could not put you through.", ms(9_000)).await;
    caller.speak("hello", ms(200)).await;
    caller.hears("Good day.", ms(9_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d12_closing_while_a_tool_steers_the_call_ends_it() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::call("wave", json!({})));
    let (done, finished) = tokio::sync::oneshot::channel();
    let done = Arc::new(Mutex::new(Some(done)));
    let wave =
        FunctionTool::new("wave", "Waves.", move |_: serde_json::Value, context: ToolContext| {
            let done = done.clone();
            async move {
                context.line.say("Bye now.")?;
                context.line.hang_up()?;
                sleep(ms(2_000)).await;
                // The call has ended: what is asked of it now is refused, and waits for nobody.
                let refused = context.line.say("One more thing.").map_err(|error| error.kind());
                let done = done.lock().expect("nobody panics").take().expect("it is called once");
                done.send(refused).expect("the test waits");
                Ok::<_, voiceagent_core::Error>(json!("waved"))
            }
        });
    let store = Arc::new(FakeStore::default());
    let saved = store.saved();
    let agent = builder(llm, &caller).tool(wave).store(store).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("wave", ms(500)).await;
    caller.silence(ms(1_200)).await;
    caller.hang_up().await;
    let ends = timeout(ms(30_000), ends(call)).await.expect("the call ends");
    assert_eq!(ends, [EndReason::UserHungUp]);
    assert_eq!(finished.await.unwrap(), Err(ErrorKind::Closed));
    assert!(saved.last().unwrap().1.to_string().contains("waved"), "its result is kept");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d4_the_record_of_a_call_holds_the_words_that_the_hang_up_cut_off() {
    let (line, caller) = phone_line();
    let store = Arc::new(FakeStore::default());
    let saved = store.saved();
    let llm = FakeLlm::new(|_| Answer::text("x"));
    let agent = builder(llm, &caller).store(store).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let ended = tokio::spawn(ends(call));
    let speaker = caller.clone();
    let speech =
        tokio::spawn(async move { speaker.speak("my number is four one five", ms(3_000)).await });
    caller.silence(ms(0)).await;
    sleep(ms(2_000)).await;
    caller.hang_up().await;
    assert_eq!(ended.await.unwrap(), [EndReason::UserHungUp]);
    speech.await.unwrap();
    let (_, state) = saved.last().unwrap();
    assert!(state.to_string().contains("my number"), "{state}");
}

/// What observers of all calls are told.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<Mutex<Vec<EndReason>>>);

impl Observer for Ends {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        if let Event::Ended { reason } = event {
            self.0.lock().expect("nobody panics").push(*reason);
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d14_a_call_that_fails_is_told_of_once_and_one_that_cannot_begin_too() {
    let told = Ends::default();
    let observer = told.clone();
    let (fine, caller) = phone_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("x")), &caller)
        .observer(move |_| observer.clone())
        .build()
        .unwrap();
    let call = agent.start(Box::new(fine)).await.unwrap();
    caller.silence(ms(300)).await;
    caller.lose_line().await;
    assert_eq!(ends(call).await, [EndReason::Failed]);
    assert_eq!(*told.0.lock().unwrap(), [EndReason::Failed]);

    let (refused, caller) = phone_line();
    let observer = told.clone();
    let faults = [TtsFault::Refuse(ErrorKind::Overloaded); 4];
    let agent = builder(FakeLlm::new(|_| Answer::text("x")), &caller)
        .tts(Arc::new(FakeTts::new().with_faults(faults)))
        .observer(move |_| observer.clone())
        .build()
        .unwrap();
    let error = agent.start(Box::new(refused)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(*told.0.lock().unwrap(), [EndReason::Failed; 2]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d13_what_a_tool_did_after_the_call_is_in_its_journal() {
    let folder = Folder::new("late");
    let (line, caller) = text_line();
    let llm = FakeLlm::new(|_| Answer::call("book", json!({})));
    let tool = FakeTool::returning("book", json!("booked late")).with_delay(ms(3_000));
    let agent =
        Agent::builder().llm(Arc::new(llm)).tool(tool).journals(folder.path()).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("book it", ms(200)).await;
    caller.silence(ms(500)).await;
    caller.hang_up().await;
    assert_eq!(ends(call).await, [EndReason::UserHungUp]);
    let recording = folder.recording();
    let inputs = format!("{:?}", recording.inputs());
    assert!(inputs.contains("booked late"), "{inputs}");
    assert_eq!(recording.replay(), recording.commands());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_caller_who_waits_for_a_slow_model_is_not_left_in_silence() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(|_| Answer::default().then_stall());
    let agent = builder(llm, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let ended = tokio::spawn(ends(call));
    caller.speak("is it ready", ms(900)).await;
    let spoke = Instant::now();
    caller.hears_something(ms(4_500)).await;
    assert!(spoke.elapsed() > ms(3_000), "nobody is interrupted in an ordinary pause");
    let begun = caller.heard_spans()[0].0;
    while !caller.heard_text().contains("technical problem") {
        sleep(ms(20)).await;
    }
    let spans = caller.heard_spans();
    let mut last = begun;
    for (from, to) in spans {
        assert!(from.saturating_sub(last) < ms(4_000), "silence from {last:?} to {from:?}");
        last = to;
    }
    caller.hang_up().await;
    ended.await.unwrap();
}
