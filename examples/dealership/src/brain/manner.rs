//! How a call is to be held: in which language, and whether it may be recorded.

use serde_json::{Value, json};

use super::{outcome::Outcome, words::Words};

/// What a caller wants of the call itself, until it is noted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Manner {
    wants_spanish: bool,
    refuses_recording: bool,
}

impl Manner {
    /// What a turn says of it.
    pub(crate) fn of(words: &Words) -> Self {
        Self {
            wants_spanish: words.any(&["spanish", "español", "espanol"]),
            refuses_recording: words.says(&[
                "don't record",
                "dont record",
                "do not record",
                "not be recorded",
                "not to be recorded",
                "stop recording",
                "without recording",
                "no recording",
            ]),
        }
    }

    /// Whether there is anything to note.
    pub(crate) fn is_wanted(self) -> bool {
        self.wants_spanish || self.refuses_recording
    }

    /// The tool that notes it.
    pub(crate) fn call(self) -> Option<(&'static str, Value)> {
        if self.refuses_recording {
            return Some(("set_recording_consent", json!({ "granted": false })));
        }
        self.wants_spanish.then(|| ("set_language", json!({ "locale": "es-US" })))
    }

    /// Takes in what a tool has noted. Returns what there is to say of it.
    pub(crate) fn noted(&mut self, tool: &str, outcome: &Outcome) -> Option<String> {
        match tool {
            "set_recording_consent" => {
                self.refuses_recording = false;
                outcome.ok.then(|| "All right, this call is not recorded.".to_owned())
            }
            _ => {
                self.wants_spanish = false;
                outcome.say().map(str::to_owned)
            }
        }
    }
}
