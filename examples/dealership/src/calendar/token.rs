use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use tokio::{sync::Mutex as Turn, time::Instant};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::http;

/// A token is renewed when so little is left of it.
const EARLY: Duration = Duration::from_mins(5);
/// With so little left it may end on its way.
const LATE: Duration = Duration::from_secs(30);

/// By what Google lets a program act for somebody: "Using OAuth 2.0 for Web Server Applications".
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct GoogleKeys {
    /// The program, as it is registered.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// What somebody gave the program when they agreed.
    pub refresh_token: Secret,
}

/// The access token of requests to Google, renewed before it ends.
///
/// However many requests want a new one, one is asked for. As long as the last one is good, nobody
/// waits for the next, and it does not matter if there is none. How long it is good is measured from
/// when it came: a clock that is wrong does not matter either.
pub struct GoogleAccess {
    http: Client,
    page: Url,
    keys: GoogleKeys,
    last: Mutex<Option<(Secret, Instant)>>,
    turn: Turn<()>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    /// In seconds.
    expires_in: u64,
}

impl GoogleAccess {
    /// Where tokens are given out.
    pub const PAGE: &str = "https://oauth2.googleapis.com/token";

    /// Access by these keys, at this address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the address is none, or the TLS of this machine cannot be used.
    pub fn new(keys: GoogleKeys, page: &str) -> Result<Self> {
        let page =
            Url::parse(page).map_err(|_| Error::config("that is no address of a service"))?;
        Ok(Self {
            http: http::client()?,
            page,
            keys,
            last: Mutex::default(),
            turn: Turn::default(),
        })
    }

    /// A token that is good for half a minute at least.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] when the keys are not good any more, or when there is none and
    /// none can be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request for a new one; whoever comes next asks again.
    pub async fn token(&self) -> Result<Secret> {
        if let Some(token) = self.with_left(EARLY) {
            return Ok(token);
        }
        let turn = match (self.turn.try_lock(), self.with_left(LATE)) {
            (Ok(turn), _) => turn,
            // Somebody asks for the next one already.
            (Err(_), Some(token)) => return Ok(token),
            (Err(_), None) => self.turn.lock().await,
        };
        if let Some(token) = self.with_left(EARLY) {
            return Ok(token);
        }
        let renewed = self.renew().await;
        drop(turn);
        match (renewed, self.with_left(LATE)) {
            (Err(error), Some(token)) => {
                tracing::warn!(%error, "an access token could not be renewed yet");
                Ok(token)
            }
            (renewed, _) => renewed,
        }
    }

    /// Lets nobody use a token any more that was refused.
    pub fn forget(&self, refused: &Secret) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|(token, _)| token == refused) {
            *last = None;
        }
    }

    fn with_left(&self, left: Duration) -> Option<Secret> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .filter(|(_, until)| Instant::now() + left < *until)
            .map(|(token, _)| token.clone())
    }

    async fn renew(&self) -> Result<Secret> {
        const OPERATION: &str = "authorize";
        let GoogleKeys { client_id, client_secret, refresh_token } = &self.keys;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
            ("refresh_token", refresh_token.expose()),
        ];
        let asked_at = Instant::now();
        let answer = http::ask(OPERATION, self.http.post(self.page.clone()).form(&form)).await?;
        match answer.status() {
            // What was agreed to was taken back, or has ended (RFC 6749, section 5.2).
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => Err(Error::new(
                ErrorKind::Unauthorized,
                OPERATION,
                "Google does not accept the keys any more; connect the calendar again",
            )),
            status if status.is_success() => {
                let Answer { access_token, expires_in } = http::json(OPERATION, answer).await?;
                // A day is longer than any token lives.
                let until = asked_at + Duration::from_secs(expires_in.min(86_400));
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some((access_token.clone(), until));
                Ok(access_token)
            }
            status => Err(http::refused(OPERATION, status)),
        }
    }
}

impl fmt::Debug for GoogleAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleAccess").field("page", &self.page.host_str()).finish_non_exhaustive()
    }
}
