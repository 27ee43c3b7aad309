use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;
use voiceagent_core::{CallId, Error, ErrorKind, Result, Secret};

use crate::{
    DtmfKey,
    control::{
        Answer, CallControl, ControlCapabilities, Directory, LiveCall, NewCall,
        live_call::add_further,
    },
    document::{Language, Response, Shelf},
    front_door::CallStatus,
    phone_number::bare,
    rest::{Ask, Body, Credentials, Rest, is_name},
};

/// The settings of a [`PlivoRest`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlivoConfig {
    /// The auth id of the account.
    pub auth_id: String,
    /// Its auth token.
    pub auth_token: Secret,
    /// Where the API is; `https://api.plivo.com` if not set.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whom calls may go to. Nobody else can be called.
    #[serde(default)]
    pub directory: Directory,
}

fn default_base_url() -> String {
    "https://api.plivo.com".to_owned()
}

impl PlivoConfig {
    /// Settings for this account, which may call nobody.
    pub fn new(auth_id: impl Into<String>, auth_token: Secret) -> Self {
        Self {
            auth_id: auth_id.into(),
            auth_token,
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

/// Asks Plivo about calls. Redirects and transfers need a [`Shelf`]: Plivo fetches documents.
#[derive(Clone, Debug)]
pub struct PlivoRest {
    pub(super) rest: Rest,
    /// The path of the account.
    pub(super) account: String,
    pub(super) directory: Directory,
    shelf: Option<Shelf>,
}

impl PlivoRest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when a setting is missing or wrong.
    pub fn new(config: PlivoConfig) -> Result<Self> {
        if !is_name(&config.auth_id) {
            return Err(Error::config("auth_id: letters and digits"));
        }
        let account = format!("/v1/Account/{}", config.auth_id);
        let credentials = Credentials::Basic { user: config.auth_id, secret: config.auth_token };
        let rest = Rest::new("plivo", &config.base_url, credentials)?;
        Ok(Self { rest, account, directory: config.directory, shelf: None })
    }

    /// Says where documents can be fetched.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Shelf) -> Self {
        self.shelf = Some(shelf);
        self
    }

    /// The path of what belongs to a call; `part` ends with a `/` or is empty.
    fn path(&self, operation: &'static str, call: &CallId, part: &str) -> Result<String> {
        let call = self.rest.segment(operation, call.as_str())?;
        Ok(format!("{}/Call/{call}/{part}", self.account))
    }

    fn address(&self, document: &Response) -> Result<String> {
        let shelf = self.shelf.as_ref().ok_or_else(|| {
            let message = "Plivo fetches documents: a shelf is needed";
            self.rest.fault(ErrorKind::Unsupported, "write a document", message)
        })?;
        shelf.put(document, Language::Plivo)
    }

    fn fields(&self, call: &NewCall) -> Result<Value> {
        let url = match &call.answer {
            Answer::Document(document) => self.address(document)?,
            Answer::FrontDoor => self.directory.front_door()?.to_owned(),
        };
        let mut fields = json!({
            "to": bare(self.directory.callee(&call.to)?.as_str()),
            "from": bare(self.directory.sender()?.as_str()),
            "answer_url": url,
            "answer_method": "POST",
            "ring_timeout": call.ring.as_secs().max(1),
        });
        if let Some(url) = &self.directory.status_url {
            fields["hangup_url"] = url.as_str().into();
            fields["ring_url"] = url.as_str().into();
        }
        if call.detects_machine {
            // With an address, Plivo listens beside the conversation.
            fields["machine_detection_url"] = self.directory.reports()?.into();
            fields["machine_detection"] = "true".into();
        }
        Ok(fields)
    }

    /// Asks for something that would happen twice.
    async fn once(&self, operation: &'static str, path: String, body: Value) -> Result<()> {
        let ask = Ask::once(operation, Method::POST, path).with(Body::Json(body));
        self.rest.ask(&ask).await.map(|_| ())
    }

    async fn delete(&self, operation: &'static str, call: &CallId, part: &str) -> Result<()> {
        let path = self.path(operation, call, part)?;
        self.rest.end(&Ask::again(operation, Method::DELETE, path)).await
    }
}

#[async_trait]
impl CallControl for PlivoRest {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default()
            .with_dial(self.directory.from.is_some())
            .with_redirect(self.shelf.is_some())
            .with_live(true)
            .with_status(true)
            .with_keys(true)
            .with_recording(true)
            .with_hold(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, call: &CallId) -> Result<()> {
        self.delete("hang up", call, "").await
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        let ask = Ask::once("dial", Method::POST, format!("{}/Call/", self.account));
        let answer = self.rest.ask(&ask.with(Body::Json(self.fields(call)?))).await?;
        let id = CallId::new(answer.name(&["/request_uuid"])?);
        info!(call = %id, "call made");
        Ok(id)
    }

    async fn redirect(&self, call: &CallId, document: &Response) -> Result<()> {
        let path = self.path("redirect", call, "")?;
        let url = self.address(document)?;
        let body = json!({ "legs": "aleg", "aleg_url": url, "aleg_method": "POST" });
        self.once("redirect", path, body).await?;
        info!(%call, "call redirected");
        Ok(())
    }

    async fn status(&self, call: &CallId) -> Result<CallStatus> {
        const ASK: &str = "ask for the status";
        let path = self.path(ASK, call, "?status=live")?;
        let answer = self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?;
        answer.status("/call_status")
    }

    async fn live(&self) -> Result<Vec<LiveCall>> {
        let mut live = Vec::new();
        // In this order, so that a call that comes further while we ask is not missed.
        for (word, status) in [("queued", CallStatus::Queued), ("live", CallStatus::InProgress)] {
            let path = format!("{}/Call/?status={word}", self.account);
            let answer = self.rest.ask(&Ask::again("list calls", Method::GET, path)).await?;
            let named = |id| LiveCall { status, ..LiveCall::named(id) };
            add_further(&mut live, answer.names("/calls")?.into_iter().map(named).collect());
        }
        Ok(live)
    }

    async fn send_keys(&self, call: &CallId, keys: &[DtmfKey]) -> Result<()> {
        let path = self.path("send keys", call, "DTMF/")?;
        let digits: String = keys.iter().map(|key| key.as_char()).collect();
        self.once("send keys", path, json!({ "digits": digits, "leg": "aleg" })).await
    }

    async fn start_recording(&self, call: &CallId) -> Result<String> {
        const ASK: &str = "start a recording";
        let ask = Ask::once(ASK, Method::POST, self.path(ASK, call, "Record/")?);
        let body = Body::Json(json!({ "record_channel_type": "stereo" }));
        self.rest.ask(&ask.with(body)).await?.name(&["/recording_id"])
    }

    /// Ends all recordings of the call: Plivo knows no other way.
    async fn stop_recording(&self, call: &CallId, _recording: &str) -> Result<()> {
        self.delete("stop a recording", call, "Record/").await
    }

    async fn hold(&self, call: &CallId, music: &str) -> Result<()> {
        let path = self.path("hold", call, "Play/")?;
        self.once("hold", path, json!({ "urls": music, "loop": true })).await
    }

    async fn resume(&self, call: &CallId) -> Result<()> {
        self.delete("resume", call, "Play/").await
    }
}
