use std::{collections::VecDeque, time::Duration};

use bytes::BytesMut;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use voiceagent_core::{
    Error, ErrorKind, LinkPeer, MarkId, Result,
    audio::{AudioFormat, AudioFrame, MediaTime},
    stt::Transcript,
    transport::{Inbound, Media, Outbound, TransportCapabilities},
};

use super::{
    super::{schedule::Schedule, words::Words},
    FakeLine,
    caller::Act,
    far_end::FarEnd,
};
use crate::tone;

const FRAME: Duration = Duration::from_millis(20);

/// What an open [`FakeLine`] does.
pub(super) struct Pump {
    capabilities: TransportCapabilities,
    reading: Duration,
    travel: Duration,
    far_end: FarEnd,
    words: Words,
    acts: mpsc::Receiver<Act>,
    mouth: Mouth,
    ticks: Interval,
    later: Schedule<Later>,
    /// Frames are made and not sent until then.
    muted_until: Instant,
}

enum Mouth {
    /// Sends a frame each 20 ms.
    Voice { format: AudioFormat, at: MediaTime, sayings: VecDeque<Saying> },
    /// Types, and is busy until then.
    Keyboard { busy_until: Instant },
}

/// Speech, or a pause if there is no text.
struct Saying {
    text: Option<String>,
    begun: bool,
    left: u64,
    done: oneshot::Sender<()>,
}

enum Later {
    Begin,
    Done(oneshot::Sender<()>),
    /// Has been played.
    Mark(MarkId),
    Report(MarkId),
    /// Has come to the caller.
    Arrive(Outbound),
    Typed(String),
}

enum Step {
    Act(Act),
    Frame,
    Later(Later),
    Sent(Option<Outbound>),
}

