//! The pump of voices whose vendor speaks *contexts*: streams of speech that have names, so that
//! what still comes of an old one is told from the new one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result, Retry,
    audio::AudioFormat,
    stt::WordTiming,
    tts::{TtsEvent, TtsInput},
};

use super::{
    CAPACITY,
    context::Context,
    context_codec::{ContextCodec, Said},
    line::Line,
    samples::Samples,
    speeches::Speeches,
    spoken::{Spoken, Stopped},
    texts::{is_speakable, pieces},
};
use crate::wire::ws::{Dial, Received};

/// How a voice behaves.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) dial: Dial,
    pub(crate) format: AudioFormat,
    /// How long the vendor may send nothing while it owes audio.
    pub(crate) stall_timeout: Duration,
    /// How often a connection that has nothing to say is kept alive, if the vendor can do that.
    pub(crate) keep_alive: Option<Duration>,
}

/// One voice for one call, over as many connections as it takes.
///
/// One context is open at a time: vendors count them, and speak faster than anybody listens.
pub(crate) struct ContextVoice<C> {
    codec: C,
    line: Line,
    samples: Samples,
    format: AudioFormat,
    stall_timeout: Duration,
    keep_alive: Option<Duration>,
    /// What is not spoken so far.
    speeches: Speeches,
    /// Some audio of the oldest speech was handed over.
    heard: bool,
    /// The context of the oldest one.
    context: Option<Context>,
    /// A context that has begun and waits for its first text.
    spare: Option<u64>,
    /// How many contexts there were.
    named: u64,
    /// What was spoken of the generations that are not over.
    spoken: Spoken,
    /// The context that was stopped last.
    stopped: Option<Stopped>,
    /// When the vendor last made progress, or was last asked for something.
    active: Instant,
    /// When the connection was last kept alive.
    kept_alive: Instant,
    /// A connection has served, and the next one is to be ready for what is said next.
    renews: bool,
}

impl<C: ContextCodec> ContextVoice<C> {
    /// Connects, and serves the link from then on.
    pub(crate) async fn link(settings: Settings, codec: C) -> Result<Link<TtsInput, TtsEvent>> {
        let voice = Self::open(settings, codec).await?;
        Ok(Link::spawn(CAPACITY, |peer| voice.run(peer)))
    }

    async fn open(settings: Settings, codec: C) -> Result<Self> {
        let Settings { dial, format, stall_timeout, keep_alive } = settings;
        let line = Line::open(dial).await?;
        let now = Instant::now();
        Ok(Self {
            codec,
            line,
            samples: Samples::new(format),
            format,
            stall_timeout,
            keep_alive,
            speeches: Speeches::default(),
            heard: false,
            context: None,
            spare: None,
            named: 0,
            spoken: Spoken::default(),
            stopped: None,
            active: now,
            kept_alive: now,
            renews: false,
        })
    }

