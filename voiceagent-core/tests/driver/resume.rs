//! Pauses through the real driver: what the caller hears when a suspicion comes to nothing.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    Call, Event,
    llm::{LlmRequest, Message},
    observer::{LatencyObserver, Observer, TranscriptObserver, TurnLatency},
    session::BargeInConfig,
    transport::{Outbound, TransportCapabilities},
};
use voiceagent_testkit::{
    fakes::{Answer, Caller, FakeLine, FakeLlm, FakeTts, Recording, RecordingObserver},
    tone,
};

use crate::rig::{LONG, MULAW, builder, ms};

/// How long a message takes from the agent to the caller, and a report back.
const TRAVEL: Duration = Duration::from_millis(60);

/// A caller who has asked for a long answer and hears it.
struct Answered {
    caller: Caller,
    requests: Recording<LlmRequest>,
    seen: RecordingObserver,
    _call: Call,
}

async fn answered(line: FakeLine, voice: FakeTts) -> Answered {
    answered_with(line, voice, BargeInConfig::default()).await
}

async fn answered_with(line: FakeLine, voice: FakeTts, barge_in: BargeInConfig) -> Answered {
    let caller = line.caller();
    let llm = FakeLlm::answers([Answer::text(LONG), Answer::text("Very well.")]);
    let requests = llm.requests();
    let seen = RecordingObserver::default();
    let agent = builder(llm, &caller)
        .tts(Arc::new(voice))
        .tune(|config| config.barge_in = barge_in)
        .observer({
            let seen = seen.clone();
            move |_| seen.clone()
        })
        .build()
        .expect("nothing is missing");
    let call = agent.start(Box::new(line)).await.expect("a fake line opens");
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears("The sec", ms(6_000)).await;
    Answered { caller, requests, seen, _call: call }
}

impl Answered {
    /// Makes a sound that is no word, and hears the answer to its end.
    async fn coughs(&self) {
        self.caller.speak("", ms(400)).await;
        self.until(|event| matches!(event, Event::AgentStopped { .. })).await;
    }

    async fn until(&self, fits: impl Fn(&Event) -> bool) {
        while !self.seen.events().iter().any(&fits) {
            self.caller.silence(ms(20)).await;
        }
    }

    fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.seen.events().iter().filter(|event| fits(event)).count()
    }

    fn latencies(&self) -> Vec<TurnLatency> {
        let (mut observer, report) = LatencyObserver::new();
        for (at, event) in self.seen.timed() {
            observer.on_event(at, &event);
        }
        report.snapshot().turns().to_vec()
    }

    fn assert_paused_once(&self) {
        assert_eq!(self.count(|event| matches!(event, Event::AgentPaused { .. })), 1);
        assert_eq!(self.count(|event| matches!(event, Event::AgentResumed { .. })), 1);
        assert_eq!(self.count(|event| matches!(event, Event::AgentStarted { .. })), 1);
        assert_eq!(self.count(|event| matches!(event, Event::Interrupted { .. })), 0);
    }
}

