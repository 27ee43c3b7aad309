//! The way of the caller's audio to the recognizer, in virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until};
use voiceagent_core::{
    Agent, AgentBuilder, Call, CallId, CallTime, Event, Link, Result, SpeechGateConfig,
    audio::{AudioFilter, AudioFormat, AudioFrame, MediaTime},
    llm::LanguageModel,
    session::Leg,
    stt::SttInput,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
    turn::{Lexical, TurnScore},
    vad::{VadFactory, VoiceActivityDetector},
};
use voiceagent_testkit::{
    conformance,
    fakes::{Answer, Caller, FakeLlm, FakeStt, FakeTts, FakeTurnDetector, FakeVad, Recording},
};

use crate::rig::{ms, phone_line};

fn builder(caller: &Caller) -> (AgentBuilder, Recording<SttInput>) {
    let llm: Arc<dyn LanguageModel> = Arc::new(FakeLlm::answers([Answer::text("Good.")]));
    let stt = FakeStt::new(caller.words());
    let inputs = stt.inputs();
    let builder = Agent::builder().llm(llm).stt(Arc::new(stt)).tts(Arc::new(FakeTts::new()));
    (builder, inputs)
}

/// Frames of audio that the recognizer has got.
fn frames(inputs: &Recording<SttInput>) -> usize {
    inputs.all().iter().filter(|input| matches!(input, SttInput::Audio(_))).count()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_line_reaches_the_recognizer_in_bundles_of_80_ms_and_whole() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(frames(&inputs));
        caller.silence(ms(20)).await;
    }
    seen.dedup();
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 4), "{seen:?}");
    caller.speak("hello", ms(400)).await;
    let audio = inputs.all().into_iter().filter_map(|input| match input {
        SttInput::Audio(frame) => Some((frame.at.0, frame.samples())),
        _ => None,
    });
    let ends: Vec<_> = audio.collect();
    assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "nothing is left out");
}

#[tokio::test(start_paused = true)]
async fn speech_reaches_the_recognizer_frame_by_frame() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    caller.speak("hello there my friend", ms(200)).await;
    let begun = frames(&inputs);
    caller.speak("how are you", ms(20)).await;
    assert_eq!(frames(&inputs), begun + 1);
    assert!(begun >= 110, "what was held back left with the beginning of speech: {begun}");
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_turn_that_is_over_goes_to_the_recognizer_in_bundles() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("I need new tires.", ms(1_000)).await;
    tokio::join!(turn(&mut call, ms(3_000)), caller.silence(ms(760)));
    let mut steps = Vec::new();
    for _ in 0..8 {
        let before = frames(&inputs);
        caller.silence(ms(20)).await;
        steps.push(frames(&inputs) - before);
    }
    assert_eq!(steps.iter().filter(|&&step| step == 4).count(), 2, "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_detector_nothing_is_held_back() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let agent = builder.without_vad().build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    let before = frames(&inputs);
    caller.silence(ms(20)).await;
    assert_eq!(frames(&inputs), before + 1);
}

/// The next event that fits, within so long.
async fn next<T: Send>(
    call: &mut Call,
    within: Duration,
    fits: fn(CallTime, &Event) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let (at, event) = call.next_event().await.expect("the call goes on");
            if let Some(found) = fits(at, &event) {
                return found;
            }
        }
    };
    tokio::time::timeout(within, found).await.expect("it happens in time")
}

