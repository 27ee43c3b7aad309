//! A caller on a speakerphone, in virtual time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::interval;
use voiceagent_core::{
    Agent, Call, CallTime, Event, Link, LinkPeer, MarkId, Result,
    adapt::PromptCache,
    audio::{AudioFrame, Clip, Decoder, MediaTime, g711::Law},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};
use voiceagent_testkit::{
    clips,
    fakes::{FakeLlm, FakeStt, FakeTts, FakeVad, Words},
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
}

impl Speakerphone {
    fn new(delay: Duration, attenuation: f32, caller: (&'static [u8], Duration)) -> Self {
        let gain = 10_f32.powf(-attenuation / 20.0);
        Self { call: CallInfo::new("echo", Media::audio(MULAW)), delay, gain, caller }
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
                    peer.send(Inbound::Audio(self.hear())).await?;
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
        let samples: Vec<f32> = (from..from + FRAME)
            .map(|n| {
                let echo = n.checked_sub(late).map_or(0.0, |n| self.played[n]);
                let own = n.checked_sub(at).and_then(|n| said.get(n)).copied();
                self.phone.gain * echo + own.unwrap_or_default()
            })
            .collect();
        let mut codes = Vec::new();
        Law::Mulaw.encode_f32_into(&samples, &mut codes);
        AudioFrame::new(MULAW, MediaTime(from as u64), codes.into())
    }
}

/// A call in which the agent greets, and a recognizer that understands what sounds of these words.
async fn call(phone: Speakerphone, words: Words, detects_echo: bool) -> Call {
    let clip = Clip::new(MULAW, SPEECH).expect("mu-law can be decoded");
    let voice = PromptCache::new(Arc::new(FakeTts::new())).with_clip(WORDS, clip);
    let mut builder = Agent::builder()
        .llm(Arc::new(FakeLlm::answers([])))
        .stt(Arc::new(FakeStt::new(words)))
        .tts(Arc::new(voice))
        .vad(Arc::new(FakeVad::default()))
        .greeting(WORDS);
    if detects_echo {
        builder = builder.echo_detection();
    }
    let agent = builder.build().expect("nothing is missing");
    agent.start(Box::new(phone)).await.expect("all legs open")
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

fn has_paused(events: &[(CallTime, Event)]) -> bool {
    events.iter().any(|(_, event)| matches!(event, Event::AgentPaused { .. }))
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
        let call = call(phone, echoed(ms(delay)), true).await;
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
    let events = events(call(phone, echoed(ms(120)), false).await, ms(6_000)).await;
    assert!(has_paused(&events), "{events:?}");
}

/// How long after its first sound the caller's voice pauses the agent, and how much is heard of
/// the greeting.
async fn barges_in(attenuation: Option<f32>) -> (Duration, (String, bool)) {
    let (clip, at) = (clips::STOP.audio, ms(2_000));
    let phone = Speakerphone::new(ms(150), attenuation.unwrap_or(200.0), (clip, at));
    let words = if attenuation.is_some() { echoed(ms(150)) } else { Words::default() };
    words.say(clips::STOP.text, at, at + ms(1_100));
    let events = events(call(phone, words, true).await, ms(6_000)).await;
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
