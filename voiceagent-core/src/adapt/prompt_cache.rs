use std::{
    collections::{BTreeSet, VecDeque},
    future,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until, timeout};

use super::chain::now;
use crate::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result,
    audio::Clip,
    spoken::SpokenForm,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// Texts of an answer and their audio, as in the driver.
const LINK: usize = 256;
/// What a voice has no room for yet: more texts than any answer has.
const WAITING: usize = 1_024;
/// How long a voice that was lost may take to open again. The caller waits meanwhile.
const OPENING: Duration = Duration::from_secs(2);
/// A voice whose link ends sooner, and has said nothing, is opened again only when it is needed: it
/// takes connections and closes them.
const SOON: Duration = Duration::from_secs(5);
/// How long a voice may take to make one prompt in advance.
const RENDERING: Duration = Duration::from_secs(30);

/// A voice that knows some texts by heart: it plays clips of these, and speaks all others.
///
/// A text is known where an answer, or a thing to say, begins with it, whatever white space is in
/// it. What is known needs no vendor: it begins to sound at once, costs nothing, and is said though
/// the voice is down. A voice that is down costs no call its link either; each answer that needs it
/// is told as failed, and it is tried again with the next, no sooner than it asks for. So a clip of
/// [`SessionConfig::voice_apology`](crate::SessionConfig::voice_apology) is what a caller hears of
/// a dead voice.
///
/// ```no_run
/// use std::sync::Arc;
/// use voiceagent_core::{Agent, Result, adapt::PromptCache, audio::Clip, tts::TextToSpeech};
///
/// # async fn agent(voice: Arc<dyn TextToSpeech>) -> Result<()> {
/// const GREETING: &str = "Good morning, this is Miller's bakery.";
/// const TROUBLE: &str = "One moment please, we have a technical problem.";
///
/// let voice = PromptCache::new(voice)
///     .with_clip(TROUBLE, Clip::open("prompts/trouble.wav")?)?
///     .render([GREETING])
///     .await?;
/// let agent = Agent::builder()
///     .greeting(GREETING)
///     .tts(Arc::new(voice))
///     .tune(|config| config.voice_apology = Some(TROUBLE.into()));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct PromptCache {
    voice: Arc<dyn TextToSpeech>,
    form: Option<SpokenForm>,
    language: Option<Arc<str>>,
    prompts: Vec<Prompt>,
}

#[derive(Clone, Debug)]
struct Prompt {
    text: String,
    clip: Clip,
}

impl PromptCache {
    /// A voice that knows nothing by heart yet.
    #[must_use]
    pub const fn new(voice: Arc<dyn TextToSpeech>) -> Self {
        Self { voice, form: None, language: None, prompts: Vec::new() }
    }

    /// Knows texts as the agent has them put into words, by
    /// [`SessionConfig::spoken_form`](crate::SessionConfig::spoken_form). To be said before the
    /// texts are.
    #[must_use]
    pub fn with_spoken_form(mut self, mut form: SpokenForm) -> Self {
        form.phonemes = self.voice.capabilities().phonemes;
        self.form = Some(form);
        self
    }

    /// Renders texts in this language, a BCP 47 tag: that of the
    /// [agent](crate::AgentBuilder::language). To be said before the texts are.
    #[must_use]
    pub fn with_language(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.language = Some(tag.into());
        self
    }

    /// Plays `clip` for `text`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the text has no words.
    pub fn with_clip(self, text: &str, clip: Clip) -> Result<Self> {
        let text = self.known_as(text)?;
        Ok(self.with_prompt(text, clip))
    }

    fn with_prompt(mut self, text: String, clip: Clip) -> Self {
        self.prompts.retain(|prompt| prompt.text != text);
        self.prompts.push(Prompt { text, clip });
        self
    }

