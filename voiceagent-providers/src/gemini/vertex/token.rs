use std::time::Duration;

use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use crate::wire::{
    embedding::unreadable,
    http::{Refusal, unanswered},
    llm::client::{base_url, below},
};

/// Where a service account's token is, and the header without which it is not given out (Compute
/// Engine documentation, "Access tokens of a service account").
const PATH: [&str; 6] =
    ["computeMetadata", "v1", "instance", "service-accounts", "default", "token"];
const HEADER: (&str, &str) = ("metadata-flavor", "Google");

/// A token is renewed when so little is left of it: the metadata server gives out a new one in its
/// last five minutes only.
const LEFT: Duration = Duration::from_secs(60);

/// The access token of the embedder's requests.
pub(super) enum Token {
    /// As it was set.
    Fixed(Secret),
    /// From the metadata server. The lock is held while one is asked for, so that requests at the
    /// same time ask once.
    Renewed { page: Url, last: Mutex<Option<(Secret, Instant)>> },
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    /// In seconds.
    expires_in: u64,
}

impl Token {
    pub(super) fn new(fixed: Option<Secret>, metadata: &str) -> Result<Self> {
        if let Some(token) = fixed {
            return Ok(Self::Fixed(token));
        }
        let base = base_url(metadata, "http://metadata.google.internal").map_err(|_| {
            Error::config("field `metadata_url` is not a URL such as `http://169.254.169.254`")
        })?;
        Ok(Self::Renewed { page: below(&base, &PATH), last: Mutex::new(None) })
    }

    /// One that is good for a minute at least.
    pub(super) async fn get(&self, client: &Client, limit: Duration) -> Result<Secret> {
        let (page, last) = match self {
            Self::Fixed(token) => return Ok(token.clone()),
            Self::Renewed { page, last } => (page, last),
        };
        let late = || Error::new(ErrorKind::Timeout, "authorize", "no access token came in time");
        let renewed = async {
            let mut last = last.lock().await;
            if let Some((token, until)) = &*last
                && Instant::now() + LEFT < *until
            {
                return Ok(token.clone());
            }
            let (token, lasts) = ask(client, page).await?;
            *last = Some((token.clone(), Instant::now() + lasts));
            Ok(token)
        };
        timeout(limit, renewed).await.unwrap_or_else(|_| Err(late()))
    }
}

async fn ask(client: &Client, page: &Url) -> Result<(Secret, Duration)> {
    let asked = client.get(page.clone()).header(HEADER.0, HEADER.1).send().await;
    let response = asked.map_err(|error| unanswered(error, "authorize"))?;
    if !response.status().is_success() {
        return Err(Refusal::read(response).await.into_error("authorize"));
    }
    let answer = response.bytes().await.map_err(|error| unanswered(error, "authorize"))?;
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|_| unreadable("no access token"))?;
    // A day is longer than any token lives.
    Ok((answer.access_token, Duration::from_secs(answer.expires_in.min(86_400))))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::wire::http;

    /// A metadata server that gives out numbered tokens, each for so many seconds.
    async fn metadata(lasts: u64) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for number in 1.. {
                let (mut tcp, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    tcp.read_buf(&mut request).await.unwrap();
                }
                let request = String::from_utf8(request).unwrap();
                let asks = "GET /computeMetadata/v1/instance/service-accounts/default/token ";
                assert!(request.starts_with(asks), "{request}");
                assert!(request.contains("metadata-flavor: Google"), "{request}");
                let body = format!(
                    r#"{{"access_token":"t{number}","expires_in":{lasts},"token_type":"Bearer"}}"#
                );
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length";
                let answer = format!("{head}: {length}\r\n\r\n{body}");
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    async fn tokens(lasts: u64) -> [String; 2] {
        let token = Token::new(None, &metadata(lasts).await).unwrap();
        let client = http::client().unwrap().build().unwrap();
        let get = async || {
            let token = token.get(&client, Duration::from_secs(30)).await.unwrap();
            token.expose().to_owned()
        };
        [get().await, get().await]
    }

    #[tokio::test]
    async fn a_token_is_kept_until_it_is_about_to_end() {
        assert_eq!(tokens(3_599).await, ["t1", "t1"]);
        assert_eq!(tokens(30).await, ["t1", "t2"]);
    }
}
