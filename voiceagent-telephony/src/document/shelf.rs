use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response as HttpResponse},
    routing::any,
};
use tokio::time::Instant;
use voiceagent_core::{Error, Result};

use super::{Language, Response};
use crate::random::random_name;

/// How long a document may be fetched. A carrier comes at once, or when a phone is answered.
const LIFETIME: Duration = Duration::from_secs(300);

/// Documents that are kept at once. One has some 500 bytes.
const CAPACITY: usize = 4_096;

/// Where carriers fetch documents that they do not take in a request: SignalWire's and Plivo's.
///
/// The address of a document holds 128 random bits, and is good for five minutes.
///
/// ```
/// use voiceagent_telephony::document::{Language, Response, Shelf, Verb};
///
/// let shelf = Shelf::new("https://agent.example.com", "/documents")?;
/// let app: axum::Router = shelf.router();
/// let address = shelf.put(&Response::new().with(Verb::Hangup), Language::Cxml)?;
/// assert!(address.starts_with("https://agent.example.com/documents/"));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Shelf {
    held: Arc<Mutex<VecDeque<Kept>>>,
    base: String,
    path: String,
}

struct Kept {
    name: String,
    document: String,
    language: Language,
    until: Instant,
}

impl Shelf {
    /// Makes an empty shelf, below this path of the public address of the server.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the path does not begin with `/`, or
    /// the address is none.
    pub fn new(public_url: &str, path: &str) -> Result<Self> {
        if !path.starts_with('/') || path.contains(['{', '?', '#']) {
            return Err(Error::config("path: it begins with / and is fixed"));
        }
        if !public_url.starts_with("https://") && !public_url.starts_with("http://") {
            return Err(Error::config("public_url: an https:// address"));
        }
        let path = path.trim_end_matches('/').to_owned();
        let base = format!("{}{path}", public_url.trim_end_matches('/'));
        Ok(Self { held: Arc::default(), base, path })
    }

    /// Keeps a document, and gives its address.
    ///
    /// # Errors
    ///
    /// When the language has no word for one of the verbs, or the system has no randomness.
    pub fn put(&self, document: &Response, language: Language) -> Result<String> {
        let document = document.write(language)?;
        let name = random_name("keep a document")?;
        let address = format!("{}/{name}", self.base);
        let now = Instant::now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|kept| kept.until > now);
        if held.len() >= CAPACITY {
            held.pop_front();
        }
        held.push_back(Kept { name, document, language, until: now + LIFETIME });
        Ok(address)
    }

    /// The route from which carriers fetch.
    pub fn router(&self) -> Router {
        let path = format!("{}/{{name}}", self.path);
        Router::new().route(&path, any(fetch)).with_state(self.clone())
    }
}

async fn fetch(State(shelf): State<Shelf>, Path(name): Path<String>) -> HttpResponse {
    let now = Instant::now();
    let held = shelf.held.lock().unwrap_or_else(PoisonError::into_inner);
    // A carrier that has lost the answer comes again, so that documents stay.
    match held.iter().find(|kept| kept.name == name && kept.until > now) {
        Some(kept) => {
            ([(CONTENT_TYPE, kept.language.content_type())], kept.document.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("base", &self.base).finish_non_exhaustive()
    }
}
