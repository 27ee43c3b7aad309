use voiceagent_core::{Error, Result};

use super::{fault, kind, warn};
use crate::wire::secrets::Secrets;

/// A text message of `/v1/speak`, as far as it matters.
#[derive(Debug)]
pub(crate) enum SpeakMessage {
    /// Buffered text and audio are gone.
    Cleared,
    /// The vendor cannot go on.
    Failed(Error),
    /// All audio of the oldest flush has been sent.
    Flushed,
    /// Nothing to react to.
    Other,
}

/// Reads a text message of `/v1/speak`.
pub(crate) fn speak_message(text: &str, secrets: &Secrets) -> Result<SpeakMessage> {
    Ok(match &*kind(text)? {
        "Cleared" => SpeakMessage::Cleared,
        "Error" => SpeakMessage::Failed(fault(text, secrets)),
        "Flushed" => SpeakMessage::Flushed,
        "Warning" => {
            warn(text, secrets);
            SpeakMessage::Other
        }
        _ => SpeakMessage::Other,
    })
}