async fn turn(call: &mut Call, within: Duration) -> (String, Duration) {
    next(call, within, |_, event| match event {
        Event::UserTurn { pii_text, end_of_turn_delay, .. } => {
            Some((pii_text.to_string(), *end_of_turn_delay))
        }
        _ => None,
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn t8_a_line_that_falls_silent_ends_the_speech_after_a_second() {
    let (line, caller) = phone_line();
    let (builder, _) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    let muted = async {
        tokio::time::sleep(ms(1_000)).await;
        caller.mute(ms(9_000)).await;
    };
    let told = next(&mut call, ms(8_000), |at, event| match event {
        Event::UserStopped { since, .. } => Some((at, *since)),
        _ => None,
    });
    let ((), (), (at, since)) =
        tokio::join!(caller.speak("I need new tires", ms(3_000)), muted, told);
    assert!((950..1_100).contains(&since.as_millis()), "when the line fell silent: {since:?}");
    assert!((980..1_050).contains(&(at - since).as_millis()), "a second later: {at:?}");
    assert_eq!(turn(&mut call, ms(3_000)).await.0, "I", "what was understood by then");
}

/// Hears speech from the first sound until it is reset.
#[derive(Clone, Copy, Debug)]
struct Latched(bool);

impl VadFactory for Latched {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(*self)
    }
}

impl VoiceActivityDetector for Latched {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        160
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.0 |= window.iter().any(|sample| sample.abs() > 0.05);
        if self.0 { 0.95 } else { 0.02 }
    }

    fn reset(&mut self) {
        self.0 = false;
    }
}

#[tokio::test(start_paused = true)]
async fn t9_a_detector_that_hangs_in_speech_is_reset_when_the_recognizer_heard_the_end() {
    let (line, caller) = phone_line();
    let llm: Arc<dyn LanguageModel> = Arc::new(FakeLlm::answers([Answer::text("Good.")]));
    let stt = FakeStt::new(caller.words()).with_end_of_turn(ms(300));
    let builder = Agent::builder().llm(llm).stt(Arc::new(stt)).tts(Arc::new(FakeTts::new()));
    let agent = builder.vad(Arc::new(Latched(false))).build().unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("book it please", ms(900)).await;
    assert_eq!(turn(&mut call, ms(1_500)).await.0, "book it please");
    caller.hears("Good.", ms(3_000)).await;
}

#[tokio::test]
async fn t11_the_detector_that_reads_is_a_turn_detector() {
    conformance::turn("lexical", &Lexical::new(), ms(500)).await.assert();
}

#[tokio::test(start_paused = true)]
async fn t10_a_turn_detector_that_fails_hangs_or_breaks_down_costs_nothing() {
    let mut delays = Vec::new();
    let detectors = [
        None,
        Some(FakeTurnDetector::scores([])),
        Some(FakeTurnDetector::scores([0.0]).with_delay(ms(9_000))),
        Some(FakeTurnDetector::new(|_| panic!("as the test asked"))),
        Some(FakeTurnDetector::new(|_| Some(TurnScore::new(f32::NAN)))),
    ];
    for detector in detectors {
        let (line, caller) = phone_line();
        let (mut builder, _) = builder(&caller);
        builder = builder.vad(Arc::new(FakeVad::default()));
        if let Some(detector) = detector {
            builder = builder.turn_detector(Arc::new(detector));
        }
        let mut call = builder.build().unwrap().start(Box::new(line)).await.unwrap();
        caller.speak("hello there", ms(600)).await;
        delays.push(turn(&mut call, ms(3_000)).await);
        caller.hears("Good.", ms(3_000)).await;
    }
    assert!(delays.iter().all(|delay| *delay == delays[0]), "{delays:?}");
}

/// Breaks down at the first sound.
#[derive(Clone, Copy, Debug)]
struct Fragile;

impl VadFactory for Fragile {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(*self)
    }
}

impl VoiceActivityDetector for Fragile {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        160
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        assert!(window.iter().all(|sample| sample.abs() < 0.05), "as the test asked");
        0.02
    }

    fn reset(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn t20_a_call_goes_on_without_the_detector_that_broke_down() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(Fragile)).build().unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello there", ms(600)).await;
    next(&mut call, ms(2_000), |_, event| {
        matches!(event, Event::Failed { leg: Leg::Vad, .. }).then_some(())
    })
    .await;
    assert_eq!(turn(&mut call, ms(3_000)).await.0, "hello there");
    caller.hears("Good.", ms(3_000)).await;
    let before = frames(&inputs);
    caller.silence(ms(20)).await;
    assert_eq!(frames(&inputs), before + 1, "nothing is held back for a detector that is gone");
}

/// Breaks down at the third frame.
#[derive(Debug, Default)]
struct FragileFilter(usize);

impl AudioFilter for FragileFilter {
    fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
        self.0 += 1;
        assert!(self.0 < 3, "as the test asked");
        frame
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_without_the_filter_that_broke_down() {
    let (line, caller) = phone_line();
    let (builder, inputs) = builder(&caller);
    let applied = Arc::new(AtomicUsize::new(0));
    let counts = Counts(Arc::clone(&applied));
    let builder = builder.filter(FragileFilter::default).filter(move || counts.clone());
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello there", ms(600)).await;
    assert_eq!(turn(&mut call, ms(3_000)).await.0, "hello there");
    caller.hears("Good.", ms(3_000)).await;
    caller.silence(ms(80)).await;
    let heard = inputs.all().into_iter().find_map(|input| match input {
        SttInput::Audio(frame) => Some(frame.at),
        _ => None,
    });
    assert_eq!(heard, Some(MediaTime(0)));
    let applied = applied.load(Ordering::Relaxed);
    assert!(applied >= frames(&inputs), "the other filter goes on, and misses no frame: {applied}");
}

/// Counts frames.
#[derive(Clone, Debug)]
struct Counts(Arc<AtomicUsize>);

impl AudioFilter for Counts {
    fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
        self.0.fetch_add(1, Ordering::Relaxed);
        frame
    }
}

