use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;
use voiceagent_core::{CallId, Error, Result, Secret};

use crate::{
    DtmfKey,
    control::{
        Answer, CallControl, ControlCapabilities, Directory, LiveCall, NewCall, TransferTarget,
        live_call::add_further,
    },
    document::{Language, Response},
    front_door::{CallStatus, outbound},
    phone_number::bare,
    rest::{Application, Ask, Body, CallFields, Credentials, Rest, is_name},
};

/// The fields of a call in a list. Some answers have a list of those who are called.
const CALL: CallFields = CallFields {
    id: "/uuid",
    from: &["/from/number", "/from/0/number", "/from/uri"],
    to: &["/to/number", "/to/0/number", "/to/uri"],
    since: &["/start_time"],
};

/// The states of calls that are not over, of which a list takes one. In their order: a call that
/// comes further while we ask is not missed.
const LIVE: [&str; 3] = ["started", "ringing", "answered"];

/// The settings of a [`VonageRest`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VonageConfig {
    /// The id of the application.
    pub application: String,
    /// The private key of the application, in PEM.
    pub private_key: Secret,
    /// Where the API is; `https://api.nexmo.com` if not set.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whom calls may go to. Nobody else can be called.
    #[serde(default)]
    pub directory: Directory,
}

fn default_base_url() -> String {
    "https://api.nexmo.com".to_owned()
}

impl VonageConfig {
    /// Settings for this application, which may call nobody.
    pub fn new(application: impl Into<String>, private_key: Secret) -> Self {
        Self {
            application: application.into(),
            private_key,
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

/// Asks Vonage about calls. It records by documents only.
#[derive(Clone, Debug)]
pub struct VonageRest {
    pub(super) rest: Rest,
    pub(super) directory: Directory,
}

impl VonageRest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when a setting is missing or wrong.
    pub fn new(config: VonageConfig) -> Result<Self> {
        if !is_name(&config.application) {
            return Err(Error::config("application: letters, digits and hyphens"));
        }
        let application = Application::new(config.application, &config.private_key)?;
        let credentials = Credentials::Application(application);
        let rest = Rest::new("vonage", &config.base_url, credentials)?;
        Ok(Self { rest, directory: config.directory })
    }

    fn path(&self, operation: &'static str, call: &CallId, part: &str) -> Result<String> {
        let call = self.rest.segment(operation, call.as_str())?;
        Ok(format!("/v1/calls/{call}{part}"))
    }

    fn actions(document: &Response) -> Result<Value> {
        let text = document.write(Language::Ncco)?;
        Ok(serde_json::from_str(&text).expect("what was written as JSON is JSON"))
    }

    fn fields(&self, call: &NewCall) -> Result<Value> {
        let callee = match self.directory.callee(&call.to)? {
            TransferTarget::Number(number) => {
                json!({ "type": "phone", "number": bare(number.as_str()) })
            }
            TransferTarget::Sip(uri) => json!({ "type": "sip", "uri": uri }),
        };
        let mut fields = json!({
            "to": [callee],
            "from": { "type": "phone", "number": bare(self.directory.sender()?.as_str()) },
            "ringing_timer": call.ring.as_secs().clamp(1, 120),
        });
        match &call.answer {
            Answer::Document(document) => fields["ncco"] = Self::actions(document)?,
            Answer::FrontDoor => {
                fields["answer_url"] = json!([outbound(self.directory.front_door()?)]);
                fields["answer_method"] = "POST".into();
            }
        }
        if let Some(url) = &self.directory.status_url {
            fields["event_url"] = json!([url]);
            fields["event_method"] = "POST".into();
        }
        if call.detects_machine {
            self.directory.reports()?;
            // Beside the conversation, which goes on whatever the verdict.
            let detection = json!({ "behavior": "continue", "mode": "detect_beep" });
            fields["advanced_machine_detection"] = detection;
        }
        Ok(fields)
    }

    /// Asks for something that would happen twice.
    async fn once(&self, operation: &'static str, path: String, body: Value) -> Result<()> {
        let ask = Ask::once(operation, Method::PUT, path).with(Body::Json(body));
        self.rest.ask(&ask).await.map(|_| ())
    }
}

#[async_trait]
impl CallControl for VonageRest {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default()
            .with_dial(self.directory.from.is_some())
            .with_redirect(true)
            .with_live(true)
            .with_status(true)
            .with_keys(true)
            .with_hold(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, call: &CallId) -> Result<()> {
        let ask = Ask::again("hang up", Method::PUT, self.path("hang up", call, "")?);
        self.rest.end(&ask.with(Body::Json(json!({ "action": "hangup" })))).await
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        let ask = Ask::once("dial", Method::POST, "/v1/calls".to_owned());
        let answer = self.rest.ask(&ask.with(Body::Json(self.fields(call)?))).await?;
        let id = CallId::new(answer.name(&["/uuid"])?);
        info!(call = %id, "call made");
        Ok(id)
    }

    async fn redirect(&self, call: &CallId, document: &Response) -> Result<()> {
        let path = self.path("redirect", call, "")?;
        let destination = json!({ "type": "ncco", "ncco": Self::actions(document)? });
        let body = json!({ "action": "transfer", "destination": destination });
        self.once("redirect", path, body).await?;
        info!(%call, "call redirected");
        Ok(())
    }

    async fn status(&self, call: &CallId) -> Result<CallStatus> {
        const ASK: &str = "ask for the status";
        let answer =
            self.rest.ask(&Ask::again(ASK, Method::GET, self.path(ASK, call, "")?)).await?;
        answer.status("/status")
    }

    async fn live(&self) -> Result<Vec<LiveCall>> {
        let mut live = Vec::new();
        for status in LIVE {
            let path = format!("/v1/calls?status={status}&page_size=100");
            let answer = self.rest.ask(&Ask::again("list calls", Method::GET, path)).await?;
            add_further(&mut live, answer.calls("/_embedded/calls", &CALL)?);
        }
        Ok(live)
    }

    async fn send_keys(&self, call: &CallId, keys: &[DtmfKey]) -> Result<()> {
        let path = self.path("send keys", call, "/dtmf")?;
        let digits: String = keys.iter().map(|key| key.as_char()).collect();
        self.once("send keys", path, json!({ "digits": digits })).await
    }

    async fn hold(&self, call: &CallId, music: &str) -> Result<()> {
        let path = self.path("hold", call, "/stream")?;
        self.once("hold", path, json!({ "stream_url": [music], "loop": 0 })).await
    }

    async fn resume(&self, call: &CallId) -> Result<()> {
        let path = self.path("resume", call, "/stream")?;
        self.rest.end(&Ask::again("resume", Method::DELETE, path)).await
    }
}
