use std::{
    collections::VecDeque,
    future::{self, Future},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, sleep_until};

use super::{TtsFailover, Voice, open, speech::Speech};
use crate::{
    Error, ErrorKind, GenerationId, LinkPeer, Result,
    adapt::{
        chain::{Chain, now},
        failover::Losses,
    },
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// Texts that wait for a voice: more than any answer has.
const WAITING: usize = 1_024;
/// A voice that was there for so long has worked, though nothing may have been said.
const SOUND: Duration = Duration::from_secs(5);

type Peer = LinkPeer<TtsInput, TtsEvent>;

/// Says one thing after another, by as many voices as it takes.
///
/// All texts are kept until they have been said: what a voice was handed is a place in them, and
/// one that is opened begins at the word that was reached.
pub(super) struct Speaker {
    chain: Arc<Chain<dyn TextToSpeech>>,
    settings: TtsFailover,
    options: TtsOptions,
    claims: TtsCapabilities,
    stage: Stage,
    /// What is to be said, in order. The voice speaks the first of them.
    speeches: VecDeque<Speech>,
    /// What the voice is to stop that it knows of.
    cancels: VecDeque<GenerationId>,
    /// Of these, which nobody could say, nothing more is said.
    given_up: Vec<GenerationId>,
    /// Who is still to be tried for what is being said, and why the first of them failed.
    round: VecDeque<usize>,
    failure: Option<Error>,
    losses: Losses,
    /// When the voice last did something for what is being said.
    progress: Option<Instant>,
    /// It owes audio of what it has, though more text may come.
    owes: bool,
    /// How fast each voice was: text and samples.
    paces: Vec<Option<(usize, u64)>>,
    /// Whose audio went through the transcoder last.
    transcoded: Option<GenerationId>,
}

enum Stage {
    /// No voice could be opened. It is tried again for the next thing to say.
    Closed,
    Opening {
        index: usize,
        opening: BoxFuture<'static, Result<Voice>>,
    },
    Speaking(Box<Voice>),
}

enum Step {
    Input(Option<TtsInput>),
    Look,
    Opened(usize, Result<Voice>),
    Said(Option<Result<TtsEvent>>),
}

impl Speaker {
    pub(super) fn new(
        chain: Arc<Chain<dyn TextToSpeech>>,
        settings: TtsFailover,
        options: TtsOptions,
        claims: TtsCapabilities,
        voice: Voice,
        losses: Losses,
    ) -> Self {
        let paces = chain.providers().map(|_| None).collect();
        Self {
            chain,
            settings,
            options,
            claims,
            stage: Stage::Speaking(Box::new(voice)),
            speeches: VecDeque::new(),
            cancels: VecDeque::new(),
            given_up: Vec::new(),
            round: VecDeque::new(),
            failure: None,
            losses,
            progress: None,
            owes: false,
            paces,
            transcoded: None,
        }
    }

    /// Runs until the owner of the link has gone.
    pub(super) async fn run(mut self, mut peer: Peer) -> Result<()> {
        self.tell_failover(&peer).await?;
        loop {
            self.hand_over();
            self.note_owed();
            let (wake, room) = (or_never(self.deadline().map(sleep_until)), or_never(self.room()));
            let step = tokio::select! {
                biased;
                input = peer.recv() => Step::Input(input),
                step = self.stage.next() => step,
                () = room => Step::Look,
                () = wake => Step::Look,
            };
            match step {
                Step::Input(None) => return Ok(()),
                Step::Input(Some(input)) => self.take(input, &peer).await?,
                Step::Opened(_, Ok(voice)) => {
                    self.on_opened(voice);
                    self.tell_failover(&peer).await?;
                }
                Step::Opened(index, Err(error)) => self.on_refused(index, error, &peer).await?,
                Step::Said(Some(Ok(event))) => self.on_event(event, &peer).await?,
                Step::Said(Some(Err(fault))) => self.on_fault(fault, &peer).await?,
                Step::Said(None) => self.on_lost(&peer).await?,
                Step::Look => self.look(&peer).await?,
            }
        }
    }

    async fn take(&mut self, input: TtsInput, peer: &Peer) -> Result<()> {
        match input {
            TtsInput::Text { generation, text } => {
                if let Some(speech) = self.speech(generation) {
                    speech.push(text);
                }
            }
            TtsInput::Finish { generation } => {
                if let Some(speech) = self.speech(generation) {
                    speech.finish();
                }
            }
            TtsInput::Cancel { generation } | TtsInput::Interrupt { generation, .. } => {
                let known = |it: &Speech| it.generation == generation && it.is_known();
                if self.speeches.iter().any(known) {
                    self.cancels.push_back(generation);
                }
                let first = self.speeches.front().map(|speech| speech.generation);
                self.speeches.retain(|speech| speech.generation != generation);
                if first == Some(generation) && matches!(self.stage, Stage::Speaking(_)) {
                    self.begin_next();
                }
            }
        }
        if self.speeches.iter().map(Speech::waiting).sum::<usize>() > WAITING {
            let error = Error::new(ErrorKind::Stalled, "send", "the voice takes nothing");
            return self.give_up(error, peer).await;
        }
        if matches!(self.stage, Stage::Closed) && !self.speeches.is_empty() {
            self.round = self.chain.order().into();
            self.open_next(None, peer).await?;
        }
        Ok(())
    }

    /// What is said under this name; `None` when it was given up.
    fn speech(&mut self, generation: GenerationId) -> Option<&mut Speech> {
        if self.given_up.contains(&generation) {
            return None;
        }
        let known = self.speeches.iter().position(|it| it.generation == generation);
        let place = known.unwrap_or_else(|| {
            let mut speech = Speech::new(generation, self.options.format);
            if let Stage::Speaking(voice) = &self.stage {
                speech.expect(self.paces[voice.index], voice.tells_texts);
            }
            self.speeches.push_back(speech);
            self.speeches.len() - 1
        });
        self.speeches.get_mut(place)
    }

    /// Hands the voice what it has room for.
    fn hand_over(&mut self) {
        let Stage::Speaking(voice) = &self.stage else { return };
        while voice.link.is_writable() && !voice.link.is_closed() {
            let cancel = self.cancels.pop_front().map(|generation| TtsInput::Cancel { generation });
            let input =
                cancel.or_else(|| self.speeches.iter_mut().find_map(|it| it.next_input(now())));
            let Some(input) = input else { break };
            let first = self.speeches.front().map(|speech| speech.generation);
            match &input {
                TtsInput::Finish { generation } if first == Some(*generation) => {
                    self.progress = Some(now());
                }
                TtsInput::Text { generation, .. } if first == Some(*generation) => {
                    self.progress.get_or_insert_with(now);
                }
                TtsInput::Cancel { .. }
                | TtsInput::Finish { .. }
                | TtsInput::Interrupt { .. }
                | TtsInput::Text { .. } => {}
            }
            // That a link has ended is noticed where it is read.
            let _ = voice.link.try_send(input);
        }
    }

    /// Notes when the voice begins to owe audio of something to which more text may come.
    fn note_owed(&mut self) {
        let owed_before = self.owes;
        self.owes = self.speeches.front().is_some_and(Speech::is_owed);
        if self.owes && !owed_before {
            self.progress = Some(now());
        }
    }

    fn room(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let Stage::Speaking(voice) = &self.stage else { return None };
        let waits = !self.cancels.is_empty() || self.speeches.iter().any(|it| it.waiting() > 0);
        (waits && !voice.link.is_closed()).then(|| voice.link.writable())
    }

    /// When the voice has stalled, if it does nothing until then.
    fn deadline(&self) -> Option<Instant> {
        let Stage::Speaking(voice) = &self.stage else { return None };
        let speech = self.speeches.front()?;
        let limit = if speech.is_mute() && (voice.streams || speech.is_closing()) {
            self.settings.first_audio
        } else if speech.is_closing() || voice.streams && self.owes {
            self.settings.stall
        } else {
            return None;
        };
        Some(self.progress? + limit)
    }

    async fn look(&mut self, peer: &Peer) -> Result<()> {
        if self.deadline().is_none_or(|at| at > now()) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Stalled, "speak", "the voice says nothing");
        self.on_failed(error, peer).await
    }

    async fn on_event(&mut self, event: TtsEvent, peer: &Peer) -> Result<()> {
        let generation = match &event {
            // It is a chain itself.
            TtsEvent::FailedOver(_) => return peer.send(event).await,
            TtsEvent::Audio { generation, .. }
            | TtsEvent::Continued { generation, .. }
            | TtsEvent::Finished { generation }
            | TtsEvent::Heard { generation, .. }
            | TtsEvent::Spoken { generation, .. }
            | TtsEvent::Words { generation, .. } => *generation,
        };
        // A voice may be ahead with what comes next, and owe what comes first.
        let is_first = self.speeches.front().is_some_and(|it| it.generation == generation);
        // What is left of something that was given up is not wanted.
        let wanted = |speech: &&mut Speech| speech.generation == generation;
        let Some(speech) = self.speeches.iter_mut().find(wanted) else { return Ok(()) };
        let Stage::Speaking(voice) = &mut self.stage else { return Ok(()) };
        if is_first {
            self.progress = Some(now());
        }
        voice.works = true;
        match event {
            TtsEvent::Audio { payload, .. } => {
                if self.transcoded.replace(generation) != Some(generation) {
                    voice.transcoder.reset();
                }
                let payload = voice.transcoder.transcode(payload);
                self.on_audio(generation, payload, peer).await
            }
            TtsEvent::Words { words, .. } => {
                speech.on_words(words);
                Ok(())
            }
            TtsEvent::Continued { texts, bytes, again, .. } => {
                peer.send(speech.on_continued(texts, bytes, again)).await
            }
            TtsEvent::Spoken { texts, .. } => {
                speech.on_spoken(texts, self.claims.segments);
                match self.claims.segments {
                    true => peer.send(event).await,
                    false => Ok(()),
                }
            }
            TtsEvent::Finished { .. } => self.on_finished(generation, peer).await,
            TtsEvent::FailedOver(_) | TtsEvent::Heard { .. } => Ok(()),
        }
    }

    /// Audio came, as the owner wants it.
    async fn on_audio(&mut self, of: GenerationId, payload: Bytes, peer: &Peer) -> Result<()> {
        let wanted = |speech: &&mut Speech| speech.generation == of;
        let Some(speech) = self.speeches.iter_mut().find(wanted) else { return Ok(()) };
        if let Stage::Speaking(voice) = &self.stage
            && speech.is_mute()
        {
            self.chain.delivered(voice.index, speech.asked().unwrap_or(voice.opened));
        }
        let words = speech.on_audio(payload.len());
        let words =
            (self.claims.word_timings && !words.is_empty()).then(|| speech.words_event(words));
        peer.send(TtsEvent::Audio { generation: of, payload }).await?;
        match words {
            Some(words) => peer.send(words).await,
            None => Ok(()),
        }
    }

    /// Lets out what is still missing of what the voice said last, which says no more of it.
    async fn end_audio(&mut self, peer: &Peer) -> Result<()> {
        let Stage::Speaking(voice) = &mut self.stage else { return Ok(()) };
        let Some(generation) = self.transcoded.take() else { return Ok(()) };
        let rest = voice.transcoder.finish();
        if rest.is_empty() { Ok(()) } else { self.on_audio(generation, rest, peer).await }
    }

    async fn on_finished(&mut self, generation: GenerationId, peer: &Peer) -> Result<()> {
        let Stage::Speaking(voice) = &self.stage else { return Ok(()) };
        let index = voice.index;
        let wanted = |speech: &&Speech| speech.generation == generation;
        let Some(speech) = self.speeches.iter().find(wanted) else { return Ok(()) };
        if speech.is_mute() {
            let error = Error::new(ErrorKind::Protocol, "speak", "the voice made no sound");
            return self.on_failed(error, peer).await;
        }
        let pace = speech.pace();
        if pace.0 > 0 && pace.1 > 0 {
            self.paces[index] = Some(pace);
            self.chain.succeeded(index, speech.asked().unwrap_or(voice.opened));
        }
        if self.transcoded == Some(generation) {
            self.end_audio(peer).await?;
        }
        self.end_speech(generation, peer).await
    }

    /// All of it has been said.
    async fn end_speech(&mut self, generation: GenerationId, peer: &Peer) -> Result<()> {
        let place = self.speeches.iter().position(|it| it.generation == generation);
        let Some(mut speech) = place.and_then(|at| self.speeches.remove(at)) else { return Ok(()) };
        self.begin_next();
        let words = speech.last_words();
        if self.claims.word_timings && !words.is_empty() {
            peer.send(speech.words_event(words)).await?;
        }
        peer.send(TtsEvent::Finished { generation }).await
    }

    /// What is said next has all voices again.
    fn begin_next(&mut self) {
        self.round.clear();
        self.failure = None;
        let next = self.speeches.front().filter(|speech| speech.is_known());
        self.progress = next.map(|_| now());
    }

    /// A voice that reports a fault has given up what it was saying.
    async fn on_fault(&mut self, fault: Error, peer: &Peer) -> Result<()> {
        if self.speeches.iter().any(Speech::is_known) {
            return self.on_failed(fault, peer).await;
        }
        tracing::debug!(%fault, "a voice that is silent reports a fault");
        Ok(())
    }

    async fn on_lost(&mut self, peer: &Peer) -> Result<()> {
        let error = Error::new(ErrorKind::Disconnected, "read", "the voice has ended");
        self.on_failed(error, peer).await
    }

    /// The next voice says the rest.
    async fn on_failed(&mut self, error: Error, peer: &Peer) -> Result<()> {
        let Stage::Speaking(voice) = &self.stage else { return Ok(()) };
        let (index, is_sound) = (voice.index, voice.works || voice.opened.elapsed() >= SOUND);
        let error = match error.provider() {
            Some(_) => error,
            None => error.with_provider(self.chain.provider(index).name().to_owned()),
        };
        tracing::warn!(%error, "a voice failed; the next one is tried");
        self.losses.note(index, &error);
        self.chain.failed(index, &error);
        self.end_audio(peer).await?;
        self.stage = Stage::Closed;
        self.cancels.clear();
        if self.speeches.is_empty() && !is_sound {
            return Ok(());
        }
        let mut over = Vec::new();
        for speech in &mut self.speeches {
            if let Some(continued) = speech.pass_on() {
                peer.send(continued).await?;
            }
            over.extend(speech.is_over().then_some(speech.generation));
        }
        for generation in over {
            self.end_speech(generation, peer).await?;
        }
        if self.failure.is_none() {
            self.round = self.chain.order().into();
            // One that was lost between two speeches may be opened again.
            if !self.speeches.is_empty() {
                self.round.retain(|other| *other != index);
            }
        }
        self.open_next(Some(error), peer).await
    }

    async fn on_refused(&mut self, index: usize, error: Error, peer: &Peer) -> Result<()> {
        tracing::warn!(%error, "a voice cannot be opened; the next one is tried");
        self.losses.note(index, &error);
        self.chain.failed(index, &error);
        self.open_next(Some(error), peer).await
    }

    /// Tries the next voice of this round. If there is none, what is to be said is given up.
    async fn open_next(&mut self, error: Option<Error>, peer: &Peer) -> Result<()> {
        self.failure = self.failure.take().or(error);
        let Some(index) = self.round.pop_front() else {
            let nobody = || Error::config("there is no voice to open");
            let error = self.failure.take().unwrap_or_else(nobody);
            return self.give_up(error, peer).await;
        };
        let (chain, options) = (self.chain.clone(), self.options.clone());
        let limit = self.settings.opening;
        let opening = async move { open(&chain, index, &options, limit).await };
        self.stage = Stage::Opening { index, opening: opening.boxed() };
        Ok(())
    }

    /// Tells who speaks now, if it is another one.
    async fn tell_failover(&mut self, peer: &Peer) -> Result<()> {
        let Stage::Speaking(voice) = &self.stage else { return Ok(()) };
        let name = |index| self.chain.provider(index).name();
        match self.losses.end(voice.index, name) {
            Some(failover) => peer.send(TtsEvent::FailedOver(failover)).await,
            None => Ok(()),
        }
    }

    fn on_opened(&mut self, voice: Voice) {
        for speech in &mut self.speeches {
            speech.expect(self.paces[voice.index], voice.tells_texts);
        }
        if self.speeches.is_empty() {
            self.failure = None;
        }
        self.progress = None;
        self.stage = Stage::Speaking(Box::new(voice));
    }

    /// Reports that nobody can say what is to be said, unless there is nothing.
    async fn give_up(&mut self, error: Error, peer: &Peer) -> Result<()> {
        self.stage = Stage::Closed;
        if self.speeches.is_empty() {
            return Ok(());
        }
        self.given_up = self.speeches.drain(..).map(|speech| speech.generation).collect();
        self.begin_next();
        peer.report(error).await
    }
}

impl Stage {
    /// What happens next; never, while there is no voice.
    async fn next(&mut self) -> Step {
        match self {
            Self::Closed => future::pending().await,
            Self::Opening { index, opening } => Step::Opened(*index, opening.await),
            Self::Speaking(voice) => Step::Said(voice.link.recv().await),
        }
    }
}

async fn or_never(ready: Option<impl Future<Output = ()>>) {
    match ready {
        Some(ready) => ready.await,
        None => future::pending().await,
    }
}
