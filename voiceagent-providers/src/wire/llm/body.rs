use serde::Serialize;
use serde_json::{Map, Value};
use voiceagent_core::{Error, Result};

/// The body of a request, with the `extra` fields of the configuration in the place of those of the
/// same name.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn body(standard: &impl Serialize, extra: &Map<String, Value>) -> Result<Vec<u8>> {
    let wrong = |error| Error::config("the request is not JSON").with_source(error);
    if extra.is_empty() {
        return serde_json::to_vec(standard).map_err(wrong);
    }
    let mut body = serde_json::to_value(standard).map_err(wrong)?;
    for (field, value) in extra {
        body[field] = value.clone();
    }
    serde_json::to_vec(&body).map_err(wrong)
}
