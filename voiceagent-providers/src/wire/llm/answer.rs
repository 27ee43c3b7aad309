use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};
use voiceagent_core::{Error, ErrorKind, Result, llm::LlmEvent};

use crate::wire::{http, sse::SseParser};

/// The largest event that is taken. A chunk is a few hundred bytes; servers that send a tool call
/// as a whole need more.
pub(super) const MAX_EVENT: usize = 1 << 20;

/// How long the vendor may take, once the answer is complete, to say what it cost.
const GRACE: Duration = Duration::from_millis(500);

/// How long the end of a response may lag behind its last event. A response that is read to its
/// end leaves its connection open for the next one.
const DRAIN: Duration = Duration::from_millis(10);

/// Makes our events of a vendor's: pure, so that every oddity can be tried.
pub(crate) trait Codec: Send + 'static {
    /// Takes the data of one server-sent event, and says whether the answer has made progress.
    ///
    /// # Errors
    ///
    /// When the vendor reports one, and [`ErrorKind::Protocol`] for what is none of the protocol's
    /// (without it, the rest would be another answer) and for an answer that does not end.
    fn handle(&mut self, data: &str) -> Result<bool>;

    /// The next event.
    fn poll(&mut self) -> Option<LlmEvent>;

    /// Whether the vendor has said all but what the answer cost.
    fn is_finished(&self) -> bool;

    /// Whether nothing more will come.
    fn is_done(&self) -> bool;

    /// Closes the answer, because the stream has ended or nothing more of it is awaited.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] when the answer was cut off, [`ErrorKind::Protocol`] when a tool
    /// call makes no sense.
    fn end(&mut self) -> Result<()>;
}

/// An answer while it comes in. Dropping it ends the request.
pub(crate) struct Answer<C> {
    response: Response,
    parser: SseParser,
    codec: C,
    /// When the next progress must have been made.
    deadline: Instant,
    idle: Duration,
    begun: bool,
    /// How the response ended, once it did; the error is taken out when it is told.
    ended: Option<Result<()>>,
}

impl<C: Codec> Answer<C> {
    /// An answer that must begin by `first` and may then pause for `idle`.
    pub(crate) fn new(response: Response, codec: C, first: Instant, idle: Duration) -> Self {
        let parser = SseParser::new(MAX_EVENT);
        Self { response, parser, codec, deadline: first, idle, begun: false, ended: None }
    }

    /// The next event; `None` after the last one or after an error.
    pub(crate) async fn next(&mut self) -> Option<Result<LlmEvent>> {
        loop {
            if let Some(event) = self.codec.poll() {
                return Some(Ok(event));
            }
            match self.ended.replace(Ok(())) {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(())) => return None,
                None => self.ended = self.read().await,
            }
        }
    }

    /// Takes in the next bytes. Says how the response ended, if it did.
    async fn read(&mut self) -> Option<Result<()>> {
        let lost = match timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => match self.understand(&bytes) {
                Ok(()) if self.codec.is_done() => {
                    // What the connection does from here on is of no concern to the answer.
                    let _ = timeout(DRAIN, self.response.chunk()).await;
                    return Some(self.codec.end());
                }
                Ok(()) => return None,
                Err(error) => error,
            },
            Ok(Ok(None)) => return Some(self.codec.end()),
            Ok(Err(lost)) => http::unanswered(lost, "generate"),
            Err(_) if self.begun => {
                Error::new(ErrorKind::Stalled, "generate", "the answer does not go on")
            }
            Err(_) => too_late(),
        };
        // An answer that is complete needs nothing that may still go wrong.
        Some(if self.codec.is_finished() { self.codec.end() } else { Err(lost) })
    }

    fn understand(&mut self, bytes: &[u8]) -> Result<()> {
        let mut progress = false;
        self.parser.feed(bytes)?;
        while let Some(data) = self.parser.poll() {
            progress |= self.codec.handle(&data)?;
        }
        if progress {
            self.begun = true;
            let patience = if self.codec.is_finished() { GRACE } else { self.idle };
            self.deadline = Instant::now() + patience;
        }
        Ok(())
    }
}

/// The error of an answer that did not begin in time.
pub(crate) fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "generate", "no first token in time")
}

/// The error of an answer whose vendor does not say that it is complete.
pub(crate) fn cut_off() -> Error {
    Error::new(ErrorKind::Disconnected, "generate", "the answer was cut off")
}

/// The error of an event that is none of the protocol's.
pub(crate) fn malformed() -> Error {
    Error::new(ErrorKind::Protocol, "generate", "a chunk is malformed")
}