    /// Runs until the owner of the link has gone, or the vendor refuses for good.
    async fn run(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            match self.serve(&mut peer).await {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Closed => break,
                Err(lost) => self.on_lost(lost, &peer).await?,
            }
        }
        self.line.close(C::GOODBYE).await;
        Ok(())
    }

    /// Serves until the connection is lost; `Ok` when the owner has gone.
    async fn serve(&mut self, peer: &mut LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            let wake = self.wake_at();
            tokio::select! {
                received = self.line.recv() => self.on_received(received?, peer).await?,
                input = peer.recv() => match input {
                    Some(input) => self.on_input(input, peer).await?,
                    None => return Ok(()),
                },
                () = sleep_until(wake) => self.on_wake().await?,
            }
            self.advance(peer).await?;
            self.renew().await;
        }
    }

    async fn on_input(
        &mut self,
        input: TtsInput,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        match input {
            TtsInput::Cancel { generation } => self.on_cancel(generation, None).await,
            TtsInput::Interrupt { generation, heard } => {
                self.on_cancel(generation, Some(heard)).await
            }
            TtsInput::Finish { generation } if self.speeches.finish(generation) => {
                peer.send(TtsEvent::Finished { generation }).await
            }
            TtsInput::Text { generation, text } => {
                self.speeches.push(generation, text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn on_cancel(&mut self, over: GenerationId, heard: Option<Duration>) -> Result<()> {
        let speaks = self.speeches.front_mut().map(|speech| speech.generation);
        self.speeches.cancel(over);
        let Some(generation) = speaks.filter(|speaks| *speaks <= over) else {
            self.spoken.forget_up_to(over);
            return Ok(());
        };
        let mut before = std::mem::take(&mut self.spoken.of(generation).text);
        self.spoken.forget_up_to(over);
        self.heard = false;
        self.samples.restart();
        let Some(context) = self.context.take() else { return Ok(()) };
        self.leave();
        let heard = heard.filter(|_| generation == over);
        let heard = heard.map(|heard| heard.saturating_sub(context.begins_at));
        let Some(message) = self.codec.cancel(context.name, heard) else { return Ok(()) };
        before.truncate(context.text_from);
        self.stopped = Some(Stopped { name: context.name, generation, before });
        self.active = Instant::now();
        self.line.send(message).await
    }

    /// Says what can be said now, and completes what has been.
    async fn advance(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        while let Some(speech) = self.speeches.front_mut() {
            let ends = self.context.as_ref().is_some_and(|context| context.ended);
            if ends || self.codec.is_stopping() {
                return Ok(());
            }
            if let Some(text) = speech.texts.get(speech.sent) {
                let text = Arc::clone(text);
                speech.sent += 1;
                if is_speakable(&text) {
                    self.say(&text).await?;
                }
            } else if !speech.closed {
                return Ok(());
            } else if self.context.is_some() {
                self.end_context(false).await?;
            } else {
                self.complete(peer).await?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        if !self.line.is_open() {
            self.line.connect().await?;
            self.codec.connected();
            self.spare = None;
        }
        let name = match &mut self.context {
            Some(context) => {
                context.owed = true;
                context.name
            }
            None => self.begin_context().await?,
        };
        if let Some(generation) = self.speeches.front_mut().map(|speech| speech.generation) {
            self.spoken.of(generation).text.push_str(text);
        }
        for piece in pieces(text, C::LONGEST) {
            self.line.send(self.codec.say(name, piece)).await?;
        }
        self.active = Instant::now();
        Ok(())
    }

    async fn begin_context(&mut self) -> Result<u64> {
        let name = match self.spare.take() {
            Some(spare) => spare,
            None => self.name_context().await?,
        };
        let (samples, text_from) = match self.speeches.front_mut().map(|it| it.generation) {
            Some(generation) => {
                let spoken = self.spoken.of(generation);
                (spoken.samples, spoken.text.len())
            }
            None => (0, 0),
        };
        let begins_at = self.format.duration_of(samples);
        self.samples.restart();
        self.context = Some(Context::new(name, begins_at, text_from));
        Ok(name)
    }

    async fn name_context(&mut self) -> Result<u64> {
        self.named += 1;
        for message in self.codec.begin(self.named) {
            self.line.send(message).await?;
        }
        Ok(self.named)
    }

    /// `lapses`: more text may come, but too late for this vendor.
    async fn end_context(&mut self, lapses: bool) -> Result<()> {
        let Some(context) = &mut self.context else { return Ok(()) };
        (context.ended, context.lapsed) = (true, lapses);
        self.active = Instant::now();
        for message in self.codec.end(context.name) {
            self.line.send(message).await?;
        }
        Ok(())
    }

    /// The oldest speech is over.
    async fn complete(&mut self, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        let Some(speech) = self.speeches.pop() else { return Ok(()) };
        self.heard = false;
        if speech.finishes {
            self.spoken.forget(speech.generation);
            peer.send(TtsEvent::Finished { generation: speech.generation }).await?;
        }
        Ok(())
    }

    async fn on_received(
        &mut self,
        received: Received,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        let decoded = match received {
            Received::Binary(payload) => Ok(self.codec.decode_audio(payload)),
            Received::Text(text) => self.codec.decode(&text, self.line.secrets()),
        };
        let said = match decoded {
            Ok(said) => said,
            Err(error) => {
                tracing::warn!(%error, "a message of the synthesizer was skipped");
                return Ok(());
            }
        };
        let ours = self.context.as_ref().map(|context| context.name);
        match said {
            Said::Audio(name, payload, words) if Some(name) == ours => {
                self.on_words(words, peer).await?;
                self.on_audio(payload, peer).await
            }
            Said::Words(name, words) if Some(name) == ours => self.on_words(words, peer).await,
            Said::Done(name, words) if Some(name) == ours => {
                self.on_words(words, peer).await?;
                self.leave();
                // A vendor that ends one by itself may have missed what was said just now.
                if self.context.as_ref().is_some_and(|context| context.ended || !context.owed) {
                    self.context = None;
                }
                Ok(())
            }
            Said::Done(name, _) if Some(name) == self.spare => {
                self.spare = None;
                Ok(())
            }
            Said::Failed(name, _) if name.is_some() && name == ours && self.has_lapsed() => {
                self.context = None;
                Ok(())
            }
            Said::Failed(name, error) if name.is_none() || name == ours => Err(error),
            Said::Failed(_, error) => {
                // As of a cancel that came too late.
                tracing::debug!(%error, "a vendor complains of what is over");
                Ok(())
            }
            Said::Heard(name, text) => {
                let Some(stopped) = self.stopped.take_if(|it| it.name == name) else {
                    return Ok(());
                };
                let (generation, text) = (stopped.generation, stopped.before + &*text);
                peer.send(TtsEvent::Heard { generation, text: text.into() }).await
            }
            Said::Audio(..) | Said::Done(..) | Said::Other | Said::Words(..) => Ok(()),
        }
    }

    async fn on_audio(
        &mut self,
        payload: Bytes,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        self.active = Instant::now();
        let payload = self.samples.whole(payload);
        let (Some(speech), Some(context)) = (self.speeches.front_mut(), &mut self.context) else {
            return Ok(());
        };
        if payload.is_empty() {
            return Ok(());
        }
        context.owed = false;
        self.heard = true;
        let generation = speech.generation;
        self.spoken.of(generation).samples += self.format.samples(payload.len());
        self.line.works();
        peer.send(TtsEvent::Audio { generation, payload }).await
    }

    async fn on_words(
        &mut self,
        mut words: Vec<WordTiming>,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        self.active = Instant::now();
        let (Some(speech), Some(context)) = (self.speeches.front_mut(), &self.context) else {
            return Ok(());
        };
        if words.is_empty() {
            return Ok(());
        }
        for word in &mut words {
            word.start += context.begins_at;
            word.end += context.begins_at;
        }
        peer.send(TtsEvent::Words { generation: speech.generation, words }).await
    }

    fn wake_at(&self) -> Instant {
        let stall = self.owes().then(|| self.active + self.stall_timeout);
        let forgotten = self.forgotten_at();
        let keep_alive = self.keep_alive_at();
        let far = self.active + Duration::from_secs(86_400);
        [stall, forgotten, keep_alive].into_iter().flatten().min().unwrap_or(far)
    }

    /// Whether the vendor has something to say or to end.
    fn owes(&self) -> bool {
        let speaks = self.context.as_ref().is_some_and(|context| context.owed || context.ended);
        speaks || self.codec.is_stopping()
    }

    /// When the vendor forgets the context, unless more text comes.
    fn forgotten_at(&self) -> Option<Instant> {
        let context = self.context.as_ref().filter(|context| !context.ended)?;
        C::PATIENCE.filter(|_| C::HOLDS_BACK || !context.owed).map(|it| self.active + it)
    }

    /// Whether the vendor forgets the context by itself.
    fn has_lapsed(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.lapsed)
    }

    fn keep_alive_at(&self) -> Option<Instant> {
        let idle = self.line.is_open() && self.context.is_none();
        self.keep_alive.filter(|_| idle).map(|period| self.kept_alive.max(self.active) + period)
    }

    async fn on_wake(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.owes() && self.active + self.stall_timeout <= now {
            if self.has_lapsed() {
                self.context = None;
                return Ok(());
            }
            let waited = self.stall_timeout.as_millis();
            let message = format!("no audio came for {waited} ms");
            return Err(Error::new(ErrorKind::Stalled, "read", message).with_provider(C::PROVIDER));
        }
        if self.forgotten_at().is_some_and(|at| at <= now) {
            self.end_context(!C::HOLDS_BACK).await?;
        }
        if self.keep_alive_at().is_some_and(|at| at <= now) {
            self.keep_alive(now).await?;
        }
        Ok(())
    }

    async fn keep_alive(&mut self, now: Instant) -> Result<()> {
        self.kept_alive = now;
        // Vendors keep alive what has begun.
        let Some(spare) = self.spare else {
            self.spare = Some(self.name_context().await?);
            return Ok(());
        };
        match self.codec.keep_alive(spare) {
            Some(message) => self.line.send(message).await,
            None => Ok(()),
        }
    }

    /// The connection is gone. Says so if that can be heard, and goes on if not.
    async fn on_lost(
        &mut self,
        mut lost: Error,
        peer: &LinkPeer<TtsInput, TtsEvent>,
    ) -> Result<()> {
        tracing::debug!(error = %lost, "a voice lost its connection");
        self.line.hang_up();
        self.forget_contexts();
        // A key that is refused stays refused.
        if lost.kind() == ErrorKind::Unauthorized {
            return Err(lost);
        }
        while let Some(speech) = self.speeches.front_mut() {
            // What was refused would be refused again.
            if self.heard || lost.retry() == Retry::Never {
                return self.give_up(lost, peer).await;
            }
            speech.sent = 0;
            match self.line.reconnect(lost).await {
                Ok(()) => match self.advance(peer).await {
                    Err(failed) if failed.kind() != ErrorKind::Closed => lost = failed,
                    done => return done,
                },
                Err(refused) if refused.retry() == Retry::Never => return Err(refused),
                Err(failed) => return self.give_up(failed, peer).await,
            }
            self.forget_contexts();
        }
        Ok(())
    }

    /// Leaves a connection that has served.
    fn leave(&mut self) {
        if !C::SHARES {
            self.line.hang_up();
            self.codec.connected();
            (self.spare, self.renews) = (None, true);
        }
    }

    /// Connects ahead, unless something was said meanwhile. If that fails, the next text says so.
    async fn renew(&mut self) {
        if std::mem::take(&mut self.renews)
            && !self.line.is_open()
            && let Err(error) = self.line.connect().await
        {
            tracing::debug!(%error, "a voice could not connect ahead");
        }
    }

    /// None of them is on the next connection.
    fn forget_contexts(&mut self) {
        self.codec.connected();
        (self.context, self.spare) = (None, None);
        self.spoken.forget_texts();
    }

    /// Nothing more will come of what is under way.
    async fn give_up(&mut self, lost: Error, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        self.speeches.give_up(None);
        self.heard = false;
        self.spoken.clear();
        peer.report(lost).await
    }
}
