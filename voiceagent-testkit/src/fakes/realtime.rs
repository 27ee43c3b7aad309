mod conversation;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    ErrorKind, Link, Result,
    audio::AudioFormat,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::conversation::Conversation;
use super::{
    Recording, Words,
    faults::{Faults, fault, refused},
    speaker::Pace,
};

/// More pieces of audio than any one reply has; a reader may be late by one reply.
const LINK: usize = 256;

type Script = dyn FnMut(&str) -> Reply + Send;

/// A speech-to-speech model that understands what a [`Caller`](super::Caller) says, and says what
/// the test wrote.
///
/// Its audio spells its text (see [`tone::spell`](crate::tone::spell)), as that of a
/// [`FakeTts`](super::FakeTts) does.
pub struct FakeRealtime {
    words: Words,
    capabilities: RealtimeCapabilities,
    pace: Pace,
    habits: Habits,
    script: Arc<Mutex<Box<Script>>>,
    faults: Faults<RealtimeFault>,
    opened: Recording<RealtimeOptions>,
    inputs: Recording<RealtimeInput>,
}

/// How a model goes about things.
#[derive(Clone, Copy, Debug, Default)]
struct Habits {
    /// How long after a turn its words are told.
    transcripts_after: Duration,
    text: Text,
}

/// When a model tells the text of what it says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Text {
    #[default]
    First,
    AfterAudio,
    Never,
}

/// What goes wrong with one opened conversation of a [`FakeRealtime`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RealtimeFault {
    /// The conversation cannot be opened.
    Refuse(ErrorKind),
    /// The conversation ends with [`ErrorKind::Disconnected`] after this much audio of the user.
    Drop(Duration),
    /// The first thing that the model is to say fails, and the conversation goes on.
    Fail(ErrorKind),
    /// The conversation ends with [`ErrorKind::Disconnected`] when the model is to speak.
    DropWhenAsked,
    /// The model never says anything.
    Silent,
    /// Nothing.
    None,
}

/// What a [`FakeRealtime`] does when it is its turn.
///
/// When the results of its calls are there it goes on with the next reply: a turn-managed model
/// when it is asked to, a duplex model by itself.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, Value)>,
}

impl Reply {
    /// Says `text`.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), calls: Vec::new() }
    }

    /// Calls a function.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::default().then_call(name, arguments)
    }

    /// Calls a function after that.
    #[must_use]
    pub fn then_call(mut self, name: &str, arguments: Value) -> Self {
        self.calls.push((name.to_owned(), arguments));
        self
    }
}

impl FakeRealtime {
    /// A turn-managed model that understands `words`. `script` gets what the user said since the
    /// last reply, or the instructions that it is to follow. What it is to say word for word it
    /// says without asking `script`. The first sound comes 300 ms after
    /// [`RealtimeInput::Generate`].
    pub fn new(words: Words, script: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let formats = [AudioFormat::PCM_24K, AudioFormat::PCM_16K, AudioFormat::MULAW_8K];
        let mut capabilities = RealtimeCapabilities::new(formats.to_vec());
        capabilities.truncate = true;
        Self {
            words,
            capabilities,
            pace: Pace { first_audio: Duration::from_millis(300), ..Pace::default() },
            habits: Habits::default(),
            script: Arc::new(Mutex::new(Box::new(script))),
            faults: Faults::default(),
            opened: Recording::default(),
            inputs: Recording::default(),
        }
    }

    /// A turn-managed model that gives these replies one after another, and then empty ones.
    pub fn replies(words: Words, replies: impl Into<VecDeque<Reply>>) -> Self {
        let mut replies = replies.into();
        Self::new(words, move |_| replies.pop_front().unwrap_or_default())
    }

    /// Reports when the user's speech starts and stops.
    #[must_use]
    pub const fn with_server_vad(mut self) -> Self {
        self.capabilities.server_vad = true;
        self
    }

    /// Says which formats it takes and gives. 24 kHz and 16 kHz PCM and mu-law unless said.
    #[must_use]
    pub fn with_formats(mut self, formats: impl Into<Vec<AudioFormat>>) -> Self {
        self.capabilities.formats = formats.into();
        self
    }

    /// Cannot be told what was heard.
    #[must_use]
    pub const fn without_truncate(mut self) -> Self {
        self.capabilities.truncate = false;
        self
    }

    /// Tells the words of the user so long after their turn. At once unless said.
    #[must_use]
    pub const fn with_transcripts_after(mut self, delay: Duration) -> Self {
        self.habits.transcripts_after = delay;
        self
    }

    /// Tells what it says when all of the audio has been given.
    #[must_use]
    pub const fn with_text_after_audio(mut self) -> Self {
        self.habits.text = Text::AfterAudio;
        self
    }

    /// Never tells what it says.
    #[must_use]
    pub const fn without_text(mut self) -> Self {
        self.habits.text = Text::Never;
        self
    }

    /// Replies by itself when the user stops, and stops when the user starts. What it begins is
    /// numbered from [`FIRST_OWN`](voiceagent_core::realtime::FIRST_OWN).
    #[must_use]
    pub const fn duplex(mut self) -> Self {
        self.capabilities.duplex = true;
        self.capabilities.server_vad = true;
        self
    }

    /// Says how long a reply takes to begin.
    #[must_use]
    pub const fn with_first_audio(mut self, delay: Duration) -> Self {
        self.pace.first_audio = delay;
        self
    }

    /// Says what goes wrong with the first conversation that is opened, the second, and so on;
    /// those after the last are sound.
    #[must_use]
    pub fn with_faults(self, faults: impl Into<VecDeque<RealtimeFault>>) -> Self {
        self.faults.set(faults.into());
        self
    }

    /// Each opened conversation.
    #[must_use]
    pub fn opened(&self) -> Recording<RealtimeOptions> {
        self.opened.clone()
    }

    /// What all conversations were given.
    #[must_use]
    pub fn inputs(&self) -> Recording<RealtimeInput> {
        self.inputs.clone()
    }
}

#[async_trait]
impl RealtimeModel for FakeRealtime {
    fn name(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        self.capabilities.clone()
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        self.opened.add(options.clone());
        if !self.capabilities.formats.contains(&options.format) {
            return Err(fault(ErrorKind::Unsupported, "open", "the format is not spoken"));
        }
        let fault_now = self.faults.next();
        if let Some(RealtimeFault::Refuse(kind)) = fault_now {
            return Err(refused(kind));
        }
        let fault = fault_now.unwrap_or(RealtimeFault::None);
        let conversation = Conversation::new(self, options.format, fault);
        Ok(Link::spawn(LINK, |peer| conversation.run(peer)))
    }
}

impl fmt::Debug for FakeRealtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRealtime")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
