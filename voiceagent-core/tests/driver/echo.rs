//! A caller on a speakerphone, in virtual time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::interval;
use voiceagent_core::{
    Agent, AgentBuilder, Call, CallTime, Event, Link, LinkPeer, MarkId, Result, SessionConfig,
    adapt::PromptCache,
    audio::{AudioFrame, Clip, Decibels, Decoder, MediaTime, g711::Law},
    stt::SttInput,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};
use voiceagent_testkit::{
    clips,
    fakes::{Answer, FakeLlm, FakeStt, FakeTts, FakeVad, Recording, Words},
};

use crate::rig::{MULAW, ms};

/// "And so, my fellow Americans, ask not", 4 s.
const SPEECH: &[u8] = include_bytes!("../../testdata/jfk_8k.mulaw");
const WORDS: &str = "And so, my fellow Americans, ask not.";
/// A frame of 20 ms.
const FRAME: usize = 160;

/// A phone that gives back what it plays.
#[derive(Debug)]
struct Speakerphone {
    call: CallInfo,
    delay: Duration,
    gain: f32,
    /// What the person at it says, and when.
    caller: (&'static [u8], Duration),
    /// From when on frames come, and from when on it gives back what it plays.
    opens: Duration,
    on: Duration,
    /// Which frames are lost.
    is_lost: fn(usize) -> bool,
}

impl Speakerphone {
    fn new(delay: Duration, attenuation: f32, caller: (&'static [u8], Duration)) -> Self {
        let gain = 10_f32.powf(-attenuation / 20.0);
        let (opens, on) = (Duration::ZERO, Duration::ZERO);
        let call = CallInfo::new("echo", Media::audio(MULAW));
        Self { call, delay, gain, caller, opens, on, is_lost: |_| false }
    }
}

#[async_trait]
impl Transport for Speakerphone {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        // More than is sent ahead.
        Ok(Link::spawn(256, |peer| {
            let line = Line { phone: *self, buffer: VecDeque::new(), played: Vec::new() };
            line.run(peer)
        }))
    }
}

struct Line {
    phone: Speakerphone,
    /// What was sent and not played.
    buffer: VecDeque<Sent>,
    /// All samples that were played, and silence between.
    played: Vec<f32>,
}

enum Sent {
    Byte(u8),
    Mark(MarkId),
}

impl Line {
    async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let mut clock = interval(ms(20));
        loop {
            tokio::select! {
                biased;
                outbound = peer.recv() => match outbound {
                    None | Some(Outbound::HangUp) => return Ok(()),
                    Some(Outbound::Audio(frame)) => {
                        self.buffer.extend(frame.payload.iter().map(|byte| Sent::Byte(*byte)));
                    }
                    Some(Outbound::Mark(mark)) => self.buffer.push_back(Sent::Mark(mark)),
                    Some(Outbound::Clear) => {
                        for sent in self.buffer.drain(..) {
                            if let Sent::Mark(mark) = sent {
                                peer.send(Inbound::MarkPlayed(mark)).await?;
                            }
                        }
                    }
                    Some(_) => {}
                },
                _ = clock.tick() => {
                    for mark in self.play() {
                        peer.send(Inbound::MarkPlayed(mark)).await?;
                    }
                    let frame = self.hear();
                    let number = frame.at.0 as usize / FRAME;
                    let is_open = frame.at.0 >= MULAW.samples_in(self.phone.opens);
                    if is_open && !(self.phone.is_lost)(number) {
                        peer.send(Inbound::Audio(frame)).await?;
                    }
                }
            }
        }
    }

    /// Plays a frame. Returns the marks that were reached.
    fn play(&mut self) -> Vec<MarkId> {
        let (mut codes, mut marks) = (Vec::new(), Vec::new());
        while codes.len() < FRAME || matches!(self.buffer.front(), Some(Sent::Mark(_))) {
            match self.buffer.pop_front() {
                Some(Sent::Byte(code)) => codes.push(code),
                Some(Sent::Mark(mark)) => marks.push(mark),
                None => codes.push(0xFF),
            }
        }
        Decoder::new(MULAW).expect("mu-law can be decoded").decode(&codes, &mut self.played);
        marks
    }

    /// What the microphone picks up meanwhile.
    fn hear(&self) -> AudioFrame {
        let from = self.played.len() - FRAME;
        let (clip, at) = self.phone.caller;
        let mut said = Vec::new();
        Decoder::new(MULAW).expect("mu-law can be decoded").decode(clip, &mut said);
        let late = MULAW.samples_in(self.phone.delay) as usize;
        let at = MULAW.samples_in(at) as usize;
        let on = MULAW.samples_in(self.phone.on) as usize;
        let samples: Vec<f32> = (from..from + FRAME)
            .map(|n| {
                let echo = n.checked_sub(late).filter(|_| n >= on).map_or(0.0, |n| self.played[n]);
                let own = n.checked_sub(at).and_then(|n| said.get(n)).copied();
                self.phone.gain * echo + own.unwrap_or_default()
            })
            .collect();
        let mut codes = Vec::new();
        Law::Mulaw.encode_f32_into(&samples, &mut codes);
        AudioFrame::new(MULAW, MediaTime(from as u64), codes.into())
    }
}

