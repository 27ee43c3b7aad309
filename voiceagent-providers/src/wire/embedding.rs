//! What the vendors of embeddings have in common.

use std::{sync::Arc, time::Duration};

use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result};

use super::http::{Refusal, unanswered};

/// The largest answer that is read: the vendors' largest requests stay well below.
const LARGEST: usize = 64 << 20;

/// What an embedder asks for when a text is empty, which vendors refuse.
const EMPTY: &str = " ";

/// The texts of one request, none of which is empty.
pub(crate) fn contents(texts: &[Arc<str>]) -> Vec<&str> {
    texts.iter().map(|text| if text.is_empty() { EMPTY } else { text }).collect()
}

/// Sends a request and reads its answer.
///
/// # Errors
///
/// `Timeout` after `limit`, the kind of the refusal, and `Protocol` for an answer that cannot be
/// read; none of them repeats a text.
pub(crate) async fn ask<T: DeserializeOwned>(
    request: RequestBuilder,
    body: Vec<u8>,
    limit: Duration,
) -> Result<T> {
    let late = || Error::new(ErrorKind::Timeout, "embed", "the vendor did not answer in time");
    let asked = async {
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut response = request.send().await.map_err(|error| unanswered(error, "embed"))?;
        if !response.status().is_success() {
            return Err(Refusal::read(response).await.into_error("embed"));
        }
        let mut answer = Vec::new();
        while let Some(piece) =
            response.chunk().await.map_err(|error| unanswered(error, "embed"))?
        {
            if answer.len() + piece.len() > LARGEST {
                return Err(unreadable("too large"));
            }
            answer.extend_from_slice(&piece);
        }
        serde_json::from_slice(&answer).map_err(|_| unreadable("none of the protocol's"))
    };
    timeout(limit, asked).await.unwrap_or_else(|_| Err(late()))
}

/// The error of an answer that makes no sense.
pub(crate) fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Protocol, "embed", format!("the answer is {why}"))
}
