mod speaker;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use self::speaker::Speaker;
use crate::{
    Error, ErrorKind, GenerationId, Link, Result,
    audio::Clip,
    spoken::SpokenForm,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// Texts of an answer and their audio, as in the driver.
const LINK: usize = 256;
/// How long a voice may take to make one prompt in advance.
const RENDERING: Duration = Duration::from_secs(30);

/// A voice that knows some texts by heart: it plays clips of these, and speaks all others.
///
/// A text is known where an answer, or a thing to say, begins with it, whatever white space is in
/// it. Where what is there may still become something that is known, or something longer, more of
/// it is waited for, 300 ms at most. What is known needs no vendor: it begins to sound at once, costs nothing, and is said though
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
            | TtsEvent::Continued { .. }
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
        let mut speaker = Speaker::new(self.voice.clone(), options, self.prompts.clone());
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

/// A text as it is known: with single spaces between its words.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
