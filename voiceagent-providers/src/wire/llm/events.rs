use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;
use voiceagent_core::{Result, llm::RateLimits};

use super::answer::Source;
use crate::wire::{http, limits::rate_limits, sse::SseParser};

/// The largest event that is taken. A chunk is a few hundred bytes; servers that send a tool call
/// as a whole, or repeat the request, need more.
pub(super) const MAX_EVENT: usize = 1 << 20;

/// How long the end of a response may lag behind its last event. A response that is read to its
/// end leaves its connection open for the next one.
const DRAIN: Duration = Duration::from_millis(10);

/// The server-sent events of a response.
pub(crate) struct Events {
    response: Response,
    parser: SseParser,
    limits: Option<RateLimits>,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        let limits = rate_limits(response.headers());
        Self { response, parser: SseParser::new(MAX_EVENT), limits }
    }
}

impl Source for Events {
    async fn read(&mut self) -> Result<bool> {
        match self.response.chunk().await {
            Ok(Some(bytes)) => self.parser.feed(&bytes).map(|()| true),
            Ok(None) => Ok(false),
            Err(lost) => Err(http::unanswered(lost, "generate")),
        }
    }

    fn poll(&mut self) -> Option<String> {
        self.parser.poll()
    }

    fn limits(&self) -> Option<RateLimits> {
        self.limits
    }

    async fn release(&mut self) {
        // What the connection does from here on is of no concern to the answer.
        let _ = timeout(DRAIN, self.response.chunk()).await;
    }
}
