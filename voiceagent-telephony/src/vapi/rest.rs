use std::{collections::BTreeMap, time::SystemTime};

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tracing::info;
use voiceagent_core::{CallId, Error, ErrorKind, Result, Secret};

use super::EndedBy;
use crate::{
    control::{Answer, CallControl, Callee, ControlCapabilities, Directory, NewCall},
    front_door::CallStatus,
    rest::{Ask, Body, Credentials, Rest, is_name},
};

/// The settings of a [`VapiRest`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VapiConfig {
    /// The private key of the organization.
    pub key: Secret,
    /// The id of the assistant that talks.
    pub assistant: String,
    /// The id of the number that it calls from.
    pub phone_number: String,
    /// Where the API is; `https://api.vapi.ai` if not set.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whom calls may go to. Nobody else can be called.
    #[serde(default)]
    pub directory: Directory,
}

fn default_base_url() -> String {
    "https://api.vapi.ai".to_owned()
}

impl VapiConfig {
    /// Settings for this assistant and number, which may call nobody.
    pub fn new(key: Secret, assistant: impl Into<String>, phone_number: impl Into<String>) -> Self {
        Self {
            key,
            assistant: assistant.into(),
            phone_number: phone_number.into(),
            base_url: default_base_url(),
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
        self.base_url = url.into();
        self
    }
}

/// Asks Vapi to make calls, and how they fare.
#[derive(Clone, Debug)]
pub struct VapiRest {
    rest: Rest,
    assistant: String,
    phone_number: String,
    directory: Directory,
}

/// How a call fares.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct VapiStatus {
    /// `scheduled`, `queued`, `ringing`, `in-progress`, `forwarding` or `ended`.
    pub status: String,
    /// Why it ended, once it has.
    pub ended: Option<EndedBy>,
}

impl VapiRest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when a setting is missing or wrong.
    pub fn new(config: VapiConfig) -> Result<Self> {
        if !is_name(&config.assistant) || !is_name(&config.phone_number) {
            return Err(Error::config("assistant, phone_number: their ids"));
        }
        let rest = Rest::new("vapi", &config.base_url, Credentials::Bearer(config.key))?;
        let VapiConfig { assistant, phone_number, directory, .. } = config;
        Ok(Self { rest, assistant, phone_number, directory })
    }

    /// Makes a call, whose assistant knows these variables. It is asked for once, whatever comes
    /// back: after a [`Timeout`](ErrorKind::Timeout) or [`Disconnected`](ErrorKind::Disconnected)
    /// the phone may be ringing.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) for somebody who is not in the directory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting. Whether the call was made is then unknown.
    pub async fn call(&self, to: &Callee, variables: &BTreeMap<String, String>) -> Result<CallId> {
        let number = self.directory.addressee(to)?;
        let body = json!({
            "assistantId": self.assistant,
            "assistantOverrides": { "variableValues": variables },
            "customer": { "number": number.as_str() },
            "phoneNumberId": self.phone_number,
        });
        let ask = Ask::once("dial", Method::POST, "/call".to_owned()).with(Body::Json(body));
        let call = CallId::new(self.rest.ask(&ask).await?.name(&["/id"])?);
        info!(%call, "call made");
        Ok(call)
    }

    /// How a call fares, by Vapi's own records: reports get lost.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when Vapi does not know the call.
    ///
    /// # Cancel safety
    ///
    /// It is safe to drop the future and to ask again.
    pub async fn status(&self, call: &CallId) -> Result<VapiStatus> {
        const ASK: &str = "ask for the status";
        let path = format!("/call/{}", self.rest.segment(ASK, call.as_str())?);
        let answer = self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?;
        let status = answer.text(&["/status"]).map(str::to_owned).ok_or_else(|| {
            self.rest.fault(ErrorKind::Protocol, ASK, "the answer tells no status")
        })?;
        Ok(VapiStatus { status, ended: answer.text(&["/endedReason"]).map(EndedBy::parse) })
    }
}

/// Calls whose talk the assistant leads. What Vapi is not asked for here is a carrier's work.
#[async_trait]
impl CallControl for VapiRest {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default().with_dial(true).with_made(true).with_status(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, call: &CallId) -> Result<()> {
        let _ = call;
        Err(self.rest.fault(ErrorKind::Unsupported, "hang up", "the assistant ends its calls"))
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        match call.answer {
            Answer::FrontDoor => self.call(&call.to, &BTreeMap::new()).await,
            Answer::Document(_) => {
                let why = "the assistant answers, and no document";
                Err(self.rest.fault(ErrorKind::Unsupported, "dial", why))
            }
        }
    }

    async fn status(&self, call: &CallId) -> Result<CallStatus> {
        let VapiStatus { status, ended } = self.status(call).await?;
        Ok(match (status.as_str(), ended) {
            ("ended", ended) => ended.unwrap_or(EndedBy::Other).status(),
            ("ringing", _) => CallStatus::Ringing,
            ("in-progress" | "forwarding", _) => CallStatus::InProgress,
            _ => CallStatus::Queued,
        })
    }

    /// "List Calls": there is no filter by customer, so the calls of our number since then are read.
    async fn made(&self, to: &Callee, since: SystemTime) -> Result<Vec<CallId>> {
        const ASK: &str = "list calls";
        let strange = |why| self.rest.fault(ErrorKind::Protocol, ASK, why);
        let number = self.directory.addressee(to)?;
        let since = Timestamp::try_from(since).map_err(|_| strange("there is no such time"))?;
        let since = since.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ");
        let path =
            format!("/call?phoneNumberId={}&createdAtGe={since}&limit=100", self.phone_number);
        let answer = self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?;
        let made = answer.named("", "id", |entry| {
            entry["customer"]["number"].as_str() == Some(number.as_str())
        })?;
        Ok(made.into_iter().map(CallId::new).collect())
    }
}
