use std::time::Duration;

use super::{
    Conference, ConversationRelay, Dial, Gather, Language, Stream, element::Element, whole_seconds,
};

/// One instruction.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verb {
    /// Joins a conference (`<Dial><Conference>`).
    Conference(Conference),
    /// A two-way media stream (`<Connect><Stream>`).
    Connect(Stream),
    /// A conversation in text, with Twilio only (`<Connect><ConversationRelay>`).
    ConversationRelay(ConversationRelay),
    /// Connects the caller to somebody else.
    Dial(Dial),
    /// Collects keys or speech.
    Gather(Gather),
    /// Ends the call.
    Hangup,
    /// Says nothing for some time, in whole seconds.
    Pause(Duration),
    /// Plays a file.
    Play(Play),
    /// Records the caller.
    Record(Record),
    /// Goes on with the instructions at this address.
    Redirect(String),
    /// Refuses the call without answering it, which costs nothing.
    Reject(RejectReason),
    /// Speaks.
    Say(Say),
    /// A stream that only listens, beside what else happens (`<Start><Stream>`).
    StartStream(Stream),
    /// Ends the listening stream with this name.
    StopStream(String),
}

impl Verb {
    /// The element in TwiML and its dialects.
    pub(super) fn element(&self, language: Language) -> Element {
        match self {
            Self::Conference(conference) => conference.element(),
            Self::Connect(stream) => stream.connect(language),
            Self::ConversationRelay(relay) => relay.element(),
            Self::Dial(dial) => dial.element(),
            Self::Gather(gather) => gather.element(),
            Self::Hangup => Element::new("Hangup"),
            Self::Pause(length) => Element::new("Pause").seconds("length", Some(*length)),
            Self::Play(play) => play.element(),
            Self::Record(record) => record.element(),
            Self::Redirect(url) => Element::new("Redirect").attribute("method", "POST").text(url),
            Self::Reject(reason) => Element::new("Reject").attribute(
                "reason",
                match reason {
                    RejectReason::Busy => "busy",
                    RejectReason::Rejected => "rejected",
                },
            ),
            Self::Say(say) => say.element(),
            Self::StartStream(stream) => stream.start(),
            Self::StopStream(name) => {
                Element::new("Stop").child(Element::new("Stream").attribute("name", name))
            }
        }
    }
}

impl From<Conference> for Verb {
    fn from(conference: Conference) -> Self {
        Self::Conference(conference)
    }
}

impl From<ConversationRelay> for Verb {
    fn from(relay: ConversationRelay) -> Self {
        Self::ConversationRelay(relay)
    }
}

impl From<Dial> for Verb {
    fn from(dial: Dial) -> Self {
        Self::Dial(dial)
    }
}

impl From<Gather> for Verb {
    fn from(gather: Gather) -> Self {
        Self::Gather(gather)
    }
}

impl From<Play> for Verb {
    fn from(play: Play) -> Self {
        Self::Play(play)
    }
}

impl From<Record> for Verb {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

impl From<Say> for Verb {
    fn from(say: Say) -> Self {
        Self::Say(say)
    }
}

impl From<Stream> for Verb {
    fn from(stream: Stream) -> Self {
        Self::Connect(stream)
    }
}

/// What a refused caller hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The busy tone.
    Busy,
    /// That the number is not in service.
    Rejected,
}

/// Speaks a text of up to 4,096 characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Say {
    pub(super) text: String,
    pub(super) voice: Option<String>,
    pub(super) language: Option<String>,
}

impl Say {
    /// Speaks in the voice of the account.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), voice: None, language: None }
    }

    /// Chooses the voice, such as `Polly.Joanna-Neural`. Vonage numbers the voices of a language
    /// ("style"): there it is a number.
    #[must_use]
    pub fn with_voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = Some(voice.into());
        self
    }

    /// Chooses the language, such as `en-US`.
    #[must_use]
    pub fn with_language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    fn element(&self) -> Element {
        Element::new("Say")
            .text(&self.text)
            .optional("language", self.language.as_ref())
            .optional("voice", self.voice.as_ref())
    }
}

/// Plays a file, or keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Play {
    pub(super) url: String,
    pub(super) keys: Option<String>,
    pub(super) times: Option<u32>,
}

impl Play {
    /// Plays the file at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), keys: None, times: None }
    }

    /// Plays the tones of these keys; `w` waits half a second.
    pub fn keys(keys: impl Into<String>) -> Self {
        Self { url: String::new(), keys: Some(keys.into()), times: None }
    }

    /// Plays this many times; 0 plays until the call ends.
    #[must_use]
    pub const fn with_times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn element(&self) -> Element {
        Element::new("Play")
            .text(&self.url)
            .optional("digits", self.keys.as_ref())
            .optional("loop", self.times)
    }
}

/// Records the caller, and no other side; with Vonage all that is said in the call, while the
/// verbs behind it run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    pub(super) action: Option<String>,
    pub(super) status_callback: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) longest: Option<Duration>,
    pub(super) silent: bool,
}

impl Record {
    /// Records until the caller is silent for 5 s, presses a key, or an hour has passed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the carrier asks for instructions afterwards; not with Vonage.
    #[must_use]
    pub fn with_action(mut self, url: impl Into<String>) -> Self {
        self.action = Some(url.into());
        self
    }

    /// Where the carrier reports that the recording is ready.
    #[must_use]
    pub fn with_status_callback(mut self, url: impl Into<String>) -> Self {
        self.status_callback = Some(url.into());
        self
    }

    /// How much silence ends the recording.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long the recording may become.
    #[must_use]
    pub const fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = Some(longest);
        self
    }

    /// Leaves out the beep.
    #[must_use]
    pub const fn without_beep(mut self) -> Self {
        self.silent = true;
        self
    }

    /// How much silence ends it, and how long it may become, in seconds: for carriers whose own
    /// defaults are others than those of [`new`](Self::new).
    pub(super) fn limits(&self) -> (u64, u64) {
        let seconds = |time: Option<Duration>, or| time.map_or(or, whole_seconds);
        (seconds(self.timeout, 5), seconds(self.longest, 3_600))
    }

    fn element(&self) -> Element {
        Element::new("Record")
            .optional("action", self.action.as_ref())
            .seconds("maxLength", self.longest)
            .optional("playBeep", self.silent.then_some("false"))
            .optional("recordingStatusCallback", self.status_callback.as_ref())
            .seconds("timeout", self.timeout)
    }
}
