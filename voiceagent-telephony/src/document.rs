//! Instructions for a call, written in the [`Language`] of any carrier.
//!
//! In XML, attributes come out in alphabetical order and text is escaped, so that TwiML equals the
//! output of Twilio's own libraries.

mod conference;
mod conversation_relay;
mod dial;
mod element;
mod gather;
mod language;
mod ncco;
mod plivo;
mod shelf;
mod stream;
mod swml;
mod verb;

use std::{fmt, time::Duration};

use voiceagent_core::{Error, ErrorKind, Result};

use self::element::Element;
pub use conference::Conference;
pub use conversation_relay::ConversationRelay;
pub use dial::{Dial, RecordDial};
pub use gather::Gather;
pub use language::Language;
pub use shelf::Shelf;
pub use stream::Stream;
pub use verb::{Play, Record, RejectReason, Say, Verb};

/// A list of verbs that a carrier carries out in order. It prints as TwiML.
///
/// ```
/// use voiceagent_telephony::document::{Response, Say, Stream, Verb};
///
/// let answer = Response::new()
///     .with(Say::new("One moment & hello"))
///     .with(Stream::new("wss://agent.example/media").with_parameter("token", "abc"))
///     .with(Verb::Hangup);
/// assert!(answer.to_string().ends_with(
///     "<Say>One moment &amp; hello</Say><Connect><Stream url=\"wss://agent.example/media\">\
///      <Parameter name=\"token\" value=\"abc\" /></Stream></Connect><Hangup /></Response>"
/// ));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    verbs: Vec<Verb>,
}

impl Response {
    /// Makes an empty response, which ends the call.
    #[must_use]
    pub const fn new() -> Self {
        Self { verbs: Vec::new() }
    }

    /// Adds a verb behind the others.
    #[must_use]
    pub fn with(mut self, verb: impl Into<Verb>) -> Self {
        self.verbs.push(verb.into());
        self
    }

    /// Writes the document.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](voiceagent_core::ErrorKind::Unsupported) when the language has no word for
    /// one of the verbs, or for one of its settings. Nothing is left out silently.
    pub fn write(&self, language: Language) -> Result<String> {
        match language {
            Language::Ncco => return ncco::write(&self.verbs),
            Language::Swml => return swml::write(&self.verbs),
            Language::Cxml | Language::Plivo | Language::Texml | Language::Twiml => {}
        }
        let mut response = Element::new("Response");
        for verb in &self.verbs {
            match language {
                Language::Plivo => plivo::write(verb, &mut response)?,
                Language::Cxml | Language::Texml if matches!(verb, Verb::ConversationRelay(_)) => {
                    return Err(wordless("only TwiML has a word for a conversation in text"));
                }
                _ => response.push(verb.element(language)),
            }
        }
        Ok(format!(r#"<?xml version="1.0" encoding="UTF-8"?>{response}"#))
    }
}

/// What a language cannot say.
fn wordless(what: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, "write a document", what)
}

/// Whole seconds, rounded up.
fn whole_seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}

impl Extend<Verb> for Response {
    fn extend<T: IntoIterator<Item = Verb>>(&mut self, verbs: T) {
        self.verbs.extend(verbs);
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write(Language::Twiml).expect("TwiML has a word for each verb"))
    }
}

#[cfg(test)]
mod tests;
