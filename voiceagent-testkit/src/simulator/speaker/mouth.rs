use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    time::Duration,
};

use bytes::BytesMut;
use tokio::time::Instant;
use voiceagent_core::{ErrorKind, GenerationId, llm::Usage, realtime::RealtimeEvent};

use super::{
    super::{
        dice::Dice,
        log::Log,
        profile::{self, Text},
        sound::{FORMAT, SHORTEST_WORD, pause, spell},
    },
    mind::{Fault, Reply},
};
use crate::fakes::Schedule;

/// Samples for a character: 50 ms. Such models tell nothing of the times of their words, so that
/// only of one that speaks evenly can be known what was heard.
const EVEN: usize = 400;
/// Bytes of the largest piece of audio: a quarter of a second.
const PIECE: usize = 2_000;
/// Words of a piece of text.
const PHRASE: usize = 5;
/// How long something can be on its way from a model that does not stop at once.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// What a model is about to say.
#[derive(Debug)]
pub(super) struct Mouth {
    /// Which conversation this is.
    link: u32,
    text: Text,
    speed: f64,
    obeys: bool,
    log: Log,
    later: Schedule<(GenerationId, Later)>,
    /// What is being said, and when there is room for something else.
    busy_until: Instant,
    cancelled: BTreeSet<GenerationId>,
    /// The length of what was begun and is gone on with after tools.
    given: BTreeMap<GenerationId, usize>,
}

/// What a model does when the time has come.
#[derive(Debug)]
pub(super) enum Later {
    Lose,
    Say(RealtimeEvent),
    /// A piece of text, with the words in it.
    Text(RealtimeEvent, Range<u32>),
    /// A piece of audio, with the words that end in it and where.
    Sound(RealtimeEvent, Vec<(Duration, u32)>),
}

impl Mouth {
    pub(super) fn new(profile: &profile::Speaker, link: u32, log: Log) -> Self {
        Self {
            link,
            text: profile.text,
            speed: profile.speed,
            obeys: profile.obeys,
            log,
            later: Schedule::new(),
            busy_until: Instant::now(),
            cancelled: BTreeSet::new(),
            given: BTreeMap::new(),
        }
    }

    pub(super) async fn due(&mut self) -> (GenerationId, Later) {
        self.later.due().await
    }

    pub(super) fn cancel(&mut self, generation: GenerationId) {
        self.cancelled.insert(generation);
        let limit = Instant::now() + if self.obeys { Duration::ZERO } else { ON_ITS_WAY };
        self.later.take_after(limit, |(of, _)| *of == generation);
        self.busy_until = self.later.last().unwrap_or_else(Instant::now);
    }

    /// Says nothing more of anything, because the user speaks. Returns what it was just saying.
    pub(super) fn silence(&mut self) -> Option<GenerationId> {
        self.busy_until = Instant::now();
        self.later.take(|_| true).first().map(|(generation, _)| *generation)
    }

    /// Sets out to say something, after what is being said.
    pub(super) fn say(
        &mut self,
        generation: GenerationId,
        reply: Reply,
        after: Duration,
        dice: &mut Dice,
    ) {
        if self.cancelled.contains(&generation) {
            self.log.blame(format!("asked for {generation}, which was cancelled"));
        }
        let slow =
            if reply.fault == Some(Fault::Slow) { 3_000 + dice.between(0, 4_000) } else { 0 };
        let begin = self.busy_until.max(Instant::now()) + after + Duration::from_millis(slow);
        let add = |this: &mut Self, at, event| this.later.add(at, (generation, Later::Say(event)));
        match reply.fault {
            Some(Fault::Refused(kind)) => {
                return add(self, begin, RealtimeEvent::Failed { generation, kind });
            }
            Some(Fault::Hung) => return,
            Some(Fault::Lost) if reply.text.is_empty() => {
                return self.later.add(begin, (generation, Later::Lose));
            }
            _ => {}
        }
        let share = match reply.fault {
            Some(Fault::Cut | Fault::Lost | Fault::Stalled) => dice.share(),
            _ => 1.0,
        };
        let end = self.speak(generation, &reply.text, begin, share);
        self.busy_until = end;
        match reply.fault {
            Some(Fault::Cut) => {
                let kind = ErrorKind::Disconnected;
                return add(self, end, RealtimeEvent::Failed { generation, kind });
            }
            Some(Fault::Stalled) => return,
            Some(Fault::Lost) => return self.later.add(end, (generation, Later::Lose)),
            _ => {}
        }
        let times = 1 + usize::from(reply.twice);
        for call in reply.calls {
            for _ in 0..times {
                let call = call.clone();
                add(self, end, RealtimeEvent::ToolCall { generation, call });
            }
        }
        let usage = Usage::new(0, 0, u32::try_from(reply.text.len()).unwrap_or(u32::MAX));
        add(self, end, RealtimeEvent::Usage { generation, usage });
        for _ in 0..times {
            add(self, end, RealtimeEvent::Finished { generation });
        }
    }

