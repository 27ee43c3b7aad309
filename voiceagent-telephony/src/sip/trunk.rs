use std::time::Duration;

use rsipstack::sip::{HostWithPort, Uri};
use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret, duration};

use super::digest::Credentials;

/// By whom calls to phone numbers are made.
///
/// ```
/// use voiceagent_telephony::sip::SipTrunk;
///
/// let trunk: SipTrunk = serde_json::from_str(
///     r#"{ "address": "sip:trunk.example.com;transport=tls", "user": "+14155550199",
///          "login": "agent", "password": "secret", "srtp": true }"#,
/// )?;
/// assert!(trunk.srtp);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SipTrunk {
    /// Where calls go: `sip:trunk.example.com`, `sip:192.0.2.10:5070;transport=tcp`,
    /// `sip:trunk.example.com;transport=tls`. Names are looked up as hosts.
    pub address: String,
    /// The domain of those who call and are called; the host of the address if not set.
    #[serde(default)]
    pub domain: Option<String>,
    /// As whom we call; our number in the [directory](super::SipConfig::directory) if not set.
    #[serde(default)]
    pub user: Option<String>,
    /// The name with which we prove who we are; the user if not set.
    #[serde(default)]
    pub login: Option<String>,
    /// What it is proven with, where the trunk asks for that. It is never sent: answers to
    /// challenges are.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether media is offered protected only (SRTP).
    #[serde(default)]
    pub srtp: bool,
    /// How often the trunk is asked whether it is there (`OPTIONS`): every 30 s if not set, and never
    /// with 0. While it does not answer, or answers 503, calls by it fail at once.
    #[serde(default = "keep_alive", with = "duration")]
    pub keep_alive: Duration,
}

/// How often others are asked whether they are there.
pub(super) const fn keep_alive() -> Duration {
    Duration::from_secs(30)
}

/// Checks how often somebody is asked.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config), with this name of the field.
pub(super) fn check_keep_alive(keep_alive: Duration, field: &str) -> Result<()> {
    let is_one = keep_alive.is_zero() || (1..=3_600).contains(&keep_alive.as_secs());
    let wrong = || Error::config(format!("{field}: 0, or from a second to an hour"));
    is_one.then_some(()).ok_or_else(wrong)
}

impl SipTrunk {
    /// The defaults, with this address.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        let address = address.into();
        let (domain, user, login, password) = (None, None, None, None);
        Self { address, domain, user, login, password, srtp: false, keep_alive: keep_alive() }
    }

    /// Sets as whom we call.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets with what we prove who we are.
    #[must_use]
    pub fn with_login(mut self, login: impl Into<String>, password: Secret) -> Self {
        self.login = Some(login.into());
        self.password = Some(password);
        self
    }

    /// Sets whether media is offered protected only.
    #[must_use]
    pub const fn with_srtp(mut self, srtp: bool) -> Self {
        self.srtp = srtp;
        self
    }

    /// Sets how often the trunk is asked whether it is there; never with 0.
    #[must_use]
    pub const fn with_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// The domain of those who call and are called.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field.
    pub(super) fn host(&self) -> Result<HostWithPort> {
        let Some(domain) = &self.domain else { return Ok(self.uri()?.host_with_port) };
        let domain = Uri::try_from(format!("sip:{domain}"));
        domain
            .map(|domain| domain.host_with_port)
            .map_err(|_| Error::config("trunk.domain: the name of a host"))
    }

    /// The address, understood.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field.
    pub(super) fn uri(&self) -> Result<Uri> {
        let wrong = || Error::config("trunk.address: `sip:` and a host");
        let is_address = self.address.starts_with("sip:") || self.address.starts_with("sips:");
        let is_clean = !self.address.contains(|c: char| c.is_control() || "<>\" ".contains(c));
        let uri = Uri::try_from(self.address.as_str()).map_err(|_| wrong())?;
        (is_address && is_clean && uri.auth.is_none()).then_some(uri).ok_or_else(wrong)
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    ///
    /// As [`uri`](Self::uri).
    pub(super) fn check(&self) -> Result<()> {
        self.uri()?;
        check_keep_alive(self.keep_alive, "trunk.keep_alive")?;
        let is_word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if self.user.as_deref().is_some_and(|user| !is_word(user, "-_.+~")) {
            return Err(Error::config("trunk.user: letters, digits and -_.+~ only"));
        }
        if self.domain.as_deref().is_some_and(|domain| !is_word(domain, "-.")) {
            return Err(Error::config("trunk.domain: the name of a host"));
        }
        let is_quotable =
            |text: &str| !text.contains(|c: char| c.is_control() || "\"\\".contains(c));
        if self.login.as_deref().is_some_and(|login| !is_quotable(login)) {
            return Err(Error::config("trunk.login: no quotes and no control characters"));
        }
        Ok(())
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let login = self.login.as_ref().or(self.user.as_ref())?.clone();
        Some(Credentials { login, password: self.password.clone()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_into_a_message_but_an_address_and_words() {
        SipTrunk::new("sip:trunk.example.com;transport=tls")
            .with_user("+14155550199")
            .check()
            .unwrap();
        for wrong in ["", "trunk.example.com", "tel:+1415", "sip:a@b", "sip:a>\r\nX: y", "sip:a b"]
        {
            let refusal = SipTrunk::new(wrong).check().unwrap_err();
            assert!(refusal.message().starts_with("trunk.address"), "{wrong}");
        }
        let user = SipTrunk::new("sip:a").with_user("a>").check().unwrap_err();
        assert!(user.message().starts_with("trunk.user"));
        let login = SipTrunk::new("sip:a").with_login("a\"", Secret::new("p")).check().unwrap_err();
        assert!(login.message().starts_with("trunk.login"));
    }

    #[test]
    fn a_trunk_is_asked_whether_it_is_there_unless_that_is_turned_off() {
        let trunk = |more: &str| -> SipTrunk {
            serde_json::from_str(&format!(r#"{{"address":"sip:a"{more}}}"#)).unwrap()
        };
        assert_eq!(trunk("").keep_alive, Duration::from_secs(30));
        assert!(trunk(r#","keep_alive":0"#).keep_alive.is_zero());
        for (written, is_taken) in
            [("\"0s\"", true), ("\"1s\"", true), ("\"500ms\"", false), ("3601", false)]
        {
            let checked = trunk(&format!(r#","keep_alive":{written}"#)).check();
            assert_eq!(checked.is_ok(), is_taken, "{written}");
        }
    }
}
