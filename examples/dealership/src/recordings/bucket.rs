use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use reqwest::{Client, Method, Response, Url, header};
use rusty_s3::{Bucket as Place, Credentials, S3Action, UrlStyle, actions::ListObjectsV2};
use tokio::task::spawn_blocking;
use voiceagent_core::{Error, ErrorKind, Result};

use crate::{
    call_files::{is_of, stem},
    config::BucketConfig,
};

/// How long a signature is good: a request is sent at once.
const SIGNED: Duration = Duration::from_secs(5 * 60);
/// How long a request that moves no sound may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long sound may be on its way: an hour of it is 115 MB.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// So much of a file is in memory at a time.
const PIECE: usize = 64 * 1024;
/// How their names end.
const EXTENSION: &str = ".wav";

/// Recordings in a bucket of a store that speaks S3. Requests are signed by Signature Version 4 in
/// their addresses
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
#[derive(Clone)]
pub(crate) struct Bucket {
    client: Client,
    place: Place,
    credentials: Credentials,
    prefix: String,
}

/// A recording as it is read, piece by piece.
pub(crate) struct Body {
    /// How long it is, where that is known.
    pub(crate) length: Option<u64>,
    /// Its bytes.
    pub(crate) pieces: BoxStream<'static, io::Result<Bytes>>,
}

/// A recording in the bucket.
struct Kept {
    /// Without the prefix.
    name: String,
    written: Option<Timestamp>,
}

impl Bucket {
    /// The bucket that the configuration names. Nobody is connected to.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when there can be none of that name or address.
    pub(crate) fn open(config: &BucketConfig) -> Result<Self> {
        let wrong =
            |field: &str| Error::config(format!("field `recordings.bucket.{field}` is wrong"));
        let url: Url = config.url.parse().map_err(|cause| wrong("url").with_source(cause))?;
        let region = match config.region.trim() {
            "" => "us-east-1",
            region => region,
        };
        let (name, region) = (config.name.clone(), region.to_owned());
        let place = Place::new(url, UrlStyle::Path, name, region)
            .map_err(|cause| wrong("url").with_source(cause))?;
        // Whoever installed a provider before has the same one; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .build()
            .map_err(|cause| Error::config("no requests can be made").with_source(cause))?;
        let credentials = Credentials::new(config.key.clone(), config.secret.expose().to_owned());
        Ok(Self { client, place, credentials, prefix: config.prefix.clone() })
    }

    /// Brings a file to the bucket.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the bucket does not say that it has it.
    ///
    /// # Cancel safety
    ///
    /// A file whose future is dropped is there or not; it may be brought again.
    pub(crate) async fn put(&self, file: &Path) -> Result<()> {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key = self.key(name);
        let url = self.place.put_object(Some(&self.credentials), &key).sign(SIGNED);
        let Body { length, pieces } = Body::file(file).await?;
        let request = self
            .client
            .put(url)
            .timeout(LONGEST)
            .header(header::CONTENT_TYPE, "audio/wav")
            .header(header::CONTENT_LENGTH, length.unwrap_or_default())
            .body(reqwest::Body::wrap_stream(pieces));
        answered("put a recording", request.send().await).map(drop)
    }

    /// Reads a recording by its name.
    pub(crate) async fn get(&self, name: &str) -> Result<Body> {
        let key = self.key(name);
        let url = self.place.get_object(Some(&self.credentials), &key).sign(SIGNED);
        let asked = self.client.get(url).timeout(LONGEST).send().await;
        let response = answered("get a recording", asked)?;
        let length = response.content_length();
        let pieces = response.bytes_stream().map(|piece| piece.map_err(io::Error::other)).boxed();
        Ok(Body { length, pieces })
    }

    /// The names of the recordings of these calls.
    pub(crate) async fn names(&self, calls: &[String]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for call in calls {
            let stem = stem(call);
            let kept = self.list(&stem).await?;
            names.extend(kept.into_iter().map(|kept| kept.name).filter(|name| {
                name.strip_suffix(EXTENSION).is_some_and(|name| is_of(name, &stem))
            }));
        }
        Ok(names)
    }

