use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, sleep_until};
use voiceagent_core::{
    Error, ErrorKind, LinkPeer, Result,
    stt::{SttEvent, SttInput, Transcript},
};

use super::request::{Request, Requests};
use crate::wire::stt::{Found, Retries, Segmenter, Utterance};

/// Utterances that wait, beside the one that is being transcribed. Somebody who has said so many
/// more in the meantime has waited for many seconds; a chain of recognizers goes on then.
const WAITING: usize = 8;

/// Speech is over when no audio has come for so long: a muted caller's line falls silent.
const IDLE: Duration = Duration::from_secs(1);

/// One recognizer for one call: a request at a time.
pub(super) struct Pump {
    segmenter: Segmenter,
    requests: Requests,
    provider: Arc<str>,
    waiting: VecDeque<Utterance>,
    /// What is being transcribed now.
    reading: Option<Reading>,
    retries: Retries,
    /// When speech is over for want of audio.
    idle_at: Instant,
    /// Reused for each frame.
    found: Vec<Found>,
}

struct Reading {
    request: Request,
    events: BoxStream<'static, Result<SttEvent>>,
}

impl Pump {
    /// `patience` is how long the server may ask to be left alone.
    pub(super) fn new(
        segmenter: Segmenter,
        requests: Requests,
        provider: Arc<str>,
        patience: Duration,
    ) -> Self {
        Self {
            segmenter,
            requests,
            provider,
            waiting: VecDeque::new(),
            reading: None,
            retries: Retries::new(patience, true),
            idle_at: Instant::now(),
            found: Vec::with_capacity(2),
        }
    }

    /// Runs until the owner of the link has gone, or the server is lost for good.
    pub(super) async fn run(mut self, mut peer: LinkPeer<SttInput, SttEvent>) -> Result<()> {
        let provider = Arc::clone(&self.provider);
        let named = |error: Error| error.with_provider(provider.to_string());
        loop {
            tokio::select! {
                event = next_event(&mut self.reading) => self.on_event(event, &peer).await?,
                input = peer.recv() => match input {
                    Some(input) => self.on_input(input, &peer).await.map_err(&named)?,
                    None => return Ok(()),
                },
                () = sleep_until(self.idle_at), if self.segmenter.is_speaking() => {
                    let utterance = self.segmenter.finish();
                    self.line_up(utterance).map_err(&named)?;
                }
            }
            self.advance().map_err(&named)?;
        }
    }

    async fn on_input(
        &mut self,
        input: SttInput,
        peer: &LinkPeer<SttInput, SttEvent>,
    ) -> Result<()> {
        match input {
            SttInput::Audio(frame) => {
                self.idle_at = Instant::now() + IDLE;
                let mut found = std::mem::take(&mut self.found);
                self.segmenter.hear(frame.payload, &mut found);
                for found in found.drain(..) {
                    match found {
                        Found::Began => peer.send(SttEvent::SpeechStarted).await?,
                        Found::Utterance(utterance) => self.line_up(Some(utterance))?,
                    }
                }
                self.found = found;
            }
            SttInput::Finalize => {
                let utterance = self.segmenter.finish();
                self.line_up(utterance)?;
                if self.waiting.is_empty() && self.reading.is_none() {
                    // Nobody has spoken since the last final.
                    peer.send(SttEvent::Transcript(Transcript::final_(""))).await?;
                }
            }
            SttInput::Adopt { patience, replays } => self.retries.adopt(patience, replays),
            _ => {}
        }
        Ok(())
    }

    fn line_up(&mut self, utterance: Option<Utterance>) -> Result<()> {
        if utterance.is_some() && self.waiting.len() == WAITING {
            let message = format!("the server is {WAITING} utterances behind");
            return Err(Error::new(ErrorKind::Stalled, "transcribe", message));
        }
        self.waiting.extend(utterance);
        Ok(())
    }

    /// Asks for what waits.
    fn advance(&mut self) -> Result<()> {
        if self.reading.is_some() {
            return Ok(());
        }
        let Some(utterance) = self.waiting.pop_front() else { return Ok(()) };
        let request = self.requests.prepare(&utterance)?;
        let events = self.requests.send(&request, Duration::ZERO);
        self.reading = Some(Reading { request, events });
        Ok(())
    }

    async fn on_event(
        &mut self,
        event: Option<Result<SttEvent>>,
        peer: &LinkPeer<SttInput, SttEvent>,
    ) -> Result<()> {
        match event {
            Some(Ok(event)) => {
                // A request that has begun to answer may fail each time at the same place.
                if matches!(&event, SttEvent::Transcript(told) if told.is_final) {
                    self.retries.reset();
                }
                peer.send(event).await
            }
            Some(Err(lost)) => {
                let lost = lost.with_provider(self.provider.to_string());
                tracing::debug!(error = %lost, "a transcription lost its request");
                let wait = self.retries.after(lost)?;
                if let Some(reading) = &mut self.reading {
                    reading.events = self.requests.send(&reading.request, wait);
                }
                Ok(())
            }
            None => {
                self.reading = None;
                Ok(())
            }
        }
    }
}

/// The next event of what is being transcribed; waits for ever while nothing is.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
async fn next_event(reading: &mut Option<Reading>) -> Option<Result<SttEvent>> {
    match reading {
        Some(reading) => reading.events.next().await,
        None => std::future::pending().await,
    }
}
