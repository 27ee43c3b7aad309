use std::time::Duration;

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout},
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{Carrier, Closed, Dial, Recording, line::Request};
use crate::tone::silence;

/// A call that goes on. Dropping it cuts the connection.
///
/// All times count from the beginning of the call.
#[derive(Debug)]
pub struct PhoneCall {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
    carrier: Carrier,
    call: String,
    stream: String,
    began: Instant,
}

/// When something was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Spoken {
    /// When its first frame was sent.
    pub began: Duration,
    /// When its last frame had been sent.
    pub ended: Duration,
}

impl PhoneCall {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        task: JoinHandle<()>,
        carrier: Carrier,
        (call, stream): (String, String),
        began: Instant,
    ) -> Self {
        Self { requests, task, carrier, call, stream, began }
    }

    /// Calls the media socket at a `ws://` address, and sends these parameters along.
    ///
    /// # Errors
    ///
    /// As [`Dial::connect`], which has more settings.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn dial<N: Into<String>, V: Into<String>>(
        url: impl Into<String>,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        let dial = parameters
            .into_iter()
            .fold(Dial::to(url), |dial, (name, value)| dial.parameter(name, value));
        dial.connect().await
    }

    /// The carrier that the phone calls through.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The carrier's name for the call.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call
    }

    /// The carrier's name for the stream.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.stream
    }

    /// The time since the call began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says something after what is being said, in the carrier's format, and waits until it is out.
    ///
    /// # Errors
    ///
    /// When the connection ends first.
    ///
    /// # Cancel safety
    ///
    /// Once it is being said, it goes on when the future is dropped.
    pub async fn speak(&self, audio: impl Into<Bytes>) -> Result<Spoken> {
        let audio = audio.into();
        self.ask(|reply| Request::Speak { audio, reply: Some(reply) }).await
    }

    /// Says something after what is being said, and does not wait.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn begin_to_speak(&self, audio: impl Into<Bytes>) -> Result<()> {
        self.tell(Request::Speak { audio: audio.into(), reply: None }).await
    }

    /// Says nothing for some time.
    ///
    /// # Errors
    ///
    /// When the connection ends first.
    ///
    /// # Cancel safety
    ///
    /// As [`speak`](Self::speak).
    pub async fn silence(&self, duration: Duration) -> Result<Spoken> {
        self.speak(silence(self.carrier.format(), duration)).await
    }

    /// Presses a key.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn press(&self, key: char) -> Result<()> {
        self.tell(Request::Press(key)).await
    }

    /// Sends a text message as it is.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn send_raw(&self, text: impl Into<String>) -> Result<()> {
        self.tell(Request::Text(text.into())).await
    }

    /// Sends a binary message as it is.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn send_binary(&self, bytes: impl Into<Bytes>) -> Result<()> {
        self.tell(Request::Binary(bytes.into())).await
    }

    /// Reads nothing from the connection any more, while audio goes on being sent.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn stop_reading(&self) -> Result<()> {
        self.tell(Request::StopReading).await
    }

    /// Waits until the caller hears the agent, and returns when that was. When the caller hears it
    /// already, that is the next frame.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when it does not happen within `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait_until_agent_speaks(&self, within: Duration) -> Result<Duration> {
        let asked = self.ask(Request::AgentSpeaks);
        within_time(within, "the agent did not speak", asked).await
    }

    /// Waits until the caller has heard nothing for `quiet`, and returns when the last audible
    /// frame ended.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when it does not happen within `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait_until_agent_quiet(
        &self,
        quiet: Duration,
        within: Duration,
    ) -> Result<Duration> {
        let asked = self.ask(|reply| Request::AgentQuiet { quiet, reply });
        within_time(within, "the agent did not stop", asked).await
    }

    /// Waits until this many messages have arrived in all.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when it does not happen within `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait_for_messages(&self, count: usize, within: Duration) -> Result<()> {
        let asked = self.ask(|reply| Request::Messages { count, reply });
        within_time(within, "too few messages arrived", asked).await
    }

    /// Waits until the connection has ended, and returns when and how.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when it does not happen within `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait_until_closed(&self, within: Duration) -> Result<(Duration, Closed)> {
        let asked = self.ask(Request::Closed);
        within_time(within, "the connection did not end", asked).await
    }

    /// What happened so far.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn heard(&self) -> Result<Recording> {
        self.ask(Request::Heard).await
    }

    /// Hangs up as a carrier does, with a `stop` message, and returns what happened.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// The call may end or go on when the future is dropped; what happened can still be
    /// [`heard`](Self::heard) as long as it goes on.
    pub async fn hang_up(&self) -> Result<Recording> {
        self.ask(Request::HangUp).await
    }

    /// Closes the connection in good order, but without the `stop` message.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// The call may end or go on when the future is dropped; what happened can still be
    /// [`heard`](Self::heard) as long as it goes on.
    pub async fn close_without_stop(&self) -> Result<Recording> {
        self.ask(Request::CloseWithoutStop).await
    }

    /// Cuts the connection without a word, and returns what happened.
    ///
    /// # Errors
    ///
    /// When the line has ended.
    ///
    /// # Cancel safety
    ///
    /// The call may end or go on when the future is dropped; what happened can still be
    /// [`heard`](Self::heard) as long as it goes on.
    pub async fn drop_connection(&self) -> Result<Recording> {
        self.ask(Request::Drop).await
    }

    async fn tell(&self, request: Request) -> Result<()> {
        self.requests.send(request).await.map_err(|_| ended())
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await?;
        answer.await.map_err(|_| ended())
    }
}

impl Drop for PhoneCall {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn within_time<T>(
    within: Duration,
    otherwise: &'static str,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(within, answer)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "wait", otherwise)))
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "call", "the connection has ended")
}
