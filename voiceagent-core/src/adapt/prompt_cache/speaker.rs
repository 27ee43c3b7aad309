use std::{
    collections::VecDeque,
    future::{self, Future},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout};

use super::{Prompt, plain};
use crate::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result,
    adapt::chain::now,
    audio::Clip,
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};

/// What a voice has no room for yet: more texts than any answer has.
const WAITING: usize = 1_024;
/// Answers that are said at once: one, with what is said on the side, and what is left of those that
/// nobody ended.
const ANSWERS: usize = 16;
/// How long a voice that was lost may take to open again. The caller waits meanwhile.
const OPENING: Duration = Duration::from_secs(2);
/// A voice whose link ends sooner, and has said nothing, is opened again only when it is needed: it
/// takes connections and closes them.
const SOON: Duration = Duration::from_secs(5);
/// How long the next text of an answer is waited for that may make it something that is known. A
/// model may have called a tool, and write no more for as long as that takes.
const PATIENCE: Duration = Duration::from_millis(300);

/// Decides for each text whether it is known.
pub(super) struct Speaker {
    voice: Arc<dyn TextToSpeech>,
    options: TtsOptions,
    link: Option<Link<TtsInput, TtsEvent>>,
    /// When the link was opened, until it says something.
    mute_since: Option<Instant>,
    /// Until when the voice has asked to be left alone, and why.
    asked: Option<(Instant, ErrorKind)>,
    prompts: Vec<Prompt>,
    /// What the voice has no room for yet.
    waiting: VecDeque<TtsInput>,
    /// What has not been said completely. Texts of several may come by turns.
    answers: VecDeque<Answer>,
}

/// What is said under one name.
#[derive(Default)]
struct Answer {
    generation: GenerationId,
    /// Texts that may be the beginning of something that is known.
    pending: Vec<Arc<str>>,
    /// Until when it is waited for more of them.
    waits_until: Option<Instant>,
    /// How long the clips lasted that were played.
    played: Duration,
    /// The voice speaks, and goes on to the end.
    by_voice: bool,
    /// The voice has begun it and not finished.
    is_owed: bool,
    /// Nothing more of it is handed to a voice: none could be opened, or one was lost in the middle.
    is_given_up: bool,
}

type Peer = LinkPeer<TtsInput, TtsEvent>;

