use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::BytesMut;
use tokio::time::Instant;
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result,
    stt::WordTiming,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    dice::Dice,
    log::Log,
    profile::{self, Timing},
    sound::{FORMAT, SHORTEST_WORD, pause, spell},
};
use crate::fakes::Schedule;

/// More than an answer has texts and pieces of audio.
const LINK: usize = 256;
/// Samples for a character where the voice speaks evenly: 50 ms.
const EVEN: usize = 400;
/// A voice that needs longer until its first sound is slow.
const SLOW: Duration = Duration::from_millis(650);
/// Bytes of the largest piece of audio: a quarter of a second.
const PIECE: usize = 2_000;

/// A voice that numbers the words that it says, and notes them in the log.
pub(super) struct Voice {
    profile: profile::Voice,
    seed: u64,
    log: Log,
    links: AtomicU32,
}

struct Pump {
    profile: profile::Voice,
    dice: Dice,
    log: Log,
    /// What is being said: its length so far in samples, and when the voice is ready for more.
    current: Option<(GenerationId, usize, Instant)>,
    cancelled: BTreeSet<GenerationId>,
    /// Of these it says nothing more, and does not tell.
    mute: BTreeSet<GenerationId>,
    /// Of these it claims to have said all.
    lying: BTreeSet<GenerationId>,
    later: Schedule<(GenerationId, Later)>,
}

enum Later {
    Break,
    Fail,
    Say(TtsEvent),
    /// The text of these words is complete.
    Spoken(Range<u32>),
}

impl Voice {
    pub(super) fn new(profile: profile::Voice, seed: u64, log: Log) -> Arc<Self> {
        Arc::new(Self { profile, seed, log, links: AtomicU32::new(0) })
    }
}

#[async_trait]
impl TextToSpeech for Voice {
    fn name(&self) -> &str {
        "simulated"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut can = TtsCapabilities::new(vec![FORMAT]);
        can.streaming_text = true;
        can.cancel = self.profile.obeys;
        can.word_timings = self.profile.knows == Timing::Words;
        can.segments = self.profile.knows == Timing::Texts;
        can
    }

    async fn open(&self, _options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let link = self.links.fetch_add(1, Ordering::Relaxed);
        if (1..=self.profile.refuses).contains(&link) {
            self.log.inject("the voice refuses");
            return Err(failed("refused"));
        }
        let opened = self.log.open();
        let pump = Pump {
            profile: self.profile.clone(),
            dice: Dice::new(self.seed, 200 + u64::from(link)),
            log: self.log.clone(),
            current: None,
            cancelled: BTreeSet::new(),
            mute: BTreeSet::new(),
            lying: BTreeSet::new(),
            later: Schedule::new(),
        };
        Ok(Link::spawn(LINK, |peer| async move {
            let _opened = opened;
            pump.run(peer).await
        }))
    }
}

