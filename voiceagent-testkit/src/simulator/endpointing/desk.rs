use voiceagent_core::{
    CallTime, Event, GenerationId, SessionConfig,
    session::{Command, Input, Session},
    stt::Transcript,
};

use super::{super::talk::Talk, Answered, Decided, START};

/// Between a turn and the next one, in milliseconds: longer than any delay.
const BETWEEN: u64 = 6_000;

/// A session that listens, and is given no answers to say.
pub(super) struct Desk {
    session: Session,
    /// When the next caller's turn may begin.
    free: u64,
    /// When the turn was first decided.
    decided: Option<u64>,
    /// The answers that were asked for, and when.
    asked: Vec<(GenerationId, u64)>,
    /// When the answer to the turn as it was first decided was asked for.
    begun: u64,
}

impl Desk {
    pub(super) fn new(config: SessionConfig) -> Self {
        let session = Session::new(config);
        let mut desk = Self { session, free: 1_000, decided: None, asked: Vec::new(), begun: 0 };
        desk.feed(0, Input::Opened);
        desk
    }

    /// Hears a turn.
    pub(super) fn listen(&mut self, talk: &Talk) -> Decided {
        let begun = self.free;
        let last = talk.stretches.last().map_or(0, |stretch| stretch.to);
        self.decided = None;
        self.feed(begun, Input::Expect { what: talk.expected });
        for (at, input) in inputs(talk, begun) {
            self.wait(at);
            self.feed(at, input);
        }
        self.wait(begun + last + BETWEEN / 2);
        // The answer that never comes is in the way of the next one.
        self.feed(begun + last + BETWEEN / 2, Input::Interrupt);
        self.asked.clear();
        self.free = begun + last + BETWEEN;
        self.wait(self.free);
        let end = begun + last;
        let decision = self.decided?.checked_sub(end)?;
        let response = (self.begun + talk.answer).saturating_sub(end).max(decision);
        Some(Answered { decision, response })
    }

    /// Lets time pass.
    fn wait(&mut self, until: u64) {
        while let Some((at, _)) = self.session.poll_timeout() {
            let at = at.as_micros().div_ceil(1_000);
            if at > until {
                return;
            }
            self.feed(at, Input::Timeout);
        }
    }

    fn feed(&mut self, at: u64, input: Input) {
        self.session.handle(CallTime::from_millis(at), input);
        let mut is_decided = false;
        while let Some(command) = self.session.poll() {
            match command {
                Command::Generate { generation, .. } => self.asked.push((generation, at)),
                Command::Cancel { generation } => self.asked.retain(|(of, _)| *of != generation),
                Command::Emit { event: Event::UserTurn { .. } } => is_decided = true,
                _ => {}
            }
        }
        if is_decided && self.decided.is_none() {
            self.decided = Some(at);
            self.begun = self.asked.last().map_or(at, |(_, asked)| *asked);
        }
    }
}

/// What detector and recognizer tell of a turn.
fn inputs(talk: &Talk, begun: u64) -> Vec<(u64, Input)> {
    let mut inputs = Vec::new();
    let mut stretches = talk.stretches.iter().peekable();
    let (mut text, mut speaks) = (String::new(), false);
    while let Some(stretch) = stretches.next() {
        if !speaks {
            let since = CallTime::from_millis(begun + stretch.from);
            inputs.push((stretch.from + START, Input::SpeechStarted { since }));
        }
        for (at, word) in &stretch.words {
            if !word.is_empty() {
                text = if text.is_empty() { word.clone() } else { format!("{text} {word}") };
                let transcript = Transcript::interim(text.as_str());
                inputs.push((*at, Input::Transcript { transcript }));
            }
        }
        let next = stretches.peek();
        speaks = next.is_some_and(|next| next.from < stretch.noticed_at);
        if !speaks {
            let since = CallTime::from_millis(begun + stretch.to);
            inputs.push((stretch.noticed_at, Input::SpeechStopped { since }));
        }
        let understood = next.and_then(|next| next.words.first());
        if understood.is_none_or(|(at, _)| stretch.final_at < *at) {
            let transcript = Transcript::final_(std::mem::take(&mut text));
            inputs.push((stretch.final_at, Input::Transcript { transcript }));
        }
    }
    inputs.sort_by_key(|(at, _)| *at);
    inputs.into_iter().map(|(at, input)| (begun + at, input)).collect()
}