/// A line with frames of 60 ms: five of them loud, and after a gap of half a second one more.
#[derive(Debug)]
struct LongFrames(CallInfo);

#[async_trait]
impl Transport for LongFrames {
    fn call(&self) -> &CallInfo {
        &self.0
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(8, |peer| async move {
            let begin = Instant::now();
            for ends in [60, 120, 180, 240, 300, 860] {
                sleep_until(begin + ms(ends)).await;
                let loud = (0..480).map(|at| if at / 8 % 2 == 0 { 0x8F } else { 0x0F }).collect();
                let at = MediaTime((ends - 60) * 8);
                let frame = AudioFrame::new(AudioFormat::MULAW_8K, at, loud);
                peer.send(Inbound::Audio(frame)).await?;
            }
            sleep_until(begin + ms(1_500)).await;
            peer.send(Inbound::HungUp).await
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn speech_that_ends_in_a_gap_and_begins_behind_it_is_noticed_with_one_frame() {
    let (_, caller) = phone_line();
    let (builder, _) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let info = CallInfo::new(CallId::new("call-1"), Media::audio(AudioFormat::MULAW_8K));
    let mut call = agent.start(Box::new(LongFrames(info))).await.unwrap();
    let mut edges = Vec::new();
    while let Some((at, event)) = call.next_event().await {
        match event {
            Event::UserStarted { .. } => edges.push((true, at.as_millis())),
            Event::UserStopped { .. } => edges.push((false, at.as_millis())),
            _ => {}
        }
    }
    assert_eq!(edges[1..3], [(false, 860), (true, 860)], "{edges:?}");
}

#[tokio::test(start_paused = true)]
async fn t21_trailing_silence_makes_a_recognizer_tell_what_it_understood() {
    let (line, caller) = phone_line();
    let llm: Arc<dyn LanguageModel> = Arc::new(FakeLlm::answers([Answer::text("Good.")]));
    let stt = FakeStt::new(caller.words()).without_interims().with_finalize(None);
    let builder = Agent::builder().llm(llm).stt(Arc::new(stt)).tts(Arc::new(FakeTts::new()));
    let builder = builder.without_vad().tune(|config| config.endpointing.manual = true);
    let mut call = builder.build().unwrap().start(Box::new(line)).await.unwrap();
    // The line falls silent in mid-speech, so the recognizer never hears its end.
    let released = async {
        tokio::time::sleep(ms(2_500)).await;
        let muted = caller.mute(ms(4_000));
        let committed = async {
            tokio::time::sleep(ms(500)).await;
            call.line().commit_turn().unwrap();
            turn(&mut call, ms(900)).await.0
        };
        tokio::join!(muted, committed).1
    };
    let ((), text) = tokio::join!(caller.speak("I need new tires", ms(3_000)), released);
    assert_eq!(text, "I need new");
    caller.hears("Good.", ms(3_000)).await;
}

/// A detector whose scores are to be doubted for 400 ms.
#[derive(Debug)]
struct Doubtful;

impl VadFactory for Doubtful {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        FakeVad::default().detector()
    }

    fn gate(&self) -> SpeechGateConfig {
        let mut gate = SpeechGateConfig::default();
        gate.min_speech = ms(400);
        gate
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_goes_by_the_gate_that_suits_its_detector_unless_it_is_told_another() {
    for (gate, is_noticed) in [(None, false), (Some(SpeechGateConfig::default()), true)] {
        let (line, caller) = phone_line();
        let mut builder = builder(&caller).0.vad(Arc::new(Doubtful));
        if let Some(gate) = gate {
            builder = builder.speech_gate(gate);
        }
        let call = builder.build().unwrap().start(Box::new(line)).await.unwrap();
        caller.speak("", ms(300)).await;
        caller.silence(ms(1_000)).await;
        caller.hang_up().await;
        let events = crate::rig::events(call).await;
        let noticed = events.iter().any(|event| matches!(event, Event::UserStarted { .. }));
        assert_eq!(noticed, is_noticed, "{gate:?}");
    }
}
