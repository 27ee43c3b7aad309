use std::{
    collections::BTreeMap,
    fmt,
    future::{self, Future},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// Texts of an answer and their audio, as in the driver.
const LINK: usize = 256;

/// Several voices for one call, of which one speaks: another takes over with the next thing to say
/// when its [switch](VoiceSwitch) says so. What has begun is said to its end by the voice that began
/// it.
///
/// A voice is opened when it is chosen, so that one that nobody comes to costs nothing. All of them
/// speak in one format, and what only some can do none is asked for.
///
/// ```
/// use std::sync::Arc;
/// use voiceagent_core::{adapt::Voices, tts::TextToSpeech};
///
/// fn of_two(service: Arc<dyn TextToSpeech>, sales: Arc<dyn TextToSpeech>) {
///     let voices = Voices::new("service", service).with_voice("sales", sales);
///     let switch = voices.switch();
///     assert!(switch.choose("sales") && !switch.choose("nobody"));
///     assert_eq!(&*switch.chosen(), "sales");
/// }
/// ```
pub struct Voices {
    voices: BTreeMap<Arc<str>, Arc<dyn TextToSpeech>>,
    chosen: watch::Sender<Arc<str>>,
}

/// Says which of several [`Voices`] speaks next. A clone is the same switch.
#[derive(Clone, Debug)]
pub struct VoiceSwitch {
    known: Arc<[Arc<str>]>,
    chosen: watch::Sender<Arc<str>>,
}

impl Voices {
    /// The voice that speaks at first, under a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, voice: Arc<dyn TextToSpeech>) -> Self {
        let name = name.into();
        let voices = BTreeMap::from([(Arc::clone(&name), voice)]);
        Self { voices, chosen: watch::Sender::new(name) }
    }

    /// Adds a voice, in place of one that has the same name.
    #[must_use]
    pub fn with_voice(mut self, name: impl Into<Arc<str>>, voice: Arc<dyn TextToSpeech>) -> Self {
        self.voices.insert(name.into(), voice);
        self
    }

    /// What says which of these voices speaks next.
    #[must_use]
    pub fn switch(&self) -> VoiceSwitch {
        let known = self.voices.keys().map(Arc::clone).collect();
        VoiceSwitch { known, chosen: self.chosen.clone() }
    }
}

impl VoiceSwitch {
    /// Lets a voice speak from the next thing on that is said; `false` if there is none of that name.
    #[must_use]
    pub fn choose(&self, name: &str) -> bool {
        match self.known.iter().find(|known| ***known == *name) {
            Some(known) => {
                self.chosen.send_replace(Arc::clone(known));
                true
            }
            None => false,
        }
    }

    /// The name of the voice that speaks next.
    #[must_use]
    pub fn chosen(&self) -> Arc<str> {
        Arc::clone(&self.chosen.borrow())
    }
}

impl fmt::Debug for Voices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = Arc::clone(&self.chosen.borrow());
        f.debug_struct("Voices").field("voices", &self.voices).field("chosen", &chosen).finish()
    }
}

