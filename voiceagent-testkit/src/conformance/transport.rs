//! What each call leg must do.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use voiceagent_core::{
    Link, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::Report;
use crate::phone::{Carrier, PhoneCall, Wire};

/// For anything that a healthy leg does at once; generous, since test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// The check of holds, for far ends that can hold a call.
const HOLDS: &str = "a hold is told, and nothing is played or heard while it lasts";

/// What every far end takes.
const FRAME: Duration = Duration::from_millis(20);

/// The far side of a leg, as a check drives it.
#[async_trait]
pub trait FarEnd: Send {
    /// Sends audio in the leg's inbound format, in frames of 20 ms.
    async fn speak(&mut self, audio: Bytes);

    /// Presses a key.
    async fn press(&mut self, key: char);

    /// Sends what no far end should: broken, unknown, oversized and misplaced messages.
    async fn send_nonsense(&mut self);

    /// Waits until at least `count` messages have arrived, or some seconds have passed, and
    /// returns all that have arrived so far, in order.
    async fn arrived(&mut self, count: usize) -> Vec<Wire>;

    /// Hangs up.
    async fn hang_up(&mut self);

    /// Whether the connection ends within some seconds.
    async fn closes(&mut self) -> bool;

    /// Whether clears travel to the far end; if not, the leg keeps what is to be played.
    fn hears_clears(&self) -> bool {
        true
    }

    /// Whether the far end can hold a call, and the leg can tell ([`Inbound::Held`]).
    fn can_hold(&self) -> bool {
        false
    }

    /// Puts the call on hold, or takes it back. Only asked of whoever [can](Self::can_hold).
    async fn hold(&mut self, _held: bool) {}
}

#[async_trait]
impl FarEnd for PhoneCall {
    async fn speak(&mut self, audio: Bytes) {
        let _ = Self::speak(self, audio).await;
    }

    async fn press(&mut self, key: char) {
        let _ = Self::press(self, key).await;
    }

    async fn send_nonsense(&mut self) {
        let deep = "[".repeat(50_000);
        let long = format!(r#"{{"event":"media","media":{{"payload":"{}"}}}}"#, "A".repeat(70_000));
        for text in [
            "",
            "{",
            "null",
            "[]",
            r#"{"event":7}"#,
            r#"{"event":"media"}"#,
            r#"{"event":"media","media":{"track":"inbound","payload":"!!!!"}}"#,
            r#"{"event":"something new","x":{}}"#,
            r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#,
            second_start(self.carrier()),
            mark_of_others(self.carrier()),
            &deep,
            &long,
        ] {
            let _ = self.send_raw(text).await;
        }
        let _ = self.send_binary(vec![0, 1, 2]).await;
    }

    async fn arrived(&mut self, count: usize) -> Vec<Wire> {
        let _ = self.wait_for_messages(count, SOON).await;
        let heard = self.heard().await.map(|recording| recording.wire).unwrap_or_default();
        heard.into_iter().map(|(_, wire)| wire).collect()
    }

    async fn hang_up(&mut self) {
        let _ = Self::hang_up(self).await;
    }

    async fn closes(&mut self) -> bool {
        self.wait_until_closed(SOON).await.is_ok()
    }
}

/// A stream that begins again.
const fn second_start(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Exotel => r#"{"event":"start","start":{"call_sid":"CA9","stream_sid":"MZ9"}}"#,
        Carrier::Jambonz => r#"{"callSid":"CA9","sampleRate":16000}"#,
        Carrier::Plivo => r#"{"event":"start","start":{"callId":"CA9","streamId":"MZ9"}}"#,
        Carrier::SignalWire | Carrier::Twilio => {
            r#"{"event":"start","start":{"callSid":"CA9","streamSid":"MZ9"}}"#
        }
        Carrier::Telnyx => {
            r#"{"event":"start","stream_id":"MZ9","start":{"call_control_id":"CA9"}}"#
        }
        Carrier::Vonage => {
            r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000"}"#
        }
    }
}