    /// Gives text and audio, of which only a share comes. Returns when all of it has.
    fn speak(
        &mut self,
        generation: GenerationId,
        text: &str,
        begin: Instant,
        share: f64,
    ) -> Instant {
        let pieces: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
        let phrases: Vec<&[&str]> = pieces.chunks(PHRASE).collect();
        let mut texts = self.texts(generation, &phrases);
        let mut at = begin;
        if self.text == Text::Ahead {
            texts.drain(..).for_each(|text| self.later.add(at, (generation, text)));
        }
        let whole: usize = text.chars().count() * EVEN;
        let mut left = (whole as f64 * share) as usize;
        let mut given = self.given.get(&generation).copied().unwrap_or_default();
        for phrase in &phrases {
            if left == 0 {
                // It was told, and never comes.
                phrase.iter().map(|piece| piece.trim()).filter(|word| !word.is_empty()).for_each(
                    |word| {
                        self.log.word(self.voice(generation), word);
                    },
                );
                continue;
            }
            if self.text == Text::Beside {
                let text = texts.pop_front();
                text.into_iter().for_each(|text| self.later.add(at, (generation, text)));
            }
            let (mut audio, words) = self.spell(generation, phrase, given);
            audio.truncate(left);
            left -= audio.len();
            while !audio.is_empty() {
                let payload = audio.split_to(audio.len().min(PIECE)).freeze();
                let from = given;
                given += payload.len();
                let ends = words.iter().filter(|(end, _)| (from + 1..=given).contains(end));
                let ends =
                    ends.map(|(end, word)| (FORMAT.duration_of(*end as u64), *word)).collect();
                let sounds = FORMAT.duration_of(payload.len() as u64);
                let event = RealtimeEvent::Audio { generation, payload };
                self.later.add(at, (generation, Later::Sound(event, ends)));
                at += sounds.div_f64(self.speed);
            }
        }
        self.given.insert(generation, given);
        if self.text == Text::Behind && share >= 1.0 {
            texts.drain(..).for_each(|text| self.later.add(at, (generation, text)));
        }
        at
    }

    /// The text of each phrase, with the numbers that its words will have.
    fn texts(&self, generation: GenerationId, phrases: &[&[&str]]) -> VecDeque<Later> {
        let mut next = self.log.words();
        let text = |phrase: &&[&str]| {
            let text = phrase.concat();
            let first = next;
            next += u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
            Later::Text(RealtimeEvent::AgentTranscript { generation, text }, first..next)
        };
        phrases.iter().map(text).collect()
    }

    /// Names come anew in each conversation; words are told apart.
    fn voice(&self, generation: GenerationId) -> GenerationId {
        GenerationId::new(generation.number() + 1_000_000 * u64::from(self.link))
    }

    /// The audio of some words, and where each of them ends, in samples since the beginning.
    fn spell(
        &self,
        generation: GenerationId,
        phrase: &[&str],
        base: usize,
    ) -> (BytesMut, Vec<(usize, u32)>) {
        let mut audio = BytesMut::new();
        let mut words = Vec::new();
        for piece in phrase {
            let word = piece.trim();
            if word.is_empty() {
                pause(EVEN * piece.len(), &mut audio);
                continue;
            }
            let spoken = word.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
            let number = self.log.word(self.voice(generation), word);
            spell(number, (EVEN * spoken).max(SHORTEST_WORD), &mut audio);
            words.push((base + audio.len(), number));
            pause(EVEN * (piece.len() - spoken), &mut audio);
        }
        (audio, words)
    }
}
