use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;
use voiceagent_core::{
    CallTime, Event, GenerationId, ToolCallId, TurnId, flow::Plan, llm::Message,
    observer::Observer, tool::Effect,
};

use super::{
    profile::{FILLER, Timing},
    sound::{FRAME_MS, Loudness},
};

/// What all parts of one world have seen. A clone is the same log.
#[derive(Clone)]
pub(super) struct Log {
    begun: Instant,
    account: Arc<Mutex<Account>>,
}

/// Everything that is known of one call from outside of the agent. Times count from the beginning
/// of the world.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) events: Vec<(Duration, Event)>,
    /// What the agent's voice has said, by number.
    pub(super) words: Vec<Word>,
    /// The words that came to the carrier, with the time of their last sample, and the marks among
    /// them. An agent who was paused sends some words once more.
    pub(super) order: Vec<(Duration, u32)>,
    pub(super) marks: Vec<Mark>,
    /// When the caller was loud, and when the agent was heard.
    pub(super) caller: Vec<Span>,
    pub(super) agent: Vec<Span>,
    /// When a detector could not tell whether the caller was silent: murmurs, and times in which the
    /// line sent nothing.
    pub(super) blurred: Vec<Span>,
    /// The caller's line sent nothing for a while.
    pub(super) muted: bool,
    /// Words that the recognizer gave as final.
    pub(super) finals: Vec<(Duration, String)>,
    /// Words that the caller has said.
    pub(super) said: Vec<String>,
    pub(super) said_at: Vec<Duration>,
    pub(super) tools: Vec<ToolRun>,
    /// What went wrong, as it was meant to.
    pub(super) injected: BTreeMap<&'static str, u32>,
    /// Each of them, and when.
    pub(super) faults: Vec<(Duration, &'static str)>,
    /// When the agent was to say something that nobody can stop, and its first word.
    pub(super) announced: Vec<(Duration, String)>,
    /// Since when the agent was to end the call: what it says then cannot be stopped.
    pub(super) leaving: Option<Duration>,
    /// When one of the two hung up.
    pub(super) hung_up: Option<Duration>,
    pub(super) conversations: Vec<Arc<[Message]>>,
    /// What speech-to-speech models were told of what was before them. A call that still runs has no
    /// result there.
    pub(super) successions: Vec<Arc<[Message]>>,
    pub(super) asked: Vec<Asked>,
    /// What a vendor was told that must not be told.
    pub(super) misuse: Vec<(Duration, String)>,
    /// What a speech-to-speech model has said, as it remembers it: for each generation its words,
    /// and where in its audio they end.
    pub(super) memory: BTreeMap<GenerationId, Vec<(Duration, u32)>>,
    /// When a duplex model gave the first audio of what it began by itself.
    pub(super) begun: Vec<Duration>,
    /// When it fell silent by itself in the middle, because it heard the caller.
    pub(super) gave_way: Vec<Duration>,
    pub(super) plans: Vec<PlanRun>,
    pub(super) notes: Vec<NoteRun>,
    pub(super) most_answers: usize,
    pub(super) answers: usize,
    pub(super) opened: u32,
    pub(super) closed: u32,
    /// The conversation as it was remembered.
    pub(super) remembered: Option<Vec<Message>>,
    pub(super) trace: Option<Vec<(Duration, String)>>,
}

/// From the first sound to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Span {
    /// The 20 ms before a moment.
    pub(super) fn frame(to: Duration) -> Self {
        Self { from: to.saturating_sub(Duration::from_millis(FRAME_MS)), to }
    }
}

/// A word of the agent's voice.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) voice: GenerationId,
    pub(super) made: Duration,
    /// The word behind which the voice tells where it is; `None` if it does not tell.
    pub(super) told_at: Option<u32>,
    /// When its last sample came to the carrier.
    pub(super) sent: Option<Duration>,
    /// When its last sample was played.
    pub(super) heard: Option<Duration>,
    /// The voice lies about where it is.
    pub(super) faked: bool,
    /// When the agent was told that it was not heard, and never will be.
    pub(super) denied: Option<Duration>,
}

/// What a language model was asked with.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) instructions: Arc<str>,
    pub(super) tools: Vec<Arc<str>>,
}

/// A flow that planned an answer.
#[derive(Debug)]
pub(super) struct PlanRun {
    pub(super) turn: TurnId,
    pub(super) begun: Duration,
    /// `None` until it is done, and when it failed.
    pub(super) plan: Option<Plan>,
}

/// A flow that noted a turn.
#[derive(Debug)]
pub(super) struct NoteRun {
    pub(super) turn: TurnId,
    pub(super) begun: Duration,
    pub(super) ended: Option<Duration>,
    pub(super) plan: Plan,
}

/// A mark, as the carrier saw it.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) came: Duration,
    /// How many words had been sent before it.
    pub(super) words: usize,
    /// When the agent was told that everything before it was played.
    pub(super) answered: Option<Duration>,
}

