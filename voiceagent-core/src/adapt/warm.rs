mod pool;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{FutureExt, stream::BoxStream};
use serde::Deserialize;
use tokio::time::{sleep_until, timeout};

use self::pool::{Pool, Wanted};
use super::chain::now;
use crate::{
    Link, LinkPeer, Result, duration,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

/// How connections are opened ahead. In a configuration, times are written as `"60s"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Warmth {
    /// How many connections wait for the next calls. 1 unless set; a model over HTTP keeps one.
    pub spare: usize,
    /// How old a connection may be when it is taken. One that is older is replaced; a model's is
    /// used once in this time, or known to be open, so that no server closes it. 60 s unless set.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_age: Duration,
    /// How long opening one may take. 5 s unless set.
    #[serde(deserialize_with = "duration::deserialize")]
    pub opening: Duration,
    /// For how long connections are kept while nobody calls. 5 minutes unless set.
    #[serde(deserialize_with = "duration::deserialize")]
    pub linger: Duration,
}

impl Default for Warmth {
    fn default() -> Self {
        Self {
            spare: 1,
            max_age: Duration::from_secs(60),
            opening: Duration::from_secs(5),
            linger: Duration::from_secs(300),
        }
    }
}

/// A recognizer whose connection for the next call is open already.
///
/// The first call opens its own, unless [`prepare`](Self::prepare) was asked; each call that takes
/// a connection lets another one be opened, as the call before wanted it. One does for every call of
/// its format and language, also within a chain: what else [`SttOptions`] say is
/// [told](SttInput::Adopt) to it when it is taken. Connections that are lost
/// or too old are replaced, after a [rest](super::CircuitBreaker) where the vendor cannot be
/// reached; a call that finds none opens its own. Dropping the recognizer closes what waits.
///
/// ```
/// use std::sync::Arc;
/// use voiceagent_core::{
///     adapt::{WarmStt, Warmth},
///     audio::AudioFormat,
///     stt::{SpeechToText, SttOptions},
/// };
///
/// fn warm(stt: Arc<dyn SpeechToText>) -> WarmStt {
///     let warm = WarmStt::new(stt, Warmth::default());
///     warm.prepare(SttOptions::new(AudioFormat::MULAW_8K));
///     warm
/// }
/// ```
#[derive(Debug)]
pub struct WarmStt {
    stt: Arc<dyn SpeechToText>,
    pool: Pool<SttOptions, SttInput, SttEvent>,
}

impl WarmStt {
    /// Keeps connections of `stt`.
    #[must_use]
    pub fn new(stt: Arc<dyn SpeechToText>, warmth: Warmth) -> Self {
        let opens = stt.clone();
        let open = move |options| {
            let stt = opens.clone();
            async move { stt.open(options).await }.boxed()
        };
        Self { stt, pool: Pool::new(warmth, open) }
    }

    /// Opens connections for the first call ahead. To be called within a runtime.
    pub fn prepare(&self, options: SttOptions) {
        self.pool.prepare(options);
    }
}

impl Wanted<SttInput> for SttOptions {
    fn does_for(&self, other: &Self) -> bool {
        let Self { format, language, patience: _, replays: _ } = self;
        (format, language) == (&other.format, &other.language)
    }

    fn on_taken(&self) -> Option<SttInput> {
        Some(SttInput::Adopt { patience: self.patience, replays: self.replays })
    }
}

#[async_trait]
impl SpeechToText for WarmStt {
    fn name(&self) -> &str {
        self.stt.name()
    }

    fn capabilities(&self) -> SttCapabilities {
        self.stt.capabilities()
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        self.pool.open(options).await
    }
}

/// A voice whose connection for the next call is open already: as [`WarmStt`].
#[derive(Debug)]
pub struct WarmTts {
    tts: Arc<dyn TextToSpeech>,
    pool: Pool<TtsOptions, TtsInput, TtsEvent>,
}

impl WarmTts {
    /// Keeps connections of `tts`.
    #[must_use]
    pub fn new(tts: Arc<dyn TextToSpeech>, warmth: Warmth) -> Self {
        let opens = tts.clone();
        let open = move |options| {
            let tts = opens.clone();
            async move { tts.open(options).await }.boxed()
        };
        Self { tts, pool: Pool::new(warmth, open) }
    }

    /// Opens connections for the first call ahead. To be called within a runtime.
    pub fn prepare(&self, options: TtsOptions) {
        self.pool.prepare(options);
    }
}

impl Wanted<TtsInput> for TtsOptions {
    fn does_for(&self, other: &Self) -> bool {
        self == other
    }

    fn on_taken(&self) -> Option<TtsInput> {
        None
    }
}

#[async_trait]
impl TextToSpeech for WarmTts {
    fn name(&self) -> &str {
        self.tts.name()
    }

    fn capabilities(&self) -> TtsCapabilities {
        self.tts.capabilities()
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        self.pool.open(options).await
    }
}

/// A model whose connection is [open already](LanguageModel::warm) when it is asked, and stays open
/// between calls.
///
/// Dropping it ends what keeps it so.
pub struct WarmLlm {
    llm: Arc<dyn LanguageModel>,
    warmth: Warmth,
    keeper: OnceLock<Link<(), ()>>,
}

impl WarmLlm {
    /// Keeps the connection of `llm`.
    #[must_use]
    pub const fn new(llm: Arc<dyn LanguageModel>, warmth: Warmth) -> Self {
        Self { llm, warmth, keeper: OnceLock::new() }
    }

    /// Opens a connection for the first call ahead. To be called within a runtime.
    pub fn prepare(&self) {
        let keeper = self.keeper.get_or_init(|| {
            let (llm, warmth) = (self.llm.clone(), self.warmth);
            // One that has a request already knows that there are calls.
            Link::spawn(1, move |peer| keep_warm(llm, warmth, peer))
        });
        let _ = keeper.try_send(());
    }
}

impl fmt::Debug for WarmLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarmLlm").field("llm", &self.llm).field("warmth", &self.warmth).finish()
    }
}

#[async_trait]
impl LanguageModel for WarmLlm {
    fn name(&self) -> &str {
        self.llm.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.llm.capabilities()
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        self.prepare();
        self.llm.generate(request).await
    }

    async fn warm(&self) -> Result<()> {
        self.llm.warm().await
    }
}

async fn keep_warm(
    llm: Arc<dyn LanguageModel>,
    warmth: Warmth,
    mut peer: LinkPeer<(), ()>,
) -> Result<()> {
    let mut asked = now();
    let mut due = now();
    loop {
        let is_wanted = due < asked + warmth.linger;
        tokio::select! {
            again = peer.recv() => match again {
                Some(()) => asked = now(),
                None => return Ok(()),
            },
            () = sleep_until(due), if is_wanted => {
                match timeout(warmth.opening, llm.warm()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "a model could not be kept warm"),
                    Err(_) => tracing::debug!("a model could not be kept warm in time"),
                }
                due = now() + warmth.max_age;
            }
        }
        // Nobody has called for long: with the next call it begins anew.
        due = due.max(asked);
    }
}

#[cfg(test)]
mod tests;
