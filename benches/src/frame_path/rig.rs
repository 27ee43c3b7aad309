//! The real driver, session and codec, between a caller and a voice that cost nothing.

use std::{
    collections::VecDeque,
    env, fs, process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use voiceagent_core::{
    Agent, AgentBuilder, Call, Error, Link, LinkPeer, MarkId, Result,
    audio::{AudioFormat, Background, Clip},
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_telephony::media_stream::{self, MediaCodec};
use voiceagent_testkit::phone::{Carrier, frame_messages};

use super::{Count, now, way::Way};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const FRAME: Duration = Duration::from_millis(20);
/// Some three minutes, in which every queue comes to its size. The slowest is that of the call's
/// events, of which a quiet call tells some two in ten seconds.
const WARM_UP: u32 = 10_000;
/// The most frames of a count. As many messages are made for a smaller one.
pub(super) const FRAMES: u32 = 5_000;
/// What the agent says. A voice that went on for longer than its words take would be given up.
const LONG: &str = "This takes a while, and then it goes on for a little longer. ";
/// What waits in a link, as on a real line.
const LINK: usize = 64;

/// A frame in which nothing is to be heard.
pub(super) fn silence(format: AudioFormat) -> Vec<u8> {
    let byte = if format == AudioFormat::MULAW_8K { 0xFF } else { 0 };
    vec![byte; format.bytes_in(FRAME)]
}

/// The messages of a carrier while its caller is silent.
fn messages() -> Vec<Message> {
    let count = WARM_UP + FRAMES + 100;
    frame_messages(Carrier::Twilio, "MZ1", &silence(FORMAT), count as usize)
}

/// A caller's text all the way to the bytes for the recognizer.
pub(super) async fn inbound(frames: u32) -> Result<Count> {
    let heard = Arc::new(AtomicU64::new(0));
    let line = Line::new(messages(), Arc::default());
    let agent = builder(Arc::clone(&heard)).build()?;
    let mut call = agent.start(Box::new(line)).await?;
    pass(&mut call, WARM_UP).await;
    let (before, first) = (now(), heard.load(Ordering::Relaxed));
    pass(&mut call, frames).await;
    let (after, last) = (now(), heard.load(Ordering::Relaxed));
    drop(call);
    let frames = frames_of(last - first);
    Ok(Count::between(Way::Inbound, frames, before, after))
}

/// A voice's audio all the way to the text for the carrier.
pub(super) async fn outbound(frames: u32) -> Result<Count> {
    speak(Way::Outbound, frames, builder(Arc::default()).build()?).await
}

/// The same with a background behind it.
pub(super) async fn outbound_with_background(frames: u32) -> Result<Count> {
    let clip = Clip::new(FORMAT, &[0x90; 4_000])?;
    let agent = builder(Arc::default()).background(Background::new(clip)).build()?;
    speak(Way::Background, frames, agent).await
}

/// Both directions at once, recorded. What the disk's own task allocates counts as well.
pub(super) async fn recorded(frames: u32) -> Result<Count> {
    let folder = env::temp_dir().join(format!("voiceagent-frame-path-{}", process::id()));
    let unusable = |error| Error::config("no folder for a recording").with_source(error);
    fs::create_dir_all(&folder).map_err(unusable)?;
    let heard = Arc::new(AtomicU64::new(0));
    let line = Line::new(messages(), Arc::default());
    let agent = builder(Arc::clone(&heard)).record(&folder).build()?;
    let mut call = agent.start(Box::new(line)).await?;
    call.line().say(LONG.repeat(20))?;
    pass(&mut call, WARM_UP).await;
    let (before, first) = (now(), heard.load(Ordering::Relaxed));
    pass(&mut call, frames).await;
    let (after, last) = (now(), heard.load(Ordering::Relaxed));
    drop(call);
    fs::remove_dir_all(&folder).map_err(unusable)?;
    let frames = frames_of(last - first);
    let count = Count::between(Way::Recorded, frames, before, after);
    Ok(Count { promised: false, ..count })
}

async fn speak(way: Way, frames: u32, agent: Agent) -> Result<Count> {
    let spoken = Arc::new(AtomicU64::new(0));
    let line = Line::new(Vec::new(), Arc::clone(&spoken));
    let mut call = agent.start(Box::new(line)).await?;
    call.line().say(LONG.repeat(20))?;
    pass(&mut call, WARM_UP).await;
    let (before, first) = (now(), spoken.load(Ordering::Relaxed));
    pass(&mut call, frames).await;
    let (after, last) = (now(), spoken.load(Ordering::Relaxed));
    drop(call);
    let frames = frames_of(last - first);
    Ok(Count::between(way, frames, before, after))
}

fn frames_of(samples: u64) -> u32 {
    u32::try_from(samples / 160).unwrap_or(u32::MAX)
}

/// Lets time pass, and reads what the call tells, as its owner does.
async fn pass(call: &mut Call, frames: u32) {
    let told = async { while call.next_event().await.is_some() {} };
    let _ = timeout(FRAME * frames, told).await;
}

fn builder(heard: Arc<AtomicU64>) -> AgentBuilder {
    Agent::builder().llm(Arc::new(Mute)).stt(Arc::new(Listener { heard })).tts(Arc::new(Speaker))
}

/// A carrier's line: reads messages that lie ready, plays what it is sent, answers marks.
#[derive(Debug)]
struct Line {
    info: CallInfo,
    messages: Vec<Message>,
    spoken: Arc<AtomicU64>,
}

impl Line {
    fn new(messages: Vec<Message>, spoken: Arc<AtomicU64>) -> Self {
        Self { info: CallInfo::new("CA1", Media::audio(FORMAT)), messages, spoken }
    }

    async fn run(self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let mut codec = MediaCodec::new(media_stream::Carrier::Twilio, "MZ1");
        let mut messages = self.messages.iter();
        let mut clock = interval(FRAME);
        let mut marks: VecDeque<(Instant, MarkId)> = VecDeque::with_capacity(LINK);
        let mut played_at = Instant::now();
        loop {
            tokio::select! {
                outbound = peer.recv() => {
                    let Some(outbound) = outbound else { return Ok(()) };
                    if let Outbound::Audio(frame) = &outbound {
                        played_at = played_at.max(Instant::now())
                            + FORMAT.duration_of(frame.samples());
                        self.spoken.fetch_add(frame.samples(), Ordering::Relaxed);
                    }
                    if let Outbound::Mark(mark) = &outbound {
                        marks.push_back((played_at, *mark));
                    }
                    std::hint::black_box(codec.write(&outbound));
                }
                _ = clock.tick() => {
                    let text = messages.next().and_then(|message| message.to_text().ok());
                    if let Some(inbound) = text.and_then(|text| codec.read(text)) {
                        peer.send(inbound).await?;
                    }
                    while marks.front().is_some_and(|(at, _)| *at <= Instant::now())
                        && let Some((_, mark)) = marks.pop_front()
                    {
                        peer.send(Inbound::MarkPlayed(mark)).await?;
                    }
                }
            }
        }
    }
}

#[async_trait]
impl Transport for Line {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(LINK, |peer| self.run(peer)))
    }
}