/// A tool that ran.
#[derive(Clone, Debug)]
pub(super) struct ToolRun {
    pub(super) name: Arc<str>,
    pub(super) id: ToolCallId,
    pub(super) generation: GenerationId,
    pub(super) effect: Effect,
    pub(super) key: Arc<str>,
    pub(super) begun: Duration,
    pub(super) ended: Option<Duration>,
    /// What it returned; `None` also when it failed.
    pub(super) output: Option<Value>,
    /// When it was stopped.
    pub(super) dropped: Option<Duration>,
    pub(super) cancellable: bool,
}

/// One thing that was opened, until it is dropped.
#[derive(Debug)]
pub(super) struct Opened(Log);

/// An answer of the model, until it is dropped.
#[derive(Debug)]
pub(super) struct Answering(Log);

impl Log {
    pub(super) fn new(trace: bool) -> Self {
        let account = Account { trace: trace.then(Vec::new), ..Account::default() };
        Self { begun: Instant::now(), account: Arc::new(Mutex::new(account)) }
    }

    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The time of a moment that lies ahead.
    pub(super) fn time(&self, at: Instant) -> Duration {
        at - self.begun
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes everything that was noted.
    pub(super) fn take(&self) -> Account {
        std::mem::take(&mut *self.account())
    }

    /// Notes a line for people.
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        let now = self.now();
        if let Some(trace) = &mut self.account().trace {
            trace.push((now, line()));
        }
    }

    /// Notes that something goes wrong on purpose.
    pub(super) fn inject(&self, what: &'static str) {
        let now = self.now();
        self.tell(|| format!("! {what}"));
        let mut account = self.account();
        *account.injected.entry(what).or_default() += 1;
        account.faults.push((now, what));
    }

    /// Notes that the agent is asked to end the call.
    pub(super) fn leave(&self) {
        let now = self.now();
        self.account().leaving.get_or_insert(now);
    }

    /// Notes that the agent is to say something that nobody can stop.
    pub(super) fn announce(&self, text: &str) {
        let now = self.now();
        let first = text.split_whitespace().next().unwrap_or_default();
        self.account().announced.push((now, first.to_owned()));
    }

    /// Notes that a vendor was told what it must not be told.
    pub(super) fn blame(&self, what: String) {
        let now = self.now();
        self.tell(|| format!("!! {what}"));
        self.account().misuse.push((now, what));
    }

    pub(super) fn open(&self) -> Opened {
        self.account().opened += 1;
        Opened(self.clone())
    }

    pub(super) fn answer(&self) -> Answering {
        let mut account = self.account();
        account.answers += 1;
        account.most_answers = account.most_answers.max(account.answers);
        Answering(self.clone())
    }

    /// Notes a word that the voice is about to say, and numbers it.
    pub(super) fn word(&self, voice: GenerationId, text: &str) -> u32 {
        let made = self.now();
        let words = &mut self.account().words;
        words.push(Word {
            text: text.to_owned(),
            voice,
            made,
            told_at: None,
            sent: None,
            heard: None,
            faked: false,
            denied: None,
        });
        words.len() as u32 - 1
    }

    /// Notes that a voice has told of these words where each of them ends, or where all of them do.
    pub(super) fn tell_words(&self, words: &Range<u32>, knows: Timing) {
        for (number, word) in (0..).zip(&mut self.account().words) {
            if words.contains(&number) {
                word.told_at = match knows {
                    Timing::Words => Some(number),
                    Timing::Texts => Some(words.end - 1),
                    Timing::Nothing => None,
                };
            }
        }
    }

    /// How many words there are.
    pub(super) fn words(&self) -> u32 {
        self.account().words.len() as u32
    }

    /// Notes that a voice tells lies about everything that it says for `voice`.
    pub(super) fn fake(&self, voice: GenerationId) {
        let words = &mut self.account().words;
        words.iter_mut().filter(|word| word.voice == voice).for_each(|word| word.faked = true);
    }
}

impl Account {
    /// Whether what was said under this name only filled the time that tools took.
    pub(super) fn is_filler(&self, voice: GenerationId) -> bool {
        self.words.iter().any(|word| word.voice == voice && word.text.starts_with(FILLER))
    }

    /// Notes what the caller does in the 20 ms before a moment; `None` sends nothing.
    pub(super) fn hears(&mut self, loudness: Option<Loudness>, to: Duration) {
        let spans = match loudness {
            Some(Loudness::Loud) => &mut self.caller,
            Some(Loudness::Murmur) | None => &mut self.blurred,
            Some(Loudness::Silent) => return,
        };
        Self::sounds(spans, Span::frame(to));
    }

    /// Lengthens the last of `spans`, or begins another one.
    pub(super) fn sounds(spans: &mut Vec<Span>, Span { from, to }: Span) {
        match spans.last_mut() {
            Some(last) if last.to >= from => last.to = to.max(last.to),
            _ => spans.push(Span { from, to }),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.account().closed += 1;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.account().answers -= 1;
    }
}

impl Observer for Log {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        let now = self.now();
        self.tell(|| format!("{at:?} {event:?}"));
        self.account().events.push((now, event.clone()));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
