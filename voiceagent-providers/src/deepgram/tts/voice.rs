use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep, sleep_until};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, LinkPeer, Result, Retry,
    audio::AudioFormat,
    tts::{TtsEvent, TtsInput},
};

use super::{
    super::{
        codec::{SpeakMessage, speak_message},
        messages::{CLEAR, CLOSE, FLUSH, Speak},
    },
    batch::{Batch, pieces},
    budget::{FlushBudget, Purpose},
};
use crate::wire::{
    backoff::Backoff,
    ws::{Dial, Received, Socket},
};

/// How long the vendor may take to clear. A connection that takes longer is given up, and with it
/// the audio that it may still send.
const CLEAR_DEADLINE: Duration = Duration::from_secs(1);

/// A reply can wait for two more tries, but for no longer.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// The vendor sends its last words and closes; a link has 100 ms for all of its goodbye.
const GOODBYE: Duration = Duration::from_millis(60);

/// One voice for one call, over as many connections as it takes.
pub(super) struct Voice {
    dial: Dial,
    format: AudioFormat,
    stall_timeout: Duration,
    /// `None` between the loss of a connection and the next text.
    socket: Option<Socket>,
    backoff: Backoff,
    /// What is not spoken so far, oldest first; only the last one may be open.
    batches: VecDeque<Batch>,
    budget: FlushBudget,
    /// The generation that said something last.
    speaking: Option<GenerationId>,
    /// This generation and all before it are over.
    over: Option<GenerationId>,
    /// Until when the vendor must have cleared; binary messages are stale till then.
    clearing: Option<Instant>,
    /// When a flush is due that the budget did not allow.
    flush_at: Option<Instant>,
    /// When the vendor was last heard of, or last asked for something.
    active: Instant,
    /// The beginning of a sample whose rest comes with the next message.
    carry: BytesMut,
}

