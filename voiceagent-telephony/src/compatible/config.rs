use serde::Deserialize;
use voiceagent_core::Secret;

use super::flavor::Flavor;
use crate::control::Directory;

/// The settings of a [`CompatibleRest`](super::CompatibleRest).
///
/// ```
/// use voiceagent_telephony::compatible::CompatibleConfig;
///
/// let config: CompatibleConfig = serde_json::from_str(
///     r#"{ "api": "twilio", "account": "AC123", "secret": "…",
///          "directory": { "targets": { "front desk": "+14155550100" } } }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CompatibleConfig {
    /// Whose API it is.
    pub api: CompatibleApi,
    /// The account (`AC…`) with Twilio and Telnyx, the project with SignalWire.
    pub account: String,
    /// The API key (`SK…`) that Twilio's secret belongs to; without it, the secret is the
    /// account's auth token.
    #[serde(default)]
    pub key: Option<String>,
    /// The auth token, or the secret of the API key (Twilio), the API token (SignalWire), the API
    /// key (Telnyx).
    pub secret: Secret,
    /// The application of Telnyx that makes calls.
    #[serde(default)]
    pub application: Option<String>,
    /// The service (`VA…`) of Twilio, or the profile of Telnyx, that makes codes.
    #[serde(default)]
    pub verify_service: Option<String>,
    /// Where the API is, such as `https://example.signalwire.com`. It must be set for SignalWire,
    /// and for regions of Twilio outside the US (`https://api.{edge}.{region}.twilio.com`).
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where Twilio makes codes; `https://verify.twilio.com` if not set.
    #[serde(default)]
    pub verify_url: Option<String>,
    /// Whom calls may go to. Nobody else can be called.
    #[serde(default)]
    pub directory: Directory,
}

/// Whose API it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CompatibleApi {
    /// SignalWire's Compatibility API.
    SignalWire,
    /// Telnyx's TeXML REST commands; keys and music by its call control.
    Telnyx,
    /// Twilio's own.
    Twilio,
}

impl CompatibleApi {
    pub(super) const fn flavor(self) -> &'static Flavor {
        match self {
            Self::SignalWire => &Flavor::SIGNALWIRE,
            Self::Telnyx => &Flavor::TELNYX,
            Self::Twilio => &Flavor::TWILIO,
        }
    }
}

impl CompatibleConfig {
    /// Settings for this account, which may call nobody.
    pub fn new(api: CompatibleApi, account: impl Into<String>, secret: Secret) -> Self {
        Self {
            api,
            account: account.into(),
            key: None,
            secret,
            application: None,
            verify_service: None,
            base_url: None,
            verify_url: None,
            directory: Directory::default(),
        }
    }

    /// Says whom calls may go to.
    #[must_use]
    pub fn with_directory(mut self, directory: Directory) -> Self {
        self.directory = directory;
        self
    }

    /// Says where the API is.
    #[must_use]
    pub fn with_base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }
}