    /// Deletes the recordings of these calls. Returns how many there were.
    pub(crate) async fn remove(&self, calls: &[String]) -> Result<u64> {
        let names = self.names(calls).await?;
        for name in &names {
            self.delete(name).await?;
        }
        Ok(names.len() as u64)
    }

    /// Deletes the recordings that were brought before then. Returns how many there were.
    pub(crate) async fn remove_older(&self, before: Timestamp) -> Result<u64> {
        let mut count = 0;
        for kept in self.list("").await? {
            let is_ours = kept.name.ends_with(EXTENSION);
            if is_ours && kept.written.is_some_and(|written| written < before) {
                self.delete(&kept.name).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let key = self.key(name);
        let url = self.place.delete_object(Some(&self.credentials), &key).sign(SIGNED);
        let asked = self.client.request(Method::DELETE, url).timeout(PATIENCE).send().await;
        answered("delete a recording", asked).map(drop)
    }

    /// What lies in the bucket under names that begin like this, page by page.
    async fn list(&self, beginning: &str) -> Result<Vec<Kept>> {
        const OPERATION: &str = "list recordings";
        let mut found = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let mut action = self.place.list_objects_v2(Some(&self.credentials));
            action.with_prefix(self.key(beginning));
            if let Some(token) = page.take() {
                action.with_continuation_token(token);
            }
            let asked = self.client.get(action.sign(SIGNED)).timeout(PATIENCE).send().await;
            let text = answered(OPERATION, asked)?.text().await;
            let text = text.map_err(|cause| unreached(OPERATION, cause))?;
            let listed = ListObjectsV2::parse_response(&text).map_err(|cause| {
                Error::new(ErrorKind::Protocol, OPERATION, "what the bucket holds cannot be read")
                    .with_source(cause)
            })?;
            found.extend(listed.contents.into_iter().filter_map(|one| {
                let name = one.key.strip_prefix(&self.prefix)?.to_owned();
                Some(Kept { name, written: one.last_modified.and_then(|at| at.parse().ok()) })
            }));
            match listed.next_continuation_token {
                Some(token) => page = Some(token),
                None => return Ok(found),
            }
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Body {
    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) async fn file(file: &Path) -> Result<Self> {
        let unread = |cause| {
            Error::new(ErrorKind::Closed, "read a recording", "it cannot be read")
                .with_source(cause)
        };
        let file = file.to_owned();
        let open = move || {
            let opened = File::open(file)?;
            let length = opened.metadata()?.len();
            Ok((opened, length))
        };
        let (opened, length) = beside(open).await.map_err(unread)?;
        let pieces = stream::try_unfold(opened, |mut opened| {
            beside(move || {
                let mut piece = vec![0; PIECE];
                let read = opened.read(&mut piece)?;
                piece.truncate(read);
                Ok((read > 0).then(|| (Bytes::from(piece), opened)))
            })
        });
        Ok(Self { length: Some(length), pieces: pieces.boxed() })
    }
}

/// Does what may wait for a disk on a thread of its own.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // A thread that broke, or was not begun because the program ends.
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The answer of the bucket, if it did what was asked. Its address holds the signature, and is told
/// to nobody.
fn answered(operation: &'static str, answer: reqwest::Result<Response>) -> Result<Response> {
    let response = answer.map_err(|cause| unreached(operation, cause))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let kind = ErrorKind::from_http_status(status.as_u16());
    Err(Error::new(kind, operation, format!("the bucket answers {status}")))
}

fn unreached(operation: &'static str, cause: reqwest::Error) -> Error {
    let kind = if cause.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
    Error::new(kind, operation, "the bucket does not answer").with_source(cause.without_url())
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.place.name()).finish_non_exhaustive()
    }
}
