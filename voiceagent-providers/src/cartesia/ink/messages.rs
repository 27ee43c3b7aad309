//! Ink's JSON. Unknown fields and types are ignored, because the vendor adds some at any time.

use std::borrow::Cow;

use serde::Deserialize;

use crate::wire::json;

/// How the vendor of turns is told that the stream ends.
pub(super) const CLOSE: &str = r#"{"type":"close"}"#;

/// Commands that are no JSON.
pub(super) const MANUAL_CLOSE: &str = "close";
pub(super) const FINALIZE: &str = "finalize";

/// Every message of both endpoints, as far as it matters.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    /// All of the turn so far.
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) transcript: Cow<'a, str>,
    /// What was said since the last final.
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) text: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) is_final: bool,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Words<'a>>,
    #[serde(default)]
    pub(super) status_code: Option<u16>,
    #[serde(borrow, default)]
    pub(super) error_code: Option<Cow<'a, str>>,
}

/// Words come one by one, or as lists of words and times side by side.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Words<'a> {
    One {
        #[serde(borrow)]
        word: Cow<'a, str>,
        start: f64,
        end: f64,
    },
    Lists {
        #[serde(borrow)]
        words: Vec<Cow<'a, str>>,
        start: Vec<f64>,
        end: Vec<f64>,
    },
}

impl Message<'_> {
    /// The words with their times in seconds.
    pub(super) fn words(&self) -> Vec<(&str, f64, f64)> {
        let mut all = Vec::new();
        for words in &self.words {
            match words {
                Words::One { word, start, end } => all.push((&**word, *start, *end)),
                Words::Lists { words, start, end } => {
                    let times = start.iter().zip(end);
                    all.extend(words.iter().zip(times).map(|(word, (s, e))| (&**word, *s, *e)));
                }
            }
        }
        all
    }
}
