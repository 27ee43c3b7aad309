use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// A collector of spans that speaks OTLP over HTTP, such as Langfuse or the one of OpenTelemetry.
///
/// `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_HEADERS` say the same as for other programs
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[tracing]`")]
#[non_exhaustive]
pub struct TracingConfig {
    /// Where spans are sent, with its path; `None` sends none.
    pub url: Option<String>,
    /// Whether what people and the agent said is sent too: it is personal data.
    pub words: bool,
    /// What is sent with them, such as a key; from the environment alone.
    #[serde(skip)]
    pub headers: BTreeMap<String, Secret>,
}

impl TracingConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        if let Some(base) = env("OTEL_EXPORTER_OTLP_ENDPOINT") {
            self.url = Some(format!("{}/v1/traces", base.trim_end_matches('/')));
        }
        let Some(headers) = env("OTEL_EXPORTER_OTLP_HEADERS") else { return Ok(()) };
        for header in headers.split(',').filter(|header| !header.trim().is_empty()) {
            let (name, value) = header.split_once('=').ok_or_else(|| {
                Error::config(
                    "OTEL_EXPORTER_OTLP_HEADERS is no list; write it like `Authorization=Basic abc`",
                )
            })?;
            self.headers.insert(name.trim().to_owned(), Secret::new(value.trim()));
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.url {
            Some(url) if !Url::parse(url).is_ok_and(|url| url.has_host()) => Err(Error::config(
                "field `tracing.url` is no address; write it like `http://127.0.0.1:4318/v1/traces`",
            )),
            _ => Ok(()),
        }
    }
}
