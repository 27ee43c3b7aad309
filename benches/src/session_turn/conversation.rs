use std::{collections::VecDeque, fmt, time::Duration};

use bytes::Bytes;
use clap::ValueEnum;
use voiceagent_core::{
    CallTime, Error, ErrorKind, GenerationId, MarkId, Result, SessionConfig,
    audio::AudioFormat,
    llm::FinishReason,
    session::{Command, Input, Session},
    stt::Transcript,
    transport::Outbound,
};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

/// From word to word of the model.
const PER_WORD: Duration = Duration::from_millis(15);

/// A voice's audio comes in pieces of this length, five times as fast as it is spoken.
const PIECE: Duration = Duration::from_millis(100);
const PER_PIECE: Duration = Duration::from_millis(20);

/// What a character takes to be spoken.
const PER_CHARACTER: Duration = Duration::from_millis(50);

/// The longest that anything in a turn takes.
const PATIENCE: Duration = Duration::from_secs(20);

const QUESTION: &str = "could you tell me when you open tomorrow";
const ANSWER: &str =
    "Of course. We open at eight in the morning, and the last visit is at half past five.";

/// How an answer ends.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    /// Heard to its end.
    Heard,
    /// The caller speaks into it.
    Interrupted,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Heard, Self::Interrupted];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heard => "heard",
            Self::Interrupted => "interrupted",
        })
    }
}

/// What went in and came out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) inputs: usize,
    pub(super) commands: usize,
}

/// A session with a line and vendors that cost next to nothing, in virtual time.
#[derive(Debug)]
pub(super) struct Conversation {
    kind: Kind,
    session: Session,
    now: CallTime,
    /// What the model was asked last, and has not answered.
    asked: Option<GenerationId>,
    /// What the voice is to say: of which generation, how long it lasts, in how many texts.
    to_speak: Option<(GenerationId, Duration, u32)>,
    is_complete: bool,
    /// When all that was sent is played, and the marks on the way there.
    played: CallTime,
    marks: VecDeque<(CallTime, MarkId)>,
    sound: Bytes,
    seen: Seen,
}

impl Conversation {
    pub(super) fn new(kind: Kind) -> Self {
        let mut config = SessionConfig::default();
        config.format = Some(FORMAT);
        let mut conversation = Self {
            kind,
            session: Session::new(config),
            now: CallTime::ZERO,
            asked: None,
            to_speak: None,
            is_complete: false,
            played: CallTime::ZERO,
            marks: VecDeque::new(),
            sound: Bytes::from(vec![0x90; FORMAT.bytes_in(PIECE)]),
            seen: Seen::default(),
        };
        conversation.feed(Input::Opened);
        conversation
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Holds so many turns: the caller asks, the agent answers.
    pub(super) fn hold(&mut self, turns: u32) -> Result<()> {
        for _ in 0..turns {
            self.ask();
            self.pass_until("the model is asked", |it| it.asked.is_some())?;
            self.answer()?;
            match self.kind {
                Kind::Heard => {
                    let end = self.played + Duration::from_millis(700);
                    self.pass(end);
                }
                Kind::Interrupted => self.pass(self.now + Duration::from_millis(600)),
            }
        }
        Ok(())
    }

    /// The caller's turn, as a detector and a recognizer tell of it.
    fn ask(&mut self) {
        let since = self.now;
        self.pass(since + Duration::from_millis(60));
        self.feed(Input::SpeechStarted { since });
        for length in [12, 23, 34] {
            self.pass(self.now + Duration::from_millis(250));
            let transcript = Transcript::interim(&QUESTION[..length]);
            self.feed(Input::Transcript { transcript });
        }
        let since = self.now + Duration::from_millis(100);
        self.pass(since + Duration::from_millis(150));
        self.feed(Input::SpeechStopped { since });
        self.feed(Input::Transcript { transcript: Transcript::final_(QUESTION) });
    }

    /// The model writes its answer, and the voice speaks what it is given of it.
    fn answer(&mut self) -> Result<()> {
        let Some(generation) = self.asked.take() else { return Ok(()) };
        self.is_complete = false;
        for word in ANSWER.split_inclusive(' ') {
            self.pass(self.now + PER_WORD);
            self.feed(Input::LlmText { generation, text: word.into() });
        }
        self.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
        self.pass_until("the voice has all of it", |it| it.is_complete)?;
        let Some((generation, length, texts)) = self.to_speak.take() else { return Ok(()) };
        let pieces = length.as_millis().div_ceil(PIECE.as_millis());
        for _ in 0..pieces {
            self.pass(self.now + PER_PIECE);
            let payload = self.sound.clone();
            self.feed(Input::Synthesized { generation, payload });
        }
        self.feed(Input::SynthesisSpoken { generation, texts });
        self.feed(Input::SynthesisFinished { generation });
        self.pass_until("all of it is sent", |it| it.played > it.now)
    }

    fn feed(&mut self, input: Input) {
        self.seen.inputs += 1;
        self.session.handle(self.now, input);
        while let Some(command) = self.session.poll() {
            self.seen.commands += 1;
            self.perform(command);
        }
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Generate { generation, .. } => self.asked = Some(generation),
            Command::Synthesize { generation, text } => {
                let length = PER_CHARACTER * u32::try_from(text.len()).unwrap_or(u32::MAX);
                let (before, texts) = match self.to_speak {
                    Some((of, before, texts)) if of == generation => (before, texts),
                    _ => (Duration::ZERO, 0),
                };
                self.to_speak = Some((generation, before + length, texts + 1));
            }
            Command::FinishSynthesis { .. } => self.is_complete = true,
            Command::Send { outbound: Outbound::Audio(frame) } => {
                self.played = self.played.max(self.now) + FORMAT.duration_of(frame.samples());
            }
            Command::Send { outbound: Outbound::Mark(mark) } => {
                self.marks.push_back((self.played, mark));
            }
            Command::Send { outbound: Outbound::Clear } => {
                self.played = self.now;
                for (_, mark) in std::mem::take(&mut self.marks) {
                    self.feed(Input::MarkPlayed { mark });
                }
            }
            _ => {}
        }
    }

    /// Lets time pass: marks return, and the session is woken when it asks for it.
    fn pass(&mut self, end: CallTime) {
        while let Some((at, mark)) = self.next().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            match mark {
                Some(mark) => {
                    self.marks.pop_front();
                    self.feed(Input::MarkPlayed { mark });
                }
                None => self.feed(Input::Timeout),
            }
        }
        self.now = self.now.max(end);
    }

    fn pass_until(&mut self, what: &'static str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let end = self.now + PATIENCE;
        while !holds(self) {
            match self.next().filter(|(at, _)| *at <= end) {
                Some((at, _)) => self.pass(at),
                None => return Err(Error::new(ErrorKind::Timeout, "hold a conversation", what)),
            }
        }
        Ok(())
    }

    /// What happens next by itself: a mark is reached, or the session wants to be woken.
    fn next(&self) -> Option<(CallTime, Option<MarkId>)> {
        let mark = self.marks.front().map(|(at, mark)| (*at, Some(*mark)));
        let timeout = self.session.poll_timeout().map(|(at, _)| (at, None));
        match (mark, timeout) {
            (Some(mark), Some(timeout)) if timeout.0 < mark.0 => Some(timeout),
            (mark, timeout) => mark.or(timeout),
        }
    }
}