impl Voice {
    /// Connects.
    pub(super) async fn open(
        dial: Dial,
        format: AudioFormat,
        stall_timeout: Duration,
    ) -> Result<Self> {
        let socket = dial.connect().await?;
        Ok(Self {
            dial,
            format,
            stall_timeout,
            socket: Some(socket),
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, TRIES, Backoff::random_seed()),
            batches: VecDeque::new(),
            budget: FlushBudget::default(),
            speaking: None,
            over: None,
            clearing: None,
            flush_at: None,
            active: Instant::now(),
            carry: BytesMut::new(),
        })
    }

    /// Runs until the owner of the link has gone, or the vendor refuses for good.
    pub(super) async fn run(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            match self.serve(&mut peer).await {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Closed => break,
                Err(lost) => self.on_lost(lost, &peer).await?,
            }
        }
        if let Some(socket) = self.socket {
            socket.close(CLOSE, GOODBYE).await;
        }
        Ok(())
    }

    /// Serves until the connection is lost; `Ok` when the owner has gone.
    async fn serve(&mut self, peer: &mut LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            let wake = self.wake_at();
            tokio::select! {
                received = receive(&mut self.socket) => self.on_received(received?, peer).await?,
                // What comes for the next generation waits in the link until the vendor is clear.
                input = peer.recv(), if self.clearing.is_none() => match input {
                    Some(input) => self.on_input(input, peer).await?,
                    None => return Ok(()),
                },
                () = sleep_until(wake) => self.on_wake().await?,
            }
        }
    }

    async fn on_input(
        &mut self,
        input: TtsInput,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        match input {
            TtsInput::Cancel { generation } => self.on_cancel(generation).await,
            TtsInput::Finish { generation } => self.on_finish(generation, peer).await,
            TtsInput::Text { generation, text } => self.on_text(generation, &text).await,
            _ => Ok(()),
        }
    }

    fn is_over(&self, generation: GenerationId) -> bool {
        self.over.is_some_and(|over| generation <= over)
    }

    async fn on_text(&mut self, generation: GenerationId, text: &Arc<str>) -> Result<()> {
        if self.is_over(generation) {
            return Ok(());
        }
        let purpose =
            if self.speaking == Some(generation) { Purpose::Later } else { Purpose::First };
        let open = |batch: &Batch| !batch.flushed && batch.generation == generation;
        if !self.batches.back().is_some_and(open) {
            self.flush(Purpose::Last).await?;
            self.batches.push_back(Batch::new(generation));
        }
        let batch = self.batches.back_mut().expect("one was just pushed or is open");
        if !batch.push(text) {
            return Ok(());
        }
        self.speaking = Some(generation);
        match &mut self.socket {
            Some(socket) => speak(socket, text).await?,
            None => return self.resume().await,
        }
        self.flush(purpose).await
    }

    async fn on_finish(
        &mut self,
        generation: GenerationId,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        if self.is_over(generation) {
            return Ok(());
        }
        match self.batches.back_mut().filter(|batch| batch.generation == generation) {
            None => return peer.send(TtsEvent::Finished { generation }).await,
            Some(batch) => batch.finishes = true,
        }
        self.flush(Purpose::Last).await?;
        self.settle(peer).await
    }

    async fn on_cancel(&mut self, generation: GenerationId) -> Result<()> {
        self.over = self.over.max(Some(generation));
        let before = self.batches.len();
        self.batches.retain(|batch| batch.generation > generation);
        if self.batches.len() == before {
            return Ok(());
        }
        self.flush_at = None;
        self.carry.clear();
        let Some(socket) = &mut self.socket else { return Ok(()) };
        self.clearing = Some(Instant::now() + CLEAR_DEADLINE);
        socket.send_text(CLEAR).await
    }

    async fn on_received(
        &mut self,
        received: Received,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        match received {
            Received::Binary(payload) => self.on_audio(payload, peer).await?,
            Received::Text(text) => match self.read(&text) {
                Ok(SpeakMessage::Cleared) => {
                    self.clearing = None;
                    // Clearing knows no generations, and took what came behind as well.
                    self.say_again().await?;
                }
                Ok(SpeakMessage::Failed(error)) => return Err(error),
                Ok(SpeakMessage::Flushed) if self.clearing.is_none() => {
                    if self.batches.front().is_some_and(|batch| batch.flushed) {
                        self.complete(peer).await?;
                        self.settle(peer).await?;
                    }
                }
                Ok(SpeakMessage::Flushed | SpeakMessage::Other) => {}
                Err(error) => tracing::warn!(%error, "a message of the synthesizer was skipped"),
            },
        }
        self.active = Instant::now();
        Ok(())
    }

    fn read(&self, text: &str) -> Result<SpeakMessage> {
        let socket = self.socket.as_ref().ok_or_else(|| lost("no connection"))?;
        speak_message(text, socket.secrets())
    }

    async fn on_audio(
        &mut self,
        payload: Bytes,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        if self.clearing.is_some() {
            return Ok(());
        }
        let Some(batch) = self.batches.front_mut() else { return Ok(()) };
        let payload = whole_samples(&mut self.carry, payload, self.format);
        if payload.is_empty() {
            return Ok(());
        }
        batch.heard = true;
        self.backoff.reset();
        peer.send(TtsEvent::Audio { generation: batch.generation, payload }).await
    }

    /// The oldest batch has been spoken.
    async fn complete(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let Some(batch) = self.batches.pop_front() else { return Ok(()) };
        self.carry.clear();
        let generation = batch.generation;
        let texts = u32::try_from(batch.texts.len()).unwrap_or(u32::MAX);
        peer.send(TtsEvent::Spoken { generation, texts }).await?;
        if batch.finishes {
            peer.send(TtsEvent::Finished { generation }).await?;
        }
        Ok(())
    }

    /// Completes batches that have nothing to say and whose turn it is.
    async fn settle(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        while self.batches.front().is_some_and(|batch| batch.flushed && !batch.speakable) {
            self.complete(peer).await?;
        }
        Ok(())
    }

    /// Flushes the open batch, if there is one and the budget allows.
    async fn flush(&mut self, purpose: Purpose) -> Result<()> {
        let Some(batch) = self.batches.back_mut().filter(|batch| !batch.flushed) else {
            return Ok(());
        };
        if !batch.speakable {
            batch.flushed = purpose == Purpose::Last;
            return Ok(());
        }
        let now = Instant::now();
        if let Err(again) = self.budget.take(purpose, now) {
            self.flush_at = (purpose == Purpose::Last).then_some(again);
            return Ok(());
        }
        batch.flushed = true;
        self.flush_at = None;
        self.active = now;
        let socket = self.socket.as_mut().ok_or_else(|| lost("no connection"))?;
        socket.send_text(FLUSH).await
    }

    fn wake_at(&self) -> Instant {
        let waits = self.batches.front().is_some_and(|batch| batch.flushed);
        let stall = waits.then(|| self.active + self.stall_timeout);
        let far = self.active + Duration::from_secs(86_400);
        [self.clearing, stall, self.flush_at].into_iter().flatten().min().unwrap_or(far)
    }

    async fn on_wake(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.clearing.is_some_and(|by| by <= now) {
            return Err(stalled("the vendor did not clear"));
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush_at = None;
            self.flush(Purpose::Last).await?;
        }
        let waits = self.batches.front().is_some_and(|batch| batch.flushed);
        if waits && self.active + self.stall_timeout <= now {
            return Err(stalled("text was flushed and no audio came"));
        }
        Ok(())
    }

    /// The connection is gone. Says so if that can be heard, and goes on if not.
    async fn on_lost(
        &mut self,
        mut lost: Error,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        tracing::debug!(error = %lost, "a voice lost its connection");
        self.socket = None;
        self.clearing = None;
        self.carry.clear();
        while !self.batches.is_empty() {
            if self.batches.iter().any(|batch| batch.heard) {
                return self.give_up(lost, peer).await;
            }
            let Some(wait) = self.backoff.next_wait() else {
                self.backoff.reset();
                return self.give_up(lost, peer).await;
            };
            let asked = match lost.retry() {
                Retry::After(wait) => wait.min(LONGEST_WAIT),
                Retry::Never | Retry::Now => Duration::ZERO,
            };
            sleep(wait.max(asked)).await;
            match self.resume().await {
                Ok(()) => break,
                // A key that is refused stays refused.
                Err(refused) if refused.retry() == Retry::Never => return Err(refused),
                Err(failed) => lost = failed,
            }
        }
        Ok(())
    }

    /// Connects, and says again what nobody has heard.
    async fn resume(&mut self) -> Result<()> {
        self.socket = None;
        self.socket = Some(self.dial.connect().await?);
        self.say_again().await?;
        self.flush(Purpose::First).await
    }

    async fn say_again(&mut self) -> Result<()> {
        self.active = Instant::now();
        let Some(socket) = &mut self.socket else { return Ok(()) };
        for batch in &self.batches {
            for text in batch.speakable() {
                speak(socket, text).await?;
            }
            if batch.flushed && batch.speakable {
                // It must be sent in any case; the count only makes later ones more careful.
                let _ = self.budget.take(Purpose::Last, self.active);
                socket.send_text(FLUSH).await?;
            }
        }
        Ok(())
    }

    /// Nothing more will come of what is under way.
    async fn give_up(&mut self, lost: Error, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        self.over = self.over.max(self.batches.iter().map(|batch| batch.generation).max());
        self.batches.clear();
        self.flush_at = None;
        peer.report(lost).await
    }
}

