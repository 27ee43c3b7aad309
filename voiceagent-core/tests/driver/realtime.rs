//! Whole calls with a model that hears and speaks by itself, in virtual time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinHandle;
use voiceagent_core::{
    Agent, AgentBuilder, ErrorKind, Event, GenerationId, Line, Link, Result,
    audio::AudioFormat,
    llm::Message,
    realtime::{
        FIRST_OWN, RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel,
        RealtimeOptions,
    },
    session::{EndReason, Leg},
    transport::Outbound,
};
use voiceagent_testkit::fakes::{
    Caller, FakeFlow, FakeLine, FakeLlm, FakeRealtime, FakeStt, FakeTool, FakeVad, RealtimeFault,
    Recording, Reply, Words,
};

use crate::rig::{LONG, MULAW, events, ms, phone_line};

/// A call that runs, and what the model was given.
struct Running {
    caller: Caller,
    line: Line,
    events: JoinHandle<Vec<Event>>,
    inputs: Recording<RealtimeInput>,
    opened: Recording<RealtimeOptions>,
}

impl Running {
    /// Starts a call with a model that gives these replies one after another.
    async fn start<const N: usize>(
        replies: [&str; N],
        change: impl FnOnce(FakeRealtime) -> FakeRealtime,
        build: impl FnOnce(AgentBuilder) -> AgentBuilder,
    ) -> Self {
        let replies = replies.map(Reply::text).to_vec();
        Self::start_with(replies, change, build).await
    }

    async fn start_with(
        replies: Vec<Reply>,
        change: impl FnOnce(FakeRealtime) -> FakeRealtime,
        build: impl FnOnce(AgentBuilder) -> AgentBuilder,
    ) -> Self {
        let (line, caller) = phone_line();
        let model = FakeRealtime::replies(caller.words(), replies).with_formats([MULAW]);
        let model = change(model);
        let (inputs, opened) = (model.inputs(), model.opened());
        let agent =
            build(Agent::builder().realtime(Arc::new(model))).build().expect("it fits together");
        let call = agent.start(Box::new(line)).await.expect("the legs open");
        let line = call.line().clone();
        let events = tokio::spawn(events(call));
        Self { caller, line, events, inputs, opened }
    }

    async fn end(self) -> (Vec<Event>, Vec<RealtimeInput>) {
        self.line.hang_up().expect("the call goes on");
        (self.events.await.expect("the reader lives"), self.inputs.all())
    }
}

fn own_ears(builder: AgentBuilder) -> AgentBuilder {
    builder.vad(Arc::new(FakeVad::default()))
}

fn told(events: &[Event]) -> Vec<&str> {
    let words = events.iter().filter_map(|event| match event {
        Event::UserTurn { pii_text, .. } | Event::UserWords { pii_text, .. } => Some(&**pii_text),
        _ => None,
    });
    words.filter(|words| !words.is_empty()).collect()
}

