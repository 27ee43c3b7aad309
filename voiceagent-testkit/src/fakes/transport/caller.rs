use std::{fmt, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};
use voiceagent_core::transport::Outbound;

use super::{super::words::Words, far_end::FarEnd};

/// How often a waiting caller listens again: once for each frame.
const LISTEN: Duration = Duration::from_millis(20);

/// The person at the other end of a [`FakeLine`](super::FakeLine). A clone is the same person.
///
/// What the caller does before the line is open happens once it is. When the line has gone,
/// everything returns at once and does nothing.
#[derive(Clone)]
pub struct Caller {
    acts: mpsc::Sender<Act>,
    far_end: FarEnd,
    words: Words,
}

/// What a caller does.
#[derive(Debug)]
pub(super) enum Act {
    HangUp,
    Interrupt,
    LoseLine,
    Mute { duration: Duration, done: oneshot::Sender<()> },
    Pause { duration: Duration, done: oneshot::Sender<()> },
    Press(char),
    Speak { text: String, duration: Duration, done: oneshot::Sender<()> },
}

impl Caller {
    pub(super) fn new(acts: mpsc::Sender<Act>, far_end: FarEnd) -> Self {
        Self { acts, far_end, words: Words::default() }
    }

    pub(super) fn far_end(&self) -> FarEnd {
        self.far_end.clone()
    }

    /// What the caller says, for recognizers.
    #[must_use]
    pub fn words(&self) -> Words {
        self.words.clone()
    }

    /// Says `text` in `duration`, after what is being said already, and returns when it is said.
    ///
    /// On a text leg it is typed: [`Inbound::SpeechStarted`] at once, the transcript at the end.
    ///
    /// # Cancel safety
    ///
    /// The caller goes on speaking when the future is dropped.
    ///
    /// [`Inbound::SpeechStarted`]: voiceagent_core::transport::Inbound::SpeechStarted
    pub async fn speak(&self, text: &str, duration: Duration) {
        let text = text.to_owned();
        self.act_until_done(|done| Act::Speak { text, duration, done }).await;
    }

    /// Says nothing for this long, and returns afterwards.
    ///
    /// # Cancel safety
    ///
    /// The pause is made when the future is dropped, too.
    pub async fn silence(&self, duration: Duration) {
        self.act_until_done(|done| Act::Pause { duration, done }).await;
    }

    /// Sends nothing at all for this long, not even silence, and returns afterwards: the line of
    /// a caller who is muted. What is being said is not sent either, and is over when it would be.
    ///
    /// # Cancel safety
    ///
    /// The line stays mute for its time when the future is dropped, too.
    pub async fn mute(&self, duration: Duration) {
        self.act_until_done(|done| Act::Mute { duration, done }).await;
    }

    /// Presses a key.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn press(&self, digit: char) {
        self.act(Act::Press(digit)).await;
    }

    /// Stops the agent's text, as a relay that decides about barge-in itself does, and reports
    /// what was read of it.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn interrupt(&self) {
        self.act(Act::Interrupt).await;
    }

    /// Ends the call.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn hang_up(&self) {
        self.act(Act::HangUp).await;
    }

    /// The line breaks: its link ends with an error.
    ///
    /// # Cancel safety
    ///
    /// It happens, or does not, when the future is dropped before it is ready.
    pub async fn lose_line(&self) {
        self.act(Act::LoseLine).await;
    }

    /// Everything that was sent to the caller, with the time since the line was made.
    #[must_use]
    pub fn received(&self) -> Vec<(Duration, Outbound)> {
        self.far_end.received()
    }

    /// What the caller has heard so far, if it was spelled by a [`FakeTts`](super::super::FakeTts)
    /// or is text.
    #[must_use]
    pub fn heard_text(&self) -> String {
        self.far_end.heard_text()
    }

    /// The encoded audio that the caller has heard so far, without the silence between the pieces.
    #[must_use]
    pub fn heard_audio(&self) -> Vec<u8> {
        self.far_end.heard_audio()
    }

    /// When the caller was listening to something: times since the line was made. Pieces that
    /// follow each other without a gap are one.
    #[must_use]
    pub fn heard_spans(&self) -> Vec<(Duration, Duration)> {
        self.far_end.heard_spans()
    }

    /// Waits until the caller has heard `text`.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn hears(&self, text: &str, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.heard_text().contains(text) {
            let heard = self.heard_text();
            assert!(Instant::now() < deadline, "after {within:?} the caller heard {heard:?} only");
            sleep(LISTEN).await;
        }
    }

    /// Waits until the caller hears something that began to sound after this moment, or goes on
    /// to hear what sounds now.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn hears_something(&self, within: Duration) {
        let (deadline, before) = (Instant::now() + within, self.heard_audio().len());
        while self.heard_audio().len() == before {
            assert!(Instant::now() < deadline, "the caller heard nothing for {within:?}");
            sleep(LISTEN).await;
        }
    }

    async fn act_until_done(&self, act: impl FnOnce(oneshot::Sender<()>) -> Act) {
        let (done, when_done) = oneshot::channel();
        self.act(act(done)).await;
        // The other side is dropped when the line goes; then there is nothing to wait for.
        let _ = when_done.await;
    }

    async fn act(&self, act: Act) {
        // A line that has gone takes no more acts, as documented.
        let _ = self.acts.send(act).await;
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("words", &self.words).finish_non_exhaustive()
    }
}