impl Pump {
    async fn run(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => match input {
                    None => return Ok(()),
                    Some(input) => self.take(input),
                },
                (generation, later) = self.later.due() => match later {
                    Later::Break => return Err(failed("lost")),
                    Later::Fail => {
                        self.stop(generation);
                        peer.report(failed("failed")).await?;
                    }
                    Later::Say(event) => peer.send(event).await?,
                    Later::Spoken(words) => {
                        self.log.tell_words(&words, Timing::Texts);
                        peer.send(TtsEvent::Spoken { generation, texts: 1 }).await?;
                    }
                },
            }
        }
    }

    fn take(&mut self, input: TtsInput) {
        match input {
            TtsInput::Text { generation, text } => {
                self.log.tell(|| format!("voice {generation}: {text:?}"));
                if self.mute.contains(&generation) {
                    self.log.inject("the voice stays silent");
                    for word in text.split_whitespace() {
                        self.log.word(generation, word);
                    }
                    if self.lying.contains(&generation) {
                        self.log.fake(generation);
                    }
                } else if !self.cancelled.contains(&generation) {
                    self.speak(generation, &text);
                }
            }
            TtsInput::Finish { generation } => {
                let ready = self.ready(generation);
                self.say(generation, ready, TtsEvent::Finished { generation });
            }
            TtsInput::Cancel { generation } => {
                // Nobody is told what went wrong with something that is not wanted.
                self.later.take(|(of, later)| *of == generation && matches!(later, Later::Fail));
                if self.profile.obeys {
                    self.cancelled.insert(generation);
                    self.stop(generation);
                }
            }
            _ => {}
        }
    }

    fn stop(&mut self, generation: GenerationId) {
        self.later.take(|(of, _)| *of == generation);
        self.current.take_if(|(of, ..)| *of == generation);
    }

    fn speak(&mut self, generation: GenerationId, text: &str) {
        let mut ready = self.ready(generation);
        let length = self.current.map_or(0, |(_, length, _)| length);
        let mut audio = BytesMut::new();
        let mut words = Vec::new();
        let first = self.log.words();
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim();
            if word.is_empty() {
                pause(EVEN * piece.len(), &mut audio);
                continue;
            }
            // Punctuation takes time, and says nothing.
            let spoken = word.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
            let samples = self.length_of(&word[..spoken]);
            let start = length + audio.len();
            spell(self.log.word(generation, word), samples, &mut audio);
            let at = |samples: usize| FORMAT.duration_of(samples as u64);
            let (start, end) = (at(start), at(length + audio.len()));
            words.push(WordTiming { word: word.into(), start, end });
            let even = EVEN * (piece.len() - spoken);
            pause(
                if self.is_even() { even } else { self.dice.between(0, 400) as usize },
                &mut audio,
            );
        }
        let fails = self.dice.percent(self.profile.fails).then(|| self.dice.between(0, 3));
        let whole = audio.len();
        let numbers = first..self.log.words();
        if fails.is_some() {
            audio.truncate(self.dice.between(0, whole as u64) as usize);
        }
        if self.profile.knows == Timing::Words {
            self.log.tell_words(&numbers, Timing::Words);
            self.say(generation, ready, TtsEvent::Words { generation, words });
        }
        while !audio.is_empty() {
            let payload = audio.split_to(audio.len().min(PIECE)).freeze();
            let sounds = FORMAT.duration_of(payload.len() as u64);
            self.say(generation, ready, TtsEvent::Audio { generation, payload });
            ready += sounds.div_f64(self.profile.speed);
        }
        self.current = Some((generation, length + whole, ready));
        match fails {
            None if self.profile.knows == Timing::Texts => {
                self.later.add(ready, (generation, Later::Spoken(numbers)));
            }
            None => {}
            Some(how) => self.fail(generation, ready, how),
        }
    }

    fn fail(&mut self, generation: GenerationId, at: Instant, how: u64) {
        self.mute.insert(generation);
        match how {
            0 => {
                self.log.inject("the voice breaks");
                self.later.add(at, (generation, Later::Break));
            }
            1 => self.log.inject("the voice stalls"),
            2 => {
                self.log.inject("the voice fails");
                self.later.add(at, (generation, Later::Fail));
            }
            _ => {
                self.log.inject("the voice ends early");
                self.lying.insert(generation);
                self.log.fake(generation);
                self.later.add(at, (generation, Later::Say(TtsEvent::Finished { generation })));
            }
        }
    }

    fn is_even(&self) -> bool {
        self.profile.knows != Timing::Words
    }

    /// Samples that a word takes.
    fn length_of(&mut self, word: &str) -> usize {
        let even = EVEN * word.len();
        let pace = if self.is_even() { 1.0 } else { 0.4 + 1.2 * self.dice.share() };
        ((even as f64 * pace) as usize).max(SHORTEST_WORD)
    }

    /// When the next sound of a generation is ready.
    fn ready(&mut self, generation: GenerationId) -> Instant {
        let now = Instant::now();
        match self.current {
            Some((of, _, ready)) if of == generation => ready.max(now),
            other => {
                let before = other.map_or(now, |(.., ready)| ready.max(now));
                let first: Duration = self.dice.latency(self.profile.first_audio);
                // A voice that does not stop when it is told to works for the other one first.
                let busy = before.min(now + self.profile.first_audio * 2);
                let ready = if self.profile.obeys { now } else { busy } + first;
                if ready > now + SLOW {
                    self.log.inject("the voice is slow");
                }
                self.current = Some((generation, 0, ready));
                ready
            }
        }
    }

    fn say(&mut self, generation: GenerationId, at: Instant, event: TtsEvent) {
        if self.mute.contains(&generation) && matches!(event, TtsEvent::Finished { .. }) {
            return;
        }
        self.later.add(at, (generation, Later::Say(event)));
    }
}

fn failed(message: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "speak", message).with_provider("simulated")
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").field("profile", &self.profile).finish_non_exhaustive()
    }
}
