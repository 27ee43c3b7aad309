//! Instructions for a call, as Twilio reads them ("TwiML for Programmable Voice").
//!
//! Attributes come out in alphabetical order and text is escaped, so that the output equals that
//! of Twilio's own libraries.

mod dial;
mod element;
mod gather;
mod stream;
mod verb;

use std::fmt;

pub use dial::{Dial, RecordDial};
pub use gather::Gather;
pub use stream::Stream;
pub use verb::{Play, Record, RejectReason, Say, Verb};

/// The media type of TwiML.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// A list of verbs that Twilio carries out in order.
///
/// ```
/// use voiceagent_telephony::twilio::twiml::{Response, Say, Stream, Verb};
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
}

impl Extend<Verb> for Response {
    fn extend<T: IntoIterator<Item = Verb>>(&mut self, verbs: T) {
        self.verbs.extend(verbs);
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        let mut response = element::Element::new("Response");
        for verb in &self.verbs {
            response.push(verb.element());
        }
        write!(f, "{response}")
    }
}

#[cfg(test)]
mod tests;
