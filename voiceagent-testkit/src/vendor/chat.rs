//! A scripted server of language models, in the protocols of several vendors.
//!
//! ```
//! use std::time::Duration;
//! use voiceagent_testkit::vendor::chat::{ChatVendor, Dialect, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let vendor = ChatVendor::start(Dialect::OpenAi, |request| {
//!     let said = request.last_user_text().unwrap_or_default();
//!     Reply::text(&format!("You said {said}.")).first_token(Duration::from_millis(200))
//! })
//! .await;
//! assert!(vendor.url().ends_with("/v1"));
//! # }
//! ```

mod anthropic;
mod connection;
mod dialect;
mod gemini;
mod openai;
mod reply;
mod request;
mod responses;
mod socket;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

pub use dialect::Dialect;
pub use reply::Reply;
pub use request::{ChatMessage, ChatRequest, ChatToolCall};

type Script = Box<dyn Fn(&ChatRequest) -> Reply + Send + Sync>;

/// A server on loopback that answers by a script, and refuses what the real one refuses.
///
/// It serves streamed answers, those of [`Dialect::OpenAiResponses`] also over a WebSocket, and the
/// list of models (`GET` and `HEAD`) and each of them, with keep-alive. Dropping
/// it ends every connection.
pub struct ChatVendor {
    url: String,
    shared: Arc<Shared>,
    /// The acceptor, which owns the connections.
    _server: JoinSet<()>,
}

/// What the server's connections share with its handle.
pub(crate) struct Shared {
    pub(crate) dialect: Dialect,
    script: Script,
    requests: Mutex<Vec<ChatRequest>>,
    /// Answers that the client wanted stored, with the conversations that they end.
    stored: Mutex<HashMap<String, Vec<ChatMessage>>>,
    /// The day on which its models end.
    ends: Mutex<Option<String>>,
    refused: AtomicUsize,
    accepted: AtomicUsize,
    open: AtomicUsize,
    aborted: AtomicUsize,
    changed: Notify,
}

impl ChatVendor {
    /// Starts a server that asks `script` what to answer.
    ///
    /// # Panics
    ///
    /// When loopback has no free port.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn start(
        dialect: Dialect,
        script: impl Fn(&ChatRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            dialect,
            script: Box::new(script),
            requests: Mutex::default(),
            stored: Mutex::default(),
            ends: Mutex::default(),
            refused: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            aborted: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Self { url: format!("http://{address}{}", dialect.root()), shared, _server: server }
    }

    /// Forgets all answers that it has stored.
    pub fn forget(&self) {
        self.shared.stored.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Starts a server that gives one reply after the other, and the last one again and again.
    ///
    /// # Panics
    ///
    /// When there is no reply, or loopback has no free port.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts no server, or ends it.
    pub async fn replying(dialect: Dialect, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<_> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a script needs a reply");
        let next = AtomicUsize::new(0);
        Self::start(dialect, move |_| {
            let at = next.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1);
            replies[at].clone()
        })
        .await
    }

    /// Announces that its models end on a day, such as `2027-01-14`. Nobody learns it from Google.
    pub fn announce_end(&self, day: &str) {
        *self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner) = Some(day.to_owned());
    }

    /// The base URL, up to and with the version, such as `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The chat requests that were understood, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.shared.requests().clone()
    }

    /// How many requests were refused because the real server would.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// How many connections were ever opened.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// How many answers the client gave up before they were complete.
    #[must_use]
    pub fn aborted(&self) -> usize {
        self.shared.aborted.load(Ordering::SeqCst)
    }

    /// Waits until `reached` holds. It is asked again whenever a request or connection comes or
    /// goes.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn until(&self, reached: impl Fn(&Self) -> bool + Send + Sync) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if reached(self) {
                return;
            }
            changed.await;
        }
    }
}

impl fmt::Debug for ChatVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatVendor").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Shared {
    /// What a request is answered with, and its number, from 1.
    pub(crate) fn reply(&self, request: ChatRequest) -> (Reply, usize) {
        let reply = (self.script)(&request);
        let mut requests = self.requests();
        requests.push(request);
        self.changed.notify_waiters();
        (reply, requests.len())
    }

    /// The day on which the models end.
    pub(crate) fn ends(&self) -> Option<String> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The conversation that a stored answer ends.
    pub(crate) fn stored(&self, answer: &str) -> Option<Vec<ChatMessage>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).get(answer).cloned()
    }

    pub(crate) fn store(&self, answer: String, conversation: Vec<ChatMessage>) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.insert(answer, conversation);
    }

    pub(crate) fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    pub(crate) fn note_aborted(&self) {
        self.aborted.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<ChatRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        shared.open.fetch_add(1, Ordering::SeqCst);
        shared.changed.notify_waiters();
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone before it is accepted is no loss.
                let Ok((stream, _)) = accepted else { continue };
                let counted = Counted::new(Arc::clone(&shared));
                connections.spawn(async move {
                    let _ = connection::serve(stream, &counted.0).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
