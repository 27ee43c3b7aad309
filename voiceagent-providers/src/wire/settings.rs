//! What the settings of several vendors have in common. Each error is
//! [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) and names the field.

#[cfg(feature = "_socket")]
use std::time::Duration;

#[cfg(feature = "_socket")]
use voiceagent_core::Secret;
use voiceagent_core::{Error, Result};

/// Refuses a setting, unless it `holds`: `field` and then `otherwise`.
pub(crate) fn check(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(format!("field {otherwise}"))) }
}

/// Refuses a key that is missing, or does not fit into a header.
#[cfg(feature = "_socket")]
pub(crate) fn check_key(api_key: &Secret) -> Result<()> {
    check(!api_key.is_empty(), "`api_key` is missing")?;
    check(
        api_key.expose().chars().all(|c| c.is_ascii_graphic()),
        "`api_key` must be printable ASCII without white space",
    )
}

/// Refuses a deadline that has passed before anything could happen.
#[cfg(feature = "_socket")]
pub(crate) fn check_timeout(field: &str, timeout: Duration) -> Result<()> {
    check(!timeout.is_zero(), &format!("`{field}` must be longer than 0"))
}

/// Refuses further query parameters of a name that the adapter sets itself.
#[cfg(any(
    feature = "assemblyai",
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs"
))]
pub(crate) fn check_extra(extra: &[(String, String)], own: &[&str]) -> Result<()> {
    match extra.iter().find(|(key, _)| own.contains(&key.as_str()) || key.is_empty()) {
        Some((key, _)) => check(false, &format!("`extra` may not set `{key}`")),
        None => Ok(()),
    }
}