/// An agent that greets, and a recognizer that understands what sounds of these words.
fn agent(words: Words) -> (AgentBuilder, Recording<SttInput>) {
    let clip = Clip::new(MULAW, SPEECH).expect("mu-law can be decoded");
    let voice =
        PromptCache::new(Arc::new(FakeTts::new())).with_clip(WORDS, clip).expect("words to say");
    let stt = FakeStt::new(words);
    let inputs = stt.inputs();
    let builder = Agent::builder()
        .llm(Arc::new(FakeLlm::answers([Answer::text(WORDS)])))
        .stt(Arc::new(stt))
        .tts(Arc::new(voice))
        .vad(Arc::new(FakeVad::default()))
        .greeting(WORDS);
    (builder, inputs)
}

async fn start(builder: AgentBuilder, phone: Speakerphone) -> Call {
    let agent = builder.build().expect("nothing is missing");
    agent.start(Box::new(phone)).await.expect("all legs open")
}

async fn call(phone: Speakerphone, words: Words) -> Call {
    start(agent(words).0.echo_detection(), phone).await
}

/// How many frames the recognizer was given, and in how many of them there is a sound.
fn given(inputs: &Recording<SttInput>) -> (usize, usize) {
    let is_loud = |frame: &AudioFrame| Decibels::of_frame(frame) > Some(Decibels(-50.0));
    let all = inputs.all().into_iter().filter_map(|input| match input {
        SttInput::Audio(frame) => Some(is_loud(&frame)),
        _ => None,
    });
    all.fold((0, 0), |(all, loud), is_loud| (all + 1, loud + usize::from(is_loud)))
}

/// What happens in the next so many seconds.
async fn events(mut call: Call, lasting: Duration) -> Vec<(CallTime, Event)> {
    let mut events = Vec::new();
    let _ = tokio::time::timeout(lasting, async {
        while let Some(event) = call.next_event().await {
            events.push(event);
        }
    })
    .await;
    events
}

/// What was heard of the greeting, and whether there was more of it.
fn heard(events: &[(CallTime, Event)]) -> Option<(String, bool)> {
    events.iter().find_map(|(_, event)| match event {
        Event::AgentStopped { pii_heard, interrupted, .. } => {
            Some((pii_heard.to_string(), *interrupted))
        }
        _ => None,
    })
}

fn pauses(events: &[(CallTime, Event)]) -> usize {
    events.iter().filter(|(_, event)| matches!(event, Event::AgentPaused { .. })).count()
}

fn has_paused(events: &[(CallTime, Event)]) -> bool {
    pauses(events) > 0
}

/// The agent says its greeting to the end, and nothing of it is taken for somebody's voice.
fn is_undisturbed(events: &[(CallTime, Event)]) -> bool {
    heard(events) == Some((WORDS.to_owned(), false))
        && !events
            .iter()
            .any(|(_, event)| matches!(event, Event::AgentPaused { .. } | Event::UserTurn { .. }))
}

