use reqwest::Url;
use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// A service that the tools of templates may ask. A template names it, and cannot name an address.
///
/// The token is better kept in the environment: `DEALERSHIP_TARGET_<NAME>_TOKEN`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[targets.crm]`")]
#[non_exhaustive]
pub struct TargetConfig {
    /// Its address, behind which the path of a tool is put: `https://crm.example.com/agent`.
    pub url: String,
    /// What it knows us by, if it wants that.
    pub token: Secret,
}

impl TargetConfig {
    pub(super) fn overlay(&mut self, name: &str, env: &dyn Fn(&str) -> Option<String>) {
        let name = name.to_uppercase().replace('-', "_");
        if let Some(value) = env(&format!("DEALERSHIP_TARGET_{name}_TOKEN")) {
            self.token = Secret::new(value);
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<()> {
        let is_local =
            |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let fits = |url: &Url| {
            let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_local(url);
            is_safe
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_name || !Url::parse(&self.url).is_ok_and(|url| fits(&url)) {
            return Err(Error::config(format!(
                "table `[targets.{name}]`: `url` is an address without a query, such as \
                 `\"https://crm.example.com/agent\"`"
            )));
        }
        Ok(())
    }
}
