use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;
use voiceagent_core::{
    Error, ErrorKind, Link, LinkPeer, Result,
    audio::AudioFrame,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions, Transcript, WordTiming},
};

use super::{
    dice::Dice,
    log::Log,
    profile,
    sound::{FORMAT, FRAME_MS, NOISE, is_loud, word_in},
};
use crate::fakes::Schedule;

/// Two seconds of frames.
const LINK: usize = 128;

/// A recognizer that reads what the frames of the caller hold, as quick and as sound as the
/// profile has it.
pub(super) struct Recognizer {
    profile: profile::Recognizer,
    seed: u64,
    log: Log,
    streams: AtomicU32,
}

struct Pump {
    profile: profile::Recognizer,
    dice: Dice,
    log: Log,
    begun: Instant,
    /// Words since the last final.
    words: Vec<WordTiming>,
    /// How much audio this stream has heard.
    heard: Duration,
    speaking: bool,
    last_loud: Instant,
    last_word: Instant,
    next_interim: Instant,
    stalled: bool,
    later: Schedule<Later>,
}

enum Later {
    Final { ends_turn: bool },
    Say(SttEvent),
}

impl Recognizer {
    pub(super) fn new(profile: profile::Recognizer, seed: u64, log: Log) -> Arc<Self> {
        Arc::new(Self { profile, seed, log, streams: AtomicU32::new(0) })
    }
}

#[async_trait]
impl SpeechToText for Recognizer {
    fn name(&self) -> &str {
        "simulated"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut can = SttCapabilities::new(vec![FORMAT]);
        can.interim = self.profile.interims;
        can.speech_started = true;
        can.finalize = self.profile.finalize.is_some();
        can.end_of_turn = self.profile.end_of_turn;
        can.semantic_end_of_turn = self.profile.end_of_turn && self.profile.semantic;
        can
    }

    async fn open(&self, _options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let stream = self.streams.fetch_add(1, Ordering::Relaxed);
        if (1..=self.profile.refuses).contains(&stream) {
            self.log.inject("the recognizer refuses");
            return Err(failed("refused"));
        }
        let opened = self.log.open();
        let now = Instant::now();
        let pump = Pump {
            profile: self.profile.clone(),
            dice: Dice::new(self.seed, 100 + u64::from(stream)),
            log: self.log.clone(),
            begun: now,
            words: Vec::new(),
            heard: Duration::ZERO,
            speaking: false,
            last_loud: now,
            last_word: now,
            next_interim: now,
            stalled: false,
            later: Schedule::new(),
        };
        Ok(Link::spawn(LINK, |peer| async move {
            let _opened = opened;
            pump.run(peer).await
        }))
    }
}

impl Pump {
    async fn run(mut self, mut peer: LinkPeer<SttInput, SttEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => match input {
                    None => return Ok(()),
                    Some(SttInput::Audio(frame)) => {
                        self.age()?;
                        self.hear(&frame, &peer).await?;
                    }
                    Some(SttInput::Finalize) => self.finalize(),
                    Some(_) => {}
                },
                later = self.later.due() => self.come_due(later, &peer).await?,
            }
        }
    }

    /// Streams do not live for ever.
    fn age(&mut self) -> Result<()> {
        let age = self.begun.elapsed();
        if self.profile.breaks.is_some_and(|at| age >= at) {
            self.log.inject("the recognizer is lost");
            return Err(failed("lost"));
        }
        if !self.stalled && self.profile.stalls.is_some_and(|at| age >= at) {
            self.log.inject("the recognizer stalls");
            self.stalled = true;
        }
        Ok(())
    }

    async fn hear(
        &mut self,
        frame: &AudioFrame,
        peer: &LinkPeer<SttInput, SttEvent>,
    ) -> Result<()> {
        if self.stalled {
            return Ok(());
        }
        let now = Instant::now();
        let start = self.heard;
        self.heard += Duration::from_millis(FRAME_MS);
        if let Some(word) = word_in(&frame.payload) {
            self.last_word = now;
            self.words.push(WordTiming { word: word.into(), start, end: self.heard });
        }
        if is_loud(&frame.payload) && (self.words.is_empty() || now - self.last_word < NOISE) {
            self.last_loud = now;
            if !self.speaking && !self.words.is_empty() {
                self.speaking = true;
                peer.send(SttEvent::SpeechStarted).await?;
            }
            if self.profile.interims && self.speaking && now >= self.next_interim {
                self.next_interim = now + self.profile.interim;
                let transcript = self.tell(Transcript::interim(text(&self.words)), &self.words);
                peer.send(SttEvent::Transcript(transcript)).await?;
            }
        } else if self.speaking && now - self.last_loud >= self.profile.silence {
            self.speaking = false;
            self.promise(self.profile.delay, self.profile.end_of_turn);
        }
        Ok(())
    }

    fn finalize(&mut self) {
        if let (Some(delay), false) = (self.profile.finalize, self.stalled) {
            self.promise(delay, false);
        }
    }

    fn promise(&mut self, median: Duration, ends_turn: bool) {
        let delay = self.dice.latency(median);
        self.later.after(delay, Later::Final { ends_turn });
    }

    async fn come_due(&mut self, later: Later, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        match later {
            Later::Say(event) => self.say(event, peer).await,
            Later::Final { ends_turn } => {
                let words = std::mem::take(&mut self.words);
                let is_empty = words.is_empty();
                let transcript = self.tell(Transcript::final_(text(&words)), &words);
                let transcript = SttEvent::Transcript(transcript);
                if !is_empty && self.dice.percent(self.profile.lost) {
                    self.log.inject("a final is lost");
                } else if !is_empty && self.dice.percent(self.profile.late) {
                    self.log.inject("a final is late");
                    self.later.after(self.dice.millis(500, 3_000), Later::Say(transcript));
                } else {
                    if !is_empty && self.dice.percent(self.profile.twice) {
                        self.log.inject("a final comes twice");
                        let again = Later::Say(transcript.clone());
                        self.later.after(self.dice.millis(0, 300), again);
                    }
                    self.say(transcript, peer).await?;
                }
                if ends_turn && !self.speaking {
                    peer.send(SttEvent::EndOfTurn).await?;
                }
                Ok(())
            }
        }
    }

    /// Adds the times of words, if the recognizer knows them.
    fn tell(&self, transcript: Transcript, words: &[WordTiming]) -> Transcript {
        if self.profile.times { transcript.with_words(words.to_vec()) } else { transcript }
    }

    async fn say(&self, event: SttEvent, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        if let SttEvent::Transcript(transcript) = &event {
            self.log.tell(|| format!("recognizer: final {:?}", transcript.text));
            let now = self.log.now();
            let words = transcript.text.split_whitespace().map(|word| (now, word.to_owned()));
            self.log.account().finals.extend(words);
        }
        peer.send(event).await
    }
}

fn text(words: &[WordTiming]) -> String {
    words.iter().map(|word| &*word.word).collect::<Vec<_>>().join(" ")
}

fn failed(message: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "recognize", message).with_provider("simulated")
}

impl fmt::Debug for Recognizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recognizer").field("profile", &self.profile).finish_non_exhaustive()
    }
}
