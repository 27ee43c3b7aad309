use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::Html,
    routing::get,
};
use reqwest::Url;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::http;

/// How long somebody may take to agree.
const PATIENCE: Duration = Duration::from_mins(10);
/// What the program wants to do: see when people are busy, write its own events, and keep a sheet of
/// leads.
const SCOPES: [&str; 3] = [
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.freebusy",
    "https://www.googleapis.com/auth/spreadsheets",
];

const CONNECT: &str = "connect with Google";

/// Asks somebody at a browser on this machine whether the program may act for them.
///
/// Wire facts: "OAuth 2.0 for iOS & Desktop Apps" of Google Identity, with a loopback address; RFC
/// 7636 for the proof that the answer is the one to our question.
pub struct GoogleConsent {
    listener: TcpListener,
    url: Url,
    state: String,
    verifier: Secret,
    client: (String, Secret),
    token_page: Url,
}

#[derive(Deserialize)]
struct Granted {
    refresh_token: Option<Secret>,
}

/// What Google sends the browser back with.
#[derive(Deserialize)]
struct Back {
    state: Option<String>,
    code: Option<Secret>,
}

impl GoogleConsent {
    /// Where people are asked.
    pub const PAGE: &str = "https://accounts.google.com/o/oauth2/v2/auth";

    /// Prepares the question of a program, as it is registered: identifier and secret.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when an address is none, or nothing can be listened to on this machine.
    pub async fn open(
        (client_id, client_secret): (&str, Secret),
        (page, token_page): (&str, &str),
    ) -> Result<Self> {
        let no_address = |_| Error::config("that is no address of a service");
        let local =
            |cause| Error::config("nothing can be listened to on this machine").with_source(cause);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(local)?;
        let port = listener.local_addr().map_err(local)?.port();
        let (state, verifier) = (random()?, random()?);
        let challenge = base64_simd::URL_SAFE_NO_PAD.encode_to_string(Sha256::digest(&verifier));
        let mut url = Url::parse(page).map_err(no_address)?;
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &redirect(port))
            .append_pair("response_type", "code")
            .append_pair("scope", &SCOPES.join(" "))
            // Without these two there is no lasting token.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent")
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let token_page = Url::parse(token_page).map_err(no_address)?;
        let client = (client_id.to_owned(), client_secret);
        Ok(Self { listener, url, state, verifier: Secret::new(verifier), client, token_page })
    }

    /// The address at which somebody agrees.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Waits until somebody has agreed, and gives the token by which the program acts for them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] after ten minutes, [`ErrorKind::Unauthorized`] when they did not agree,
    /// and when Google does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up; nothing is kept.
    pub async fn finish(self) -> Result<Secret> {
        let Self { listener, url: _, state, verifier, client, token_page } = self;
        let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();
        // One answer is enough.
        let (answers, mut answered) = mpsc::channel(1);
        let routes =
            Router::new().route("/", get(back)).with_state(Arc::new((Secret::new(state), answers)));
        let answer = tokio::select! {
            served = axum::serve(listener, routes).into_future() => {
                let lost = Error::new(ErrorKind::Disconnected, CONNECT, "nobody listens any more");
                return Err(served.err().map_or(lost, |cause| {
                    Error::new(ErrorKind::Disconnected, CONNECT, "nobody listens any more")
                        .with_source(cause)
                }));
            }
            answer = timeout(PATIENCE, answered.recv()) => answer,
        };
        let code = answer
            .map_err(|_| Error::new(ErrorKind::Timeout, CONNECT, "nobody agreed in ten minutes"))?
            .flatten()
            .ok_or_else(|| Error::new(ErrorKind::Unauthorized, CONNECT, "they did not agree"))?;
        let (client_id, client_secret) = client;
        let redirect = redirect(port);
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client_id),
            ("client_secret", client_secret.expose()),
            ("redirect_uri", &redirect),
            ("code", code.expose()),
            ("code_verifier", verifier.expose()),
        ];
        let answer = http::ask(CONNECT, http::client()?.post(token_page).form(&form)).await?;
        if !answer.status().is_success() {
            let why = "Google does not accept the keys of this program";
            return Err(Error::new(ErrorKind::Unauthorized, CONNECT, why));
        }
        let Granted { refresh_token } = http::json(CONNECT, answer).await?;
        refresh_token.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, CONNECT, "Google gave no token that lasts")
        })
    }
}

async fn back(
    State(question): State<Arc<(Secret, mpsc::Sender<Option<Secret>>)>>,
    Query(Back { state, code }): Query<Back>,
) -> (StatusCode, Html<&'static str>) {
    let (asked, answers) = &*question;
    // Other pages may lead a browser here, too.
    if state.as_deref() != Some(asked.expose()) {
        return (StatusCode::FORBIDDEN, Html("<p>That is no answer to our question.</p>"));
    }
    let is_agreed = code.is_some();
    // Whoever comes second is too late.
    let _ = answers.try_send(code);
    let page = if is_agreed {
        "<p>Thank you. You can close this page.</p>"
    } else {
        "<p>Nothing was connected. You can close this page.</p>"
    };
    (StatusCode::OK, Html(page))
}

fn redirect(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// 256 bits that nobody guesses.
fn random() -> Result<String> {
    let mut random = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| Error::new(ErrorKind::Overloaded, CONNECT, "the system has no randomness"))?;
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(random))
}

impl fmt::Debug for GoogleConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleConsent").field("page", &self.url.host_str()).finish_non_exhaustive()
    }
}
