//! What the settings of several vendors have in common. Each error is
//! [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) and names the field.

use std::time::Duration;

use voiceagent_core::Secret;
use voiceagent_core::{Error, Result};

/// Refuses a setting, unless it `holds`: `field` and then `otherwise`.
pub(crate) fn check(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(format!("field {otherwise}"))) }
}

/// Refuses a key that is missing, or does not fit into a header.
pub(crate) fn check_key(api_key: &Secret) -> Result<()> {
    check(!api_key.is_empty(), "`api_key` is missing")?;
    check(
        api_key.expose().chars().all(|c| c.is_ascii_graphic()),
        "`api_key` must be printable ASCII without white space",
    )
}

/// Refuses a name that is none.
pub(crate) fn check_named(field: &str, name: &str, what: &str) -> Result<()> {
    check(!name.trim().is_empty(), &format!("`{field}` must {what}"))
}

/// Refuses a missing key where the vendor itself is asked.
pub(crate) fn check_vendors_key(is_the_vendors: bool, key: Option<&Secret>) -> Result<()> {
    check(!is_the_vendors || key.is_some_and(|key| !key.is_empty()), "`api_key` is missing")
}

/// Refuses a temperature that is not from 0 to this.
pub(crate) fn check_temperature(temperature: Option<f32>, highest: u8) -> Result<()> {
    check(
        temperature.is_none_or(|it| (0.0..=f32::from(highest)).contains(&it)),
        &format!("`temperature` must be from 0 to {highest}"),
    )
}

/// Refuses a share of the likeliest tokens that is none.
pub(crate) fn check_top_p(top_p: Option<f32>) -> Result<()> {
    check(top_p.is_none_or(|it| it > 0.0 && it <= 1.0), "`top_p` must be above 0 and at most 1")
}

/// Refuses a deadline that has passed before anything could happen.
pub(crate) fn check_timeout(field: &str, timeout: Duration) -> Result<()> {
    check(!timeout.is_zero(), &format!("`{field}` must be longer than 0"))
}

/// Refuses further query parameters of a name that the adapter sets itself.
pub(crate) fn check_extra(extra: &[(String, String)], own: &[&str]) -> Result<()> {
    match extra.iter().find(|(key, _)| own.contains(&key.as_str()) || key.is_empty()) {
        Some((key, _)) => check(false, &format!("`extra` may not set `{key}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::Value;
    use voiceagent_core::Result;

    /// Holds settings to the ranges of their fields: of each field, a value that is refused by its
    /// name, and one that is taken.
    pub(crate) fn hold_to<C: DeserializeOwned>(
        right: &Value,
        validate: fn(&C) -> Result<()>,
        ranges: &[(&str, Value, Value)],
    ) {
        for (field, wrong, taken) in ranges {
            let read = |value: &Value| {
                let mut settings = right.clone();
                settings[*field] = value.clone();
                validate(&serde_json::from_value(settings).expect("the fields are known"))
            };
            let error = read(wrong).expect_err("it is refused");
            assert!(error.message().starts_with(&format!("field `{field}` ")), "{error}");
            read(taken).expect("it is taken");
        }
    }
}
