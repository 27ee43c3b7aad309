//! What is said in a call, and how long the vendors take.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use voiceagent_testkit::{
    clips::{APPOINTMENT, Clip, GOODBYE, HELLO, STOP, YES},
    phone::is_audible,
    vendor::chat::{ChatRequest, Reply},
};

use super::tag::{FRAME, Tag};

/// The recognizer's results while speech lasts.
pub(crate) const INTERIM_EVERY: Duration = Duration::from_millis(250);
/// From the end of speech to its final.
pub(crate) const TRANSCRIPT: Duration = Duration::from_millis(150);
/// Silence that ends a turn, for the agent and for the recognizer.
pub(crate) const ENDPOINTING: Duration = Duration::from_millis(300);
/// Request to first token, and from token to token.
pub(crate) const FIRST_TOKEN: Duration = Duration::from_millis(200);
pub(crate) const PER_TOKEN: Duration = Duration::from_millis(15);
/// From a flush to its first audio.
pub(crate) const FIRST_AUDIO: Duration = Duration::from_millis(100);
/// How long a character is spoken.
pub(crate) const PER_CHARACTER: Duration = Duration::from_millis(50);

/// What an answer takes when everybody waits for the one before: turn, transcript, model, voice.
/// The tokens up to the first speakable text are not counted.
pub(crate) fn one_by_one() -> Duration {
    ENDPOINTING + TRANSCRIPT + FIRST_TOKEN + FIRST_AUDIO
}

/// What is said in a call, on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// The caller's side.
    pub(crate) utterances: &'static [Utterance],
    /// Whether the agent speaks first, and the caller hears it out.
    pub(crate) is_greeted: bool,
    /// The number of the call that a request is about.
    pub(crate) caller: fn(&ChatRequest) -> Option<u32>,
    /// What the model answers in a call, and its words.
    pub(crate) reply: fn(&ChatRequest, u32) -> (Reply, Vec<String>),
}

/// The calls of this bench.
pub(crate) const SCRIPT: Script =
    Script { utterances: &UTTERANCES, is_greeted: false, caller, reply };

/// One utterance of the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Utterance {
    clip: Clip,
    /// What is understood, where it is not the clip's own words and the number of the caller.
    says: Option<&'static str>,
    /// Spoken into the agent's answer, this long after it began.
    pub(crate) into_answer: Option<Duration>,
    /// Answered with a tool call first.
    pub(crate) tool: bool,
}

pub(crate) const fn turn(clip: Clip) -> Utterance {
    Utterance { clip, says: None, into_answer: None, tool: false }
}

pub(crate) const fn barge_in(clip: Clip, after: u64) -> Utterance {
    Utterance { into_answer: Some(Duration::from_millis(after)), ..turn(clip) }
}

/// The caller's side: eight turns, two of them into the agent's answer.
pub(crate) const UTTERANCES: [Utterance; 8] = [
    turn(HELLO),
    turn(APPOINTMENT).with_tool(),
    turn(YES),
    barge_in(STOP, 1_230),
    turn(YES),
    barge_in(HELLO, 1_870),
    turn(YES),
    turn(GOODBYE),
];

impl Utterance {
    /// The same sounds, understood in other words.
    pub(crate) const fn saying(self, words: &'static str) -> Self {
        Self { says: Some(words), ..self }
    }

    /// Answered with a tool call first.
    pub(crate) const fn with_tool(self) -> Self {
        Self { tool: true, ..self }
    }

    /// What the recognizer understands.
    pub(crate) fn text(&self, call: u32) -> String {
        match self.says {
            Some(words) => words.to_owned(),
            None => format!("{} from caller {call}", self.clip.text),
        }
    }

    /// The clip from its first to its last audible frame, in whole frames.
    pub(crate) fn speech(&self) -> Vec<u8> {
        let frames: Vec<_> = self.clip.audio.chunks_exact(FRAME).collect();
        let first = frames.iter().position(|frame| is_audible(frame)).unwrap_or(0);
        let last = frames.iter().rposition(|frame| is_audible(frame)).unwrap_or(0);
        frames[first..=last].concat()
    }

    /// A tag and the speech behind it.
    pub(crate) fn audio(&self, tag: Tag) -> Bytes {
        [&tag.write()[..], &self.speech()].concat().into()
    }
}

/// The number of the caller who speaks in a request.
fn caller(request: &ChatRequest) -> Option<u32> {
    request.last_user_text()?.rsplit(' ').next()?.parse().ok()
}

/// What the model answers.
fn reply(request: &ChatRequest, call: u32) -> (Reply, Vec<String>) {
    let wants_tool = request.last_user_text().is_some_and(|text| text.contains("appointment"));
    let (reply, tokens) = if wants_tool && request.tool_results().is_empty() {
        let arguments = json!({ "date": "Monday", "time": "ten" });
        (Reply::tool_call("book_appointment", &arguments), Vec::new())
    } else {
        let turns = request.messages.iter().filter(|message| message.role == "user").count();
        let text = format!(
            "Very well caller {call}, this is answer {turns} for you. We have looked into it, and \
             all of it is ready by noon."
        );
        let tokens: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        (Reply::tokens(&tokens), tokens)
    };
    (reply.first_token(FIRST_TOKEN).per_token(PER_TOKEN), tokens)
}
