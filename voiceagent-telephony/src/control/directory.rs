use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Deserializer};
use voiceagent_core::{Error, ErrorKind, Result};

use super::Callee;
use crate::PhoneNumber;

/// Whom calls may go to, and as whom they are made.
///
/// ```
/// use voiceagent_telephony::control::Directory;
///
/// let directory: Directory = serde_json::from_str(
///     r#"{ "from": "+14155550199", "targets": { "front desk": "+14155550100" } }"#,
/// )?;
/// assert!(directory.target("front desk").is_ok());
/// assert!(directory.target("+19005550123").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Directory {
    /// Our number: the callee sees it, and messages come from it.
    #[serde(default)]
    pub from: Option<PhoneNumber>,
    /// Whom calls may be handed to and made to, by name.
    #[serde(default)]
    pub targets: BTreeMap<String, TransferTarget>,
    /// What the numbers begin with that the application may call and write to beside the
    /// targets, such as `+1` or `+4930`; none if not set.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// The voice webhook of the front door, which answers for the calls that we make.
    #[serde(default)]
    pub voice_url: Option<String>,
    /// The status callback of the front door, to which their progress is reported.
    #[serde(default)]
    pub status_url: Option<String>,
    /// Where the carrier asks how to go on with a call that was handed on, when the other side did
    /// not take it or has hung up; it says which in a field of its own, such as Twilio's
    /// `DialCallStatus`. The front door's voice webhook gives the caller to an agent again. If not
    /// set, the call ends there. Vonage has no word for it, and refuses the transfer.
    #[serde(default)]
    pub return_url: Option<String>,
}

impl Directory {
    /// Adds a target.
    #[must_use]
    pub fn with_target(mut self, name: impl Into<String>, target: TransferTarget) -> Self {
        self.targets.insert(name.into(), target);
        self
    }

    /// Sets our number.
    #[must_use]
    pub fn with_from(mut self, number: PhoneNumber) -> Self {
        self.from = Some(number);
        self
    }

    /// Opens the numbers that begin so.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.push(prefix.into());
        self
    }

    /// Sets the addresses of the front door's voice webhook and status callback.
    #[must_use]
    pub fn with_front_door(mut self, voice: impl Into<String>, status: impl Into<String>) -> Self {
        self.voice_url = Some(voice.into());
        self.status_url = Some(status.into());
        self
    }

    /// Sets where the carrier asks how to go on with a call that was handed on.
    #[must_use]
    pub fn with_return(mut self, url: impl Into<String>) -> Self {
        self.return_url = Some(url.into());
        self
    }

    /// The target with this name.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected), with the names that there are.
    pub fn target(&self, name: &str) -> Result<TransferTarget> {
        self.targets.get(name).cloned().ok_or_else(|| {
            // The name may come from a model: it is not repeated.
            let known: Vec<_> = self.targets.keys().map(String::as_str).collect();
            let message = format!("no such target; there are: {}", known.join(", "));
            Error::new(ErrorKind::Rejected, "find a target", message)
        })
    }

    /// Whom a call may go to.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) for a name or a number that is not open.
    pub fn callee(&self, callee: &Callee) -> Result<TransferTarget> {
        match callee {
            Callee::Target(name) => self.target(name),
            Callee::Number(number) => {
                self.open(number).map(|()| TransferTarget::Number(number.clone()))
            }
        }
    }

    /// Whether the application may call this number, or write to it.
    fn open(&self, number: &PhoneNumber) -> Result<()> {
        let number = number.as_str();
        let is_open = |prefix: &String| prefix.starts_with('+') && number.starts_with(prefix);
        if self.prefixes.iter().any(is_open) {
            return Ok(());
        }
        let message = "prefixes: the number begins with none of them";
        Err(Error::new(ErrorKind::Rejected, "find a number", message))
    }

    /// Whose phone a message may go to.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) as [`callee`](Self::callee), and for what is no phone.
    pub(crate) fn addressee(&self, callee: &Callee) -> Result<PhoneNumber> {
        match self.callee(callee)? {
            TransferTarget::Number(number) => Ok(number),
            TransferTarget::Sip(_) => {
                Err(Error::new(ErrorKind::Rejected, "find a number", "the target is no phone"))
            }
        }
    }

    /// The voice webhook of the front door.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is not set.
    pub(crate) fn front_door(&self) -> Result<&str> {
        self.voice_url.as_deref().ok_or_else(|| Error::config("voice_url: it must be set"))
    }

    /// Where the progress of calls is reported.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is not set.
    pub(crate) fn reports(&self) -> Result<&str> {
        self.status_url.as_deref().ok_or_else(|| Error::config("status_url: it must be set"))
    }

    /// Our number.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is not set.
    pub(crate) fn sender(&self) -> Result<&PhoneNumber> {
        self.from.as_ref().ok_or_else(|| Error::config("from: our number must be set"))
    }
}

/// Whom a call may be handed to: a phone number, or a `sip:` address.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransferTarget {
    /// A phone.
    Number(PhoneNumber),
    /// A `sip:` or `sips:` address.
    Sip(String),
}

impl TransferTarget {
    /// The number, or the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Sip(uri) => uri,
        }
    }
}

impl FromStr for TransferTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("sip:") || text.starts_with("sips:") {
            return Ok(Self::Sip(text.to_owned()));
        }
        text.parse().map(Self::Number)
    }
}

impl<'de> Deserialize<'de> for TransferTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_targets_and_open_numbers_may_be_called() {
        let directory = Directory::default()
            .with_target("desk", "+14155550100".parse().unwrap())
            .with_prefix("+4930")
            .with_prefix("");
        let callee = |number: &str| Callee::Number(number.parse().unwrap());
        assert!(directory.callee(&Callee::Target("desk".to_owned())).is_ok());
        assert!(directory.callee(&callee("+4930901820")).is_ok());
        for refused in ["+14155550100", "+49900123456"] {
            let error = directory.callee(&callee(refused)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(!format!("{error:?}").contains(refused));
        }
    }
}