impl Pump {
    pub(super) fn new(line: FakeLine) -> Self {
        let mouth = match line.call.media {
            Media::Audio { inbound: format, .. } => {
                Mouth::Voice { format, at: MediaTime(0), sayings: VecDeque::new() }
            }
            Media::Text | _ => Mouth::Keyboard { busy_until: Instant::now() },
        };
        let mut ticks = interval_at(Instant::now() + FRAME, FRAME);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self {
            capabilities: line.capabilities,
            reading: line.reading,
            travel: line.travel,
            words: line.caller.words(),
            far_end: line.caller.far_end(),
            acts: line.acts,
            mouth,
            ticks,
            later: Schedule::new(),
            muted_until: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let ended = self.serve(&mut peer).await;
        // Nobody listens any more; what was not heard never will be.
        self.far_end.clear();
        ended
    }

    async fn serve(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) -> Result<()> {
        loop {
            let speaks = matches!(self.mouth, Mouth::Voice { .. });
            let step = tokio::select! {
                biased;
                Some(act) = self.acts.recv() => Step::Act(act),
                sent = peer.recv() => Step::Sent(sent),
                later = self.later.due() => Step::Later(later),
                _ = self.ticks.tick(), if speaks => Step::Frame,
            };
            let goes_on = match step {
                Step::Act(act) => self.act(act, peer).await?,
                Step::Sent(None) => false,
                Step::Sent(Some(outbound)) => self.take(outbound, peer).await?,
                Step::Later(later) => self.come_due(later, peer).await?,
                Step::Frame => self.send_frame(peer).await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    async fn act(&mut self, act: Act, peer: &LinkPeer<Outbound, Inbound>) -> Result<bool> {
        match act {
            Act::HangUp => {
                peer.send(Inbound::HungUp).await?;
                return Ok(false);
            }
            Act::Interrupt => {
                let heard = Some(self.far_end.heard_text().into());
                self.clear(peer).await?;
                peer.send(Inbound::Interrupted { heard }).await?;
            }
            Act::LoseLine => {
                return Err(Error::new(ErrorKind::Disconnected, "read", "the line broke"));
            }
            Act::Mute { duration, done } => {
                self.muted_until = self.muted_until.max(Instant::now() + duration);
                self.later.add(self.muted_until, Later::Done(done));
            }
            Act::Pause { duration, done } => self.say(None, duration, done),
            Act::Press(digit) if self.capabilities.dtmf => peer.send(Inbound::Dtmf(digit)).await?,
            Act::Press(_) => {}
            Act::Speak { text, duration, done } => self.say(Some(text), duration, done),
        }
        Ok(true)
    }

    fn say(&mut self, text: Option<String>, duration: Duration, done: oneshot::Sender<()>) {
        match &mut self.mouth {
            Mouth::Voice { format, sayings, .. } => {
                let left = format.samples_in(duration);
                sayings.push_back(Saying { text, begun: false, left, done });
            }
            Mouth::Keyboard { busy_until } => {
                let start = Instant::now().max(*busy_until);
                *busy_until = start + duration;
                if let Some(text) = text {
                    self.later.add(start, Later::Begin);
                    self.later.add(*busy_until, Later::Typed(text));
                }
                self.later.add(*busy_until, Later::Done(done));
            }
        }
    }

    async fn take(
        &mut self,
        outbound: Outbound,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<bool> {
        self.far_end.note(outbound.clone());
        if self.travel.is_zero() {
            return self.receive(outbound, peer).await;
        }
        self.later.after(self.travel, Later::Arrive(outbound));
        Ok(true)
    }

    async fn receive(
        &mut self,
        outbound: Outbound,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<bool> {
        match outbound {
            Outbound::Audio(frame) => self.far_end.play(frame.payload),
            Outbound::Clear if self.capabilities.clear => self.clear(peer).await?,
            Outbound::Mark(mark) if self.capabilities.marks => {
                self.later.add(self.far_end.played_at(), Later::Mark(mark));
            }
            Outbound::Text { text, .. } => self.far_end.show(text, self.reading),
            Outbound::HangUp => return self.leave(peer).await,
            Outbound::Transfer(_) if self.capabilities.transfer => {
                peer.send(Inbound::Transferred).await?;
                return self.leave(peer).await;
            }
            Outbound::Clear
            | Outbound::Mark(_)
            | Outbound::TextEnd { .. }
            | Outbound::Transfer(_)
            | _ => {}
        }
        Ok(true)
    }

    async fn leave(&self, peer: &LinkPeer<Outbound, Inbound>) -> Result<bool> {
        self.far_end.clear();
        peer.send(Inbound::HungUp).await?;
        Ok(false)
    }

    /// A carrier drops its buffer and answers the marks in it as if they had been played.
    async fn clear(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        self.far_end.clear();
        for later in self.later.take(|later| matches!(later, Later::Mark(_))) {
            if let Later::Mark(mark) = later {
                self.report(mark, peer).await?;
            }
        }
        Ok(())
    }

    async fn report(&mut self, mark: MarkId, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        if self.travel.is_zero() {
            return peer.send(Inbound::MarkPlayed(mark)).await;
        }
        self.later.after(self.travel, Later::Report(mark));
        Ok(())
    }

    async fn come_due(&mut self, later: Later, peer: &LinkPeer<Outbound, Inbound>) -> Result<bool> {
        match later {
            Later::Arrive(outbound) => return self.receive(outbound, peer).await,
            Later::Begin => peer.send(Inbound::SpeechStarted).await?,
            Later::Done(done) => drop(done.send(())),
            Later::Mark(mark) => self.report(mark, peer).await?,
            Later::Report(mark) => peer.send(Inbound::MarkPlayed(mark)).await?,
            Later::Typed(text) => {
                peer.send(Inbound::Transcript(Transcript::final_(text))).await?;
            }
        }
        Ok(true)
    }

    async fn send_frame(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<bool> {
        let Mouth::Voice { format, at, sayings } = &mut self.mouth else { return Ok(true) };
        let (begin, samples) = (*at, format.samples_in(FRAME));
        let mut payload = BytesMut::with_capacity(format.bytes_in(FRAME));
        let mut said = Vec::new();
        let mut position = begin.0;
        while position < begin.0 + samples {
            let room = begin.0 + samples - position;
            let Some(saying) = sayings.front_mut() else {
                payload.extend(tone::silence(*format, format.duration_of(room)));
                break;
            };
            let length = saying.left.min(room);
            if let (Some(text), false) = (&saying.text, saying.begun) {
                let end = format.duration_of(position + saying.left);
                self.words.say(text, format.duration_of(position), end);
            }
            saying.begun = true;
            payload.extend(match saying.text {
                Some(_) => tone::speech(*format, MediaTime(position), length),
                None => tone::silence(*format, format.duration_of(length)),
            });
            position += length;
            saying.left -= length;
            if saying.left == 0 {
                said.extend(sayings.pop_front());
            }
        }
        *at = MediaTime(begin.0 + samples);
        let frame = AudioFrame::new(*format, begin, payload.freeze());
        if Instant::now() > self.muted_until {
            peer.send(Inbound::Audio(frame)).await?;
        }
        for saying in said {
            // Nobody has to wait for the end of what was said.
            let _ = saying.done.send(());
        }
        Ok(true)
    }
}