/// The answer to a mark that nobody has sent.
const fn mark_of_others(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Plivo => r#"{"event":"playedStream","name":"not ours"}"#,
        Carrier::Vonage => r#"{"event":"websocket:notify","payload":{"name":"not ours"}}"#,
        Carrier::Exotel
        | Carrier::Jambonz
        | Carrier::SignalWire
        | Carrier::Telnyx
        | Carrier::Twilio => r#"{"event":"mark","mark":{"name":"not ours"}}"#,
    }
}

/// Checks a transport that carries audio. `connect` makes a fresh leg and its far end each time.
///
/// Runs on a current-thread runtime, so that what is sent without waiting is queued at once.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn transport<F, Fut, P>(subject: &str, connect: F) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = (Box<dyn Transport>, P)>,
    P: FarEnd,
{
    let mut report = Report::new("transport", subject);
    let (leg, far) = connect().await;
    let (claims, can_hold) = (leg.capabilities(), far.can_hold());
    report.note("audio arrives in order and unchanged", hears(leg, far).await);
    let (leg, far) = connect().await;
    report.note("nonsense does not end the call", survives(leg, far).await);
    let (leg, far) = connect().await;
    report.note("hanging up twice ends the call once", hangs_up_once(leg, far).await);
    let (leg, far) = connect().await;
    report.note("the far end's goodbye arrives once", hears_goodbye(leg, far).await);
    let (leg, far) = connect().await;
    report.note("a dropped link closes the connection", closes(leg, far).await);
    let capable = [
        ("keys arrive", claims.dtmf),
        ("marks return in order", claims.marks),
        ("clear overtakes queued audio", claims.clear),
        (HOLDS, can_hold),
    ];
    for (check, claimed) in capable {
        if !claimed {
            report.not_claimed(check);
            continue;
        }
        let (leg, far) = connect().await;
        let outcome = match check {
            "keys arrive" => keys(leg, far).await,
            "marks return in order" => marks(leg, far).await,
            HOLDS => holds(leg, far, claims).await,
            _ => clear(leg, far, claims).await,
        };
        report.note(check, outcome);
    }
    report
}

/// An opened leg, and how to write for it.
struct Leg {
    link: Link<Outbound, Inbound>,
    outbound: AudioFormat,
    sent: u64,
}

impl Leg {
    async fn open(transport: Box<dyn Transport>) -> Result<Self, String> {
        let Media::Audio { outbound, .. } = transport.call().media else {
            return Err("this suite is for legs that carry audio".to_owned());
        };
        let link = timeout(SOON, transport.open()).await.map_err(|_| "open takes too long")?;
        let link = link.map_err(|error| error.to_string())?;
        Ok(Self { link, outbound, sent: 0 })
    }

    /// Bytes of a frame.
    fn frame_length(&self) -> usize {
        self.outbound.bytes_in(FRAME)
    }

    fn frame(&mut self) -> Outbound {
        let at = MediaTime(self.sent);
        let frame = AudioFrame::new(self.outbound, at, vec![0x7F; self.frame_length()].into());
        self.sent += frame.samples();
        Outbound::Audio(frame)
    }

    fn send(&self, outbound: Outbound) -> Result<(), String> {
        self.link.try_send(outbound).map_err(|error| error.to_string())
    }

    /// The next thing that is said and that `pick` wants.
    async fn next<T: Send>(
        &mut self,
        pick: impl Fn(Inbound) -> Option<T> + Send + Sync,
    ) -> Result<T, String> {
        let wanted = async {
            while let Some(said) = self.link.recv().await {
                let said = said.map_err(|error| error.to_string())?;
                if said == Inbound::HungUp {
                    return pick(said).ok_or_else(|| "the call has ended".to_owned());
                }
                if let Some(wanted) = pick(said) {
                    return Ok(wanted);
                }
            }
            Err("the link has ended".to_owned())
        };
        timeout(SOON, wanted).await.map_err(|_| "nothing came in time".to_owned())?
    }

    /// Whether the link says that the call has ended, once, and then ends.
    async fn ends_once(mut self) -> Result<(), String> {
        self.next(|said| (said == Inbound::HungUp).then_some(())).await?;
        match timeout(SOON, self.link.recv()).await {
            Ok(None) => Ok(()),
            Ok(Some(more)) => Err(format!("after the end came {more:?}")),
            Err(_) => Err("the link did not end".to_owned()),
        }
    }
}

