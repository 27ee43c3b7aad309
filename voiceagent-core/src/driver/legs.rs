use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::Value;
use tracing::warn;

use super::{
    ears::Ears,
    provider::{Provider, Report, timed},
    realtime::Model,
};
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
/// Inputs that a voice has no room for: more texts than any answer has. A voice that leaves more
/// unread has stalled.
const WAITING: usize = 1_024;
/// Room beyond for what is to be given up, so that a stalled voice does not go on to speak it.
const CANCELS: usize = 64;

/// The connections of a call.
pub(crate) struct Legs {
    pub(crate) memory: Option<Value>,
    pub(super) line: Link<Outbound, Inbound>,
    /// How long the line took to open.
    pub(super) line_opened: Duration,
    pub(super) ears: Option<Ears>,
    pub(super) voice: Option<Voice>,
    pub(super) model: Option<Model>,
}

/// The way from text to the caller's audio format.
pub(super) struct Voice {
    provider: Provider<TtsInput, TtsEvent>,
    transcoder: Transcoder,
    format: AudioFormat,
    /// Samples that the voice made.
    made: u64,
    /// Whose audio the transcoder has in mind.
    speaking: GenerationId,
    /// What the voice has no room for yet. A model may write faster than any voice takes.
    waiting: VecDeque<TtsInput>,
    /// What was begun and not finished.
    owed: Option<GenerationId>,
    /// Some of that went over the link that there is.
    is_begun: bool,
}

impl Legs {
    /// Opens what hears, thinks and speaks, all at once, and recalls the caller meanwhile. The line
    /// comes last: to open it may be to pick up, and nobody is picked up for who cannot be talked
    /// with.
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
            if recipe.llm.is_none() {
                return Err(Error::config("a call that carries text needs `llm`"));
            }
            let memory = memory.await;
            let (line_opened, line) = timed(transport.open()).await?;
            return Ok(Self { memory, line, line_opened, ears: None, voice: None, model: None });
        };
        if let Some(model) = &recipe.realtime {
            let model = Model::open(recipe, model.clone(), outbound);
            let (model, memory) = futures_util::future::try_join(model, memory.map(Ok)).await?;
            let ears = Ears::for_model(recipe, (inbound, outbound), model.format())?;
            let (line_opened, line) = timed(transport.open()).await?;
            let (ears, model) = (Some(ears), Some(model));
            return Ok(Self { memory, line, line_opened, ears, voice: None, model });
        }
        let stt = recipe.stt.as_ref().ok_or_else(|| Error::config("a call needs `stt`"))?;
        let tts = recipe.tts.as_ref().ok_or_else(|| Error::config("a call needs `tts`"))?;
        let (ears, voice, memory) = futures_util::future::try_join3(
            Ears::open(recipe, stt.clone(), (inbound, outbound)),
            Voice::open(recipe, tts.clone(), outbound),
            memory.map(Ok),
        )
        .await?;
        let (line_opened, line) = timed(transport.open()).await?;
        Ok(Self { memory, line, line_opened, ears: Some(ears), voice: Some(voice), model: None })
    }

    /// Waits until the far end is told that the call is over.
    pub(super) async fn say_goodbye(&mut self) {
        self.ears = None;
        self.voice = None;
        self.model = None;
        let gone = async { while self.line.recv().await.is_some() {} };
        // A line that does not let go is dropped, which ends it.
        let _ = tokio::time::timeout(GOODBYE, gone).await;
    }
}

impl Voice {
    async fn open(
        recipe: &Recipe,
        tts: Arc<dyn TextToSpeech>,
        format: AudioFormat,
    ) -> Result<Self> {
        let spoken = choose(&tts.capabilities().formats, format)?;
        let transcoder = Transcoder::new(spoken, format)?;
        let mut options = TtsOptions::new(spoken);
        options.language.clone_from(&recipe.language);
        let provider = Provider::open(move || {
            let (tts, options) = (tts.clone(), options.clone());
            async move { tts.open(options).await }
        });
        let provider = provider.await?;
        let speaking = GenerationId::default();
        Ok(Self {
            provider,
            transcoder,
            format: spoken,
            made: 0,
            speaking,
            waiting: VecDeque::new(),
            owed: None,
            is_begun: false,
        })
    }

    /// Hands over an input, now or when there is room. Of what is given up nothing waits any more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stalled`] when too much waits already.
    pub(super) fn send(&mut self, input: TtsInput) -> Result<()> {
        let mut limit = WAITING;
        if let TtsInput::Cancel { generation: given_up }
        | TtsInput::Interrupt { generation: given_up, .. } = &input
        {
            limit += CANCELS;
            self.owed.take_if(|owed| owed == given_up);
            self.waiting.retain(|waiting| match waiting {
                TtsInput::Text { generation, .. } | TtsInput::Finish { generation } => {
                    generation != given_up
                }
                TtsInput::Cancel { .. } | TtsInput::Interrupt { .. } => true,
            });
        }
        if self.waiting.len() >= limit {
            return Err(Error::new(ErrorKind::Stalled, "send", "the voice takes nothing"));
        }
        self.waiting.push_back(input);
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<()> {
        while self.provider.has_room()
            && let Some(input) = self.waiting.pop_front()
        {
            if let TtsInput::Text { generation, .. } = input {
                let before = self.owed.replace(generation) == Some(generation);
                self.is_begun = self.provider.is_open() || self.is_begun && before;
            }
            self.provider.send(input)?;
        }
        Ok(())
    }

    /// The next report.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Report<TtsEvent> {
        while !self.waiting.is_empty() {
            let room = self.provider.writable();
            tokio::select! {
                biased;
                report = self.provider.next() => return self.note(report),
                // A link that has ended is noticed by the provider, and reopened.
                () = room => drop(self.hand_over()),
            }
        }
        let report = self.provider.next().await;
        self.note(report)
    }

