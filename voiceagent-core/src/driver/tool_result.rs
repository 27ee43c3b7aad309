//! What a model is told of a tool that ended.

use serde_json::{Value, json};

use crate::{Error, ErrorKind, tool::cut};

/// Bytes of a result that a model is given. More would fill its context and stay there for the rest
/// of the call, for words that nobody can say on the phone.
const LONGEST: usize = 32 * 1024;

/// A result as the model is given it: JSON, or the beginning of it as a text.
pub(super) fn told(result: &Value) -> String {
    let output = result.to_string();
    if output.len() <= LONGEST {
        return output;
    }
    let text = result.as_str().map_or(output, str::to_owned);
    json!({ "cut": cut(text, LONGEST) }).to_string()
}

/// What the model is told about an error: the message where it is meant for it, and never more
/// than is known. Whoever lost the connection may have lost it after the change was made.
pub(super) fn explain(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Rejected => failure(&cut(error.message().to_owned(), LONGEST)),
        ErrorKind::Config
        | ErrorKind::RateLimited
        | ErrorKind::Unauthorized
        | ErrorKind::Unsupported => failure("it failed for a technical reason; nothing was done"),
        ErrorKind::Closed
        | ErrorKind::Disconnected
        | ErrorKind::Overloaded
        | ErrorKind::Protocol
        | ErrorKind::Stalled
        | ErrorKind::Timeout => {
            failure("it failed for a technical reason; it is not known whether it had an effect")
        }
    }
}

/// What the model is told of a tool that did not do it.
pub(super) fn failure(why: &str) -> String {
    json!({ "error": why }).to_string()
}