async fn hears(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    let mut leg = Leg::open(transport).await?;
    // A ramp that no silence contains; five frames of it at one byte a sample.
    let said: Vec<u8> = (0..800_u32).map(|n| (n % 100).to_le_bytes()[0]).collect();
    let (mut heard, mut position) = (Vec::new(), None);
    let listen = async {
        while !heard.windows(said.len()).any(|window| window == said) {
            let frame = leg.next(audio).await?;
            if position.is_some_and(|next| frame.at.0 < next) {
                return Err(format!("{frame:?} overlaps what came before"));
            }
            position = Some(frame.at.0 + frame.samples());
            heard.extend_from_slice(&frame.payload);
        }
        Ok(())
    };
    let speak = far.speak(said.clone().into());
    let (heard, ()) = tokio::join!(timeout(SOON, listen), speak);
    heard.map_err(|_| "what was said was not heard".to_owned())?
}

async fn survives(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    let leg = Leg::open(transport).await?;
    far.send_nonsense().await;
    hears_on(leg, far).await
}

/// Whether audio still comes through.
async fn hears_on(mut leg: Leg, mut far: impl FarEnd) -> Result<(), String> {
    let marked =
        leg.next(|said| audio(said).filter(|frame| frame.payload.contains(&0x12)).map(drop));
    let (heard, ()) = tokio::join!(marked, far.speak(vec![0x12; 160].into()));
    heard?;
    // And the other way.
    let frame = leg.frame();
    leg.send(frame)?;
    if far.arrived(1).await.contains(&Wire::Audio(leg.frame_length())) {
        return Ok(());
    }
    Err("nothing goes out any more".to_owned())
}

async fn hangs_up_once(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    let leg = Leg::open(transport).await?;
    leg.send(Outbound::HangUp)?;
    // The second may find the link ended already.
    let _ = leg.send(Outbound::HangUp);
    leg.ends_once().await?;
    if far.closes().await { Ok(()) } else { Err("the connection stays open".to_owned()) }
}

async fn hears_goodbye(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    let leg = Leg::open(transport).await?;
    let (ended, ()) = tokio::join!(leg.ends_once(), far.hang_up());
    ended
}

async fn closes(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    drop(Leg::open(transport).await?);
    if far.closes().await { Ok(()) } else { Err("the connection stays open".to_owned()) }
}

async fn keys(transport: Box<dyn Transport>, mut far: impl FarEnd) -> Result<(), String> {
    let mut leg = Leg::open(transport).await?;
    for key in ['1', '#', '*'] {
        far.press(key).await;
        let pressed =
            leg.next(|said| if let Inbound::Dtmf(key) = said { Some(key) } else { None }).await?;
        if pressed != key {
            return Err(format!("{key} arrived as {pressed}"));
        }
    }
    Ok(())
}

async fn marks(transport: Box<dyn Transport>, far: impl FarEnd) -> Result<(), String> {
    let mut leg = Leg::open(transport).await?;
    for mark in 0..5 {
        let frame = leg.frame();
        leg.send(frame)?;
        leg.send(Outbound::Mark(MarkId::new(mark)))?;
    }
    for mark in 0..5 {
        let played = leg.next(played).await?;
        if played != MarkId::new(mark) {
            return Err(format!("mark {mark} was awaited and {played} came"));
        }
    }
    drop(far);
    Ok(())
}