/// How much of `source` was heard twice, if it was heard as a beginning and an end of it that leave
/// nothing out.
fn heard_twice(heard: &[u8], source: &[u8]) -> Option<usize> {
    let begins = heard.iter().zip(source).take_while(|(heard, sent)| heard == sent).count();
    let rest = &heard[begins..];
    // The last frame is filled up with silence.
    let filling = (0..160).find(|filling| {
        rest.len() >= *filling && source.ends_with(&rest[..rest.len() - filling])
    })?;
    (begins + rest.len() - filling).checked_sub(source.len())
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn f4_around_a_cough_the_caller_hears_each_word_once() {
    let answered = answered(FakeLine::audio(MULAW), FakeTts::new().with_segments()).await;
    answered.coughs().await;
    answered.assert_paused_once();
    assert_eq!(answered.caller.heard_text(), LONG);
    let spans = answered.caller.heard_spans();
    assert_eq!(spans.len(), 2, "a beginning and an end: {spans:?}");
    let silence = spans[1].0 - spans[0].1;
    assert!((ms(1_500)..ms(2_200)).contains(&silence), "{silence:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn f6_on_a_long_way_a_little_is_heard_twice_and_nothing_is_lost() {
    let line = FakeLine::audio(MULAW).with_travel(TRAVEL);
    let answered = answered(line, FakeTts::new().with_segments()).await;
    answered.coughs().await;
    answered.assert_paused_once();
    let source = tone::spell(MULAW, LONG, ms(60));
    let twice = heard_twice(&answered.caller.heard_audio(), &source).expect("nothing is lost");
    // There and back: what was played and not yet known to be. And what lay between two marks.
    let most = MULAW.bytes_in(TRAVEL * 2 + ms(120));
    assert!((1..=most).contains(&twice), "{twice} of at most {most}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn f6_a_line_without_marks_resumes_by_the_agents_own_pace() {
    let can = TransportCapabilities::default().with_clear(true);
    let line = FakeLine::audio(MULAW).with_capabilities(can);
    let answered = answered(line, FakeTts::new().with_segments()).await;
    answered.coughs().await;
    answered.assert_paused_once();
    assert_eq!(answered.caller.heard_text(), LONG);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn f7_after_a_cough_word_timings_say_what_was_heard() {
    let answered = answered(FakeLine::audio(MULAW), FakeTts::new().with_word_timings()).await;
    answered.caller.speak("", ms(400)).await;
    answered.until(|event| matches!(event, Event::AgentResumed { .. })).await;
    answered.caller.hears("The third", ms(5_000)).await;
    answered.caller.speak("wait a moment", ms(900)).await;
    answered.caller.hears("Very well.", ms(5_000)).await;
    let messages = answered.requests.last().unwrap().messages;
    let [Message::User { .. }, Message::Assistant { text, interrupted: true }, ..] = &messages[..]
    else {
        panic!("h16: {messages:?}")
    };
    let heard = answered.caller.heard_text();
    let heard = heard.strip_suffix("Very well.").unwrap();
    assert!(heard.starts_with(&**text), "{text:?} of {heard:?}");
    assert!(heard[text.len()..].split_whitespace().count() <= 1, "{text:?} of {heard:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn f2_a_pause_makes_no_real_interruption_slower() {
    let (mut cleared, mut answers) = (Vec::new(), Vec::new());
    for pauses in [true, false] {
        let mut barge_in = BargeInConfig::default();
        barge_in.pause = barge_in.pause.filter(|_| pauses);
        let voice = FakeTts::new().with_segments();
        let answered = answered_with(FakeLine::audio(MULAW), voice, barge_in).await;
        answered.caller.speak("wait a moment", ms(900)).await;
        answered.caller.hears("Very well.", ms(5_000)).await;
        let received = answered.caller.received();
        let mut clears = received.iter().filter(|(_, sent)| matches!(sent, Outbound::Clear));
        cleared.push(clears.next().expect("the agent was stopped").0);
        assert_eq!(clears.count(), 0, "one is enough");
        answers.push(received.last().expect("the second answer").0);
        assert_eq!(answered.requests.last().unwrap().messages.len(), 3);
        let paused = answered.count(|event| matches!(event, Event::AgentPaused { .. }));
        assert_eq!(paused, usize::from(pauses));
    }
    assert!(cleared[0] < cleared[1], "a voice is enough to pause, and only words interrupt");
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m1_and_m10_the_way_to_the_caller_counts() {
    let line = FakeLine::audio(MULAW).with_travel(TRAVEL);
    let answered = answered(line, FakeTts::new().with_segments()).await;
    let turns = answered.latencies();
    let [turn] = &turns[..] else { panic!("{turns:?}") };
    // The report's way back is counted: no shorter bound is known.
    assert_eq!(turn.playout, Some(TRAVEL * 2));
    assert_eq!(turn.heard, turn.response.map(|response| response + TRAVEL * 2));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn m11_the_silence_that_the_caller_hears_is_measured() {
    let line = FakeLine::audio(MULAW).with_travel(TRAVEL);
    let answered = answered(line, FakeTts::new().with_segments()).await;
    answered.caller.speak("wait a moment", ms(900)).await;
    answered.caller.hears("Very well.", ms(5_000)).await;
    let turns = answered.latencies();
    let silenced = turns[1].silenced.expect("the second turn interrupted the first answer");
    // 160 ms of speech, noticed with a frame; then the way there and back.
    let expected = ms(160) + TRAVEL * 2;
    assert!((expected..=expected + ms(40)).contains(&silenced), "{silenced:?}");
    assert!(turns[1].interruption.is_some() && turns[0].silenced.is_none());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h14_the_transcript_grows_while_the_agent_speaks() {
    let answered = answered(FakeLine::audio(MULAW), FakeTts::new().with_segments()).await;
    let (mut observer, report) = TranscriptObserver::new();
    let mut lengths = Vec::new();
    answered.coughs().await;
    for (at, event) in answered.seen.timed() {
        observer.on_event(at, &event);
        if let [_, agent] = &report.snapshot()[..] {
            assert!(LONG.starts_with(agent.pii_text.expose()));
            lengths.push(agent.pii_text.expose().len());
        }
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
    lengths.dedup();
    assert!(lengths.len() > 10, "word by word: {lengths:?}");
    assert_eq!(report.snapshot().len(), 2, "one entry for all of it");
    assert_eq!(lengths.last(), Some(&LONG.len()));
}