impl Speaker {
    pub(super) fn new(
        voice: Arc<dyn TextToSpeech>,
        options: TtsOptions,
        prompts: Vec<Prompt>,
    ) -> Self {
        Self {
            voice,
            options,
            link: None,
            mute_since: None,
            asked: None,
            prompts,
            waiting: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, mut peer: Peer) -> Result<()> {
        loop {
            let room = self.link.as_ref().filter(|_| !self.waiting.is_empty()).map(Link::writable);
            let heard = async {
                match &mut self.link {
                    Some(link) => link.recv().await,
                    None => future::pending().await,
                }
            };
            let room = or_never(room);
            let waiting = self.answers.iter().enumerate();
            let waiting = waiting.filter_map(|(at, answer)| Some((answer.waits_until?, at)));
            let (until, waiting) = waiting.min().unzip();
            let patience = or_never(until.map(sleep_until));
            tokio::select! {
                biased;
                input = peer.recv() => match input {
                    Some(input) => self.take(input, &peer).await?,
                    None => return Ok(()),
                },
                event = heard => self.pass_on(event, &peer).await?,
                () = room => self.hand_over(),
                () = patience => self.resolve(waiting.unwrap_or_default(), true, &peer).await?,
            }
        }
    }

    async fn take(&mut self, input: TtsInput, peer: &Peer) -> Result<()> {
        match input {
            TtsInput::Text { generation, text } => {
                let at = self.begin(generation);
                if self.answers[at].by_voice {
                    return self.ask(at, TtsInput::Text { generation, text }, peer).await;
                }
                self.answers[at].pending.push(text);
                self.resolve(at, false, peer).await
            }
            TtsInput::Finish { generation } => {
                let at = self.begin(generation);
                self.resolve(at, true, peer).await?;
                if self.answers[at].is_given_up {
                    self.answers.remove(at);
                    return Ok(());
                }
                if self.answers[at].by_voice {
                    return self.ask(at, TtsInput::Finish { generation }, peer).await;
                }
                self.answers.remove(at);
                peer.send(TtsEvent::Finished { generation }).await
            }
            TtsInput::Cancel { generation } | TtsInput::Interrupt { generation, .. } => {
                self.answers.retain(|answer| answer.generation != generation);
                self.waiting.retain(|waiting| match waiting {
                    TtsInput::Text { generation: of, .. } | TtsInput::Finish { generation: of } => {
                        *of != generation
                    }
                    TtsInput::Cancel { .. } | TtsInput::Interrupt { .. } => true,
                });
                if self.link.is_some() {
                    self.waiting.push_back(TtsInput::Cancel { generation });
                    self.hand_over();
                }
                Ok(())
            }
        }
    }

    /// The place of what is said under this name.
    fn begin(&mut self, generation: GenerationId) -> usize {
        let known = self.answers.iter().position(|answer| answer.generation == generation);
        known.unwrap_or_else(|| {
            if self.answers.len() >= ANSWERS {
                self.answers.pop_front();
            }
            self.answers.push_back(Answer { generation, ..Answer::default() });
            self.answers.len() - 1
        })
    }

    /// Says what is pending, unless it may become something that is known, or something longer.
    async fn resolve(&mut self, at: usize, is_all: bool, peer: &Peer) -> Result<()> {
        self.answers[at].waits_until = None;
        while !self.answers[at].pending.is_empty() {
            let pending = &self.answers[at].pending;
            let text = plain(&pending.concat());
            let begins =
                |prompt: &Prompt| prompt.text.len() > text.len() && prompt.text.starts_with(&text);
            if !is_all && self.prompts.iter().any(begins) {
                self.answers[at].waits_until = Some(now() + PATIENCE);
                return Ok(());
            }
            let known = (1..=pending.len()).rev().find_map(|texts| {
                let text = plain(&pending[..texts].concat());
                let clip = &self.prompts.iter().find(|prompt| prompt.text == text)?.clip;
                Some((texts, clip.clone()))
            });
            let Some((texts, clip)) = known else {
                self.answers[at].by_voice = true;
                let generation = self.answers[at].generation;
                for text in std::mem::take(&mut self.answers[at].pending) {
                    self.ask(at, TtsInput::Text { generation, text }, peer).await?;
                }
                return Ok(());
            };
            self.answers[at].pending.drain(..texts);
            self.play(at, &clip, texts, peer).await?;
        }
        Ok(())
    }

    async fn play(&mut self, at: usize, clip: &Clip, texts: usize, peer: &Peer) -> Result<()> {
        let (generation, format) = (self.answers[at].generation, self.options.format);
        let mut audio = clip.encode(format)?;
        self.answers[at].played += format.duration_of(format.samples(audio.len()));
        // A second at a time, as a voice would speak.
        let second = format.bytes_in(Duration::from_secs(1)).max(1);
        while !audio.is_empty() {
            let payload = audio.split_to(second.min(audio.len()));
            peer.send(TtsEvent::Audio { generation, payload }).await?;
        }
        let texts = u32::try_from(texts).unwrap_or(u32::MAX);
        peer.send(TtsEvent::Spoken { generation, texts }).await
    }

    /// Lets the voice speak.
    async fn ask(&mut self, at: usize, input: TtsInput, peer: &Peer) -> Result<()> {
        if self.answers[at].is_given_up {
            return Ok(());
        }
        let is_lost = self.link.as_ref().is_none_or(Link::is_closed);
        if is_lost && self.answers[at].is_owed {
            // Its beginning went with the voice, which is told where the end of the link is read.
            return Ok(());
        }
        if is_lost {
            self.give_up_owed(peer).await?;
            if let Err(error) = self.reopen().await {
                self.answers[at].is_given_up = true;
                return peer.report(error).await;
            }
        }
        if self.waiting.len() >= WAITING {
            let error = Error::new(ErrorKind::Stalled, "send", "the voice takes nothing");
            return peer.report(error).await;
        }
        self.answers[at].is_owed = true;
        self.waiting.push_back(input);
        self.hand_over();
        Ok(())
    }

    /// The voice has gone: nobody says the rest of what it had begun.
    async fn give_up_owed(&mut self, peer: &Peer) -> Result<()> {
        let mut has_owed = false;
        for answer in self.answers.iter_mut().filter(|answer| answer.is_owed) {
            (answer.is_owed, answer.is_given_up, has_owed) = (false, true, true);
        }
        if !has_owed {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Disconnected, "read", "the voice has ended");
        peer.report(error.with_provider(self.voice.name().to_owned())).await
    }

    async fn reopen(&mut self) -> Result<()> {
        self.link = None;
        self.waiting.clear();
        if let Some((until, kind)) = self.asked {
            let left = until.saturating_duration_since(now());
            if left > OPENING {
                let error = Error::new(kind, "open", "the voice asks to be left alone");
                let error = error.with_provider(self.voice.name().to_owned());
                return Err(error.with_retry_after(left));
            }
            sleep_until(until).await;
        }
        let late = |_| Error::new(ErrorKind::Timeout, "open", "the voice did not open in time");
        let opening = timeout(OPENING, self.voice.open(self.options.clone()));
        let opened = opening.await.map_err(late).and_then(|opened| opened);
        let link = opened.inspect_err(|error| self.note(error))?;
        self.begin_link(link);
        Ok(())
    }

    pub(super) fn begin_link(&mut self, link: Link<TtsInput, TtsEvent>) {
        self.link = Some(link);
        self.mute_since = Some(now());
    }

    /// Keeps in mind for how long the voice asks to be left alone.
    pub(super) fn note(&mut self, error: &Error) {
        self.asked = error.retry_after().map(|wait| (now() + wait, error.kind()));
    }

    fn hand_over(&mut self) {
        let Some(link) = &self.link else { return };
        while link.is_writable()
            && let Some(input) = self.waiting.pop_front()
        {
            // That a link has ended is noticed where it is read.
            let _ = link.try_send(input);
        }
    }

    /// Passes on what the voice says.
    async fn pass_on(&mut self, event: Option<Result<TtsEvent>>, peer: &Peer) -> Result<()> {
        if let Some(Ok(_)) = &event {
            (self.mute_since, self.asked) = (None, None);
        }
        match event {
            Some(Ok(TtsEvent::Words { generation, mut words })) => {
                let answer = self.answers.iter().find(|answer| answer.generation == generation);
                let played = answer.map_or(Duration::ZERO, |answer| answer.played);
                for word in &mut words {
                    word.start += played;
                    word.end += played;
                }
                peer.send(TtsEvent::Words { generation, words }).await
            }
            Some(Ok(event)) => {
                if let TtsEvent::Finished { generation } = event {
                    self.answers.retain(|answer| answer.generation != generation);
                }
                peer.send(event).await
            }
            Some(Err(error)) => {
                self.note(&error);
                let mut is_needed = false;
                for answer in &mut self.answers {
                    is_needed |= std::mem::take(&mut answer.is_owed);
                }
                if is_needed {
                    return peer.report(error).await;
                }
                tracing::debug!(%error, "a voice that nobody needs reports a fault");
                Ok(())
            }
            None => {
                self.give_up_owed(peer).await?;
                self.link = None;
                let is_of_use = self.mute_since.is_none_or(|opened| opened.elapsed() >= SOON);
                if is_of_use
                    && self.asked.is_none()
                    && let Err(error) = self.reopen().await
                {
                    tracing::warn!(%error, "the voice is lost; what is known is said");
                }
                Ok(())
            }
        }
    }
}

async fn or_never(ready: Option<impl Future<Output = ()>>) {
    match ready {
        Some(ready) => ready.await,
        None => future::pending().await,
    }
}
