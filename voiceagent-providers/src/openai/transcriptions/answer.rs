//! What a server says of an utterance, as events. Pure: no clock, no socket.

use std::{borrow::Cow, collections::VecDeque, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript},
};

use crate::wire::{
    http::{self, Fault},
    json::{self, seconds},
    sse::SseParser,
    stt::words::timings,
};

/// The largest answer: half a minute of speech is a few kB, with the times of its words.
const LARGEST: usize = 1 << 20;

/// From here on Whisper believes that nobody spoke, whatever it wrote.
const NO_SPEECH: f64 = 0.6;

/// Reads the answer to one utterance.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where the utterance begins in the stream.
    start: Duration,
    form: Form,
    /// The text so far.
    text: String,
    events: VecDeque<SttEvent>,
    is_done: bool,
}

#[derive(Debug)]
enum Form {
    Events(SseParser),
    Whole(Vec<u8>),
}

impl Answer {
    /// An answer that comes as server-sent events, or as one piece of JSON.
    pub(super) fn new(start: Duration, is_stream: bool) -> Self {
        let form =
            if is_stream { Form::Events(SseParser::new(LARGEST)) } else { Form::Whole(Vec::new()) };
        Self { start, form, text: String::new(), events: VecDeque::new(), is_done: false }
    }

    /// The next event.
    pub(super) fn poll(&mut self) -> Option<SttEvent> {
        self.events.pop_front()
    }

    /// Whether the final is among the events.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// What the server reports, and `Protocol` for an answer without end.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.form {
            Form::Events(parser) => {
                parser.feed(bytes)?;
                while let Some(data) = self.next_data() {
                    self.on_event(&data)?;
                }
                Ok(())
            }
            Form::Whole(body) if body.len() + bytes.len() > LARGEST => {
                Err(Error::new(ErrorKind::Protocol, "read", "the answer is too large"))
            }
            Form::Whole(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The answer has ended.
    ///
    /// # Errors
    ///
    /// `Disconnected` for one that was cut off, `Rejected` for one without a transcript.
    pub(super) fn end(&mut self) -> Result<()> {
        match &self.form {
            _ if self.is_done => Ok(()),
            Form::Events(_) => {
                Err(Error::new(ErrorKind::Disconnected, "read", "the transcript was cut off"))
            }
            Form::Whole(body) => {
                let body = String::from_utf8_lossy(body).into_owned();
                let transcript = whole(&body, self.start)?;
                self.finish(transcript);
                Ok(())
            }
        }
    }

    fn next_data(&mut self) -> Option<String> {
        let Form::Events(parser) = &mut self.form else { return None };
        parser.poll()
    }

    fn on_event(&mut self, data: &str) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        if data.trim() == "[DONE]" {
            let text = std::mem::take(&mut self.text);
            self.finish(Transcript::final_(spoken(&text)));
            return Ok(());
        }
        let Ok(event) = serde_json::from_str::<Event<'_>>(data) else {
            tracing::debug!("an event of a transcription was skipped");
            return Ok(());
        };
        if event.error.is_some() {
            return Err(http::reported(data));
        }
        if event.kind == "transcript.text.done" {
            let text = event.text.unwrap_or_default();
            self.finish(Transcript::final_(spoken(&text)));
            return Ok(());
        }
        let chunk = event.choices.into_iter().next().and_then(|choice| choice.delta.content);
        if let Some(delta) = event.delta.or(chunk).filter(|delta| !delta.is_empty()) {
            self.text.push_str(&delta);
            let interim = Transcript::interim(spoken(&self.text));
            self.events.push_back(SttEvent::Transcript(interim));
        }
        Ok(())
    }

    fn finish(&mut self, transcript: Transcript) {
        self.is_done = true;
        self.events.push_back(SttEvent::Transcript(transcript));
    }
}

/// An event of a stream. vLLM sends the chunks of a chat in its place.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "json::null_as_empty")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    delta: Chunk<'a>,
}

#[derive(Default, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
}

/// `json` and `verbose_json`.
#[derive(Deserialize)]
struct Transcription<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    words: Vec<Word<'a>>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    segments: Vec<Segment<'a>>,
}

#[derive(Deserialize)]
struct Segment<'a> {
    #[serde(default, deserialize_with = "json::null_as_default")]
    start: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    end: f64,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    text: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    no_speech_prob: f64,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    words: Vec<Word<'a>>,
}

#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow)]
    word: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    start: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    end: f64,
}

pub(super) fn whole(body: &str, zero: Duration) -> Result<Transcript> {
    let Ok(mut it) = serde_json::from_str::<Transcription<'_>>(body) else {
        // Some servers report errors with status 200.
        let fault = Fault::parse(body);
        let kind = fault.kind().unwrap_or(ErrorKind::Rejected);
        let message = format!("an answer without a transcript ({})", fault.codes());
        return Err(Error::new(kind, "transcribe", message));
    };
    if it.words.is_empty() {
        // whisper.cpp has them in its segments.
        it.words = it.segments.iter_mut().flat_map(|segment| segment.words.drain(..)).collect();
    }
    let (silent, spoken_of): (Vec<_>, Vec<_>) =
        it.segments.iter().partition(|segment| segment.no_speech_prob > NO_SPEECH);
    let text = if silent.is_empty() {
        spoken(&it.text)
    } else {
        let within = |word: &Word<'_>, part: &&Segment<'_>| {
            word.start >= part.start && word.start < part.end
        };
        it.words.retain(|word| !silent.iter().any(|segment| within(word, segment)));
        spoken(&spoken_of.iter().map(|segment| &*segment.text).collect::<String>())
    };
    if text.is_empty() {
        return Ok(Transcript::final_(text));
    }
    let words = it
        .words
        .iter()
        .map(|word| (word.word.trim(), zero + seconds(word.start), zero + seconds(word.end)));
    let words = timings(&text, words);
    Ok(Transcript::final_(text).with_words(words))
}

/// A text without what only describes a sound, such as `[BLANK_AUDIO]` or `(music)`: nobody has
/// said it.
fn spoken(text: &str) -> Arc<str> {
    let text = text.trim();
    let inside = |open, close| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inside| !inside.contains(close))
    };
    if inside('[', ']') || inside('(', ')') { Arc::from("") } else { Arc::from(text) }
}
