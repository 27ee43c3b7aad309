use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, StatusCode, header::RETRY_AFTER, redirect};
use serde::{Deserialize, Deserializer};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};
use voiceagent_core::{CallId, Error, ErrorKind, Result, Secret};

use crate::{
    PhoneNumber,
    document::{Dial, Response},
    media_stream::CallControl,
};

/// For one attempt. Twilio answers within a second, or not at all.
const ATTEMPT: Duration = Duration::from_secs(4);

/// Before the second and the third attempt, unless Twilio says how long to wait.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The longest wait that Twilio may ask for. A caller is on the line.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// "The requested resource was not found".
const NOT_FOUND: u64 = 20_404;

/// "Call is not in-progress. Cannot redirect."
const NOT_IN_PROGRESS: u64 = 21_220;

/// The settings of [`TwilioRest`].
///
/// ```
/// use voiceagent_telephony::twilio::TwilioRestConfig;
///
/// let config: TwilioRestConfig = serde_json::from_str(
///     r#"{ "account": "AC123", "secret": "…", "targets": { "front desk": "+14155550100" } }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TwilioRestConfig {
    /// The account (`AC…`).
    pub account: String,
    /// The API key (`SK…`) that the secret belongs to; without it, the secret is the account's
    /// auth token.
    #[serde(default)]
    pub key: Option<String>,
    /// The secret of the API key, or the account's auth token.
    pub secret: Secret,
    /// Where the API is; `https://api.twilio.com` if not set. Regions outside the US have addresses
    /// of their own (`https://api.{edge}.{region}.twilio.com`).
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whom calls may be handed to, by name. Nobody else can be called.
    #[serde(default)]
    pub targets: BTreeMap<String, TransferTarget>,
}

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

impl TwilioRestConfig {
    /// Settings with an account's own auth token and no targets.
    pub fn new(account: impl Into<String>, secret: Secret) -> Self {
        Self {
            account: account.into(),
            key: None,
            secret,
            base_url: default_base_url(),
            targets: BTreeMap::new(),
        }
    }

    /// Lets calls be handed to `target`.
    #[must_use]
    pub fn with_target(mut self, name: impl Into<String>, target: TransferTarget) -> Self {
        self.targets.insert(name.into(), target);
        self
    }

    /// Says where the API is.
    #[must_use]
    pub fn with_base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
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

/// Asks Twilio to end a call or to hand it on (REST API, "Call resource").
#[derive(Clone)]
pub struct TwilioRest {
    client: Client,
    config: TwilioRestConfig,
}

/// Which failures may be tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Again {
    /// All that may pass: asking twice does what asking once does.
    Always,
    /// Only those that certainly changed nothing.
    IfUntouched,
}

impl TwilioRest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when a setting is missing or wrong.
    pub fn new(config: TwilioRestConfig) -> Result<Self> {
        if !is_name(&config.account) || config.key.as_ref().is_some_and(|key| !is_name(key)) {
            return Err(Error::config("account, key: letters and digits, such as AC0123"));
        }
        if config.secret.is_empty() {
            return Err(Error::config("secret: it must not be empty"));
        }
        // Credentials go to the address in clear, unless it is https or this machine.
        let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
        if !config.base_url.starts_with("https://")
            && !local.iter().any(|local| config.base_url.starts_with(local))
        {
            return Err(Error::config("base_url: an https:// address"));
        }
        // Fails when the application has chosen a provider, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(ATTEMPT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| Error::config("the HTTP client cannot be made").with_source(error))?;
        Ok(Self { client, config })
    }

    async fn update(
        &self,
        call: &CallId,
        operation: &'static str,
        (field, value): (&'static str, &str),
        again: Again,
    ) -> Result<()> {
        if !is_name(call.as_str()) {
            return Err(fault(ErrorKind::Rejected, operation, "this is not the name of a call"));
        }
        let url = format!(
            "{}/2010-04-01/Accounts/{}/Calls/{call}.json",
            self.config.base_url.trim_end_matches('/'),
            self.config.account,
        );
        let user = self.config.key.as_deref().unwrap_or(&self.config.account);
        let request = || {
            self.client
                .post(&url)
                .basic_auth(user, Some(self.config.secret.expose()))
                .form(&[(field, value)])
        };
        let mut pauses = PAUSES.into_iter();
        loop {
            let Err(failure) = attempt(request(), operation).await else { return Ok(()) };
            let pause = pauses.next().filter(|_| failure.may_repeat(again));
            let Some(pause) = pause else { return Err(failure.error) };
            debug!(%call, error = %failure.error, "trying again");
            sleep(failure.wait.unwrap_or(pause).min(LONGEST_PAUSE)).await;
        }
    }
}

