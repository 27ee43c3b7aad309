use std::{fmt, time::SystemTime};

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use tracing::info;
use voiceagent_core::{CallId, Error, ErrorKind, Result};

use super::{CompatibleConfig, flavor::Flavor};
use crate::{
    DtmfKey,
    control::{
        Answer, CallControl, Callee, ControlCapabilities, Directory, LiveCall, NewCall,
        live_call::add_further,
    },
    document::{Response, Shelf},
    front_door::CallStatus,
    random::random_name,
    rest::{Ask, Body, CallFields, Credentials, Rest, is_name},
};

/// The longest document that a request takes, in characters.
const LONGEST_DOCUMENT: usize = 4_000;

/// The fields of a call in a list of Twilio or SignalWire.
const CALL: CallFields = CallFields {
    id: "/sid",
    from: &["/from"],
    to: &["/to"],
    since: &["/start_time", "/date_created"],
};

/// The states of calls that are not over, of which a list takes one. In their order: a call that
/// comes further while we ask is not missed.
const LIVE: [&str; 3] = ["queued", "ringing", "in-progress"];

const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];

/// Asks Twilio, SignalWire or Telnyx about calls.
///
/// SignalWire takes no documents in requests: for redirects and transfers, and for all documents
/// of more than 4,000 characters, a [`Shelf`] must be mounted in the application's router.
#[derive(Clone)]
pub struct CompatibleRest {
    pub(super) rest: Rest,
    pub(super) flavor: &'static Flavor,
    /// The path of the account.
    pub(super) account: String,
    application: Option<String>,
    /// The client of what makes codes.
    pub(super) verify: Rest,
    pub(super) verify_service: Option<String>,
    pub(super) directory: Directory,
    shelf: Option<Shelf>,
}

