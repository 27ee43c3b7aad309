//! What a whole call tells of its times, its use and its health, in virtual time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voiceagent_core::{
    AgentBuilder, CallTime, Event, Link, Result,
    llm::Usage,
    observer::{
        InterruptionKind, InterruptionObserver, LatencyObserver, Observer, TalkObserver,
        UsageObserver,
    },
    session::Leg,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLlm, FakeTts, TtsFault};

use crate::rig::{self, ms, phone_line, timed_events};

/// A voice whose connections take 70 ms.
#[derive(Debug)]
struct SlowToOpen(FakeTts);

#[async_trait]
impl TextToSpeech for SlowToOpen {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> TtsCapabilities {
        self.0.capabilities()
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        tokio::time::sleep(ms(70)).await;
        self.0.open(options).await
    }
}

fn builder(llm: FakeLlm, tts: FakeTts, caller: &Caller) -> AgentBuilder {
    rig::builder(llm, caller).tts(Arc::new(SlowToOpen(tts)))
}

fn observe(mut observer: impl Observer, events: &[(CallTime, Event)]) {
    for (at, event) in events {
        observer.on_event(*at, event);
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m16_every_connection_tells_how_long_it_took_and_whether_it_was_open() {
    let (line, caller) = phone_line();
    let answer = |words| Answer::text(words).with_connection(ms(30), words == "Again.");
    let llm = FakeLlm::answers([answer("One two three four five."), answer("Again.")]);
    let tts = FakeTts::new().with_faults([TtsFault::Drop(ms(300))]);
    let agent = builder(llm, tts, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let events = tokio::spawn(timed_events(call));
    caller.speak("what are your hours", ms(600)).await;
    caller.hears("One", ms(9_000)).await;
    caller.silence(ms(4_000)).await;
    caller.speak("once more", ms(600)).await;
    caller.hears("Again.", ms(9_000)).await;
    caller.hang_up().await;
    let connected: Vec<_> = events
        .await
        .unwrap()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Connected { leg, after, reused } => Some((leg, after, reused)),
            _ => None,
        })
        .collect();
    let of = |wanted: Leg| -> Vec<_> {
        let of = connected.iter().filter(|(leg, ..)| *leg == wanted);
        of.map(|(_, after, reused)| (*after, *reused)).collect()
    };
    assert_eq!(of(Leg::Tts), [(ms(70), false), (ms(70), false)], "opened, lost, opened again");
    assert_eq!(of(Leg::Stt), [(Duration::ZERO, false)]);
    assert_eq!(of(Leg::Transport).len(), 1);
    assert_eq!(of(Leg::Llm), [(ms(30), false), (ms(30), true)]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m5_a_model_that_reasons_for_longer_than_the_first_token_may_take_answers() {
    let (line, caller) = phone_line();
    let answer = Answer::default().then_reason(8).then_text("Yes.");
    let llm = FakeLlm::answers([answer]).with_first_token(ms(2_000)).with_token(ms(1_000));
    let requests = llm.requests();
    let agent = builder(llm, FakeTts::new(), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let events = tokio::spawn(timed_events(call));
    caller.speak("are you open", ms(800)).await;
    caller.hears("Yes.", ms(20_000)).await;
    caller.hang_up().await;
    let (observer, report) = LatencyObserver::new();
    observe(observer, &events.await.unwrap());
    let turns = report.snapshot();
    let [turn] = turns.turns() else { panic!("{turns:?}") };
    assert_eq!((turn.ttft, turn.first_answer_token), (Some(ms(2_000)), Some(ms(10_000))));
    assert_eq!(requests.count(), 1);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m17_the_health_of_a_call_is_told_each_10_s_and_before_its_end() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::answers([]), FakeTts::new(), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let events = tokio::spawn(timed_events(call));
    caller.silence(ms(25_000)).await;
    caller.hang_up().await;
    let events = events.await.unwrap();
    let reports: Vec<_> = events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Health { .. }))
        .map(|(at, _)| at.as_millis() / 1_000)
        .collect();
    assert_eq!(reports, [10, 20, 25]);
    assert!(matches!(events.last(), Some((_, Event::Ended { .. }))), "nothing comes after the end");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m18_and_m13_a_call_tells_what_it_used_and_who_spoke() {
    let (line, caller) = phone_line();
    let answer = Answer::text("We are open from eight to six, and on Saturdays until noon.");
    let llm = FakeLlm::answers([answer.with_usage(Usage::new(100, 60, 15))]);
    let tts = FakeTts::new();
    let agent = builder(llm, tts, &caller).greeting("Good morning!").build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let events = tokio::spawn(timed_events(call));
    caller.hears("Good morning!", ms(5_000)).await;
    caller.silence(ms(500)).await;
    caller.speak("when are you open", ms(1_500)).await;
    caller.hears("until noon.", ms(9_000)).await;
    caller.silence(ms(1_000)).await;
    caller.hang_up().await;
    let events = events.await.unwrap();

    let (observer, usage) = UsageObserver::new();
    observe(observer, &events);
    let usage = usage.snapshot();
    assert_eq!((usage.answers.input, usage.answers.cached, usage.answers.output), (100, 60, 15));
    let said = "Good morning!We are open from eight to six, and on Saturdays until noon.";
    let characters = usage.characters as usize;
    assert!((said.len()..said.len() + 4).contains(&characters), "{characters}, spaces aside");
    let (observer, talk) = TalkObserver::new();
    observe(observer, &events);
    let talk = talk.snapshot();
    // The recognizer heard all of the call, but for the last bundle of frames.
    let unheard = talk.call.saturating_sub(usage.stt);
    assert!(unheard <= ms(200), "{unheard:?} of {talk:?}");
    assert!(usage.tts >= ms(60 * 70) && usage.tts <= talk.agent + ms(400), "{usage:?} {talk:?}");
    assert!(talk.user >= ms(1_200) && talk.user <= ms(1_800), "{talk:?}");
    assert_eq!((talk.talk_over, talk.user_interruptions), (Duration::ZERO, 0));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m12_a_barge_in_is_a_real_interruption_and_recovers() {
    let (line, caller) = phone_line();
    let long = "The first thing is this. The second thing is that. The third thing is other.";
    let llm = FakeLlm::answers([Answer::text(long), Answer::text("Very well.")]);
    let agent = builder(llm, FakeTts::new(), &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let events = tokio::spawn(timed_events(call));
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears("The second", ms(6_000)).await;
    caller.speak("wait a moment", ms(900)).await;
    caller.hears("Very well.", ms(5_000)).await;
    caller.hang_up().await;
    let events = events.await.unwrap();
    let (observer, report) = InterruptionObserver::new();
    observe(observer, &events);
    let report = report.snapshot();
    let [one] = report.entries() else { panic!("{report:?}") };
    assert_eq!(one.kind, InterruptionKind::Real);
    assert!(one.recovery.is_some_and(|after| after > ms(700)), "{one:?}");
    let (observer, talk) = TalkObserver::new();
    observe(observer, &events);
    let talk = talk.snapshot();
    assert_eq!((talk.user_interruptions, talk.agent_interruptions), (1, 0));
    assert!(talk.talk_over > Duration::ZERO && talk.talk_over < ms(400), "{talk:?}");
}