async fn clear(
    transport: Box<dyn Transport>,
    mut far: impl FarEnd,
    claims: TransportCapabilities,
) -> Result<(), String> {
    let mut leg = Leg::open(transport).await?;
    // Lets the leg come to rest, so that the next requests find it waiting.
    sleep(Duration::from_millis(50)).await;
    for _ in 0..20 {
        let frame = leg.frame();
        leg.send(frame)?;
    }
    leg.send(Outbound::Mark(MarkId::new(7)))?;
    leg.send(Outbound::Clear)?;
    let frame = leg.frame();
    leg.send(frame)?;
    if claims.marks {
        leg.next(played).await.map_err(|why| format!("the mark did not return: {why}"))?;
    }
    // Behind the goodbye nothing can come any more.
    leg.send(Outbound::HangUp)?;
    if !far.closes().await {
        return Err("the connection stays open".to_owned());
    }
    let arrived = far.arrived(0).await;
    if !far.hears_clears() {
        let frame = Wire::Audio(leg.frame_length());
        let frames = arrived.iter().filter(|wire| **wire == frame).count();
        // One of before may have been on its way, and the one of after must come.
        return match frames {
            1 | 2 => Ok(()),
            _ => Err(format!("{frames} frames went out, of which one is wanted")),
        };
    }
    let Some(cleared) = arrived.iter().position(|wire| *wire == Wire::Clear) else {
        return Err("no clear arrived".to_owned());
    };
    let (before, after) = arrived.split_at(cleared);
    let frame = Wire::Audio(leg.frame_length());
    let frames = |wires: &[Wire]| wires.iter().filter(|wire| **wire == frame).count();
    // One frame may have been on its way.
    if frames(before) > 1 {
        return Err(format!("{} stale frames went out before the clear", frames(before)));
    }
    match frames(after) {
        0 => Err("audio from after the clear did not arrive".to_owned()),
        1 => Ok(()),
        _ => Err("audio from before the clear came after it".to_owned()),
    }
}

async fn holds(
    transport: Box<dyn Transport>,
    mut far: impl FarEnd,
    claims: TransportCapabilities,
) -> Result<(), String> {
    if !claims.clear {
        return Err("a leg that tells of a hold claims `clear`".to_owned());
    }
    let mut leg = Leg::open(transport).await?;
    far.hold(true).await;
    is_told(&mut leg, true).await?;
    let frame = leg.frame();
    leg.send(frame)?;
    leg.send(Outbound::Mark(MarkId::new(3)))?;
    leg.send(Outbound::Clear)?;
    if claims.marks {
        leg.next(played).await.map_err(|why| format!("the mark did not return: {why}"))?;
    }
    // What the far end plays to whoever waits is not what the caller says.
    far.speak(vec![MUSIC; 1_600].into()).await;
    far.hold(false).await;
    is_told(&mut leg, false).await?;
    let frame = leg.frame();
    leg.send(frame)?;
    if claims.marks {
        leg.send(Outbound::Mark(MarkId::new(4)))?;
        leg.next(played).await.map_err(|why| format!("the mark did not return: {why}"))?;
    }
    // Behind the goodbye nothing can come any more.
    leg.send(Outbound::HangUp)?;
    if !far.closes().await {
        return Err("the connection stays open".to_owned());
    }
    let frame = Wire::Audio(leg.frame_length());
    let frames = far.arrived(0).await.iter().filter(|wire| **wire == frame).count();
    match frames {
        1 => Ok(()),
        0 => Err("nothing goes out after the hold".to_owned()),
        _ => Err("what was taken back during the hold went out all the same".to_owned()),
    }
}

/// A sample that no silence has.
const MUSIC: u8 = 0x33;

/// Waits until a change of the hold is told, which is this one. No music is heard until then.
async fn is_told(leg: &mut Leg, held: bool) -> Result<(), String> {
    let told = leg.next(|said| match said {
        Inbound::Held(told) if told == held => Some(Ok(())),
        Inbound::Held(told) => Some(Err(format!("it was told as {told} and not as {held}"))),
        Inbound::Audio(frame) if frame.payload.contains(&MUSIC) => {
            Some(Err("music for whoever waits was heard as the caller".to_owned()))
        }
        _ => None,
    });
    told.await.map_err(|why| format!("a change of the hold was not told: {why}"))?
}

fn played(said: Inbound) -> Option<MarkId> {
    if let Inbound::MarkPlayed(mark) = said { Some(mark) } else { None }
}

fn audio(said: Inbound) -> Option<AudioFrame> {
    if let Inbound::Audio(frame) = said { Some(frame) } else { None }
}

#[cfg(test)]
mod tests;
