//! The pump of voices that read one text after another, each as a whole.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, LinkPeer, Result, Retry,
    audio::AudioFormat,
    tts::{TtsEvent, TtsInput},
};

use super::{
    patience::Patience,
    samples::Samples,
    speeches::Speeches,
    texts::{is_speakable, pieces},
};

/// Reads texts aloud.
pub(crate) trait Reads: Send + 'static {
    /// The longest text, in characters.
    const LONGEST: usize;

    /// The audio of a text, as it is made, begun after `wait`. Dropping it ends the reading.
    fn read(&self, text: &str, wait: Duration) -> BoxStream<'static, Result<Bytes>>;
}

/// One voice for one call: a reading at a time.
pub(crate) struct Reader<R> {
    voice: R,
    provider: Arc<str>,
    /// What is not spoken so far.
    speeches: Speeches,
    /// What is spoken now.
    reading: Option<Reading>,
    samples: Samples,
    patience: Patience,
}

/// Texts that are spoken now, in as many parts as it takes.
struct Reading {
    generation: GenerationId,
    texts: u32,
    /// What is read now, and what follows it.
    inputs: VecDeque<String>,
    audio: BoxStream<'static, Result<Bytes>>,
    /// Some audio of the part was handed over.
    heard: bool,
}

impl<R: Reads> Reader<R> {
    pub(crate) fn new(voice: R, provider: Arc<str>, format: AudioFormat) -> Self {
        Self {
            voice,
            provider,
            speeches: Speeches::default(),
            reading: None,
            samples: Samples::new(format),
            patience: Patience::new(),
        }
    }

    /// Runs until the owner of the link has gone, or the voice refuses for good.
    pub(crate) async fn run(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            tokio::select! {
                piece = next_piece(&mut self.reading) => match piece {
                    Some(Ok(piece)) => self.on_audio(piece, &peer).await?,
                    Some(Err(error)) => self.on_lost(error, &peer).await?,
                    None => self.on_end(&peer).await?,
                },
                input = peer.recv() => match input {
                    Some(input) => self.on_input(input, &peer).await?,
                    None => return Ok(()),
                },
            }
            self.advance(&peer).await?;
        }
    }

    async fn on_input(
        &mut self,
        input: TtsInput,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        match input {
            TtsInput::Cancel { generation } => {
                self.speeches.cancel(generation);
                self.reading.take_if(|reading| reading.generation <= generation);
            }
            TtsInput::Finish { generation } if self.speeches.finish(generation) => {
                peer.send(TtsEvent::Finished { generation }).await?;
            }
            TtsInput::Text { generation, text } => self.speeches.push(generation, text),
            _ => {}
        }
        Ok(())
    }

    /// Asks for what waits, and completes what has been spoken.
    async fn advance(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        while self.reading.is_none() {
            let Some(speech) = self.speeches.front_mut() else { return Ok(()) };
            let generation = speech.generation;
            if speech.sent < speech.texts.len() {
                let texts = speech.texts[speech.sent..].to_vec();
                speech.sent = speech.texts.len();
                self.begin(generation, &texts);
                if self.reading.is_none() {
                    let texts = count(&texts);
                    peer.send(TtsEvent::Spoken { generation, texts }).await?;
                }
            } else if speech.closed {
                let finishes = speech.finishes;
                self.speeches.pop();
                if finishes {
                    peer.send(TtsEvent::Finished { generation }).await?;
                }
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Begins to speak texts, if there is anything to say in them.
    fn begin(&mut self, generation: GenerationId, texts: &[Arc<str>]) {
        let text = texts.concat();
        let inputs = pieces(&text, R::LONGEST).filter(|piece| is_speakable(piece));
        let inputs: VecDeque<_> = inputs.map(str::to_owned).collect();
        let Some(first) = inputs.front() else { return };
        self.samples.restart();
        let audio = self.voice.read(first, Duration::ZERO);
        let texts = count(texts);
        self.reading = Some(Reading { generation, texts, inputs, audio, heard: false });
    }

    async fn on_audio(&mut self, piece: Bytes, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let payload = self.samples.whole(piece);
        let Some(reading) = self.reading.as_mut().filter(|_| !payload.is_empty()) else {
            return Ok(());
        };
        reading.heard = true;
        self.patience.reset();
        peer.send(TtsEvent::Audio { generation: reading.generation, payload }).await
    }

    /// The part has been read completely.
    async fn on_end(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let Some(mut reading) = self.reading.take() else { return Ok(()) };
        reading.inputs.pop_front();
        let Some(next) = reading.inputs.front() else {
            let Reading { generation, texts, .. } = reading;
            return peer.send(TtsEvent::Spoken { generation, texts }).await;
        };
        self.samples.restart();
        reading.audio = self.voice.read(next, Duration::ZERO);
        reading.heard = false;
        self.reading = Some(reading);
        Ok(())
    }

    /// The reading has failed. Says so if that can be heard, and begins again if not.
    async fn on_lost(&mut self, lost: Error, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let lost = lost.with_provider(self.provider.to_string());
        tracing::debug!(error = %lost, "a voice lost its text");
        // A key that is refused stays refused.
        if lost.kind() == ErrorKind::Unauthorized {
            return Err(lost);
        }
        if let Some(reading) = self.reading.as_mut().filter(|reading| !reading.heard)
            && lost.retry() != Retry::Never
            && let Some(input) = reading.inputs.front()
            && let Some(wait) = self.patience.next_wait(&lost)
        {
            self.samples.restart();
            reading.audio = self.voice.read(input, wait);
            return Ok(());
        }
        self.speeches.give_up(self.reading.take().map(|reading| reading.generation));
        peer.report(lost).await
    }
}

fn count(texts: &[Arc<str>]) -> u32 {
    u32::try_from(texts.len()).unwrap_or(u32::MAX)
}

/// The next piece of audio; waits for ever while nothing is spoken.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
async fn next_piece(reading: &mut Option<Reading>) -> Option<Result<Bytes>> {
    match reading {
        Some(reading) => reading.audio.next().await,
        None => std::future::pending().await,
    }
}
