//! What the vendors of embeddings have in common.

use std::{iter, sync::Arc, time::Duration};

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

/// The texts of each request: at most so many, of at most so many bytes together. A text that is
/// larger than that by itself is a request by itself.
///
/// Vendors count tokens, which only they can. None has less than a byte, so that bytes never let
/// through what they refuse, in whatever language.
pub(crate) fn batches(
    texts: &[Arc<str>],
    count: usize,
    bytes: usize,
) -> impl Iterator<Item = &[Arc<str>]> {
    let mut rest = texts;
    iter::from_fn(move || {
        let mut size = 0_usize;
        let fits = rest.iter().take(count).take_while(|text| {
            size += text.len();
            size <= bytes
        });
        let (batch, more) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = more;
        (!batch.is_empty()).then_some(batch)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_no_more_texts_and_no_more_bytes_than_it_may() {
        let cut = |sizes: &[usize]| {
            let texts: Vec<Arc<str>> = sizes.iter().map(|size| "x".repeat(*size).into()).collect();
            batches(&texts, 3, 10).map(<[_]>::len).collect::<Vec<_>>()
        };
        for (sizes, expected) in [
            (&[][..], &[][..]),
            (&[1, 1, 1, 1], &[3, 1]),
            (&[5, 5, 5], &[2, 1]),
            (&[4, 4, 4, 0], &[2, 2]),
            (&[2, 50, 2, 8], &[1, 1, 2]),
            (&[50], &[1]),
        ] {
            assert_eq!(cut(sizes), expected, "{sizes:?}");
        }
    }
}