    /// Lets the voice speak texts in advance, one after another. Those that are known are left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where a text has no words. When the voice cannot be opened, fails, is silent, or takes longer than 30 s for a text.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the texts and the cache.
    pub async fn render<T: AsRef<str>>(
        mut self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let formats = self.voice.capabilities().formats;
        let format = formats.first().copied().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "render", "the voice names no audio format")
        })?;
        let known: BTreeSet<String> = self.prompts.iter().map(|it| it.text.clone()).collect();
        let texts = texts.into_iter().map(|text| self.known_as(text.as_ref()));
        let mut missing = texts.collect::<Result<BTreeSet<String>>>()?;
        missing.retain(|text| !known.contains(text));
        if missing.is_empty() {
            return Ok(self);
        }
        let mut options = TtsOptions::new(format);
        options.language.clone_from(&self.language);
        let mut link = self.voice.open(options).await?;
        for (number, text) in (1..).zip(missing) {
            let generation = GenerationId::new(number);
            link.try_send(TtsInput::Text { generation, text: text.as_str().into() })?;
            link.try_send(TtsInput::Finish { generation })?;
            let late = |_| Error::new(ErrorKind::Timeout, "render", "no prompt within 30 s");
            let audio = timeout(RENDERING, spoken(&mut link, generation)).await.map_err(late)??;
            if audio.is_empty() {
                return Err(Error::new(ErrorKind::Protocol, "render", "the voice was silent"));
            }
            self = self.with_prompt(text, Clip::new(format, &audio)?);
        }
        Ok(self)
    }

    /// The clip of a text, to [save](Clip::save) it.
    #[must_use]
    pub fn clip(&self, text: &str) -> Option<&Clip> {
        let text = self.known_as(text).ok()?;
        self.prompts.iter().find(|prompt| prompt.text == text).map(|prompt| &prompt.clip)
    }

    fn known_as(&self, text: &str) -> Result<String> {
        let text = self.form.as_ref().map_or_else(|| plain(text), |form| plain(&form.speak(text)));
        // Everything begins with nothing.
        match text.is_empty() {
            true => Err(Error::config("a prompt must have words")),
            false => Ok(text),
        }
    }
}

/// All audio of a generation.
async fn spoken(link: &mut Link<TtsInput, TtsEvent>, wanted: GenerationId) -> Result<Vec<u8>> {
    let mut audio = Vec::new();
    while let Some(event) = link.recv().await {
        match event? {
            TtsEvent::Audio { generation, payload } if generation == wanted => {
                audio.extend_from_slice(&payload);
            }
            TtsEvent::Finished { generation } if generation == wanted => return Ok(audio),
            TtsEvent::Audio { .. }
            | TtsEvent::Finished { .. }
            | TtsEvent::FailedOver(_)
            | TtsEvent::Heard { .. }
            | TtsEvent::Spoken { .. }
            | TtsEvent::Words { .. } => {}
        }
    }
    Err(Error::new(ErrorKind::Disconnected, "render", "the voice has gone"))
}

#[async_trait]
impl TextToSpeech for PromptCache {
    fn name(&self) -> &str {
        self.voice.name()
    }

    fn capabilities(&self) -> TtsCapabilities {
        // The voice does not know what was said without it.
        TtsCapabilities { tells_heard: false, ..self.voice.capabilities() }
    }

    /// Opens the voice. One that cannot be opened is tried again when it is needed, if there is
    /// anything that can be said without it.
    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let opened = self.voice.open(options.clone()).await;
        let mut speaker = Speaker {
            voice: self.voice.clone(),
            options,
            link: None,
            mute_since: None,
            asked: None,
            prompts: self.prompts.clone(),
            waiting: VecDeque::new(),
            answer: Answer::default(),
            owed: None,
            given_up: None,
        };
        match opened {
            Ok(link) => speaker.begin_link(link),
            Err(error) if self.prompts.is_empty() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the voice cannot be opened; what it knows is said");
                speaker.note(&error);
            }
        }
        Ok(Link::spawn(LINK, |peer| speaker.run(peer)))
    }
}

/// Decides for each text whether it is known.
struct Speaker {
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
    answer: Answer,
    /// What the voice has begun and not finished.
    owed: Option<GenerationId>,
    /// Of this, nothing more is handed to a voice: it could not be opened, or was lost in the middle.
    given_up: Option<GenerationId>,
}

/// What is being said.
#[derive(Default)]
struct Answer {
    generation: GenerationId,
    /// Texts that may be the beginning of something that is known.
    pending: Vec<Arc<str>>,
    /// How long the clips lasted that were played.
    played: Duration,
    /// The voice speaks, and goes on to the end.
    by_voice: bool,
}

type Peer = LinkPeer<TtsInput, TtsEvent>;

