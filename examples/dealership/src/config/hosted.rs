use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// A platform that hosts the talk itself and comes here for its tools: Vapi.
///
/// Keys are better kept in the environment: `VAPI_API_KEY` and `VAPI_SERVER_SECRET`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[vapi]`")]
#[non_exhaustive]
pub struct VapiTable {
    /// The assistant that talks.
    pub assistant: String,
    /// The name at Vapi of the number that it calls from; without it, it calls nobody.
    pub phone_number: Option<String>,
    /// The private key of the organization, with which calls are made.
    pub key: Secret,
    /// What Vapi's requests are signed with, or bring as `X-Vapi-Secret`.
    pub secret: Secret,
    /// Where its API is; `None` is Vapi's.
    pub base_url: Option<String>,
}

/// An account of `SignalWire` that texts go out by, in place of the carrier of calls.
///
/// The token is better kept in the environment: `SIGNALWIRE_API_TOKEN`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[signalwire]`")]
#[non_exhaustive]
pub struct SignalWireTable {
    /// The address of the space.
    pub url: String,
    /// The project.
    pub project: String,
    /// Its API token.
    pub token: Secret,
    /// The number that texts come from, E.164; without it, `outbound.from`.
    pub from: Option<String>,
}

impl VapiTable {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for (name, field) in
            [("VAPI_API_KEY", &mut self.key), ("VAPI_SERVER_SECRET", &mut self.secret)]
        {
            if let Some(value) = env(name) {
                *field = Secret::new(value);
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.assistant.trim().is_empty() {
            return Err(missing("vapi", "assistant", "the identifier of the assistant"));
        }
        if self.secret.is_empty() {
            return Err(missing(
                "vapi",
                "secret",
                "what Vapi signs with; put it into VAPI_SERVER_SECRET",
            ));
        }
        if self.phone_number.is_some() && self.key.is_empty() {
            return Err(missing("vapi", "key", "the private key; put it into VAPI_API_KEY"));
        }
        Ok(())
    }
}

impl SignalWireTable {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        if let Some(token) = env("SIGNALWIRE_API_TOKEN") {
            self.token = Secret::new(token);
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let needed = |field, what| missing("signalwire", field, what);
        if self.url.trim().is_empty() {
            return Err(needed(
                "url",
                "the address of the space, `https://example.signalwire.com`",
            ));
        }
        if self.project.trim().is_empty() {
            return Err(needed("project", "the identifier of the project"));
        }
        if self.token.is_empty() {
            return Err(needed("token", "its API token; put it into SIGNALWIRE_API_TOKEN"));
        }
        Ok(())
    }
}

fn missing(table: &str, field: &str, what: &str) -> Error {
    Error::config(format!("field `{table}.{field}` is missing; set it to {what}"))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn what_a_platform_needs_is_named() {
        for (text, told) in [
            ("[vapi]\n", "field `vapi.assistant` is missing"),
            ("[vapi]\nassistant = \"a\"\n", "field `vapi.secret` is missing"),
            (
                "[vapi]\nassistant = \"a\"\nsecret = \"s\"\nphone_number = \"p\"\n",
                "field `vapi.key` is missing",
            ),
            ("[signalwire]\n", "field `signalwire.url` is missing"),
            (
                "[signalwire]\nurl = \"https://a.example\"\n",
                "field `signalwire.project` is missing",
            ),
            (
                "[signalwire]\nurl = \"https://a.example\"\nproject = \"p\"\n",
                "field `signalwire.token` is missing",
            ),
        ] {
            let error = Config::parse(text, &|_| None).unwrap_err();
            assert!(error.message().starts_with(told), "{text}: {}", error.message());
        }
        let keys = |name: &str| {
            let known = ["VAPI_API_KEY", "VAPI_SERVER_SECRET", "SIGNALWIRE_API_TOKEN"];
            known.contains(&name).then(|| format!("the {name}"))
        };
        let text = "[vapi]\nassistant = \"a\"\nphone_number = \"p\"\n\
                    [signalwire]\nurl = \"https://a.example\"\nproject = \"p\"\n";
        let config = Config::parse(text, &keys).unwrap();
        assert_eq!(config.vapi.as_ref().unwrap().key.expose(), "the VAPI_API_KEY");
        assert_eq!(config.vapi.as_ref().unwrap().secret.expose(), "the VAPI_SERVER_SECRET");
        let token = &config.signalwire.as_ref().unwrap().token;
        assert_eq!(token.expose(), "the SIGNALWIRE_API_TOKEN");
        assert!(!format!("{config:?}").contains("the VAPI"));
    }
}
