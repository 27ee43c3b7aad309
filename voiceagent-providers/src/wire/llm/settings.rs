use voiceagent_core::{Error, Result};

/// Refuses a setting, unless it `holds`.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config), `field` and then `otherwise`.
pub(crate) fn check(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(format!("field {otherwise}"))) }
}
