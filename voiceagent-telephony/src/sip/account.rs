use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret, duration};

use super::{
    SipTransport,
    digest::Credentials,
    trunk::{check_keep_alive, keep_alive},
};

/// An account with a PBX or a trunk that wants to be told where we are (`REGISTER`, RFC 3261,
/// section 10).
///
/// ```
/// use voiceagent_telephony::sip::SipAccount;
///
/// let account: SipAccount = serde_json::from_str(
///     r#"{ "registrar": "192.0.2.10:5060", "domain": "pbx.example.com",
///          "user": "agent", "password": "secret" }"#,
/// )?;
/// assert_eq!(account.user, "agent");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SipAccount {
    /// Where the registrar listens. Calls from its host are taken.
    pub registrar: SocketAddr,
    /// What it is asked by; UDP if not set. A certificate must be of the domain.
    #[serde(default)]
    pub transport: SipTransport,
    /// The domain of the account; the host of the registrar if not set.
    #[serde(default)]
    pub domain: Option<String>,
    /// The name under which we are called.
    pub user: String,
    /// The name with which we prove who we are, if it is another.
    #[serde(default)]
    pub login: Option<String>,
    /// What it is proven with. It is never sent: answers to challenges are. It may be set behind the
    /// reading of a file, and must be by the time that it is used.
    #[serde(default)]
    pub password: Secret,
    /// For how long we ask to be known, 5 minutes if not set. It is renewed when three quarters of
    /// what was granted are over.
    #[serde(default = "expires", with = "duration")]
    pub expires: Duration,
    /// How often the registrar is asked whether it is there (`OPTIONS`): every 30 s if not set, and
    /// never with 0. One that has been away is told where we are as soon as it answers again.
    #[serde(default = "keep_alive", with = "duration")]
    pub keep_alive: Duration,
}

const fn expires() -> Duration {
    Duration::from_secs(300)
}

impl SipAccount {
    /// The defaults, with this account.
    #[must_use]
    pub fn new(registrar: SocketAddr, user: impl Into<String>, password: Secret) -> Self {
        let (user, domain, login) = (user.into(), None, None);
        let transport = SipTransport::Udp;
        let (expires, keep_alive) = (expires(), keep_alive());
        Self { registrar, transport, domain, user, login, password, expires, keep_alive }
    }

    /// Sets what the registrar is asked by.
    #[must_use]
    pub const fn with_transport(mut self, transport: SipTransport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the domain.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets how often the registrar is asked whether it is there; never with 0.
    #[must_use]
    pub const fn with_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Checks what types cannot. These words become part of messages.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field.
    pub(super) fn check(&self) -> Result<()> {
        let is_word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let is_quotable =
            |text: &str| !text.contains(|c: char| c.is_control() || "\"\\".contains(c));
        if !is_word(&self.user, "-_.+~") {
            return Err(Error::config("accounts.user: letters, digits and -_.+~ only"));
        }
        if self.domain.as_deref().is_some_and(|domain| !is_word(domain, "-.")) {
            return Err(Error::config("accounts.domain: the name of a host"));
        }
        if self.login.as_deref().is_some_and(|login| !is_quotable(login)) {
            return Err(Error::config("accounts.login: no quotes and no control characters"));
        }
        if self.password.is_empty() {
            return Err(Error::config("accounts.password: it is missing"));
        }
        if !(60..=86_400).contains(&self.expires.as_secs()) {
            return Err(Error::config("accounts.expires: from a minute to a day"));
        }
        check_keep_alive(self.keep_alive, "accounts.keep_alive")
    }

    /// With what it is proven who we are.
    pub(super) fn credentials(&self) -> Credentials {
        let login = self.login.as_ref().unwrap_or(&self.user).clone();
        Credentials { login, password: self.password.clone() }
    }

    /// The domain, as it stands in an address.
    pub(super) fn host(&self) -> String {
        self.domain.clone().unwrap_or_else(|| self.registrar.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_into_a_message_but_what_stands_for_one_word() {
        let account =
            |user: &str| SipAccount::new(([192, 0, 2, 1], 5060).into(), user, Secret::new("p"));
        account("agent-1").with_domain("pbx.example.com").check().unwrap();
        for wrong in ["", "a b", "a@b", "a\r\nX: y", "a>"] {
            assert!(account(wrong).check().unwrap_err().message().starts_with("accounts.user"));
        }
        let error = account("a").with_domain("a;b").check().unwrap_err();
        assert!(error.message().starts_with("accounts.domain"));
        let mut short = account("a");
        short.expires = Duration::from_secs(1);
        assert!(short.check().unwrap_err().message().starts_with("accounts.expires"));
        let often = account("a").with_keep_alive(Duration::from_millis(10));
        assert!(often.check().unwrap_err().message().starts_with("accounts.keep_alive"));
    }
}