#[async_trait]
impl TextToSpeech for Voices {
    fn name(&self) -> &str {
        "voices"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut all = self.voices.values().map(|voice| voice.capabilities());
        // There is the first one at least.
        let mut common = all.next().unwrap_or_default();
        for other in all {
            common.formats.retain(|format| other.formats.contains(format));
            common.streaming_text &= other.streaming_text;
            common.cancel &= other.cancel;
            common.word_timings &= other.word_timings;
            common.segments &= other.segments;
            common.tells_heard &= other.tells_heard;
            if common.phonemes != other.phonemes {
                common.phonemes = None;
            }
        }
        common
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        if !self.capabilities().formats.contains(&options.format) {
            let why = "the voices have no such format in common";
            return Err(Error::new(ErrorKind::Unsupported, "open", why));
        }
        let mut chosen = self.chosen.subscribe();
        let name = Arc::clone(&chosen.borrow_and_update());
        let Some(voice) = self.voices.get(&name) else {
            return Err(Error::config("there is no such voice"));
        };
        let link = voice.open(options.clone()).await?;
        let stage = Stage {
            voices: self.voices.clone(),
            options,
            links: BTreeMap::from([(Arc::clone(&name), link)]),
            opening: None,
            name,
            speakers: BTreeMap::new(),
            waiting: None,
        };
        Ok(Link::spawn(LINK, move |peer| stage.run(peer, chosen)))
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Link<TtsInput, TtsEvent>>> + Send>>;

/// Those who speak in a call.
struct Stage {
    voices: BTreeMap<Arc<str>, Arc<dyn TextToSpeech>>,
    options: TtsOptions,
    links: BTreeMap<Arc<str>, Link<TtsInput, TtsEvent>>,
    /// A voice on its way.
    opening: Option<(Arc<str>, Opening)>,
    /// Who speaks what is said next.
    name: Arc<str>,
    /// Who speaks what has begun and is not finished.
    speakers: BTreeMap<GenerationId, Arc<str>>,
    /// What a voice has no room for yet, or waits for one that is not there yet. No more is read
    /// meanwhile.
    waiting: Option<TtsInput>,
}

/// What comes next.
enum News {
    Chosen(Arc<str>),
    Input(Option<TtsInput>),
    Opened(Result<Link<TtsInput, TtsEvent>>),
    Room,
    Said(Arc<str>, Option<Result<TtsEvent>>),
}

impl Stage {
    async fn run(
        mut self,
        mut peer: LinkPeer<TtsInput, TtsEvent>,
        mut chosen: watch::Receiver<Arc<str>>,
    ) -> Result<()> {
        loop {
            match self.next(&mut peer, &mut chosen).await {
                News::Chosen(name) => self.choose(name),
                News::Input(None) => return Ok(()),
                News::Input(Some(input)) => self.waiting = Some(input),
                News::Opened(opened) => self.take(opened?),
                News::Room => {}
                News::Said(name, said) => self.pass_on(&peer, name, said).await?,
            }
            self.hand_out()?;
        }
    }

    async fn next(
        &mut self,
        peer: &mut LinkPeer<TtsInput, TtsEvent>,
        chosen: &mut watch::Receiver<Arc<str>>,
    ) -> News {
        let room = self.room();
        let Self { links, opening, waiting, .. } = self;
        let said = future::poll_fn(|cx| {
            for (name, link) in links.iter_mut() {
                if let Poll::Ready(said) = link.poll_recv(cx) {
                    return Poll::Ready(News::Said(Arc::clone(name), said));
                }
            }
            Poll::Pending
        });
        let opened = async {
            match opening {
                Some((_, opening)) => News::Opened(opening.await),
                None => future::pending().await,
            }
        };
        let changed = async {
            match chosen.changed().await {
                Ok(()) => News::Chosen(Arc::clone(&chosen.borrow_and_update())),
                // The voices are gone, and with them who could choose.
                Err(_) => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            news = changed => news,
            news = opened => news,
            news = said => news,
            () = room => News::Room,
            input = peer.recv(), if waiting.is_none() => News::Input(input),
        }
    }

    /// Ends when the voice has room that is to have what waits.
    fn room(&self) -> impl Future<Output = ()> + Send + use<> {
        let link = self.waiting.as_ref().and_then(|input| self.links.get(self.speaker(input)));
        let writable = link.map(Link::writable);
        async move {
            match writable {
                Some(writable) => writable.await,
                None => future::pending().await,
            }
        }
    }

    fn choose(&mut self, name: Arc<str>) {
        let is_there = self.links.contains_key(&name);
        let is_coming = self.opening.as_ref().is_some_and(|(coming, _)| *coming == name);
        if let (false, false, Some(voice)) = (is_there, is_coming, self.voices.get(&name)) {
            let (voice, options) = (Arc::clone(voice), self.options.clone());
            let opening: Opening = Box::pin(async move { voice.open(options).await });
            self.opening = Some((Arc::clone(&name), opening));
        }
        self.name = name;
    }

    fn take(&mut self, link: Link<TtsInput, TtsEvent>) {
        if let Some((name, _)) = self.opening.take() {
            self.links.insert(name, link);
        }
    }

    /// Who has what is to be said.
    fn speaker(&self, input: &TtsInput) -> &Arc<str> {
        self.speakers.get(&generation(input)).unwrap_or(&self.name)
    }

    /// Hands out what waits, if there is somebody who has room.
    fn hand_out(&mut self) -> Result<()> {
        let Some(input) = &self.waiting else { return Ok(()) };
        let (speaker, generation) = (Arc::clone(self.speaker(input)), generation(input));
        let link = self.links.get(&speaker).filter(|link| link.is_writable() || link.is_closed());
        let Some((link, input)) = link.zip(self.waiting.take_if(|_| link.is_some())) else {
            return Ok(());
        };
        if matches!(input, TtsInput::Text { .. }) {
            self.speakers.insert(generation, speaker);
        }
        if matches!(input, TtsInput::Cancel { .. }) {
            self.speakers.remove(&generation);
        }
        link.try_send(input)
    }

    async fn pass_on(
        &mut self,
        peer: &LinkPeer<TtsInput, TtsEvent>,
        name: Arc<str>,
        said: Option<Result<TtsEvent>>,
    ) -> Result<()> {
        match said {
            Some(Ok(event)) => {
                if let TtsEvent::Finished { generation } = &event {
                    self.speakers.remove(generation);
                }
                peer.send(event).await
            }
            Some(Err(fault)) => peer.report(fault).await,
            None => {
                self.links.remove(&name);
                let is_missed = name == self.name || self.speakers.values().any(|it| *it == name);
                // Whoever holds the link opens the voices anew, and the one that is chosen speaks.
                match is_missed {
                    true => Err(Error::new(ErrorKind::Closed, "speak", "a voice has gone")),
                    false => Ok(()),
                }
            }
        }
    }
}

const fn generation(input: &TtsInput) -> GenerationId {
    match input {
        TtsInput::Cancel { generation }
        | TtsInput::Finish { generation }
        | TtsInput::Interrupt { generation, .. }
        | TtsInput::Text { generation, .. } => *generation,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::{Duration, sleep};

    use super::*;
    use crate::audio::AudioFormat;

    /// Says each text as one piece of audio that is its own name.
    #[derive(Debug)]
    struct Named(&'static str, TtsCapabilities);

    impl Named {
        fn new(name: &'static str) -> Arc<Self> {
            let formats = vec![AudioFormat::MULAW_8K];
            Arc::new(Self(name, TtsCapabilities { cancel: true, ..TtsCapabilities::new(formats) }))
        }
    }

    #[async_trait]
    impl TextToSpeech for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn capabilities(&self) -> TtsCapabilities {
            self.1.clone()
        }

        async fn open(&self, _: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
            if self.0 == "slow" {
                sleep(Duration::from_secs(1)).await;
            }
            let name = self.0;
            Ok(Link::spawn(2, move |mut peer| async move {
                while let Some(input) = peer.recv().await {
                    let generation = generation(&input);
                    match input {
                        TtsInput::Text { text, .. } if &*text == "die" => return Ok(()),
                        TtsInput::Text { .. } => {
                            let payload = Bytes::from_static(name.as_bytes());
                            peer.send(TtsEvent::Audio { generation, payload }).await?;
                        }
                        TtsInput::Finish { .. } => {
                            peer.send(TtsEvent::Finished { generation }).await?;
                        }
                        TtsInput::Cancel { .. } | TtsInput::Interrupt { .. } => {}
                    }
                }
                Ok(())
            }))
        }
    }

    fn text(number: u64, text: &str) -> TtsInput {
        TtsInput::Text { generation: GenerationId::new(number), text: text.into() }
    }

    async fn heard(link: &mut Link<TtsInput, TtsEvent>) -> String {
        loop {
            let said = link.recv().await.unwrap().unwrap();
            if let TtsEvent::Audio { payload, generation } = said {
                return format!("{generation} {}", str::from_utf8(&payload).unwrap());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_thing_is_said_by_the_voice_that_was_chosen_and_what_has_begun_is_not() {
        let voices = Voices::new("one", Named::new("one")).with_voice("two", Named::new("slow"));
        let switch = voices.switch();
        assert!(!switch.choose("three"));
        let options = TtsOptions::new(AudioFormat::MULAW_8K);
        let mut link = voices.open(options.clone()).await.unwrap();
        let name = |number: u64| GenerationId::new(number);
        link.try_send(text(1, "a")).unwrap();
        assert_eq!(heard(&mut link).await, format!("{} one", name(1)));
        assert!(switch.choose("two"));
        // The answer that goes on keeps its voice, also while the other is on its way.
        link.try_send(text(1, "b")).unwrap();
        assert_eq!(heard(&mut link).await, format!("{} one", name(1)));
        for number in [2, 3] {
            for _ in 0..5 {
                link.try_send(text(number, "c")).unwrap();
            }
            link.try_send(TtsInput::Finish { generation: name(number) }).unwrap();
        }
        for number in [2, 3] {
            for _ in 0..5 {
                assert_eq!(heard(&mut link).await, format!("{} slow", name(number)));
            }
        }
        assert!(switch.choose("one"));
        tokio::task::yield_now().await;
        link.try_send(text(4, "d")).unwrap();
        assert_eq!(heard(&mut link).await, format!("{} one", name(4)));
        // Who opens anew has the voice that was chosen last.
        assert!(switch.choose("two"));
        let mut anew = voices.open(options).await.unwrap();
        anew.try_send(text(5, "e")).unwrap();
        assert_eq!(heard(&mut anew).await, format!("{} slow", name(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_voice_that_goes_is_told_where_it_is_missed() {
        let voices = Voices::new("one", Named::new("one")).with_voice("two", Named::new("two"));
        let mut link = voices.open(TtsOptions::new(AudioFormat::MULAW_8K)).await.unwrap();
        link.try_send(text(1, "die")).unwrap();
        let error = link.recv().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(link.recv().await.is_none());
    }

    #[tokio::test]
    async fn voices_do_together_what_each_of_them_can() {
        let both = vec![AudioFormat::MULAW_8K, AudioFormat::ALAW_8K];
        let first = TtsCapabilities { cancel: true, segments: true, ..TtsCapabilities::new(both) };
        let voices =
            Voices::new("one", Arc::new(Named("one", first))).with_voice("two", Named::new("two"));
        let common = voices.capabilities();
        assert_eq!(common.formats, [AudioFormat::MULAW_8K]);
        assert!(common.cancel && !common.segments);
        let refused = voices.open(TtsOptions::new(AudioFormat::ALAW_8K)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}