/// The next message of the vendor; waits for ever without a connection.
async fn receive(socket: &mut Option<Socket>) -> Result<Received> {
    match socket {
        Some(socket) => socket.recv().await,
        None => std::future::pending().await,
    }
}

async fn speak(socket: &mut Socket, text: &str) -> Result<()> {
    for text in pieces(text) {
        let message = serde_json::to_string(&Speak { text }).expect("text is always JSON");
        socket.send_text(message).await?;
    }
    Ok(())
}

/// Cuts audio at a sample's end, and keeps the rest for the next message.
fn whole_samples(carry: &mut BytesMut, payload: Bytes, format: AudioFormat) -> Bytes {
    let one = format.sample_bytes().unwrap_or(1);
    if carry.is_empty() && payload.len().is_multiple_of(one) {
        return payload;
    }
    carry.extend_from_slice(&payload);
    let whole = carry.len() - carry.len() % one;
    carry.split_to(whole).freeze()
}

fn lost(message: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "write", message).with_provider(super::super::PROVIDER)
}

fn stalled(message: &'static str) -> Error {
    Error::new(ErrorKind::Stalled, "read", message).with_provider(super::super::PROVIDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_split_between_messages_are_put_together() {
        let mut carry = BytesMut::new();
        let mut out = Vec::new();
        for part in [&[1_u8][..], &[2, 3], &[4, 5, 6], &[7]] {
            let whole = whole_samples(&mut carry, Bytes::from(part), AudioFormat::PCM_8K);
            assert_eq!(whole.len() % 2, 0);
            out.extend_from_slice(&whole);
        }
        assert_eq!(out, [1, 2, 3, 4, 5, 6]);
        assert_eq!(&carry[..], [7]);
    }

    #[test]
    fn bytes_are_passed_on_without_a_copy() {
        let payload = Bytes::from_static(&[1, 2, 3]);
        let whole = whole_samples(&mut BytesMut::new(), payload.clone(), AudioFormat::MULAW_8K);
        assert_eq!(whole.as_ptr(), payload.as_ptr());
    }
}