/// What a recognizer makes of the echo.
fn echoed(delay: Duration) -> Words {
    let words = Words::default();
    words.say(WORDS, delay, delay + ms(4_000));
    words
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_the_echo_of_the_agent_neither_pauses_nor_interrupts_it() {
    for (delay, attenuation) in [(60, 6.0), (120, 12.0), (250, 20.0), (400, 12.0)] {
        let phone = Speakerphone::new(ms(delay), attenuation, (&[], ms(0)));
        let call = call(phone, echoed(ms(delay))).await;
        let events = events(call, ms(6_000)).await;
        let whole = Some((WORDS.to_owned(), false));
        assert_eq!(heard(&events), whole, "{delay} ms, {attenuation} dB: {events:?}");
        assert!(!has_paused(&events), "{delay} ms, {attenuation} dB: {events:?}");
        let turns = events.iter().filter(|(_, event)| matches!(event, Event::UserTurn { .. }));
        assert_eq!(turns.count(), 0, "nobody has said anything");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn without_looking_for_it_echo_silences_the_agent() {
    let phone = Speakerphone::new(ms(120), 12.0, (&[], ms(0)));
    let (builder, inputs) = agent(echoed(ms(120)));
    let events = events(start(builder, phone).await, ms(6_000)).await;
    assert!(has_paused(&events), "{events:?}");
    assert!(given(&inputs).1 > 8, "{:?}", given(&inputs));
}

/// How long after its first sound the caller's voice pauses the agent, and how much is heard of
/// the greeting.
async fn barges_in(attenuation: Option<f32>) -> (Duration, (String, bool)) {
    let (clip, at) = (clips::STOP.audio, ms(2_000));
    let phone = Speakerphone::new(ms(150), attenuation.unwrap_or(200.0), (clip, at));
    let words = if attenuation.is_some() { echoed(ms(150)) } else { Words::default() };
    words.say(clips::STOP.text, at, at + ms(1_100));
    let events = events(call(phone, words).await, ms(7_000)).await;
    let paused = events.iter().find(|(_, event)| matches!(event, Event::AgentPaused { .. }));
    let (paused, _) = paused.unwrap_or_else(|| panic!("the agent gives way: {events:?}"));
    (paused.elapsed().saturating_sub(at), heard(&events).expect("it stopped"))
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i1_a_caller_over_the_echo_interrupts_in_the_usual_time() {
    let (usual, _) = barges_in(None).await;
    for attenuation in [12.0, 20.0] {
        let (after, (heard, interrupted)) = barges_in(Some(attenuation)).await;
        assert!(interrupted && heard.len() < WORDS.len(), "{attenuation} dB: {heard}");
        let late = after.saturating_sub(usual);
        assert!(late <= ms(120), "{attenuation} dB: {after:?}, else {usual:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_nobody_is_told_of_an_echo_that_is_found() {
    for (delay, attenuation) in [(60, 6.0), (120, 12.0), (250, 20.0), (400, 12.0)] {
        let phone = Speakerphone::new(ms(delay), attenuation, (&[], ms(0)));
        let (builder, inputs) = agent(echoed(ms(delay)));
        let events = events(start(builder.echo_detection(), phone).await, ms(6_000)).await;
        let voices = events.iter().filter(|(_, event)| matches!(event, Event::UserStarted { .. }));
        assert_eq!(voices.count(), 0, "{delay} ms, {attenuation} dB: {events:?}");
        // What waited until it was known whose it is was silenced too.
        let (all, loud) = given(&inputs);
        assert!(all > 290, "the recognizer gets silence in its place: {all}");
        assert!(loud <= 3, "{delay} ms, {attenuation} dB: {loud} of {all}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_the_echo_is_told_on_a_line_that_opens_late_or_loses_frames() {
    for (opens, delay) in [(140, 60), (180, 100), (140, 150), (180, 250)] {
        let mut phone = Speakerphone::new(ms(delay), 12.0, (&[], ms(0)));
        phone.opens = ms(opens);
        let events = events(call(phone, echoed(ms(delay))).await, ms(6_000)).await;
        assert!(is_undisturbed(&events), "{delay} ms, from {opens} ms on: {events:?}");
    }
    let lossy: [fn(usize) -> bool; 3] =
        [|n| (50..54).contains(&n), |n| (50..58).contains(&n), |n| n % 50 > 45];
    for (case, is_lost) in lossy.into_iter().enumerate() {
        for delay in [60, 150] {
            let mut phone = Speakerphone::new(ms(delay), 12.0, (&[], ms(0)));
            phone.is_lost = is_lost;
            let events = events(call(phone, echoed(ms(delay))).await, ms(6_000)).await;
            assert!(is_undisturbed(&events), "{delay} ms, loss {case}: {events:?}");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_an_echo_that_begins_in_the_midst_pauses_the_agent_once_at_most() {
    for delay in [60, 120, 250, 400] {
        for on in [1_000, 1_600, 2_000, 2_600] {
            let mut phone = Speakerphone::new(ms(delay), 12.0, (&[], ms(0)));
            phone.on = ms(on);
            let events = events(call(phone, Words::default()).await, ms(12_000)).await;
            let whole = Some((WORDS.to_owned(), false));
            assert_eq!(heard(&events), whole, "{delay} ms from {on} ms on: {events:?}");
            assert!(pauses(&events) <= 1, "{delay} ms from {on} ms on: {events:?}");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_the_echo_on_a_line_that_opens_in_the_midst_of_a_word_pauses_the_agent_once_at_most() {
    let (mut lines, mut paused) = (0, 0);
    for delay in [60, 120, 250, 400] {
        for opens in [240, 500, 620, 860, 1_000] {
            let mut phone = Speakerphone::new(ms(delay), 12.0, (&[], ms(0)));
            phone.opens = ms(opens);
            let events = events(call(phone, Words::default()).await, ms(8_000)).await;
            let at = format!("{delay} ms, from {opens} ms on: {events:?}");
            assert_eq!(heard(&events), Some((WORDS.to_owned(), false)), "{at}");
            assert!(pauses(&events) <= 1, "{at}");
            (lines, paused) = (lines + 1, paused + pauses(&events));
        }
    }
    assert!(paused * 3 < lines, "the agent mostly goes on: {paused} of {lines}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i16_what_an_interruption_cleared_is_not_expected_back() {
    let (delay, at) = (ms(120), ms(1_600));
    let phone = Speakerphone::new(delay, 12.0, (clips::STOP.audio, at));
    let words = Words::default();
    words.say(clips::STOP.text, at, at + ms(1_100));
    // So far ahead that the answer begins long before the greeting would have ended.
    let ahead = |config: &mut SessionConfig| config.playout.lead = ms(4_000);
    let builder = agent(words).0.tune(ahead).echo_detection();
    let events = events(start(builder, phone).await, ms(12_000)).await;
    let stops: Vec<bool> = events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::AgentStopped { interrupted, .. } => Some(*interrupted),
            _ => None,
        })
        .collect();
    assert_eq!(stops, [true, false], "its answer is no voice over it: {events:?}");
    assert_eq!(pauses(&events), 1, "{events:?}");
}
