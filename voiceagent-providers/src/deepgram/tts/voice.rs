use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};
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
    batch::Batch,
    budget::{FlushBudget, Purpose},
};
use crate::wire::{
    json,
    voice::{line::Line, samples::Samples, texts::pieces},
    ws::{Dial, Received},
};

/// The longest text of one `Speak` message, in characters.
const LONGEST: usize = 2_000;

/// How long the vendor may take to clear. A connection that takes longer is given up, and with it
/// the audio that it may still send.
const CLEAR_DEADLINE: Duration = Duration::from_secs(1);

/// How long the end of an answer may wait until the vendor takes a flush again. A chain of voices
/// gives up after 1.5 s without a sound.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// How long a text may wait for more to be flushed with, while nothing else is spoken.
const HELD: Duration = Duration::from_millis(500);

/// One voice for one call, over as many connections as it takes.
pub(super) struct Voice {
    line: Line,
    samples: Samples,
    stall_timeout: Duration,
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
    /// When the last text came, or from when on the vendor takes a flush that is not the last.
    waits_from: Instant,
    /// When the vendor was last heard of, or last asked for something.
    active: Instant,
}

impl Voice {
    /// Connects.
    pub(super) async fn open(
        dial: Dial,
        format: AudioFormat,
        stall_timeout: Duration,
    ) -> Result<Self> {
        let now = Instant::now();
        Ok(Self {
            line: Line::open(dial).await?,
            samples: Samples::new(format),
            stall_timeout,
            batches: VecDeque::new(),
            budget: FlushBudget::default(),
            speaking: None,
            over: None,
            clearing: None,
            flush_at: None,
            waits_from: now,
            active: now,
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
        self.line.close(Some(CLOSE)).await;
        Ok(())
    }

    /// Serves until the connection is lost; `Ok` when the owner has gone.
    async fn serve(&mut self, peer: &mut LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            self.refuse_what_would_wait(peer).await?;
            let wake = self.wake_at();
            tokio::select! {
                received = self.line.recv() => self.on_received(received?, peer).await?,
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
        self.waits_from = Instant::now();
        if !self.line.is_open() {
            return self.resume().await;
        }
        speak(&mut self.line, text).await?;
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
        self.samples.restart();
        if !self.line.is_open() {
            return Ok(());
        }
        self.clearing = Some(Instant::now() + CLEAR_DEADLINE);
        self.line.send(CLEAR).await
    }

    async fn on_received(
        &mut self,
        received: Received,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        match received {
            Received::Binary(payload) => {
                self.active = Instant::now();
                self.on_audio(payload, peer).await?;
            }
            Received::Text(text) => match speak_message(&text, self.line.secrets()) {
                Ok(SpeakMessage::Cleared) => {
                    self.active = Instant::now();
                    self.clearing = None;
                    // Clearing knows no generations, and took what came behind as well.
                    self.say_again().await?;
                }
                Ok(SpeakMessage::Failed(error)) => return Err(error),
                Ok(SpeakMessage::Flushed) if self.clearing.is_none() => {
                    self.active = Instant::now();
                    if self.batches.front().is_some_and(|batch| batch.flushed) {
                        self.complete(peer).await?;
                        self.settle(peer).await?;
                    }
                }
                Ok(SpeakMessage::Flushed | SpeakMessage::Other) => {}
                Err(error) => tracing::warn!(%error, "a message of the synthesizer was skipped"),
            },
        }
        Ok(())
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
        let payload = self.samples.whole(payload);
        if payload.is_empty() {
            return Ok(());
        }
        batch.heard = true;
        self.line.works();
        peer.send(TtsEvent::Audio { generation: batch.generation, payload }).await
    }

    /// The oldest batch has been spoken.
    async fn complete(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let Some(batch) = self.batches.pop_front() else { return Ok(()) };
        self.samples.restart();
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
            if purpose == Purpose::First {
                self.waits_from = again;
            }
            return Ok(());
        }
        batch.flushed = true;
        self.flush_at = None;
        self.active = now;
        self.line.send(FLUSH).await
    }

    /// Gives up a generation whose end may not be flushed for long, as soon as all that was flushed
    /// of it is spoken: the caller hears nothing till then, and somebody else may say it.
    async fn refuse_what_would_wait(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let wait = self.flush_at.map(|at| at.saturating_duration_since(Instant::now()));
        let Some(wait) = wait.filter(|wait| *wait > FLUSH_PATIENCE) else { return Ok(()) };
        if self.batches.front().is_none_or(|batch| batch.flushed) {
            return Ok(());
        }
        let spent =
            Error::new(ErrorKind::RateLimited, "write", "the flushes of a minute are spent");
        let spent = spent.with_provider(super::super::PROVIDER).with_retry_after(wait);
        self.give_up(spent, peer).await?;
        if !self.line.is_open() {
            return Ok(());
        }
        // The vendor has the text, and would say it with the next one.
        self.clearing = Some(Instant::now() + CLEAR_DEADLINE);
        self.line.send(CLEAR).await
    }

    fn wake_at(&self) -> Instant {
        let waits = self.batches.front().is_some_and(|batch| batch.flushed);
        let stall = waits.then(|| self.active + self.stall_timeout);
        let far = self.active + Duration::from_secs(86_400);
        let at = [self.clearing, stall, self.flush_at, self.held_until()];
        at.into_iter().flatten().min().unwrap_or(far)
    }

    /// Until when a text waits for more, if nothing else is being spoken. The caller waits with it.
    fn held_until(&self) -> Option<Instant> {
        let is_open = |batch: &&Batch| !batch.flushed && !batch.finishes && batch.speakable;
        let is_held = self.clearing.is_none() && self.flush_at.is_none() && self.line.is_open();
        let held = self.batches.front().filter(is_open).filter(|_| is_held);
        held.map(|_| self.active.max(self.waits_from) + HELD)
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
        if self.held_until().is_some_and(|at| at <= now) {
            self.flush(Purpose::First).await?;
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
        self.line.hang_up();
        self.clearing = None;
        self.samples.restart();
        // A key that is refused stays refused.
        if lost.kind() == ErrorKind::Unauthorized {
            return Err(lost);
        }
        while !self.batches.is_empty() {
            // What was refused would be refused again.
            if lost.retry() == Retry::Never || self.batches.iter().any(|batch| batch.heard) {
                return self.give_up(lost, peer).await;
            }
            match self.line.reconnect(lost).await {
                Ok(()) => match self.go_on().await {
                    Ok(()) => break,
                    Err(failed) => lost = failed,
                },
                Err(refused) if refused.retry() == Retry::Never => return Err(refused),
                Err(failed) => return self.give_up(failed, peer).await,
            }
        }
        Ok(())
    }

    async fn resume(&mut self) -> Result<()> {
        self.line.connect().await?;
        self.go_on().await
    }

    /// Says again what nobody has heard.
    async fn go_on(&mut self) -> Result<()> {
        self.say_again().await?;
        self.flush(Purpose::First).await
    }

    async fn say_again(&mut self) -> Result<()> {
        self.active = Instant::now();
        if !self.line.is_open() {
            return Ok(());
        }
        for batch in &self.batches {
            for text in batch.speakable() {
                speak(&mut self.line, text).await?;
            }
            if batch.flushed && batch.speakable {
                // It must be sent in any case; the count only makes later ones more careful.
                let _ = self.budget.take(Purpose::Last, self.active);
                self.line.send(FLUSH).await?;
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

async fn speak(line: &mut Line, text: &str) -> Result<()> {
    for text in pieces(text, LONGEST) {
        line.send(json::write(&Speak { text })).await?;
    }
    Ok(())
}

fn stalled(message: &'static str) -> Error {
    Error::new(ErrorKind::Stalled, "read", message).with_provider(super::super::PROVIDER)
}
