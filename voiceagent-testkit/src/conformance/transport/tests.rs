use tokio::sync::{mpsc, watch};
use voiceagent_core::{LinkPeer, Result as CoreResult, transport::CallInfo};

use super::*;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

/// What a leg does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    TellsNothing,
    TellsTheBeginningOnly,
    PlaysOn,
    BringsMusic,
}

#[derive(Debug)]
enum Event {
    Hold(bool),
    Audio(Bytes),
}

/// A leg whose wire is in memory.
#[derive(Debug)]
struct Line {
    call: CallInfo,
    fault: Fault,
    events: mpsc::Receiver<Event>,
    wire: watch::Sender<Vec<Wire>>,
    is_held: bool,
    queue: Vec<Outbound>,
}

struct Far {
    events: mpsc::Sender<Event>,
    wire: watch::Receiver<Vec<Wire>>,
}

fn pair(fault: Fault) -> (Box<dyn Transport>, Far) {
    let (events, told) = mpsc::channel(64);
    let (wire, arrived) = watch::channel(Vec::new());
    let call = CallInfo::new("held", Media::audio(FORMAT));
    let line = Line { call, fault, events: told, wire, is_held: false, queue: Vec::new() };
    (Box::new(line), Far { events, wire: arrived })
}

impl Line {
    async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> CoreResult<()> {
        loop {
            tokio::select! {
                asked = peer.recv() => match asked {
                    None | Some(Outbound::HangUp) => return peer.send(Inbound::HungUp).await,
                    Some(Outbound::Clear) => {
                        self.queue.retain(|asked| matches!(asked, Outbound::Mark(_)));
                        self.play(&peer, true).await?;
                    }
                    Some(asked) => {
                        self.queue.push(asked);
                        self.play(&peer, !self.is_held || self.fault == Fault::PlaysOn).await?;
                    }
                },
                Some(event) = self.events.recv() => match event {
                    Event::Hold(held) => {
                        self.is_held = held;
                        let is_told = match self.fault {
                            Fault::TellsNothing => false,
                            Fault::TellsTheBeginningOnly => held,
                            _ => true,
                        };
                        if is_told {
                            peer.send(Inbound::Held(held)).await?;
                        }
                    }
                    Event::Audio(audio) => {
                        let is_silenced = self.is_held && self.fault != Fault::BringsMusic;
                        let silence = || vec![0xFF; audio.len()].into();
                        let payload = if is_silenced { silence() } else { audio };
                        let frame = AudioFrame::new(FORMAT, MediaTime(0), payload);
                        peer.send(Inbound::Audio(frame)).await?;
                    }
                },
            }
        }
    }

    async fn play(
        &mut self,
        peer: &LinkPeer<Outbound, Inbound>,
        is_played: bool,
    ) -> CoreResult<()> {
        if !is_played {
            return Ok(());
        }
        for asked in self.queue.drain(..) {
            match asked {
                Outbound::Audio(frame) => {
                    self.wire.send_modify(|wire| wire.push(Wire::Audio(frame.payload.len())));
                }
                Outbound::Mark(mark) => peer.send(Inbound::MarkPlayed(mark)).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Transport for Line {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true)
    }

    async fn open(self: Box<Self>) -> CoreResult<Link<Outbound, Inbound>> {
        Ok(Link::spawn(64, |peer| self.run(peer)))
    }
}

#[async_trait]
impl FarEnd for Far {
    async fn speak(&mut self, audio: Bytes) {
        for frame in audio.chunks(160) {
            let _ = self.events.send(Event::Audio(Bytes::copy_from_slice(frame))).await;
        }
    }

    async fn press(&mut self, _key: char) {}

    async fn send_nonsense(&mut self) {}

    async fn arrived(&mut self, count: usize) -> Vec<Wire> {
        let _ = timeout(SOON, self.wire.wait_for(|wire| wire.len() >= count)).await;
        self.wire.borrow().clone()
    }

    async fn hang_up(&mut self) {}

    async fn closes(&mut self) -> bool {
        timeout(SOON, self.events.closed()).await.is_ok()
    }

    fn can_hold(&self) -> bool {
        true
    }

    async fn hold(&mut self, held: bool) {
        let _ = self.events.send(Event::Hold(held)).await;
    }
}

async fn found(fault: Fault) -> Result<(), String> {
    let (leg, far) = pair(fault);
    let claims = leg.capabilities();
    holds(leg, far, claims).await
}

#[tokio::test(start_paused = true)]
async fn what_a_leg_does_wrong_on_hold_is_found() {
    assert_eq!(found(Fault::Nothing).await, Ok(()));
    for (fault, told) in [
        (Fault::TellsNothing, "a change of the hold was not told"),
        (Fault::TellsTheBeginningOnly, "a change of the hold was not told"),
        (Fault::PlaysOn, "went out all the same"),
        (Fault::BringsMusic, "heard as the caller"),
    ] {
        let why = found(fault).await.unwrap_err();
        assert!(why.contains(told), "{fault:?}: {why}");
    }
    let (leg, far) = pair(Fault::Nothing);
    let why = holds(leg, far, TransportCapabilities::default()).await.unwrap_err();
    assert!(why.contains("`clear`"), "{why}");
}
