//! Asking the HTTP API of a carrier, and asking again where that does no harm.

mod answer;
mod application;
mod call_fields;
mod failure;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use reqwest::{Client, Method, RequestBuilder, header::AUTHORIZATION, redirect};
use serde_json::Value;
use tokio::time::sleep;
use tracing::debug;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use self::failure::{attempt, fault};
pub(crate) use self::{answer::Answer, application::Application, call_fields::CallFields};

/// For one attempt. Carriers answer within a second, or not at all.
const ATTEMPT: Duration = Duration::from_secs(4);

/// Before the second and the third attempt, unless the carrier says how long to wait.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The longest wait that a carrier may ask for. A caller is on the line.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A client of one carrier's API.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client,
    provider: &'static str,
    base_url: String,
    credentials: Credentials,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    Application(Application),
    Basic { user: String, secret: Secret },
    Bearer(Secret),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Behind the base address, with a `/`.
    pub(crate) path: String,
    pub(crate) body: Body,
    pub(crate) again: Again,
}

/// What a request says.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Form(Vec<(&'static str, String)>),
    Json(Value),
    Nothing,
}

/// Which failures may be tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Again {
    /// All that may pass: asking twice does what asking once does.
    Always,
    /// Only those that certainly changed nothing.
    IfUntouched,
}

impl Ask {
    /// A request that does no harm when it arrives twice.
    pub(crate) const fn again(operation: &'static str, method: Method, path: String) -> Self {
        Self { operation, method, path, body: Body::Nothing, again: Again::Always }
    }

    /// A request that must not arrive twice.
    pub(crate) const fn once(operation: &'static str, method: Method, path: String) -> Self {
        Self { operation, method, path, body: Body::Nothing, again: Again::IfUntouched }
    }

    pub(crate) fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

impl Rest {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the secret is empty or the address is not safe.
    pub(crate) fn new(
        provider: &'static str,
        base_url: &str,
        credentials: Credentials,
    ) -> Result<Self> {
        if let Credentials::Basic { secret, .. } | Credentials::Bearer(secret) = &credentials
            && secret.is_empty()
        {
            return Err(Error::config("secret: it must not be empty"));
        }
        // Credentials go to the address in clear, unless it is https or this machine.
        let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
        if !base_url.starts_with("https://")
            && !local.iter().any(|local| base_url.starts_with(local))
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
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { client, provider, base_url, credentials })
    }

    /// Asks, and asks again where that may help and does no harm.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) for what is not there, or no longer.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Answer> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let failure = match attempt(self.request(ask)?, self.provider, ask.operation).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = pauses.next().filter(|_| failure.may_repeat(ask.again));
            let Some(pause) = pause else { return Err(failure.error) };
            debug!(error = %failure.error, "trying again");
            sleep(rest(failure.wait, pause)).await;
        }
    }

    /// Asks for an end. What has ended already is a success.
    pub(crate) async fn end(&self, ask: &Ask) -> Result<()> {
        match self.ask(ask).await {
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    pub(crate) fn fault(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        message: &'static str,
    ) -> Error {
        fault(self.provider, kind, operation, message)
    }

    /// The name of a call or a recording, to stand in a path.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) when it could reach another resource.
    pub(crate) fn segment(&self, operation: &'static str, name: &str) -> Result<String> {
        if is_name(name) {
            // Telnyx's names of calls hold colons.
            return Ok(name.replace(':', "%3A"));
        }
        Err(self.fault(ErrorKind::Rejected, operation, "this is not the name of a call"))
    }

    fn request(&self, ask: &Ask) -> Result<RequestBuilder> {
        let url = format!("{}{}", self.base_url, ask.path);
        let request = self.client.request(ask.method.clone(), url);
        let request = match &self.credentials {
            Credentials::Application(application) => request
                .header(AUTHORIZATION, format!("Bearer {}", application.token(SystemTime::now())?)),
            Credentials::Basic { user, secret } => request.basic_auth(user, Some(secret.expose())),
            Credentials::Bearer(secret) => {
                request.header(AUTHORIZATION, format!("Bearer {}", secret.expose()))
            }
        };
        Ok(match &ask.body {
            Body::Form(fields) => request.form(fields),
            Body::Json(value) => request.json(value),
            Body::Nothing => request,
        })
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest")
            .field("provider", &self.provider)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// How long to wait before the next attempt: as the carrier asks, if that is not too long.
fn rest(asked: Option<Duration>, pause: Duration) -> Duration {
    asked.unwrap_or(pause).min(LONGEST_PAUSE)
}

/// Whether the text may stand in a path: no carrier's names have more than this.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_that_wants_a_long_rest_gets_two_seconds() {
        let [first, second] = PAUSES;
        assert_eq!((rest(None, first), rest(None, second)), (first, second));
        assert_eq!(rest(Some(Duration::ZERO), second), Duration::ZERO);
        assert_eq!(rest(Some(Duration::from_millis(1_999)), first), Duration::from_millis(1_999));
        assert_eq!(rest(Some(Duration::from_secs(3_600)), first), Duration::from_secs(2));
    }
}