impl CompatibleRest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when a setting is missing or wrong.
    pub fn new(config: CompatibleConfig) -> Result<Self> {
        let flavor = config.api.flavor();
        let names = [
            Some(&config.account),
            config.key.as_ref(),
            config.application.as_ref(),
            config.verify_service.as_ref(),
        ];
        if !names.into_iter().flatten().all(|name| is_name(name)) {
            return Err(Error::config(
                "account, key, application, verify_service: letters and digits, such as AC0123",
            ));
        }
        let base_url = config.base_url.as_deref().or(flavor.base_url);
        let base_url = base_url.ok_or_else(|| Error::config("base_url: it must be set"))?;
        let credentials = if flavor.bearer {
            Credentials::Bearer(config.secret)
        } else {
            let user = config.key.unwrap_or_else(|| config.account.clone());
            Credentials::Basic { user, secret: config.secret }
        };
        let rest = Rest::new(flavor.provider, base_url, credentials.clone())?;
        let verify = match config.verify_url.as_deref().or(flavor.verify_url) {
            Some(url) => Rest::new(flavor.provider, url, credentials)?,
            None => rest.clone(),
        };
        Ok(Self {
            verify,
            verify_service: config.verify_service,
            rest,
            flavor,
            account: format!("{}/Accounts/{}", flavor.prefix, config.account),
            application: config.application,
            directory: config.directory,
            shelf: None,
        })
    }

    /// Says where documents can be fetched that a request does not take.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Shelf) -> Self {
        self.shelf = Some(shelf);
        self
    }

    fn path(&self, operation: &'static str, call: &CallId) -> Result<String> {
        let call = self.rest.segment(operation, call.as_str())?;
        Ok(format!("{}/Calls/{call}", self.account))
    }

    fn resource(&self, operation: &'static str, call: &CallId) -> Result<String> {
        Ok(format!("{}{}", self.path(operation, call)?, self.flavor.suffix))
    }

    /// The path of a call's recordings; `one` is empty, or a `/` and the name of one.
    fn recordings(&self, operation: &'static str, call: &CallId, one: &str) -> Result<String> {
        let call = self.path(operation, call)?;
        Ok(format!("{call}/Recordings{one}{}", self.flavor.recordings_suffix))
    }

    /// The path of one of the commands that are no part of the shared API.
    fn command(&self, operation: &'static str, call: &CallId, action: &str) -> Result<String> {
        if !self.flavor.commands {
            let message = "this carrier cannot";
            return Err(self.rest.fault(ErrorKind::Unsupported, operation, message));
        }
        let call = self.rest.segment(operation, call.as_str())?;
        Ok(format!("/v2/calls/{call}/actions/{action}"))
    }

    /// The field that makes a call do what the document says: the document, or its address.
    fn instructions(&self, document: &Response) -> Result<(&'static str, String)> {
        let text = document.write(self.flavor.language)?;
        if let Some(field) = self.flavor.inline
            && text.chars().count() <= LONGEST_DOCUMENT
        {
            return Ok((field, text));
        }
        let shelf = self.shelf.as_ref().ok_or_else(|| {
            let message = "the document cannot stand in a request: a shelf is needed";
            self.rest.fault(ErrorKind::Unsupported, "write a document", message)
        })?;
        Ok(("Url", shelf.put(document, self.flavor.language)?))
    }

    /// Where a list tells of what went from our number to somebody.
    pub(super) fn made_path(&self, list: &str, to: &Callee, scheme: &str) -> Result<String> {
        let (to, from) = (self.directory.addressee(to)?, self.directory.sender()?);
        let written = |number: &str| format!("{scheme}{number}").replace('+', "%2B");
        let (to, from) = (written(to.as_str()), written(from.as_str()));
        Ok(format!("{list}?PageSize=50&To={to}&From={from}"))
    }

    fn fields(&self, call: &NewCall) -> Result<Vec<(&'static str, String)>> {
        let callee = self.directory.callee(&call.to)?;
        let mut fields = vec![
            ("To", callee.as_str().to_owned()),
            ("From", self.directory.sender()?.as_str().to_owned()),
            ("Timeout", call.ring.as_secs().max(1).to_string()),
        ];
        fields.extend(self.application.clone().map(|id| ("ApplicationSid", id)));
        fields.push(match &call.answer {
            Answer::Document(document) => self.instructions(document)?,
            Answer::FrontDoor => ("Url", self.directory.front_door()?.to_owned()),
        });
        if let Some(url) = &self.directory.status_url {
            fields.push(("StatusCallback", url.clone()));
            if self.flavor.joins_events {
                fields.push(("StatusCallbackEvent", EVENTS.join(" ")));
            } else {
                fields.extend(EVENTS.map(|event| ("StatusCallbackEvent", event.to_owned())));
            }
        }
        if call.detects_machine {
            let url = self.directory.reports()?.to_owned();
            // Beside the conversation: otherwise nobody is greeted before the verdict.
            fields.push(("AsyncAmd", "true".to_owned()));
            fields.push(("AsyncAmdStatusCallback", url));
            fields.push(("MachineDetection", "DetectMessageEnd".to_owned()));
        }
        Ok(fields)
    }
}

