use super::element::Element;

/// A room in which calls meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conference {
    pub(super) room: String,
    pub(super) music: Option<String>,
    pub(super) waits: bool,
    pub(super) ends: bool,
}

impl Conference {
    /// The room with this name, without beeps. It begins when the call comes in.
    pub fn new(room: impl Into<String>) -> Self {
        Self { room: room.into(), music: None, waits: false, ends: false }
    }

    /// Lets the call wait for one that does not.
    #[must_use]
    pub const fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Ends the conference when the call leaves it.
    #[must_use]
    pub const fn ending_on_exit(mut self) -> Self {
        self.ends = true;
        self
    }

    /// What is heard by calls that wait: in TwiML and its dialects and in Plivo's XML the address
    /// of a document, in NCCO that of a file. The carrier's music if not set.
    #[must_use]
    pub fn with_music(mut self, url: impl Into<String>) -> Self {
        self.music = Some(url.into());
        self
    }

    /// The element in TwiML and its dialects.
    pub(super) fn element(&self) -> Element {
        Element::new("Dial").child(
            Element::new("Conference")
                .text(&self.room)
                .attribute("beep", "false")
                .optional("endConferenceOnExit", self.ends.then_some("true"))
                .optional("startConferenceOnEnter", self.waits.then_some("false"))
                .optional("waitUrl", self.music.as_ref()),
        )
    }
}
