//! What the history must hold, by a model that is too simple to be wrong, over random calls.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use voiceagent_core::{
    CallTime, GenerationId, MarkId, SessionConfig,
    audio::AudioFormat,
    llm::{FinishReason, Message, ToolCall},
    session::{Command, Input, Session},
    stt::{Transcript, WordTiming},
    transport::Outbound,
};

use crate::presets::tool;

/// Samples a millisecond.
const RATE: u64 = 8;

/// What happens in one turn.
#[derive(Clone, Debug)]
struct Turn {
    /// How long each word of the answer takes, in samples; and whether a sentence ends with it.
    words: Vec<(u64, bool)>,
    /// A tool is called after so many words.
    tool_after: Option<usize>,
    /// The agent is cut when this share of its audio has been played, in percent.
    cut_at: Option<u64>,
    /// How much later than played a mark is answered, in milliseconds.
    echo: u64,
    /// Each mark of such a number is lost, if the agent is cut.
    loses: u64,
}

fn turn() -> impl Strategy<Value = Turn> {
    let words = prop::collection::vec((1_u64..4_000, prop::bool::weighted(0.2)), 1..25);
    let tool_after = prop::option::weighted(0.3, 1_usize..10);
    let cut_at = prop::option::weighted(0.7, 0_u64..95);
    (words, tool_after, cut_at, 0_u64..200, 2_u64..9).prop_map(
        |(words, tool_after, cut_at, echo, loses)| {
            let tool_after = tool_after.filter(|after| *after < words.len());
            Turn { words, tool_after, cut_at, echo, loses }
        },
    )
}

/// A carrier that plays at once what it gets.
#[derive(Default)]
struct Carrier {
    /// When everything it has will have been played, in microseconds.
    free_at: u64,
    samples: u64,
    marks: Vec<Mark>,
}

struct Mark {
    id: MarkId,
    /// Samples before it, in the call.
    at: u64,
    due: u64,
    answered: Option<u64>,
}

struct World {
    session: Session,
    now: u64,
    carrier: Carrier,
    echo: u64,
    generation: GenerationId,
    texts: Vec<(GenerationId, String)>,
    finished: Option<GenerationId>,
}

impl World {
    fn new() -> Self {
        let mut config = SessionConfig::default();
        config.format = Some(AudioFormat::MULAW_8K);
        config.marks = true;
        config.tools = [tool("book")].into();
        // What is said here means nothing.
        config.endpointing.by_words = false;
        Self {
            session: Session::new(config),
            now: 0,
            carrier: Carrier::default(),
            echo: 0,
            generation: GenerationId::default(),
            texts: Vec::new(),
            finished: None,
        }
    }

    fn feed(&mut self, input: Input) {
        self.session.handle(CallTime::from_micros(self.now), input);
        while let Some(command) = self.session.poll() {
            match command {
                Command::Generate { generation, .. } => self.generation = generation,
                Command::Synthesize { generation, text } => {
                    self.texts.push((generation, text.to_string()));
                }
                Command::FinishSynthesis { generation } => self.finished = Some(generation),
                Command::Send { outbound: Outbound::Audio(frame) } => {
                    let carrier = &mut self.carrier;
                    let lasts = frame.samples() * 1_000 / RATE;
                    carrier.free_at = carrier.free_at.max(self.now) + lasts;
                    carrier.samples += frame.samples();
                }
                Command::Send { outbound: Outbound::Mark(id) } => {
                    let due = self.carrier.free_at.max(self.now) + self.echo * 1_000;
                    let at = self.carrier.samples;
                    self.carrier.marks.push(Mark { id, at, due, answered: None });
                }
                _ => {}
            }
        }
    }

    /// Lets time pass, and answers marks; those that `loses` picks are lost.
    fn pass(&mut self, until: u64, loses: Option<u64>) {
        loop {
            let timer = self.session.poll_timeout().map(|(at, _)| at.as_micros());
            let is_lost =
                |mark: &Mark| loses.is_some_and(|loses| mark.id.number().is_multiple_of(loses));
            let mut marks = self.carrier.marks.iter_mut();
            let mark = marks.find(|mark| mark.answered.is_none() && !is_lost(mark));
            let due = mark.as_ref().map_or(u64::MAX, |mark| mark.due);
            let next = timer.unwrap_or(u64::MAX).min(due);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            match mark.filter(|_| due == next) {
                Some(mark) => {
                    mark.answered = Some(self.now);
                    let mark = mark.id;
                    self.feed(Input::MarkPlayed { mark });
                }
                None => self.feed(Input::Timeout),
            }
        }
        self.now = self.now.max(until);
    }

    fn writes(&mut self, text: String) {
        let generation = self.generation;
        self.feed(Input::LlmText { generation, text: text.into() });
    }