impl Speaker {
    async fn run(mut self, mut peer: Peer) -> Result<()> {
        loop {
            let room = self.link.as_ref().filter(|_| !self.waiting.is_empty()).map(Link::writable);
            let heard = async {
                match &mut self.link {
                    Some(link) => link.recv().await,
                    None => future::pending().await,
                }
            };
            let room = async {
                match room {
                    Some(room) => room.await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                biased;
                input = peer.recv() => match input {
                    Some(input) => self.take(input, &peer).await?,
                    None => return Ok(()),
                },
                event = heard => self.pass_on(event, &peer).await?,
                () = room => self.hand_over(),
            }
        }
    }

    async fn take(&mut self, input: TtsInput, peer: &Peer) -> Result<()> {
        match input {
            TtsInput::Text { generation, text } => {
                self.begin(generation);
                if self.answer.by_voice {
                    return self.ask(TtsInput::Text { generation, text }, peer).await;
                }
                self.answer.pending.push(text);
                self.resolve(false, peer).await
            }
            TtsInput::Finish { generation } => {
                self.begin(generation);
                self.resolve(true, peer).await?;
                if self.answer.by_voice {
                    return self.ask(TtsInput::Finish { generation }, peer).await;
                }
                peer.send(TtsEvent::Finished { generation }).await
            }
            TtsInput::Cancel { generation } | TtsInput::Interrupt { generation, .. } => {
                if self.answer.generation == generation {
                    self.answer.pending.clear();
                }
                self.owed.take_if(|owed| *owed == generation);
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

    fn begin(&mut self, generation: GenerationId) {
        if self.answer.generation != generation {
            self.answer = Answer { generation, ..Answer::default() };
        }
    }

    /// Says what is pending, unless it may become something that is known.
    async fn resolve(&mut self, is_all: bool, peer: &Peer) -> Result<()> {
        while !self.answer.pending.is_empty() {
            let pending = &self.answer.pending;
            let text = plain(&pending.concat());
            let begins =
                |prompt: &Prompt| prompt.text.len() > text.len() && prompt.text.starts_with(&text);
            if !is_all && self.prompts.iter().any(begins) {
                return Ok(());
            }
            let known = (1..=pending.len()).rev().find_map(|texts| {
                let text = plain(&pending[..texts].concat());
                let clip = &self.prompts.iter().find(|prompt| prompt.text == text)?.clip;
                Some((texts, clip.clone()))
            });
            let Some((texts, clip)) = known else {
                self.answer.by_voice = true;
                let generation = self.answer.generation;
                for text in std::mem::take(&mut self.answer.pending) {
                    self.ask(TtsInput::Text { generation, text }, peer).await?;
                }
                return Ok(());
            };
            self.answer.pending.drain(..texts);
            self.play(&clip, texts, peer).await?;
        }
        Ok(())
    }

    async fn play(&mut self, clip: &Clip, texts: usize, peer: &Peer) -> Result<()> {
        let (generation, format) = (self.answer.generation, self.options.format);
        let mut audio = clip.encode(format)?;
        self.answer.played += format.duration_of(format.samples(audio.len()));
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
    async fn ask(&mut self, input: TtsInput, peer: &Peer) -> Result<()> {
        let generation = self.answer.generation;
        if self.given_up == Some(generation) {
            return Ok(());
        }
        let is_lost = self.link.as_ref().is_none_or(Link::is_closed);
        if is_lost && self.owed == Some(generation) {
            // Its beginning went with the voice, which is told where the end of the link is read.
            return Ok(());
        }
        if is_lost && let Err(error) = self.reopen().await {
            self.given_up = Some(generation);
            return peer.report(error).await;
        }
        if self.waiting.len() >= WAITING {
            let error = Error::new(ErrorKind::Stalled, "send", "the voice takes nothing");
            return peer.report(error).await;
        }
        self.owed = Some(generation);
        self.waiting.push_back(input);
        self.hand_over();
        Ok(())
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

    fn begin_link(&mut self, link: Link<TtsInput, TtsEvent>) {
        self.link = Some(link);
        self.mute_since = Some(now());
    }

    /// Keeps in mind for how long the voice asks to be left alone.
    fn note(&mut self, error: &Error) {
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
                if generation == self.answer.generation {
                    for word in &mut words {
                        word.start += self.answer.played;
                        word.end += self.answer.played;
                    }
                }
                peer.send(TtsEvent::Words { generation, words }).await
            }
            Some(Ok(event)) => {
                if let TtsEvent::Finished { generation } = event {
                    self.owed.take_if(|owed| *owed == generation);
                }
                peer.send(event).await
            }
            Some(Err(error)) => {
                self.note(&error);
                match self.owed.take() {
                    Some(_) => peer.report(error).await,
                    None => {
                        tracing::debug!(%error, "a voice that nobody needs reports a fault");
                        Ok(())
                    }
                }
            }
            None => {
                if let Some(owed) = self.owed.take() {
                    self.given_up = Some(owed);
                    let error = Error::new(ErrorKind::Disconnected, "read", "the voice has ended");
                    peer.report(error.with_provider(self.voice.name().to_owned())).await?;
                }
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

/// A text as it is known: with single spaces between its words.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
