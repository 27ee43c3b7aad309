use std::time::Duration;

use super::{
    Language,
    element::Element,
    verb::{Play, Say, Verb},
};

/// Collects keys or speech while it plays something, and sends them to its action. When nothing
/// comes, the verbs behind it run; Vonage asks the action even then, and the verbs behind it run
/// unless it answers with others. SWML has no word for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Gather {
    pub(super) action: Option<String>,
    pub(super) speech: bool,
    pub(super) digits: Option<u32>,
    pub(super) finish: Option<String>,
    pub(super) hints: Option<String>,
    pub(super) language: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) prompts: Vec<Verb>,
}

impl Gather {
    /// Collects keys and sends them to `action`.
    pub fn keys(action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..Self::default() }
    }

    /// Collects speech or keys and sends them to `action`.
    pub fn speech(action: impl Into<String>) -> Self {
        Self { speech: true, ..Self::keys(action) }
    }

    /// Ends after this many keys.
    #[must_use]
    pub const fn with_digits(mut self, digits: u32) -> Self {
        self.digits = Some(digits);
        self
    }

    /// Ends with this key; `#` if not set.
    #[must_use]
    pub fn with_finish(mut self, key: impl Into<String>) -> Self {
        self.finish = Some(key.into());
        self
    }

    /// Words that are likely to be said, separated by commas.
    #[must_use]
    pub fn with_hints(mut self, hints: impl Into<String>) -> Self {
        self.hints = Some(hints.into());
        self
    }

    /// The language that is spoken, such as `en-US`.
    #[must_use]
    pub fn with_language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// How long to wait for the next key.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Says something meanwhile.
    #[must_use]
    pub fn with_say(mut self, say: Say) -> Self {
        self.prompts.push(say.into());
        self
    }

    /// Plays something meanwhile.
    #[must_use]
    pub fn with_play(mut self, play: Play) -> Self {
        self.prompts.push(play.into());
        self
    }

    pub(super) fn element(&self) -> Element {
        let mut gather = Element::new("Gather")
            .optional("action", self.action.as_ref())
            .optional("finishOnKey", self.finish.as_ref())
            .optional("hints", self.hints.as_ref())
            .optional("input", self.speech.then_some("dtmf speech"))
            .optional("language", self.language.as_ref())
            .optional("numDigits", self.digits)
            .seconds("timeout", self.timeout);
        for prompt in &self.prompts {
            gather.push(prompt.element(Language::Twiml));
        }
        gather
    }
}
