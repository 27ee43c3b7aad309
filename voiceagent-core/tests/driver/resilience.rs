//! Calls whose providers fail one way or another, each with a second one behind it: the caller is
//! answered in time, what was heard is in the history, and no tool runs twice.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;
use voiceagent_core::{
    Agent, ErrorKind, Event,
    adapt::{Failover, FallbackLlm, FallbackStt, FallbackTts, Hedged},
    llm::{LanguageModel, Message},
    session::Leg,
    stt::SpeechToText,
    tts::TextToSpeech,
};
use voiceagent_testkit::fakes::{
    Answer, Caller, FakeLlm, FakeStt, FakeTool, FakeTts, FakeVad, Recording, SttFault, TtsFault,
};

use crate::rig::{events, ms, phone_line};

/// The longest that a caller may wait for an answer.
const PROMISED: Duration = Duration::from_secs(4);
const ASKED: &str = "are you open on saturday morning";
const REPLY: &str = "Yes, we are open on Saturday from nine to twelve.";
const THANKS: &str = "thank you very much";
const WELCOME: &str = "You are welcome.";

struct Legs {
    stt: Arc<dyn SpeechToText>,
    llm: Arc<dyn LanguageModel>,
    tts: Arc<dyn TextToSpeech>,
}

/// Legs that do not fail.
fn sound(caller: &Caller) -> Legs {
    Legs {
        stt: Arc::new(FakeStt::new(caller.words())),
        llm: Arc::new(model()),
        tts: Arc::new(FakeTts::new().with_segments()),
    }
}

/// A model that answers what was asked, and goes on where another broke off.
fn model() -> FakeLlm {
    FakeLlm::new(|request| {
        let text = match request.last_user_text() {
            Some(ASKED) => REPLY.to_owned(),
            Some(THANKS) => WELCOME.to_owned(),
            asked => match so_far(&request.messages) {
                Some(said) => REPLY[said.len()..].trim_start().to_owned(),
                None => format!("I heard {asked:?}."),
            },
        };
        Answer::text(text)
    })
}

/// What another model has said of this answer.
fn so_far(messages: &[Message]) -> Option<&str> {
    let said = messages.iter().rev().nth(1)?;
    match said {
        Message::Assistant { text, .. } => Some(text),
        _ => None,
    }
}

/// A model whose first answer goes wrong, and those after it as well.
fn failing(answer: Answer) -> Arc<FakeLlm> {
    Arc::new(FakeLlm::new(move |_| answer.clone()))
}

/// Plays a call of two turns. The first is answered in time; then the history holds what was said
/// and what was heard. Returns who took over from whom.
async fn survives(fault: &str, legs: impl FnOnce(&Caller) -> Legs) -> Vec<(Leg, Failover)> {
    let (line, caller) = phone_line();
    let legs = legs(&caller);
    let spy = Arc::new(Spy { model: legs.llm, requests: Recording::default() });
    let agent = Agent::builder()
        .stt(legs.stt)
        .llm(spy.clone())
        .tts(legs.tts)
        .vad(Arc::new(FakeVad::default()))
        // The answer itself must come in time, and not a word that asks for patience.
        .tune(|config| config.owed_reply = None)
        .build()
        .expect("nothing is missing");
    let call = agent.start(Box::new(line)).await.expect("a leg is left");
    let told = tokio::spawn(events(call));
    caller.silence(ms(500)).await;
    caller.speak(ASKED, ms(1_800)).await;
    let asked = Instant::now();
    caller.hears_something(PROMISED).await;
    let waited = asked.elapsed();
    assert!(waited <= PROMISED, "{fault}: the caller waited {waited:?}");
    caller.hears("to twelve.", ms(15_000)).await;
    caller.silence(ms(1_500)).await;
    let heard = caller.heard_text();
    caller.speak(THANKS, ms(900)).await;
    caller.hears(WELCOME, ms(8_000)).await;

    assert_eq!(without_halves(&heard), REPLY.replace(' ', ""), "{fault}");
    let messages = spy.requests.last().expect("two turns were answered");
    let said = |text: &str| Message::User { text: text.into() };
    assert_eq!(messages[0], said(ASKED), "{fault}: all that was said was understood, once");
    let answer = Message::Assistant { text: REPLY.into(), interrupted: false };
    assert_eq!(messages[1], answer, "{fault}: the history is what was heard");
    assert_eq!(messages[2..], [said(THANKS)], "{fault}");
    caller.hang_up().await;
    let told = told.await.expect("the call does not panic");
    let failovers = told.into_iter().filter_map(|event| match event {
        Event::FailedOver { leg, failover } => Some((leg, failover)),
        _ => None,
    });
    failovers.collect()
}

