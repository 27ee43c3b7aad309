//! Interruption through the real driver, in virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use voiceagent_core::{
    AgentBuilder,
    audio::{AudioFilter, AudioFrame, Decibels, g711::Law},
    llm::{LlmRequest, Message},
    session::Uninterruptible,
    stt::SttInput,
    transport::Outbound,
    tts::TtsInput,
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLine, FakeLlm, FakeStt, FakeTts};

use crate::rig::{self, LONG, MULAW, ms, phone_line};

fn builder(llm: FakeLlm, tts: FakeTts, caller: &Caller) -> AgentBuilder {
    rig::builder(llm, caller).tts(Arc::new(tts.with_segments()))
}

/// When the line was told to drop what it has, since it was made.
fn cleared(caller: &Caller) -> Option<Duration> {
    let received = caller.received().into_iter();
    received.filter(|(_, outbound)| matches!(outbound, Outbound::Clear)).map(|(at, _)| at).next()
}

/// The words of the user in a request, one turn after another.
fn said(request: &LlmRequest) -> Vec<&str> {
    let messages = request.messages.iter();
    messages
        .filter_map(|message| match message {
            Message::User { text } => Some(&**text),
            _ => None,
        })
        .collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i3_a_flood_of_audio_does_not_delay_the_clear() {
    let line = FakeLine::audio(MULAW);
    let made = tokio::time::Instant::now();
    let caller = line.caller();
    let llm = FakeLlm::answers([Answer::text(LONG.repeat(20)), Answer::text("Very well.")]);
    let tts = FakeTts::new().with_pieces(ms(20), 1_000);
    let agent = builder(llm, tts, &caller)
        .tune(|config| config.barge_in.backchannel = None)
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears_something(ms(5_000)).await;
    let before = made.elapsed();
    caller.speak("wait a moment", ms(900)).await;
    let cleared = cleared(&caller).expect("the barge-in was obeyed") - before;
    assert!(cleared <= ms(320), "{cleared:?}");
    drop(call);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i9_quick_interruptions_leave_no_context_of_the_voice_open() {
    let (line, caller) = phone_line();
    let tts = FakeTts::new();
    let inputs = tts.inputs();
    let agent = builder(FakeLlm::answers([]), tts, &caller).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    for _ in 0..20 {
        call.line().say(LONG).unwrap();
        caller.silence(ms(140)).await;
        call.line().interrupt().unwrap();
        caller.silence(ms(20)).await;
    }
    let inputs = inputs.all();
    let generations = inputs.iter().filter_map(|input| match input {
        TtsInput::Text { generation, .. } => Some(*generation),
        _ => None,
    });
    let generations: std::collections::BTreeSet<_> = generations.collect();
    assert_eq!(generations.len(), 20);
    for generation in generations {
        let cancel = TtsInput::Cancel { generation };
        assert_eq!(inputs.iter().filter(|input| **input == cancel).count(), 1);
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i10_an_answer_that_is_interrupted_is_not_read_on() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([Answer::text(LONG.repeat(5)), Answer::text("Very well.")]);
    let llm = llm.with_token(ms(100));
    let (requests, dropped) = (llm.requests(), llm.dropped());
    let agent = builder(llm, FakeTts::new(), &caller)
        .tune(|config| config.speculation.enabled = false)
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears("The first", ms(6_000)).await;
    assert_eq!(dropped.count(), 0, "it is still being written");
    caller.speak("wait a moment", ms(900)).await;
    assert_eq!((requests.count(), dropped.count()), (1, 1));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i15_the_first_word_of_a_barge_in_is_understood() {
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([Answer::text(LONG), Answer::text("Very well.")]);
    let requests = llm.requests();
    let agent = builder(llm, FakeTts::new(), &caller).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears("The second", ms(6_000)).await;
    caller.speak("wait a moment", ms(900)).await;
    caller.hears("Very well.", ms(5_000)).await;
    assert_eq!(said(&requests.last().unwrap()), ["tell me everything", "wait a moment"]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i13_what_is_said_over_the_announcement_is_not_recognized_and_i15_what_goes_on_after_it_is()
{
    let (line, caller) = phone_line();
    let llm = FakeLlm::answers([Answer::text("Very well.")]);
    let requests = llm.requests();
    let stt = FakeStt::new(caller.words());
    let inputs = stt.inputs();
    let agent = builder(llm, FakeTts::new(), &caller)
        .stt(Arc::new(stt))
        .greeting("This call is recorded.")
        .tune(|config| {
            config.greeting_interruptible = false;
            config.barge_in.uninterruptible = Uninterruptible::Discard;
        })
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    // The announcement takes 1,320 ms.
    caller.hears_something(ms(1_000)).await;
    caller.speak("not to be heard", ms(500)).await;
    caller.silence(ms(660)).await;
    caller.speak("book a table for me", ms(1_500)).await;
    caller.hears("Very well.", ms(5_000)).await;
    assert_eq!(said(&requests.last().unwrap()), ["book a table for me"]);
    let ends = inputs.all().into_iter().filter_map(|input| match input {
        SttInput::Audio(frame) => Some((frame.at.0, frame.samples())),
        _ => None,
    });
    let ends: Vec<_> = ends.collect();
    assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "each moment once");
}

/// Makes the line quieter by 6 dB while it is told to.
#[derive(Debug)]
struct Quieter(Arc<AtomicBool>);

impl AudioFilter for Quieter {
    fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
        if !self.0.load(Ordering::Relaxed) {
            return frame;
        }
        let half = |code: &u8| Law::Mulaw.encode(Law::Mulaw.decode(*code) / 2);
        AudioFrame { payload: frame.payload.iter().map(half).collect(), ..frame }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i1_somebody_else_in_the_room_does_not_stop_the_agent() {
    for (softer, stops) in [(Some(Decibels(5.0)), false), (Some(Decibels(7.0)), true), (None, true)]
    {
        let (line, caller) = phone_line();
        let llm = FakeLlm::answers([Answer::text(LONG.repeat(3))]);
        let is_quieter = Arc::new(AtomicBool::new(false));
        let quieter = is_quieter.clone();
        let agent = builder(llm, FakeTts::new(), &caller)
            .filter(move || Quieter(quieter.clone()))
            .tune(move |config| config.barge_in.softer = softer)
            .build()
            .unwrap();
        let _call = agent.start(Box::new(line)).await.unwrap();
        for _ in 0..2 {
            caller.speak("", ms(300)).await;
            caller.silence(ms(300)).await;
        }
        caller.speak("what are your hours", ms(1_000)).await;
        caller.hears_something(ms(5_000)).await;
        is_quieter.store(true, Ordering::Relaxed);
        caller.speak("", ms(900)).await;
        assert_eq!(cleared(&caller).is_some(), stops, "{softer:?}");
    }
}
