//! Keys that are heard by their tones.

use async_trait::async_trait;
use bytes::Bytes;
use voiceagent_core::{
    ErrorKind, Link, MarkId, Result,
    adapt::InBandKeys,
    audio::{AudioFormat, AudioFrame, DtmfDetector, Encoding, MediaTime, g711::Law},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};
use voiceagent_testkit::{
    clips,
    fakes::{FakeLine, Recording},
};

use crate::rig::{MULAW, ms};

/// A line that plays something and hangs up.
#[derive(Debug)]
struct Tape {
    call: CallInfo,
    can: TransportCapabilities,
    sound: Bytes,
    /// Numbers of frames that are skipped.
    silent: std::ops::Range<u64>,
    said: Recording<Outbound>,
}

impl Tape {
    fn new(sound: impl Into<Bytes>) -> Self {
        let call = CallInfo::new("tape", Media::audio(MULAW));
        let can = TransportCapabilities::default();
        Self { call, can, sound: sound.into(), silent: 0..0, said: Recording::default() }
    }
}

#[async_trait]
impl Transport for Tape {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        self.can
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(8, |mut peer| async move {
            for (number, piece) in (0..).zip(self.sound.chunks(160)) {
                let payload = Bytes::copy_from_slice(piece);
                let is_behind = number >= self.silent.start;
                let number =
                    number + if is_behind { self.silent.end - self.silent.start } else { 0 };
                let at = MediaTime(number * 160);
                peer.send(Inbound::Audio(AudioFrame::new(MULAW, at, payload))).await?;
            }
            while let Some(outbound) = peer.recv().await {
                let ends = outbound == Outbound::HangUp;
                self.said.add(outbound);
                if ends {
                    return peer.send(Inbound::HungUp).await;
                }
            }
            Ok(())
        }))
    }
}

/// Keys of 100 ms each, with pauses as long.
fn tones(keys: &str) -> Vec<u8> {
    let tone = |key| DtmfDetector::tone(key, 8_000, ms(100)).expect("the name of a key");
    let audio = keys.chars().flat_map(|key| [tone(key), vec![0.0; 800]].concat());
    audio.map(|sample| Law::Mulaw.encode((sample * 32_767.0) as i16)).collect()
}

/// What is heard of a line until it falls silent.
async fn heard(line: Tape) -> Vec<Inbound> {
    let mut link =
        Box::new(InBandKeys::new(Box::new(line))).open().await.expect("a line that opens");
    let mut brought = Vec::new();
    while let Ok(Some(item)) = tokio::time::timeout(ms(1_000), link.recv()).await {
        brought.push(item.expect("what a healthy line brings"));
    }
    brought
}

fn keys(heard: &[Inbound]) -> String {
    let key = |item: &Inbound| match item {
        Inbound::Dtmf(key) => Some(*key),
        _ => None,
    };
    heard.iter().filter_map(key).collect()
}

fn sound(heard: &[Inbound]) -> Vec<u8> {
    let payload = |item: &Inbound| match item {
        Inbound::Audio(frame) => Some(frame.payload.clone()),
        _ => None,
    };
    heard.iter().filter_map(payload).flatten().collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn keys_are_told_and_hardly_sound() {
    let speech = clips::speech(ms(3_000));
    let played = [&speech[..], &tones("42#"), &speech].concat();
    let heard = heard(Tape::new(played.clone())).await;
    assert_eq!(keys(&heard), "42#");
    let sound = sound(&heard);
    assert_eq!(sound.len(), played.len());
    let (before, rest) = sound.split_at(speech.len());
    let (pressed, behind) = rest.split_at(3 * 1_600);
    assert!(before == speech && behind == speech);
    let loud = pressed.iter().filter(|&&code| Law::Mulaw.decode(code).abs() > 1_000).count();
    assert!(loud < 3 * 8 * 40, "{loud} samples of 2,400 can be heard");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_key_is_told_again_after_audio_that_the_line_left_out() {
    let tone = &tones("1")[..800];
    let mut line = Tape::new([tone, tone, &clips::speech(ms(500))].concat());
    // 200 ms of silence between the tones are not sent.
    line.silent = 5..15;
    assert_eq!(keys(&heard(line).await), "11");
    // What follows such a gap is no longer the key.
    let speech = clips::speech(ms(500));
    let mut line = Tape::new([tone, &speech].concat());
    line.silent = 5..15;
    let heard = heard(line).await;
    assert_eq!((keys(&heard).as_str(), sound(&heard)[800..] == speech), ("1", true));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn speech_presses_no_keys() {
    let speech = clips::speech(ms(60_000));
    let heard = heard(Tape::new(speech.clone())).await;
    assert_eq!((keys(&heard).as_str(), sound(&heard) == speech), ("", true));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_line_that_reports_keys_is_left_as_it_is() {
    let mut line = Tape::new(tones("7"));
    line.can.dtmf = true;
    let heard = heard(line).await;
    assert_eq!((keys(&heard).as_str(), sound(&heard)), ("", tones("7")));
    let text = InBandKeys::new(Box::new(FakeLine::text()));
    assert_eq!(text.capabilities(), FakeLine::text().capabilities());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_is_sent_goes_through_in_order_and_so_does_the_end() {
    let line = Tape::new(tones("1"));
    let said = line.said.clone();
    let line = InBandKeys::new(Box::new(line));
    assert!(line.capabilities().dtmf && !line.capabilities().marks);
    let mut link = Box::new(line).open().await.unwrap();
    let mark = |number| Outbound::Mark(MarkId::new(number));
    let sent: Vec<Outbound> = (0..50).map(mark).chain([Outbound::HangUp]).collect();
    for outbound in sent.clone() {
        link.try_send(outbound).unwrap();
    }
    let mut last = None;
    while let Some(item) = link.recv().await {
        last = Some(item.unwrap());
    }
    assert_eq!((last, said.all()), (Some(Inbound::HungUp), sent));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_line_whose_audio_cannot_be_read_is_not_answered() {
    let mut line = Tape::new(Bytes::new());
    line.call.media = Media::audio(AudioFormat::mono(Encoding::Opus, 48_000));
    let refused = Box::new(InBandKeys::new(Box::new(line))).open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}
