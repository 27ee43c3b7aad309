//! Recordings against a store that speaks S3 and checks every signature.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use voiceagent_core::{ErrorKind, Secret, transport::Direction};

use super::*;
use crate::{config::BucketConfig, store::Ending};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What a store holds by its key: the bytes, and since when.
type Held = BTreeMap<String, (Vec<u8>, String)>;

/// A store in memory that does what Amazon's does with what is asked of it here.
#[derive(Clone, Default)]
struct FakeS3 {
    /// What lies in it, and since when.
    held: Arc<Mutex<Held>>,
    /// Whether it does nothing.
    is_down: Arc<Mutex<bool>>,
}

impl FakeS3 {
    async fn start() -> (Self, BucketConfig) {
        let fake = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let config = BucketConfig {
            url,
            name: "calls".to_owned(),
            region: "eu-central-1".to_owned(),
            prefix: "house/".to_owned(),
            key: KEY.to_owned(),
            secret: Secret::new(SECRET),
        };
        (fake, config)
    }

    fn names(&self) -> Vec<String> {
        self.held.lock().unwrap().keys().cloned().collect()
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature that a request must have, worked out anew from its parts: the four steps of
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
fn expected(method: &Method, path: &str, query: &str, host: &str) -> String {
    let mut parts: Vec<&str> = query.split('&').collect();
    parts.retain(|part| !part.starts_with("X-Amz-Signature="));
    parts.sort_unstable();
    let of = |name: &str| {
        let found = parts.iter().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().replace("%2F", "/")
    };
    let (date, credential) = (of("X-Amz-Date"), of("X-Amz-Credential"));
    let (key, scope) = credential.split_once('/').unwrap_or_default();
    if key != KEY || of("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" {
        return String::new();
    }
    let canonical =
        format!("{method}\n{path}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", parts.join("&"));
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let key =
        scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &to_sign))
}

async fn answer(State(fake): State<FakeS3>, request: Request) -> Response {
    if *fake.is_down.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let host = parts.headers[header::HOST].to_str().unwrap();
    let signature = query.split('&').find_map(|part| part.strip_prefix("X-Amz-Signature="));
    let due = expected(&parts.method, &path, &query, host);
    if signature != Some(&due) {
        return (StatusCode::FORBIDDEN, "SignatureDoesNotMatch").into_response();
    }
    let Some(key) = path.strip_prefix("/calls/").map(str::to_owned) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut held = fake.held.lock().unwrap();
    match parts.method {
        Method::PUT => {
            let length = parts.headers[header::CONTENT_LENGTH].to_str().unwrap();
            assert_eq!(length, body.len().to_string(), "S3 takes no body of unknown length");
            held.insert(key, (body.to_vec(), "2026-11-20T18:00:00.000Z".to_owned()));
            StatusCode::OK.into_response()
        }
        Method::DELETE => {
            held.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET if key.is_empty() => listing(&held, &query).into_response(),
        Method::GET => match held.get(&key) {
            Some((bytes, _)) => bytes.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// One name a page, so that every list is of several.
fn listing(held: &Held, query: &str) -> String {
    let of = |name: &str| {
        let found = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().replace("%2F", "/")
    };
    let (prefix, after) = (of("prefix"), of("continuation-token"));
    let mut rest = held.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
    let first = rest.next();
    let next = rest.next().and(first.map(|(key, _)| key));
    let token = next.map(|key| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
    let contents = first.map(|(key, (bytes, at))| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>\"e\"</ETag>\
             <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            bytes.len()
        )
    });
    format!(
        "<?xml version=\"1.0\"?>\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <MaxKeys>1</MaxKeys>{}{}</ListBucketResult>",
        contents.unwrap_or_default(),
        token.unwrap_or_default()
    )
}

fn now() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

struct Place {
    recordings: Recordings,
    store: Store,
    fake: FakeS3,
}

async fn place(name: &str) -> Place {
    let folder = std::env::temp_dir().join(format!("bucket-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (fake, bucket) = FakeS3::start().await;
    let config =
        RecordingsConfig { folder: Some(folder), bucket: Some(bucket), ..Default::default() };
    let recordings = Recordings::of(&config).unwrap().unwrap();
    Place { recordings, store: Store::fresh().await, fake }
}

impl Place {
    /// A call that is over and has left a file.
    async fn call(&self, call: &str, answer: Option<bool>) {
        self.store.begin_call(call, None, Direction::Inbound, now()).await.unwrap();
        if let Some(granted) = answer {
            self.store.note_recording(call, granted, now()).await.unwrap();
        }
        self.store.conclude(call, Ending::default(), now()).await.unwrap();
        fs::write(self.file(call), format!("sound of {call}")).unwrap();
    }

    fn file(&self, call: &str) -> PathBuf {
        self.recordings.folder().join(format!("{call}.wav"))
    }

    fn make_old(&self, call: &str) {
        let file = fs::File::options().write(true).open(self.file(call)).unwrap();
        file.set_modified(SystemTime::now() - 2 * AT_REST).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.recordings.folder());
    }
}

#[tokio::test]
async fn a_recording_goes_to_the_bucket_is_heard_from_there_and_goes_with_its_person() {
    let place = place("whole").await;
    for call in ["CA1", "CA12"] {
        place.call(call, None).await;
        place.recordings.settle(&place.store, &CallId::new(call)).await;
        assert!(!place.file(call).exists(), "the bucket has it");
    }
    assert_eq!(place.fake.names(), ["house/CA1.wav", "house/CA12.wav"]);
    let calls = ["CA1".to_owned()];
    assert_eq!(place.recordings.names(&calls).await.unwrap(), ["CA1.wav"]);
    let body = place.recordings.sound("CA1", "CA1.wav").await.unwrap().unwrap();
    assert_eq!(body.length, Some(12));
    let heard: Vec<_> = body.pieces.try_collect().await.unwrap();
    assert_eq!(heard.concat(), b"sound of CA1");
    let others = place.recordings.sound("CA1", "CA12.wav").await.unwrap();
    assert!(others.is_none(), "a name of another call opens nothing");
    assert_eq!(place.recordings.remove(&calls).await.unwrap(), 1);
    assert_eq!(place.fake.names(), ["house/CA12.wav"]);
}

#[tokio::test]
async fn what_a_bucket_does_not_take_waits_in_the_folder_and_is_brought_later() {
    let place = place("later").await;
    *place.fake.is_down.lock().unwrap() = true;
    for (call, said) in [("CA1", None), ("CA2", Some(false)), ("CA3", Some(true))] {
        place.call(call, said).await;
    }
    place.recordings.settle(&place.store, &CallId::new("CA1")).await;
    assert!(place.file("CA1").exists());
    *place.fake.is_down.lock().unwrap() = false;
    // The program died before it settled the others.
    ["CA1", "CA2", "CA3"].iter().for_each(|call| place.make_old(call));
    fs::write(place.file("CA4"), "of a call that goes on, or of another database").unwrap();
    let keep = Duration::from_secs(24 * 60 * 60);
    assert_eq!(place.recordings.look_after(&place.store, keep, now()).await, 0);
    assert_eq!(place.fake.names(), ["house/CA1.wav", "house/CA3.wav"], "nobody said no to these");
    assert!(!place.file("CA2").exists(), "what was refused is nowhere");
    assert!(place.file("CA4").exists());
}

#[tokio::test]
async fn what_is_too_old_goes_from_folder_and_bucket() {
    let place = place("old").await;
    place.call("CA1", None).await;
    place.recordings.settle(&place.store, &CallId::new("CA1")).await;
    let keep = Duration::from_secs(24 * 60 * 60);
    assert_eq!(place.recordings.look_after(&place.store, keep, now()).await, 0);
    let later = now() + SignedDuration::from_hours(48);
    assert_eq!(place.recordings.look_after(&place.store, keep, later).await, 1);
    assert!(place.fake.names().is_empty(), "a day is over");
    place.call("CA3", None).await;
    place.make_old("CA3");
    assert_eq!(place.recordings.look_after(&place.store, AT_REST, now()).await, 1);
    assert!(!place.file("CA3").exists());
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_told_without_it() {
    let (_fake, mut config) = FakeS3::start().await;
    config.secret = Secret::new("another");
    let bucket = Bucket::open(&config).unwrap();
    let error = bucket.names(&["CA1".to_owned()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let told = format!("{error:?} {bucket:?}");
    assert!(!told.contains("another") && !told.contains("X-Amz-Signature"), "{told}");
}

#[tokio::test]
async fn a_yes_does_not_bring_back_what_was_deleted() {
    let place = place("answers").await;
    place.call("CA1", None).await;
    let call = CallId::new("CA1");
    assert!(place.recordings.answer(&call, true).await);
    assert!(!place.recordings.answer(&call, false).await);
    assert!(!place.file("CA1").exists());
    assert!(!place.recordings.answer(&call, true).await);
}