/// Counts the bytes that it is given, and understands nothing.
#[derive(Debug)]
struct Listener {
    heard: Arc<AtomicU64>,
}

#[async_trait]
impl SpeechToText for Listener {
    fn name(&self) -> &str {
        "listener"
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::new(vec![FORMAT])
    }

    async fn open(&self, _options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let heard = Arc::clone(&self.heard);
        Ok(Link::spawn(LINK, |mut peer| async move {
            while let Some(input) = peer.recv().await {
                if let SttInput::Audio(frame) = input {
                    heard.fetch_add(frame.payload.len() as u64, Ordering::Relaxed);
                }
            }
            Ok(())
        }))
    }
}

/// Speaks on and on: a piece of 100 ms every 100 ms, half a second ahead.
#[derive(Debug)]
struct Speaker;

#[async_trait]
impl TextToSpeech for Speaker {
    fn name(&self) -> &str {
        "speaker"
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::new(vec![FORMAT])
    }

    async fn open(&self, _options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        Ok(Link::spawn(LINK, |mut peer| async move {
            let piece = Bytes::from_static(&[0xD5; 800]);
            let Some(TtsInput::Text { generation, .. }) = peer.recv().await else { return Ok(()) };
            for _ in 0..5 {
                peer.send(TtsEvent::Audio { generation, payload: piece.clone() }).await?;
            }
            let mut clock = interval(5 * FRAME);
            loop {
                clock.tick().await;
                peer.send(TtsEvent::Audio { generation, payload: piece.clone() }).await?;
            }
        }))
    }
}

/// A model that is never asked.
#[derive(Debug)]
struct Mute;

#[async_trait]
impl LanguageModel for Mute {
    fn name(&self) -> &str {
        "mute"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
    }

    async fn generate(&self, _request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        Ok(stream::empty().boxed())
    }
}