#[async_trait]
impl CallControl for TwilioRest {
    async fn hang_up(&self, call: &CallId) -> Result<()> {
        let completed = ("Status", "completed");
        match self.update(call, "hang up", completed, Again::Always).await {
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            outcome => outcome,
        }
    }

    fn can_transfer(&self) -> bool {
        !self.config.targets.is_empty()
    }

    async fn transfer(&self, call: &CallId, target: &str) -> Result<()> {
        let Some(found) = self.config.targets.get(target) else {
            // The name may come from a model: it is not repeated.
            let known: Vec<_> = self.config.targets.keys().map(String::as_str).collect();
            let message = format!("no such target; there are: {}", known.join(", "));
            return Err(fault(ErrorKind::Rejected, "transfer", message));
        };
        info!(%call, target, "call handed on");
        let dial = match found.clone() {
            TransferTarget::Number(number) => Dial::number(number),
            TransferTarget::Sip(uri) => Dial::sip(uri),
        };
        let twiml = Response::new().with(dial).to_string();
        self.update(call, "transfer", ("Twiml", &twiml), Again::IfUntouched).await
    }
}

impl fmt::Debug for TwilioRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioRest").field("config", &self.config).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Failure {
    error: Error,
    /// Twilio has certainly not done what it was asked.
    untouched: bool,
    wait: Option<Duration>,
}

impl Failure {
    fn may_repeat(&self, again: Again) -> bool {
        let passing = matches!(
            self.error.kind(),
            ErrorKind::Disconnected
                | ErrorKind::Overloaded
                | ErrorKind::RateLimited
                | ErrorKind::Timeout
        );
        passing && (again == Again::Always || self.untouched)
    }
}

async fn attempt(request: RequestBuilder, operation: &'static str) -> Result<(), Failure> {
    let answered = timeout(ATTEMPT, async {
        let answer = request.send().await?;
        let status = answer.status();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        let wait = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
        let code = if status.is_success() { None } else { read_code(answer).await };
        Ok((status, code, wait))
    });
    let failure = |kind, message: &'static str, untouched| Failure {
        error: fault(kind, operation, message),
        untouched,
        wait: None,
    };
    match answered.await {
        Err(_) => Err(failure(ErrorKind::Timeout, "no answer in time", false)),
        Ok(Err(error)) => {
            let error: reqwest::Error = error;
            Err(failure(ErrorKind::Disconnected, "no connection", error.is_connect()))
        }
        Ok(Ok((status, code, wait))) => judge(status, code, operation).map_err(|error| Failure {
            untouched: status == StatusCode::TOO_MANY_REQUESTS,
            error,
            wait,
        }),
    }
}

fn judge(status: StatusCode, code: Option<u64>, operation: &'static str) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::NOT_FOUND || matches!(code, Some(NOT_FOUND | NOT_IN_PROGRESS)) {
        return Err(fault(ErrorKind::Closed, operation, "the call has ended"));
    }
    // Twilio's own words may repeat a number, so only the code is kept.
    let message = match code {
        Some(code) => format!("status {}, code {code}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    Err(fault(ErrorKind::from_http_status(status.as_u16()), operation, message))
}

async fn read_code(mut answer: reqwest::Response) -> Option<u64> {
    #[derive(Deserialize)]
    struct Refusal {
        code: u64,
    }

    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body).ok().map(|Refusal { code }| code)
}

/// Whether the text may stand in a path: no name of Twilio's has more than letters and digits.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn fault(
    kind: ErrorKind,
    operation: &'static str,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> Error {
    Error::new(kind, operation, message).with_provider("twilio")
}