    /// Speaks everything that was written.
    fn speaks(&mut self, lengths: &[u64]) {
        let (mut at, mut lengths) = (0, lengths.iter());
        for (generation, text) in std::mem::take(&mut self.texts) {
            let begun = at;
            let mut words = Vec::new();
            for word in text.split_whitespace() {
                let start = Duration::from_micros(at * 1_000 / RATE);
                at += lengths.next().expect("each word has a length");
                let end = Duration::from_micros(at * 1_000 / RATE);
                words.push(WordTiming { word: word.into(), start, end });
            }
            let payload =
                Bytes::from(vec![0x55; usize::try_from(at - begun).expect("words are short")]);
            self.feed(Input::Words { generation, words });
            self.feed(Input::Synthesized { generation, payload });
        }
        if let Some(generation) = self.finished.take() {
            self.feed(Input::SynthesisFinished { generation });
        }
    }
}

/// Plays one turn. Returns what it must leave behind.
fn play(world: &mut World, number: usize, turn: &Turn) -> Vec<Message> {
    let said = format!("user{number}");
    world.echo = turn.echo;
    let first_mark = world.carrier.marks.len();
    let base = world.carrier.samples;
    world.feed(Input::Transcript { transcript: Transcript::final_(said.as_str()) });
    world.feed(Input::EndOfTurn);

    let words: Vec<String> = (0..)
        .zip(&turn.words)
        .map(|(nth, (_, ends))| format!("w{number}x{nth}{}", if *ends { "." } else { "" }))
        .collect();
    let (before, after) = words.split_at(turn.tool_after.unwrap_or(words.len()));
    let call = ToolCall {
        id: format!("call{number}").as_str().into(),
        name: "book".into(),
        arguments: "{}".into(),
    };
    world.writes(before.join(" "));
    if turn.tool_after.is_some() {
        let generation = world.generation;
        world.feed(Input::LlmToolCall { generation, call: call.clone() });
        world.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls });
        let output = "\"done\"".into();
        world.feed(Input::ToolFinished { generation, id: call.id.clone(), output });
        world.writes(format!(" {}", after.join(" ")));
    }
    let generation = world.generation;
    world.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
    let lengths: Vec<u64> = turn.words.iter().map(|(length, _)| *length).collect();
    let all: u64 = lengths.iter().sum();
    world.speaks(&lengths);

    let heard = if let Some(share) = turn.cut_at {
        let until = world.now + all * 1_000 / RATE * share / 100;
        world.pass(until, Some(turn.loses));
        world.feed(Input::Interrupt);
        let heard = heard(&world.carrier.marks[first_mark..], world.now, base);
        for mark in &mut world.carrier.marks {
            mark.answered.get_or_insert(world.now);
        }
        world.carrier.free_at = world.now;
        heard
    } else {
        world.pass(world.now + all * 1_000 / RATE + 5_000_000, None);
        u64::MAX
    };
    let mut at = 0;
    let ends = lengths.iter().map(|length| {
        at += length;
        at
    });
    let count = ends.take_while(|end| *end <= heard).count();
    let cut = turn.cut_at.is_some();
    let (first, second) = (count.min(before.len()), count.saturating_sub(before.len()));
    let mut left = vec![Message::User { text: said.into() }];
    let first_is_cut = cut && (first < before.len() || turn.tool_after.is_none());
    left.extend(assistant(&before[..first], first_is_cut));
    if turn.tool_after.is_some() {
        let id = call.id.clone();
        left.push(Message::ToolCall(call));
        left.push(Message::ToolResult { id, output: "\"done\"".into() });
        left.extend(assistant(&after[..second], cut));
    }
    left
}

/// The last sample of the answer that was surely heard: where the last mark was answered, and as
/// far beyond as time has gone on since, but not past the next mark.
fn heard(marks: &[Mark], now: u64, base: u64) -> u64 {
    let answered = marks.iter().enumerate().rev();
    let mut answered = answered.filter_map(|(index, mark)| Some((index, mark.answered?)));
    let Some((last, at)) = answered.next() else { return 0 };
    let gone = (now - at) * RATE / 1_000;
    let reached = marks[last].at + gone;
    marks.get(last + 1).map_or(marks[last].at, |next| reached.min(next.at)) - base
}

fn assistant(words: &[String], interrupted: bool) -> Option<Message> {
    (!words.is_empty()).then(|| Message::Assistant { text: words.join(" ").into(), interrupted })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn h1_the_history_is_what_the_simple_model_says(turns in prop::collection::vec(turn(), 1..6)) {
        let mut world = World::new();
        world.feed(Input::Opened);
        let mut expected: Vec<Message> = Vec::new();
        for (number, turn) in turns.iter().enumerate() {
            for message in play(&mut world, number, turn) {
                match (expected.last_mut(), message) {
                    (Some(Message::User { text: before }), Message::User { text }) => {
                        *before = format!("{before} {text}").into();
                    }
                    (_, message) => expected.push(message),
                }
            }
            prop_assert_eq!(&*world.session.messages(), &*expected);
        }
    }
}
