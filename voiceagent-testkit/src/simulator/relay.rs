//! A far end that hears and speaks by itself, as a carrier's text relay does.

mod ear;
mod mouth;

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use voiceagent_core::{
    Link, LinkPeer, MarkId, Result,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use self::{ear::Ear, mouth::Mouth};
use super::{
    caller::{Caller, Doing},
    dice::Dice,
    log::{Log, Mark},
    profile,
    script::Sound,
    sound::FRAME_MS,
};
use crate::fakes::Schedule;

/// More than one answer has texts.
const LINK: usize = 128;

/// A text leg with a caller at its other end.
#[derive(Debug)]
pub(super) struct Relay {
    info: CallInfo,
    marks: bool,
    pump: Mutex<Option<Pump>>,
}

#[derive(Debug)]
struct Pump {
    profile: profile::Relay,
    carrier: profile::Carrier,
    dice: Dice,
    log: Log,
    caller: Caller,
    ear: Ear,
    mouth: Mouth,
    later: Schedule<Later>,
    /// What comes from the far end stays in order.
    arrives: Instant,
    /// When the last words were told: others come after them.
    words_at: Instant,
    gone: bool,
    left: bool,
}

#[derive(Debug)]
enum Later {
    /// Something has come to the agent's end.
    Deliver(Inbound, Told),
    /// A mark was played; it is the account's mark of this number.
    Mark(MarkId, usize),
    /// Something has come to the far end.
    Take(Outbound),
    /// The far end tells what it has noticed.
    Tell(Inbound, Told),
}

/// What the agent knows when something has been delivered.
#[derive(Clone, Debug)]
enum Told {
    Nothing,
    /// This mark was played.
    Mark(usize),
    /// These words were not heard.
    Denied(Vec<u32>),
    /// These words were understood.
    Words(Vec<String>),
}

enum Step {
    Tick,
    Later(Later),
    Sent(Option<Outbound>),
}

impl Relay {
    pub(super) fn new(
        id: &str,
        (profile, carrier): (profile::Relay, profile::Carrier),
        seed: u64,
        caller: Caller,
        log: Log,
    ) -> Self {
        let dice = Dice::new(seed, 21);
        let marks = carrier.marks;
        let pump = Pump {
            ear: Ear::new(&profile),
            mouth: Mouth::new(&profile, carrier.stalls, dice.clone(), log.clone()),
            profile,
            carrier,
            dice,
            log,
            caller,
            later: Schedule::new(),
            arrives: Instant::now(),
            words_at: Instant::now(),
            gone: false,
            left: false,
        };
        Self { info: CallInfo::new(id, Media::Text), marks, pump: Mutex::new(Some(pump)) }
    }
}

#[async_trait]
impl Transport for Relay {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        let all = TransportCapabilities::default().with_clear(true).with_dtmf(true);
        all.with_marks(self.marks).with_transfer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let pump = self.pump.into_inner().ok().flatten().expect("a leg is opened once");
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
                _ = ticks.tick(), if !self.gone => Step::Tick,
            };
            match step {
                Step::Tick => self.tick(),
                Step::Later(later) => self.come_due(later, &peer).await?,
                Step::Sent(None) => break,
                Step::Sent(Some(outbound)) if self.gone => self.lose(&outbound),
                Step::Sent(Some(outbound)) => {
                    self.later.after(self.carrier.outbound, Later::Take(outbound));
                }
            }
        }
        self.mouth.cut();
        Ok(())
    }

    /// Lets the caller act.
    fn tick(&mut self) {
        let audible = self.mouth.is_audible();
        match self.caller.act(audible) {
            Doing::Sound(sound) => self.hear(&sound, audible),
            Doing::Nothing => {
                let now = self.log.now();
                let mut account = self.log.account();
                account.muted = true;
                account.hears(None, now);
            }
            Doing::Press(digit) => self.deliver(Inbound::Dtmf(digit), Told::Nothing),
            Doing::HangUp => {
                self.hang_up("the caller hangs up");
                self.deliver(Inbound::HungUp, Told::Nothing);
            }
        }
    }

    fn hear(&mut self, Sound { loudness, word }: &Sound, audible: bool) {
        let now = self.log.now();
        self.log.account().hears(Some(*loudness), now);
        if let Some(word) = word {
            self.log.tell(|| format!("caller: {word}"));
            self.log.account().said.push(word.clone());
            self.log.account().said_at.push(now);
        }
        let noticed = self.ear.hear(*loudness, word.as_deref());
        if noticed.started && self.profile.starts {
            self.deliver(Inbound::SpeechStarted, Told::Nothing);
        }
        if self.profile.decides && audible && noticed.speaks {
            self.give_way();
        }
        if let Some(text) = noticed.interim {
            let told = Later::Tell(Inbound::Transcript(text), Told::Nothing);
            self.later.add(self.words_at.max(Instant::now()), told);
        }
        if let Some(words) = noticed.ended {
            self.transcribe(words);
        }
    }

    /// Falls silent because the caller speaks, and tells what was heard.
    fn give_way(&mut self) {
        let (heard, mut unheard) = self.mouth.cut();
        if heard.as_deref() == Some("") {
            // Nobody can tell of which text it is that nothing was heard.
            unheard.clear();
        }
        self.log.tell(|| format!("far end: gives way after {heard:?}"));
        let denied = if self.profile.knows { Told::Denied(unheard) } else { Told::Nothing };
        let heard = heard.filter(|_| self.profile.knows).map(Into::into);
        let marks = self.later.take(|later| matches!(later, Later::Mark(..)));
        let told = Later::Tell(Inbound::Interrupted { heard }, denied);
        self.later.after(self.profile.tells_after, told);
        for mark in marks {
            if let (Later::Mark(mark, _), true) = (mark, self.carrier.returns) {
                let told = Later::Tell(Inbound::MarkPlayed(mark), Told::Nothing);
                self.later.after(self.profile.tells_after, told);
            }
        }
    }

    fn transcribe(&mut self, words: Vec<String>) {
        let delay = self.dice.latency(self.profile.delay);
        let transcript = ear::whole(&words);
        let told =
            || Later::Tell(Inbound::Transcript(transcript.clone()), Told::Words(words.clone()));
        if self.dice.percent(self.profile.lost) {
            self.log.inject("a final is lost");
            return;
        }
        if self.dice.percent(self.profile.late) {
            self.log.inject("a final is late");
            return self.later.after(self.dice.millis(500, 3_000), told());
        }
        self.words_at = self.words_at.max(Instant::now() + delay);
        self.later.add(self.words_at, told());
        if self.dice.percent(self.profile.twice) {
            self.log.inject("a final comes twice");
            self.later.add(self.words_at + self.dice.millis(0, 300), told());
        }
    }

    fn deliver(&mut self, inbound: Inbound, told: Told) {
        self.arrives = self.arrives.max(Instant::now() + self.carrier.inbound);
        self.later.add(self.arrives, Later::Deliver(inbound, told));
    }

    fn hang_up(&mut self, who: &str) {
        self.log.tell(|| who.to_owned());
        let now = self.log.now();
        self.log.account().hung_up.get_or_insert(now);
        self.mouth.cut();
        for later in self.later.take(|later| !matches!(later, Later::Deliver(..))) {
            if let Later::Take(outbound) = later {
                self.lose(&outbound);
            }
        }
        self.gone = true;
    }

    /// Notes what comes to nobody any more: where nothing is reported, it may count as heard.
    fn lose(&self, outbound: &Outbound) {
        if let Outbound::Text { generation, text } = outbound {
            for word in text.split_whitespace() {
                self.log.word(*generation, word);
            }
        }
    }

    async fn come_due(&mut self, later: Later, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        match later {
            Later::Deliver(inbound, told) => {
                self.left = matches!(inbound, Inbound::HungUp);
                self.note(told);
                self.log.tell(|| format!("far end: {inbound:?}"));
                peer.send(inbound).await?;
            }
            Later::Mark(mark, number) => self.on_mark_played(mark, number),
            Later::Take(outbound) => self.take(outbound),
            Later::Tell(inbound, told) => self.deliver(inbound, told),
        }
        Ok(())
    }

    /// Notes what the agent is told.
    fn note(&self, told: Told) {
        let now = self.log.now();
        let mut account = self.log.account();
        match told {
            Told::Nothing => {}
            Told::Mark(number) => {
                account.marks[number].answered.get_or_insert(now);
            }
            Told::Denied(words) => {
                for word in words {
                    account.words[word as usize].denied = Some(now);
                }
            }
            Told::Words(words) => account.finals.extend(words.into_iter().map(|word| (now, word))),
        }
    }

    fn on_mark_played(&mut self, mark: MarkId, number: usize) {
        if self.dice.percent(self.carrier.lost) {
            return self.log.inject("a mark is lost");
        }
        let twice = self.dice.percent(self.carrier.twice);
        for _ in 0..1 + u32::from(twice) {
            self.deliver(Inbound::MarkPlayed(mark), Told::Mark(number));
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
            Outbound::Text { generation, text } => self.mouth.say(generation, &text),
            Outbound::TextEnd { .. } | Outbound::Audio(_) => {}
            Outbound::Clear => {
                self.log.tell(|| "far end: clear".to_owned());
                self.mouth.cut();
                let marks = self.later.take(|later| matches!(later, Later::Mark(..)));
                self.give_back(marks);
            }
            Outbound::Mark(mark) => {
                let came = self.log.now();
                let mut account = self.log.account();
                let words = account.order.len();
                account.marks.push(Mark { came, words, answered: None });
                let number = account.marks.len() - 1;
                drop(account);
                let at = self.mouth.played_at() + self.carrier.echo;
                self.later.add(at, Later::Mark(mark, number));
            }
            Outbound::HangUp | Outbound::Transfer(_) => {
                self.hang_up("the agent hangs up");
                self.deliver(Inbound::HungUp, Told::Nothing);
            }
            _ => {}
        }
    }

    /// Marks of what was dropped come back, or do not.
    fn give_back(&mut self, marks: Vec<Later>) {
        for mark in marks {
            if let (Later::Mark(mark, _), true) = (mark, self.carrier.returns) {
                self.deliver(Inbound::MarkPlayed(mark), Told::Nothing);
            }
        }
    }
}
