use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use voiceagent_core::{
    Link, LinkPeer, MarkId, Result,
    audio::{AudioFrame, MediaTime},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::{
    caller::{Caller, Doing},
    dice::Dice,
    log::{Log, Mark},
    playout::Playout,
    profile,
    script::Sound,
    sound::{FORMAT, FRAME, FRAME_MS, Frames},
};
use crate::fakes::Schedule;

/// Two seconds of frames.
const LINK: usize = 128;

/// A phone line with a caller at its other end.
#[derive(Debug)]
pub(super) struct Line {
    info: CallInfo,
    profile: profile::Carrier,
    pump: Mutex<Option<Pump>>,
}

#[derive(Debug)]
struct Pump {
    profile: profile::Carrier,
    dice: Dice,
    log: Log,
    caller: Caller,
    playout: Playout,
    frames: Frames,
    /// The next frame of the caller.
    frame: u64,
    later: Schedule<Later>,
    /// What comes from the caller stays in order.
    arrives: Instant,
    gone: bool,
    left: bool,
}

#[derive(Debug)]
enum Later {
    /// Something has come to the agent's end.
    Deliver(Inbound, Option<usize>),
    /// A mark was played; it is the account's mark of this number.
    Mark(MarkId, usize),
    /// Something has come to the caller's end.
    Take(Outbound),
}

enum Step {
    Frame,
    Later(Later),
    Sent(Option<Outbound>),
}

impl Line {
    pub(super) fn new(
        id: &str,
        profile: profile::Carrier,
        seed: u64,
        caller: Caller,
        log: Log,
    ) -> Self {
        let dice = Dice::new(seed, 3);
        let pump = Pump {
            playout: Playout::new(profile.buffer, profile.stalls, dice.clone(), log.clone()),
            profile: profile.clone(),
            dice,
            log,
            caller,
            frames: Frames::new(),
            frame: 0,
            later: Schedule::new(),
            arrives: Instant::now(),
            gone: false,
            left: false,
        };
        let info = CallInfo::new(id, Media::audio(FORMAT));
        Self { info, profile, pump: Mutex::new(Some(pump)) }
    }
}

#[async_trait]
impl Transport for Line {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        let all = TransportCapabilities::default().with_clear(true).with_dtmf(true);
        all.with_marks(self.profile.marks).with_transfer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let pump = self.pump.into_inner().ok().flatten().expect("a line is opened once");
        let opened = pump.log.open();
        Ok(Link::spawn(LINK, |peer| async move {
            let _opened = opened;
            pump.run(peer).await
        }))
    }
}

impl Pump {
    async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let tick = Duration::from_millis(FRAME_MS);
        let mut ticks: Interval = interval_at(Instant::now() + tick, tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !self.left {
            let step = tokio::select! {
                biased;
                sent = peer.recv() => Step::Sent(sent),
                later = self.later.due() => Step::Later(later),
                _ = ticks.tick(), if !self.gone => Step::Frame,
            };
            match step {
                Step::Frame => self.tick(),
                Step::Later(later) => self.come_due(later, &peer).await?,
                Step::Sent(None) => break,
                Step::Sent(Some(outbound)) => {
                    if self.log.account().hung_up.is_some() && self.gone {
                        continue;
                    }
                    self.later.after(self.profile.outbound, Later::Take(outbound));
                }
            }
        }
        self.playout.cut();
        Ok(())
    }

    /// Lets the caller act.
    fn tick(&mut self) {
        let audible = self.playout.is_audible();
        match self.caller.act(audible) {
            Doing::Sound(sound) => self.sound(sound),
            Doing::Nothing => {
                self.frame += 1;
                let now = self.log.now();
                let mut account = self.log.account();
                account.muted = true;
                account.hears(None, now);
            }
            Doing::Press(digit) => {
                self.frame += 1;
                self.deliver(Inbound::Dtmf(digit));
            }
            Doing::HangUp => {
                self.hang_up("the caller hangs up");
                self.deliver(Inbound::HungUp);
            }
        }
    }