    /// Keeps in mind what the voice owes.
    fn note(&mut self, report: Report<TtsEvent>) -> Report<TtsEvent> {
        match &report {
            Report::Connected(_) => self.is_begun = self.owed.is_some(),
            Report::Event(TtsEvent::Finished { generation }) => {
                self.owed.take_if(|owed| owed == generation);
            }
            // What it owed has failed with that.
            Report::Fault(_) => self.is_begun = false,
            Report::Event(_) | Report::Ended | Report::Lost(_) => {}
        }
        report
    }

    /// The link has ended. Returns whether something was in the middle of being spoken, of which
    /// nobody has told that it failed: another link would say the rest as if it were all.
    pub(super) fn has_lost_speech(&mut self) -> bool {
        std::mem::take(&mut self.is_begun) && self.owed.take().is_some()
    }

    /// How much the voice has spoken, heard or not.
    pub(super) fn spoken(&self) -> Duration {
        self.format.duration_of(self.made)
    }

    /// Audio in the caller's format. Nothing of one generation rings on in the next.
    pub(super) fn transcode(&mut self, generation: GenerationId, payload: Bytes) -> Bytes {
        if self.speaking != generation {
            self.speaking = generation;
            self.transcoder.reset();
        }
        self.made += self.format.samples(payload.len());
        self.transcoder.transcode(payload)
    }

    /// What is still missing of a generation whose audio is complete.
    pub(super) fn finish(&mut self, generation: GenerationId) -> Bytes {
        if self.speaking == generation { self.transcoder.finish() } else { Bytes::new() }
    }
}

/// The call's own format where the provider takes it, else the provider's best.
pub(super) fn choose(accepted: &[AudioFormat], wanted: AudioFormat) -> Result<AudioFormat> {
    let own = accepted.iter().find(|format| **format == wanted);
    own.or(accepted.first()).copied().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "open", "the provider names no audio format")
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i9_a_voice_that_is_busy_is_told_later_what_to_give_up() {
        let (seen, mut inputs) = mpsc::unbounded_channel();
        let (go_on, gate) = tokio::sync::watch::channel(false);
        let provider = Provider::open(move || {
            let (seen, mut gate) = (seen.clone(), gate.clone());
            async move {
                Ok(Link::spawn(1, |mut peer| async move {
                    // Whoever cannot be told any more has gone: the end of the test.
                    let _ = gate.wait_for(|open| *open).await;
                    while let Some(input) = peer.recv().await {
                        let _ = seen.send(input);
                    }
                    Ok(())
                }))
            }
        });
        let format = AudioFormat::MULAW_8K;
        let mut voice = Voice {
            provider: provider.await.unwrap(),
            transcoder: Transcoder::new(format, format).unwrap(),
            format: AudioFormat::MULAW_8K,
            made: 0,
            speaking: GenerationId::default(),
            waiting: VecDeque::new(),
            owed: None,
            is_begun: false,
        };
        let id = GenerationId::new;
        let text = |number| TtsInput::Text { generation: id(number), text: "Yes.".into() };
        let cancel = |number| TtsInput::Cancel { generation: id(number) };
        voice.send(text(1)).unwrap();
        voice.send(text(2)).unwrap();
        voice.send(text(3)).unwrap();
        voice.send(cancel(2)).unwrap();
        go_on.send(true).unwrap();
        let mut taken = Vec::new();
        while taken.len() < 3 {
            tokio::select! {
                _ = voice.next() => {}
                input = inputs.recv() => taken.extend(input),
            }
        }
        assert_eq!(taken, [text(1), text(3), cancel(2)], "nobody hears what was given up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_voice_that_takes_nothing_is_said_to_have_stalled() {
        let format = AudioFormat::MULAW_8K;
        let provider = Provider::open(|| async {
            Ok(Link::spawn(1, |peer| async move {
                std::future::pending::<()>().await;
                drop(peer);
                Ok(())
            }))
        });
        let mut voice = Voice {
            provider: provider.await.unwrap(),
            transcoder: Transcoder::new(format, format).unwrap(),
            format,
            made: 0,
            speaking: GenerationId::default(),
            waiting: VecDeque::new(),
            owed: None,
            is_begun: false,
        };
        let generation = GenerationId::new(1);
        let text = TtsInput::Text { generation, text: "Yes.".into() };
        let taken = (0..2_000).take_while(|_| voice.send(text.clone()).is_ok()).count();
        assert_eq!(taken, 1 + WAITING);
        voice.send(TtsInput::Cancel { generation }).unwrap();
        assert_eq!(voice.waiting, [TtsInput::Cancel { generation }]);
    }
}