/// Without spaces, and without the letters of a word that is said again, whole, by the next voice.
fn without_halves(heard: &str) -> String {
    let mut text = heard.replace(' ', "");
    let mut before = String::new();
    for word in REPLY.split(' ') {
        for end in 1..word.len() {
            let twice = format!("{before}{}{word}", &word[..end]);
            if let Some(rest) = text.strip_prefix(&twice) {
                text = format!("{before}{word}{rest}");
            }
        }
        before.push_str(word);
    }
    text
}

/// Notes what the session asks, whoever answers.
#[derive(Debug)]
struct Spy {
    model: Arc<dyn LanguageModel>,
    requests: Recording<Arc<[Message]>>,
}

#[async_trait::async_trait]
impl LanguageModel for Spy {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn capabilities(&self) -> voiceagent_core::llm::LlmCapabilities {
        self.model.capabilities()
    }

    async fn generate(
        &self,
        request: voiceagent_core::llm::LlmRequest,
    ) -> voiceagent_core::Result<
        futures_util::stream::BoxStream<
            'static,
            voiceagent_core::Result<voiceagent_core::llm::LlmEvent>,
        >,
    > {
        self.requests.add(request.messages.clone());
        self.model.generate(request).await
    }
}

async fn survives_stt(fault: SttFault) {
    survives(&format!("{fault:?}"), |caller| {
        let first = FakeStt::new(caller.words()).with_faults([fault]);
        let second = FakeStt::new(caller.words());
        let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
        Legs { stt: Arc::new(stt), ..sound(caller) }
    })
    .await;
}

async fn survives_llm(fault: &str, answer: Answer) {
    survives(fault, |caller| {
        let llm = FallbackLlm::new(failing(answer), vec![Arc::new(model())]);
        Legs { llm: Arc::new(llm), ..sound(caller) }
    })
    .await;
}

