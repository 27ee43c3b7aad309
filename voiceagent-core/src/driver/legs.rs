use std::{collections::VecDeque, future::Future, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tracing::warn;

use super::ears::Ears;
use crate::{
    Error, ErrorKind, GenerationId, Link, Result,
    agent::Recipe,
    audio::{AudioFormat, Transcoder},
    transport::{CallInfo, Inbound, Media, Outbound, Transport},
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};

/// How long the leg of a finished call may take to let go.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a store may take to recall a caller, who hears it ring meanwhile.
const REMEMBERING: Duration = Duration::from_secs(2);
/// How long a lost provider is tried again.
const REOPENING: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// Texts that wait for a voice that is being reopened: more than any answer has.
const BACKLOG: usize = 128;

/// The connections of a call.
pub(crate) struct Legs {
    pub(crate) memory: Option<Value>,
    pub(super) line: Link<Outbound, Inbound>,
    pub(super) ears: Option<Ears>,
    pub(super) voice: Option<Voice>,
}

/// The way from text to the caller's audio format.
pub(super) struct Voice {
    options: TtsOptions,
    link: Option<Link<TtsInput, TtsEvent>>,
    reopening: Option<BoxFuture<'static, Result<Link<TtsInput, TtsEvent>>>>,
    backlog: VecDeque<TtsInput>,
    transcoder: Transcoder,
    /// Whose audio the transcoder has in mind.
    speaking: GenerationId,
}

impl Legs {
    /// Opens everything at once.
    pub(crate) async fn open(
        recipe: &Recipe,
        info: &CallInfo,
        transport: Box<dyn Transport>,
    ) -> Result<Self> {
        let memory = async {
            let store = recipe.store.as_ref()?;
            let loaded = tokio::time::timeout(REMEMBERING, store.load(info)).await;
            let late = || Error::new(ErrorKind::Timeout, "load", "the store took too long");
            let memory = loaded.unwrap_or_else(|_| Err(late()));
            memory.inspect_err(|error| warn!(%error, "nothing could be remembered")).ok().flatten()
        };
        let Media::Audio { inbound, outbound } = info.media else {
            let memory = memory.await;
            let line = transport.open().await?;
            return Ok(Self { memory, line, ears: None, voice: None });
        };
        let stt = recipe.stt.as_ref().ok_or_else(|| Error::config("a call needs `stt`"))?;
        let tts = recipe.tts.as_ref().ok_or_else(|| Error::config("a call needs `tts`"))?;
        let (ears, voice, memory) = futures_util::future::try_join3(
            Ears::open(recipe, &**stt, inbound),
            Voice::open(&**tts, outbound),
            memory.map(Ok),
        )
        .await?;
        let line = transport.open().await?;
        Ok(Self { memory, line, ears: Some(ears), voice: Some(voice) })
    }

    /// Waits until the far end is told that the call is over.
    pub(super) async fn say_goodbye(&mut self) {
        self.ears = None;
        self.voice = None;
        let gone = async { while self.line.recv().await.is_some() {} };
        // A line that does not let go is dropped, which ends it.
        let _ = tokio::time::timeout(GOODBYE, gone).await;
    }
}

impl Voice {
    async fn open(tts: &dyn TextToSpeech, format: AudioFormat) -> Result<Self> {
        let spoken = choose(&tts.capabilities().formats, format)?;
        let options = TtsOptions::new(spoken);
        let transcoder = Transcoder::new(spoken, format)?;
        let link = Some(tts.open(options.clone()).await?);
        let speaking = GenerationId::default();
        let backlog = VecDeque::new();
        Ok(Self { options, link, reopening: None, backlog, transcoder, speaking })
    }

    pub(super) fn send(&mut self, input: TtsInput) -> Result<()> {
        match &self.link {
            Some(link) if !link.is_closed() => link.try_send(input),
            _ if self.backlog.len() < BACKLOG => {
                self.backlog.push_back(input);
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Stalled, "speak", "the voice is gone")),
        }
    }

    /// Audio in the caller's format. Nothing of one generation rings on in the next.
    pub(super) fn transcode(&mut self, generation: GenerationId, payload: Bytes) -> Bytes {
        if self.speaking != generation {
            self.speaking = generation;
            self.transcoder.reset();
        }
        self.transcoder.transcode(payload)
    }

    /// The next thing the voice reports. An error is final if the voice could not be reopened.
    pub(super) async fn next(
        &mut self,
        tts: &std::sync::Arc<dyn TextToSpeech>,
    ) -> Report<TtsEvent> {
        if let Some(link) = &mut self.link {
            match link.recv().await {
                Some(Ok(event)) => return Report::Event(event),
                Some(Err(fault)) => return Report::Fault(fault),
                None => self.link = None,
            }
        }
        let reopening = self.reopening.get_or_insert_with(|| {
            let (tts, options) = (tts.clone(), self.options.clone());
            Box::pin(reopen(move || {
                let (tts, options) = (tts.clone(), options.clone());
                async move { tts.open(options).await }
            }))
        });
        let opened = reopening.await;
        self.reopening = None;
        match opened {
            Ok(link) => {
                for input in self.backlog.drain(..) {
                    // A fresh link has room for what a bounded backlog holds, or fails later.
                    let _ = link.try_send(input);
                }
                self.link = Some(link);
                Report::Reopened
            }
            Err(error) => Report::Lost(error),
        }
    }
}

/// What comes from a provider that is reopened when it is lost.
pub(super) enum Report<T> {
    Event(T),
    /// Something failed, and the provider goes on.
    Fault(Error),
    Lost(Error),
    Reopened,
}

/// Opens a provider again and again for a while.
pub(super) async fn reopen<T, F>(open: impl Fn() -> F + Send + Sync) -> Result<T>
where
    F: Future<Output = Result<T>> + Send,
{
    let mut last = Error::new(ErrorKind::Timeout, "reopen", "no answer");
    let attempts = async {
        loop {
            match open().await {
                Ok(opened) => return opened,
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let opened = tokio::time::timeout(REOPENING, attempts).await;
    opened.map_err(|_| last)
}

/// The call's own format where the provider takes it, else the provider's best.
pub(super) fn choose(accepted: &[AudioFormat], wanted: AudioFormat) -> Result<AudioFormat> {
    let own = accepted.iter().find(|format| **format == wanted);
    own.or(accepted.first()).copied().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "open", "the provider names no audio format")
    })
}