    fn sound(&mut self, Sound { loudness, word }: Sound) {
        let now = self.log.now();
        self.log.account().hears(Some(loudness), now);
        if let Some(word) = &word {
            self.log.tell(|| format!("caller: {word}"));
            self.log.account().said.push(word.clone());
            self.log.account().said_at.push(now);
        }
        let at = MediaTime(self.frame * FRAME as u64);
        self.frame += 1;
        if self.dice.percent(self.profile.missing) {
            self.log.inject("a frame of the caller is lost");
            return;
        }
        if self.profile.bursts > 0 && self.dice.between(0, 999) < self.profile.bursts {
            self.log.inject("the line holds its breath");
            self.arrives = self.arrives.max(Instant::now() + self.dice.millis(100, 700));
        }
        let payload = self.frames.frame(loudness, word.as_deref());
        self.deliver(Inbound::Audio(AudioFrame::new(FORMAT, at, payload)));
    }

    fn deliver(&mut self, inbound: Inbound) {
        self.arrives = self.arrives.max(Instant::now() + self.profile.inbound);
        self.later.add(self.arrives, Later::Deliver(inbound, None));
    }

    fn hang_up(&mut self, who: &str) {
        self.log.tell(|| who.to_owned());
        let now = self.log.now();
        self.log.account().hung_up.get_or_insert(now);
        self.playout.cut();
        self.later.take(|later| matches!(later, Later::Mark(..) | Later::Take(_)));
        self.gone = true;
    }

    async fn come_due(&mut self, later: Later, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        match later {
            Later::Deliver(inbound, answered) => {
                self.left = matches!(inbound, Inbound::HungUp);
                if let Some(number) = answered {
                    let now = self.log.now();
                    self.log.account().marks[number].answered.get_or_insert(now);
                }
                if let Inbound::MarkPlayed(mark) = &inbound {
                    self.log.tell(|| format!("mark {mark} is answered"));
                }
                peer.send(inbound).await?;
            }
            Later::Mark(mark, number) => self.on_mark_played(mark, number),
            Later::Take(outbound) => self.take(outbound),
        }
        Ok(())
    }

    fn on_mark_played(&mut self, mark: MarkId, number: usize) {
        if self.dice.percent(self.profile.lost) {
            return self.log.inject("a mark is lost");
        }
        let twice = self.dice.percent(self.profile.twice);
        for _ in 0..1 + u32::from(twice) {
            self.arrives = self.arrives.max(Instant::now() + self.profile.inbound);
            self.later.add(self.arrives, Later::Deliver(Inbound::MarkPlayed(mark), Some(number)));
        }
        if twice {
            self.log.inject("a mark comes twice");
        }
    }

    fn take(&mut self, outbound: Outbound) {
        if self.gone {
            return;
        }
        match outbound {
            Outbound::Audio(frame) => self.playout.play(&frame.payload),
            Outbound::Clear => {
                self.log.tell(|| "carrier: clear".to_owned());
                self.playout.cut();
                let marks = self.later.take(|later| matches!(later, Later::Mark(..)));
                for mark in marks {
                    if let (Later::Mark(mark, _), true) = (mark, self.profile.returns) {
                        self.deliver(Inbound::MarkPlayed(mark));
                    }
                }
            }
            Outbound::Mark(mark) => {
                let came = self.log.now();
                let mut account = self.log.account();
                let words = account.order.len();
                account.marks.push(Mark { came, words, answered: None });
                let at = self.playout.played_at() + self.profile.echo;
                self.later.add(at, Later::Mark(mark, account.marks.len() - 1));
            }
            Outbound::HangUp | Outbound::Transfer(_) => {
                self.hang_up("the agent hangs up");
                self.deliver(Inbound::HungUp);
            }
            Outbound::Text { .. } | Outbound::TextEnd { .. } | _ => {}
        }
    }
}
