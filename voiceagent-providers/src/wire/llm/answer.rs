use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use voiceagent_core::{
    Error, ErrorKind, Result,
    llm::{LlmEvent, RateLimits},
};

/// How long the vendor may take, once the answer is complete, to say what it cost.
const GRACE: Duration = Duration::from_millis(500);

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

/// What an answer comes from. Dropping it ends the request.
pub(crate) trait Source: Send + 'static {
    /// Takes in what comes next; false at the end.
    ///
    /// # Errors
    ///
    /// When the connection is lost, and [`ErrorKind::Protocol`] for an event that is too large.
    fn read(&mut self) -> impl Future<Output = Result<bool>> + Send;

    /// The data of the next event that has come in.
    fn poll(&mut self) -> Option<String>;

    /// Leaves the connection to the next answer, because this one is complete.
    fn release(&mut self) -> impl Future<Output = ()> + Send;

    /// What the vendor said before the answer of the rates that it grants.
    fn limits(&self) -> Option<RateLimits> {
        None
    }
}

/// An answer while it comes in. Dropping it ends the request.
pub(crate) struct Answer<S, C> {
    source: S,
    codec: C,
    /// When the next progress must have been made.
    deadline: Instant,
    idle: Duration,
    begun: bool,
    /// How the response ended, once it did; the error is taken out when it is told.
    ended: Option<Result<()>>,
}

impl<S: Source, C: Codec> Answer<S, C> {
    /// An answer that must begin by `first` and may then pause for `idle`.
    pub(crate) fn new(source: S, codec: C, first: Instant, idle: Duration) -> Self {
        Self { source, codec, deadline: first, idle, begun: false, ended: None }
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

    /// Takes in what comes next. Says how the response ended, if it did.
    async fn read(&mut self) -> Option<Result<()>> {
        let lost = match timeout_at(self.deadline, self.source.read()).await {
            Ok(Ok(true)) => match self.understand() {
                Ok(()) if self.codec.is_done() => {
                    let ended = self.codec.end();
                    self.source.release().await;
                    return Some(ended);
                }
                Ok(()) => return None,
                Err(error) => error,
            },
            Ok(Ok(false)) => return Some(self.codec.end()),
            Ok(Err(lost)) => lost,
            Err(_) if self.begun => {
                Error::new(ErrorKind::Stalled, "generate", "the answer does not go on")
            }
            Err(_) => too_late(),
        };
        // An answer that is complete needs nothing that may still go wrong.
        Some(if self.codec.is_finished() { self.codec.end() } else { Err(lost) })
    }

    fn understand(&mut self) -> Result<()> {
        let mut progress = false;
        while let Some(data) = self.source.poll() {
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