fn heard_of_agent(events: &[Event]) -> Vec<(&str, bool)> {
    let heard = events.iter().filter_map(|event| match event {
        Event::AgentStopped { pii_heard, interrupted, .. } => Some((&**pii_heard, *interrupted)),
        _ => None,
    });
    heard.collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_turn_managed_model_greets_answers_and_takes_leave() {
    let call = Running::start(
        ["We are open until six."],
        |model| model.with_transcripts_after(ms(3_000)),
        |builder| own_ears(builder).greeting("Good morning!"),
    )
    .await;
    call.caller.hears("Good morning!", ms(5_000)).await;
    call.caller.speak("are you open", ms(1_000)).await;
    call.caller.hears("We are open until six.", ms(5_000)).await;
    call.line.say("Goodbye!").unwrap();
    call.caller.silence(ms(4_000)).await;
    let caller = call.caller.clone();
    let (events, inputs) = call.end().await;
    assert!(caller.heard_text().ends_with("Goodbye!"), "d1: {}", caller.heard_text());
    assert_eq!(told(&events), ["are you open"]);
    let answers =
        [("Good morning!", false), ("We are open until six.", false), ("Goodbye!", false)];
    assert_eq!(heard_of_agent(&events), answers);
    let commits = inputs.iter().filter(|it| matches!(it, RealtimeInput::Commit { .. })).count();
    assert_eq!(commits, 1);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h13_the_model_forgets_what_the_caller_did_not_hear() {
    let call = Running::start([LONG, "Very well."], |model| model, own_ears).await;
    call.caller.speak("tell me everything", ms(1_000)).await;
    call.caller.hears("The second", ms(6_000)).await;
    call.caller.speak("wait a moment", ms(900)).await;
    call.caller.hears("Very well.", ms(5_000)).await;
    let heard = call.caller.heard_text();
    let (events, inputs) = call.end().await;
    let cuts: Vec<_> = inputs
        .iter()
        .filter_map(|input| match input {
            RealtimeInput::Truncate { generation, heard } => Some((*generation, *heard)),
            _ => None,
        })
        .collect();
    let [(generation, cut)] = cuts[..] else { panic!("{cuts:?}") };
    assert_eq!(generation, GenerationId::new(1));
    // The fake voice takes 60 ms for a character.
    let spoken = heard.strip_suffix("Very well.").unwrap().chars().count() as u32;
    assert!(cut <= ms(60) * (spoken + 1) && cut + ms(400) >= ms(60) * spoken, "{cut:?} {heard:?}");
    let (text, interrupted) = heard_of_agent(&events)[0];
    assert!(interrupted && heard.starts_with(text), "h1: {text:?} of {heard:?}");
    assert!(text.starts_with("The first thing is this."), "{text:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn text_may_come_after_its_audio_or_not_at_all() {
    let late =
        Running::start(["Yes, we are."], FakeRealtime::with_text_after_audio, own_ears).await;
    late.caller.speak("are you open", ms(1_000)).await;
    late.caller.hears("Yes, we are.", ms(5_000)).await;
    late.caller.silence(ms(500)).await;
    assert_eq!(heard_of_agent(&late.end().await.0), [("Yes, we are.", false)]);

    let never = Running::start(["Yes, we are."], FakeRealtime::without_text, own_ears).await;
    never.caller.speak("are you open", ms(1_000)).await;
    never.caller.hears("Yes, we are.", ms(5_000)).await;
    never.caller.silence(ms(500)).await;
    assert_eq!(heard_of_agent(&never.end().await.0), [("", false)]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x2_a_tool_runs_and_the_model_goes_on_with_its_result() {
    let tool = FakeTool::returning("book", json!({ "ok": true }));
    let calls = tool.calls();
    let replies = vec![
        Reply::text("One moment. ").then_call("book", json!({ "day": "Monday" })),
        Reply::text("You are booked."),
    ];
    let call =
        Running::start_with(replies, |model| model, |builder| own_ears(builder).tool(tool)).await;
    call.caller.speak("book me", ms(800)).await;
    call.caller.hears("One moment. You are booked.", ms(9_000)).await;
    let opened = call.opened.last().unwrap();
    let (_, inputs) = call.end().await;
    assert_eq!((calls.count(), opened.tools.len()), (1, 1));
    let result = inputs.iter().find_map(|input| match input {
        RealtimeInput::ToolResult { id, output } => Some((id.as_str(), output.contains("true"))),
        _ => None,
    });
    assert_eq!(result, Some(("call-1", true)));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn audio_is_converted_where_line_and_model_differ() {
    let formats = |model: FakeRealtime| model.with_formats([AudioFormat::PCM_24K]);
    let call = Running::start(["We are open."], formats, own_ears).await;
    call.caller.speak("are you open", ms(1_000)).await;
    call.caller.hears_something(ms(5_000)).await;
    call.caller.silence(ms(3_000)).await;
    assert_eq!(call.opened.last().unwrap().format, AudioFormat::PCM_24K);
    let (events, _) = call.end().await;
    assert_eq!(told(&events), ["are you open"]);
    assert_eq!(heard_of_agent(&events), [("We are open.", false)]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_lost_model_is_opened_again_and_costs_no_words() {
    let call = Running::start(
        ["Good morning!", "We are open."],
        |model| model.with_faults([RealtimeFault::Drop(ms(2_500))]),
        |builder| own_ears(builder).greet_by("Greet the caller."),
    )
    .await;
    call.caller.hears("Good morning!", ms(5_000)).await;
    call.caller.silence(ms(500)).await;
    call.caller.speak("are you open today", ms(2_000)).await;
    call.caller.hears("We are open.", ms(9_000)).await;
    call.caller.silence(ms(500)).await;
    let opened = call.opened.all();
    let (events, _) = call.end().await;
    assert_eq!(opened.len(), 2);
    let greeting = Message::Assistant { text: "Good morning!".into(), interrupted: false };
    assert_eq!(*opened[1].history, [greeting]);
    assert_eq!(told(&events), ["are you open today"]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn an_answer_that_is_lost_with_the_model_is_asked_for_again() {
    let faults = |model: FakeRealtime| model.with_faults([RealtimeFault::DropWhenAsked]);
    let call = Running::start(["We are open."], faults, own_ears).await;
    call.caller.speak("are you open", ms(1_000)).await;
    call.caller.hears("We are open.", ms(3_000)).await;
    assert_eq!(call.opened.count(), 2);
    let (events, _) = call.end().await;
    let lost = Event::Failed { leg: Leg::Realtime, kind: ErrorKind::Disconnected };
    assert!(events.contains(&lost));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d11_a_model_that_cannot_be_had_again_ends_the_call() {
    let refusals = [RealtimeFault::Refuse(ErrorKind::Unauthorized); 40];
    let faults = [&[RealtimeFault::DropWhenAsked][..], &refusals[..]].concat();
    let call = Running::start([], |model| model.with_faults(faults), own_ears).await;
    call.caller.speak("are you open", ms(1_000)).await;
    let events = call.events.await.unwrap();
    let failed = Event::Failed { leg: Leg::Realtime, kind: ErrorKind::Unauthorized };
    assert!(events.contains(&failed), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Ended { reason: EndReason::Failed }));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_fails_once_is_asked_again() {
    let faults =
        |model: FakeRealtime| model.with_faults([RealtimeFault::Fail(ErrorKind::Overloaded)]);
    let call = Running::start(["We are open."], faults, own_ears).await;
    call.caller.speak("are you open", ms(1_000)).await;
    call.caller.hears("We are open.", ms(3_000)).await;
    assert_eq!(call.opened.count(), 1, "the link lives on");
    call.end().await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_never_speaks_ends_the_call() {
    let faults = |model: FakeRealtime| model.with_faults([RealtimeFault::Silent]);
    let call = Running::start([], faults, |builder| {
        own_ears(builder).tune(|config| config.model.max_failures = 1)
    })
    .await;
    call.caller.speak("are you open", ms(1_000)).await;
    let events = call.events.await.unwrap();
    assert_eq!(events.last(), Some(&Event::Ended { reason: EndReason::Failed }));
    assert!(events.contains(&Event::Failed { leg: Leg::Realtime, kind: ErrorKind::Timeout }));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h13_a_duplex_model_answers_by_itself_and_falls_silent_for_the_user() {
    let call = Running::start([LONG, "Very well."], FakeRealtime::duplex, |builder| builder).await;
    call.caller.speak("tell me everything", ms(1_000)).await;
    call.caller.hears("The second", ms(6_000)).await;
    call.caller.speak("wait a moment", ms(900)).await;
    call.caller.hears("Very well.", ms(5_000)).await;
    call.caller.silence(ms(600)).await;
    let received = call.caller.received();
    assert!(received.iter().any(|(_, outbound)| matches!(outbound, Outbound::Clear)));
    let (events, inputs) = call.end().await;
    assert_eq!(told(&events), ["tell me everything", "wait a moment"]);
    let heard = heard_of_agent(&events);
    assert!(heard[0].1 && heard[0].0.starts_with("The first"), "{heard:?}");
    assert_eq!(heard[1], ("Very well.", false));
    let cut = |input: &RealtimeInput| matches!(input, RealtimeInput::Truncate { generation, .. } if *generation == FIRST_OWN);
    assert_eq!(inputs.iter().filter(|input| cut(input)).count(), 1);
    let asked = |input: &RealtimeInput| {
        matches!(input, RealtimeInput::Generate { .. } | RealtimeInput::Commit { .. })
    };
    assert!(!inputs.iter().any(asked), "it decides by itself");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_duplex_model_uses_tools_too() {
    let tool = FakeTool::returning("book", json!({ "ok": true }));
    let replies = vec![Reply::call("book", json!({})), Reply::text("You are booked.")];
    let call =
        Running::start_with(replies, FakeRealtime::duplex, |builder| builder.tool(tool)).await;
    call.caller.speak("book me", ms(800)).await;
    call.caller.hears("You are booked.", ms(6_000)).await;
    call.end().await;
}

#[test]
fn what_does_not_fit_a_speech_to_speech_model_is_named() {
    let caller = FakeLine::audio(MULAW).caller();
    let model = || Arc::new(FakeRealtime::replies(caller.words(), []));
    let why = |builder: AgentBuilder| builder.build().unwrap_err().message().to_owned();
    assert!(why(Agent::builder()).contains("`realtime`"));
    let with = || Agent::builder().realtime(model());
    assert!(why(with().llm(Arc::new(FakeLlm::answers([])))).contains("`llm`"));
    assert!(why(with().stt(Arc::new(FakeStt::new(caller.words())))).contains("`stt`"));
    assert!(why(with().flow(Arc::new(FakeFlow::plans([])))).contains("`flow`"));
    assert!(why(with().greeting("Hello.").greet_by("Greet.")).contains("`greet_by`"));
    assert!(why(with().without_vad()).contains("detector"));
    let llm = Arc::new(FakeLlm::answers([]));
    assert!(why(Agent::builder().llm(llm).greet_by("Greet.")).contains("`greet_by`"));
    let duplex = Arc::new(FakeRealtime::replies(caller.words(), []).duplex());
    assert!(why(own_ears(Agent::builder().realtime(duplex))).contains("`vad`"));
}

#[tokio::test(crate = "voiceagent_testkit::leaks")]
async fn a_text_leg_needs_a_language_model() {
    let line = FakeLine::text();
    let model = Arc::new(FakeRealtime::replies(line.caller().words(), []));
    let agent = Agent::builder().realtime(model).build().unwrap();
    let refused = agent.start(Box::new(line)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.message().contains("`llm`"));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_duplex_model_that_counts_anew_after_a_lost_conversation_is_heard() {
    let call = Running::start(
        ["We are open.", "Until six."],
        |model| model.duplex().with_faults([RealtimeFault::Drop(ms(6_000))]),
        |builder| builder,
    )
    .await;
    call.caller.speak("are you open", ms(800)).await;
    call.caller.hears("We are open.", ms(5_000)).await;
    call.caller.silence(ms(6_000)).await;
    call.caller.speak("until when", ms(800)).await;
    call.caller.hears("Until six.", ms(5_000)).await;
    assert_eq!(call.opened.count(), 2);
    call.end().await;
}

/// A model that reads nothing for a while, and never answers.
#[derive(Debug)]
struct Busy {
    words: Words,
    inputs: Recording<RealtimeInput>,
}

#[async_trait]
impl RealtimeModel for Busy {
    fn name(&self) -> &str {
        "busy"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        FakeRealtime::replies(self.words.clone(), []).with_formats([MULAW]).capabilities()
    }

    async fn open(&self, _: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let inputs = self.inputs.clone();
        Ok(Link::spawn(64, |mut peer| async move {
            tokio::time::sleep(ms(9_000)).await;
            while let Some(input) = peer.recv().await {
                inputs.add(input);
            }
            Ok(())
        }))
    }
}

/// A model that hears somebody, is lost, and hears nobody when it is back.
#[derive(Debug)]
struct Forgetful {
    words: Words,
    lost: AtomicBool,
}

#[async_trait]
impl RealtimeModel for Forgetful {
    fn name(&self) -> &str {
        "forgetful"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut can = FakeRealtime::replies(self.words.clone(), []).capabilities();
        can.formats = vec![MULAW];
        can.server_vad = true;
        can
    }

    async fn open(&self, _: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let lost = self.lost.swap(true, Ordering::Relaxed);
        Ok(Link::spawn(64, move |mut peer| async move {
            while peer.recv().await.is_some() && lost {}
            peer.send(RealtimeEvent::SpeechStarted).await?;
            tokio::time::sleep(ms(200)).await;
            Ok(())
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn t7_the_voice_that_a_lost_model_heard_holds_no_turn_open() {
    let (line, caller) = phone_line();
    let model = Forgetful { words: caller.words(), lost: AtomicBool::new(false) };
    let agent = Agent::builder().realtime(Arc::new(model)).without_vad().build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let heard = tokio::spawn(events(call));
    caller.silence(ms(2_000)).await;
    caller.hang_up().await;
    let events = heard.await.unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::UserStarted { .. })), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::UserStopped { .. })), "{events:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn audio_does_not_crowd_out_that_an_answer_is_not_wanted_any_more() {
    let (line, caller) = phone_line();
    let inputs = Recording::default();
    let model = Busy { words: caller.words(), inputs: inputs.clone() };
    let agent = own_ears(Agent::builder().realtime(Arc::new(model))).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("are you open", ms(1_000)).await;
    caller.silence(ms(9_000)).await;
    drop(call);
    let said = inputs.all();
    let at = |wanted: &dyn Fn(&RealtimeInput) -> bool| said.iter().position(wanted);
    let asked = said.iter().filter_map(|input| match input {
        RealtimeInput::Generate { generation, .. } => Some(*generation),
        _ => None,
    });
    let asked: Vec<GenerationId> = asked.collect();
    assert!(asked.len() > 1, "{asked:?}");
    for pair in asked.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        let stopped =
            at(&|it| matches!(it, RealtimeInput::Cancel { generation } if *generation == old));
        let begun = at(
            &|it| matches!(it, RealtimeInput::Generate { generation, .. } if *generation == new),
        );
        assert!(stopped.is_some() && stopped < begun, "{old:?} goes on beside {new:?}: {said:?}");
    }
}