#[async_trait]
impl CallControl for CompatibleRest {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default()
            .with_dial(self.directory.from.is_some())
            .with_redirect(self.flavor.inline.is_some() || self.shelf.is_some())
            .with_live(self.flavor.lists_live)
            .with_made(self.flavor.lists_made && self.directory.from.is_some())
            .with_status(true)
            .with_recording(true)
            .with_keys(self.flavor.commands)
            .with_hold(self.flavor.commands)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, call: &CallId) -> Result<()> {
        let path = self.resource("hang up", call)?;
        let body = Body::Form(vec![("Status", "completed".to_owned())]);
        self.rest.end(&Ask::again("hang up", Method::POST, path).with(body)).await
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        let body = (self.flavor.dial)(self.fields(call)?);
        let path = format!("{}/Calls{}", self.account, self.flavor.suffix);
        let answer = self.rest.ask(&Ask::once("dial", Method::POST, path).with(body)).await?;
        let id = CallId::new(answer.name(&["/sid", "/call_sid", "/data/call_sid"])?);
        info!(call = %id, "call made");
        Ok(id)
    }

    async fn redirect(&self, call: &CallId, document: &Response) -> Result<()> {
        let path = self.resource("redirect", call)?;
        let body = Body::Form(vec![self.instructions(document)?]);
        self.rest.ask(&Ask::once("redirect", Method::POST, path).with(body)).await?;
        info!(%call, "call redirected");
        Ok(())
    }

    async fn status(&self, call: &CallId) -> Result<CallStatus> {
        const ASK: &str = "ask for the status";
        let answer =
            self.rest.ask(&Ask::again(ASK, Method::GET, self.resource(ASK, call)?)).await?;
        answer.status("/status")
    }

    async fn live(&self) -> Result<Vec<LiveCall>> {
        const ASK: &str = "list calls";
        if !self.flavor.lists_live {
            let message = "this carrier lists calls that have ended";
            return Err(self.rest.fault(ErrorKind::Unsupported, ASK, message));
        }
        let list = format!("{}/Calls{}", self.account, self.flavor.suffix);
        let mut live = Vec::new();
        for status in LIVE {
            let path = format!("{list}?Status={status}&PageSize=100");
            let answer = self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?;
            add_further(&mut live, answer.calls("/calls", &CALL)?);
        }
        Ok(live)
    }

    async fn made(&self, to: &Callee, since: SystemTime) -> Result<Vec<CallId>> {
        const ASK: &str = "list calls";
        if !self.flavor.lists_made {
            let message = "this carrier lists no calls by whom they went to";
            return Err(self.rest.fault(ErrorKind::Unsupported, ASK, message));
        }
        let list = format!("{}/Calls{}", self.account, self.flavor.suffix);
        let path = self.made_path(&list, to, "")?;
        let made = self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?;
        Ok(made.made("/calls", since)?.into_iter().map(CallId::new).collect())
    }

    async fn send_keys(&self, call: &CallId, keys: &[DtmfKey]) -> Result<()> {
        let path = self.command("send keys", call, "send_dtmf")?;
        let digits: String = keys.iter().map(|key| key.as_char()).collect();
        let body = json!({ "digits": digits, "command_id": random_name("send keys")? });
        // A command with an id that has come before is not carried out again.
        self.rest.ask(&Ask::again("send keys", Method::POST, path).with(Body::Json(body))).await?;
        Ok(())
    }

    async fn start_recording(&self, call: &CallId) -> Result<String> {
        const ASK: &str = "start a recording";
        let path = self.recordings(ASK, call, "")?;
        let body = Body::Form(vec![("RecordingChannels", "dual".to_owned())]);
        let answer = self.rest.ask(&Ask::once(ASK, Method::POST, path).with(body)).await?;
        answer.name(&["/sid"])
    }

    async fn stop_recording(&self, call: &CallId, recording: &str) -> Result<()> {
        const ASK: &str = "stop a recording";
        let recording = self.rest.segment(ASK, recording)?;
        let path = self.recordings(ASK, call, &format!("/{recording}"))?;
        let body = Body::Form(vec![("Status", "stopped".to_owned())]);
        self.rest.end(&Ask::again(ASK, Method::POST, path).with(body)).await
    }

    async fn hold(&self, call: &CallId, music: &str) -> Result<()> {
        let path = self.command("hold", call, "playback_start")?;
        let id = random_name("hold")?;
        let body = json!({ "audio_url": music, "loop": "infinity", "command_id": id });
        self.rest.ask(&Ask::again("hold", Method::POST, path).with(Body::Json(body))).await?;
        Ok(())
    }

    async fn resume(&self, call: &CallId) -> Result<()> {
        let path = self.command("resume", call, "playback_stop")?;
        self.rest.end(&Ask::again("resume", Method::POST, path).with(Body::Json(json!({})))).await
    }
}

impl fmt::Debug for CompatibleRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompatibleRest")
            .field("rest", &self.rest)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