async fn survives_tts(fault: TtsFault) {
    survives(&format!("{fault:?}"), |caller| {
        let make = || FakeTts::new().with_segments().with_word_timings();
        let tts = FallbackTts::new(Arc::new(make().with_faults([fault])), vec![Arc::new(make())]);
        Legs { tts: Arc::new(tts), ..sound(caller) }
    })
    .await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_a_recognizer_that_drops_while_the_caller_speaks_costs_neither_words_nor_the_answer() {
    for after in (0..3_000).step_by(410) {
        survives_stt(SttFault::Drop(ms(after))).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_a_recognizer_that_stalls_is_noticed_and_the_caller_is_answered_within_four_seconds() {
    for after in (0..3_000).step_by(410) {
        survives_stt(SttFault::Mute(ms(after))).await;
        survives_stt(SttFault::Stall(ms(after))).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_a_recognizer_that_is_rate_limited_or_refuses_the_key_is_replaced() {
    survives_stt(SttFault::Refuse(ErrorKind::RateLimited)).await;
    survives_stt(SttFault::Refuse(ErrorKind::Unauthorized)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd1_a_model_that_is_rate_limited_or_down_is_replaced_within_four_seconds() {
    for kind in [ErrorKind::RateLimited, ErrorKind::Overloaded, ErrorKind::Disconnected] {
        survives_llm(&format!("{kind:?}"), Answer::refuse(kind)).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd3_a_model_that_says_nothing_or_only_connects_is_replaced_within_four_seconds() {
    survives_llm("silence", Answer::default().then_stall()).await;
    let connects = Answer::default().then_stall().with_connection(ms(20), false);
    survives_llm("rd4: a connection is no progress", connects).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd6_a_reply_that_is_cut_or_stalls_after_any_word_is_completed_and_nothing_is_said_twice() {
    let ends = REPLY.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at + 1);
    for end in ends.chain([3, REPLY.len()]) {
        let said = &REPLY[..end];
        let broken = Answer::text(said).then_break(ErrorKind::Disconnected);
        survives_llm(&format!("cut after {said:?}"), broken).await;
        let stalled = Answer::text(said).then_stall();
        survives_llm(&format!("rd5: stalled after {said:?}"), stalled).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re1_a_voice_that_fails_before_its_first_audio_is_replaced_within_four_seconds() {
    for fault in [
        TtsFault::Drop(Duration::ZERO),
        TtsFault::End(Duration::ZERO),
        TtsFault::Mute(Duration::ZERO),
        TtsFault::Report(Duration::ZERO, ErrorKind::RateLimited),
        TtsFault::Refuse(ErrorKind::RateLimited),
    ] {
        survives_tts(fault).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re3_a_voice_that_is_cut_or_stalls_within_a_sentence_is_continued() {
    for after in (120..2_900).step_by(480) {
        survives_tts(TtsFault::Drop(ms(after))).await;
        survives_tts(TtsFault::End(ms(after))).await;
        survives_tts(TtsFault::Mute(ms(after))).await;
        survives_tts(TtsFault::Report(ms(after), ErrorKind::RateLimited)).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd3_a_slow_model_is_hedged() {
    survives("slow", |caller| {
        let slow = FakeLlm::new(|_| Answer::text(REPLY)).with_first_token(ms(9_000));
        let llm = Hedged::new(Arc::new(slow), Arc::new(model()));
        Legs { llm: Arc::new(llm), ..sound(caller) }
    })
    .await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn every_leg_may_fail_in_one_call_and_each_failover_is_told_once() {
    let failovers = survives("all", |caller| {
        let stt = FakeStt::new(caller.words()).with_faults([SttFault::Drop(ms(1_500))]);
        let tts = FakeTts::new().with_segments().with_faults([TtsFault::Drop(Duration::ZERO)]);
        let broken = Answer::text("Yes, we are ").then_break(ErrorKind::Disconnected);
        let Legs { stt: other_stt, llm: other_llm, tts: other_tts } = sound(caller);
        Legs {
            stt: Arc::new(FallbackStt::new(Arc::new(stt), vec![other_stt])),
            llm: Arc::new(FallbackLlm::new(failing(broken), vec![other_llm])),
            tts: Arc::new(FallbackTts::new(Arc::new(tts), vec![other_tts])),
        }
    })
    .await;
    for leg in [Leg::Stt, Leg::Llm, Leg::Tts] {
        let of: Vec<_> = failovers.iter().filter(|(it, _)| *it == leg).collect();
        let [(_, failover)] = &of[..] else { panic!("{leg:?}: {of:?}") };
        assert_eq!(failover.cause, ErrorKind::Disconnected, "{leg:?}");
        assert_eq!((&*failover.from, &*failover.to), ("fake", "fake"), "{leg:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn legs_that_do_not_fail_tell_of_no_failover() {
    assert_eq!(survives("nothing", sound).await, []);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_provider_that_cannot_be_opened_at_the_beginning_is_a_failover_too() {
    let failovers = survives("refused", |caller| {
        let stt =
            FakeStt::new(caller.words()).with_faults([SttFault::Refuse(ErrorKind::Overloaded)]);
        let Legs { stt: other_stt, llm, tts } = sound(caller);
        Legs { stt: Arc::new(FallbackStt::new(Arc::new(stt), vec![other_stt])), llm, tts }
    })
    .await;
    let [(Leg::Stt, failover)] = &failovers[..] else { panic!("{failovers:?}") };
    assert_eq!(failover.cause, ErrorKind::Overloaded);
}

/// Plays a turn in which a tool is called, and returns how often it ran and with what.
async fn booked(first: Answer, second: impl FnMut() -> Answer + Send + 'static) -> Vec<String> {
    let (line, caller) = phone_line();
    let tool = FakeTool::returning("book", json!({ "booked": true }));
    let calls = tool.calls();
    let mut second = second;
    let next = FakeLlm::new(move |request| {
        let done = request.messages.iter().any(|it| matches!(it, Message::ToolResult { .. }));
        if done { Answer::text("It is booked.") } else { second() }
    });
    let agent = Agent::builder()
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(FallbackLlm::new(failing(first), vec![Arc::new(next)])))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .tool(tool)
        .build()
        .expect("nothing is missing");
    let _call = agent.start(Box::new(line)).await.expect("a leg is left");
    caller.speak("book me in at nine", ms(900)).await;
    caller.hears("It is booked.", ms(9_000)).await;
    calls.all().into_iter().map(|(arguments, _)| arguments.to_string()).collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd7_a_tool_call_that_is_cut_before_it_is_whole_is_made_once_by_the_next_model() {
    let arguments = json!({ "at": "nine" });
    // Cut off, or told by the vendor to be no call.
    let faults = [ErrorKind::Disconnected, ErrorKind::Protocol];
    for (kind, said) in
        faults.into_iter().flat_map(|kind| [(kind, ""), (kind, "One moment, please. ")])
    {
        let cut = Answer::text(said).then_break(kind);
        let again = arguments.clone();
        let runs = booked(cut, move || Answer::call("book", again.clone())).await;
        assert_eq!(runs, [arguments.to_string()], "after {said:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd7_a_tool_that_was_called_before_the_answer_broke_off_is_not_called_again() {
    let arguments = json!({ "at": "nine" });
    for said in ["", "One moment, please. "] {
        let called = Answer::text(said)
            .then_call("book", arguments.clone())
            .then_break(ErrorKind::Disconnected);
        let again = arguments.clone();
        let runs = booked(called, move || Answer::call("book", again.clone())).await;
        assert_eq!(runs, [arguments.to_string()], "after {said:?}");
    }
}
