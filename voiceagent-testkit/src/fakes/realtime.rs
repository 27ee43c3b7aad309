use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, LinkPeer, Result,
    audio::{AudioFormat, AudioFrame},
    llm::ToolCall,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use super::{
    Recording, Words,
    speaker::{Pace, Speaker},
    words::Ear,
};

/// More pieces of audio than any one reply has; a reader may be late by one reply.
const LINK: usize = 256;

type Script = dyn FnMut(&str) -> Reply + Send;

/// A speech-to-speech model that understands what a [`Caller`](super::Caller) says, and says what
/// the test wrote.
///
/// Its audio spells its text (see [`tone::spell`](crate::tone::spell)), as that of a
/// [`FakeTts`](super::FakeTts) does.
pub struct FakeRealtime {
    words: Words,
    capabilities: RealtimeCapabilities,
    pace: Pace,
    script: Arc<Mutex<Box<Script>>>,
    faults: Mutex<VecDeque<RealtimeFault>>,
    opened: Recording<RealtimeOptions>,
    inputs: Recording<RealtimeInput>,
}

/// What goes wrong with one opened conversation of a [`FakeRealtime`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RealtimeFault {
    /// The conversation cannot be opened.
    Refuse(ErrorKind),
    /// The conversation ends with [`ErrorKind::Disconnected`] after this much audio of the user.
    Drop(Duration),
    /// Nothing.
    None,
}

/// What a [`FakeRealtime`] does when it is its turn.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    text: String,
    calls: Vec<(String, Value)>,
}

impl Reply {
    /// Says `text`.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), calls: Vec::new() }
    }

    /// Calls a function.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::default().then_call(name, arguments)
    }

    /// Calls a function after that.
    #[must_use]
    pub fn then_call(mut self, name: &str, arguments: Value) -> Self {
        self.calls.push((name.to_owned(), arguments));
        self
    }
}

impl FakeRealtime {
    /// A turn-managed model that understands `words`. `script` gets what the user said since the
    /// last reply. The first sound comes 300 ms after [`RealtimeInput::Generate`].
    pub fn new(words: Words, script: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let formats = [AudioFormat::PCM_24K, AudioFormat::PCM_16K, AudioFormat::MULAW_8K];
        let mut capabilities = RealtimeCapabilities::new(formats.to_vec());
        capabilities.truncate = true;
        Self {
            words,
            capabilities,
            pace: Pace { first_audio: Duration::from_millis(300), ..Pace::default() },
            script: Arc::new(Mutex::new(Box::new(script))),
            faults: Mutex::default(),
            opened: Recording::default(),
            inputs: Recording::default(),
        }
    }

    /// A turn-managed model that gives these replies one after another, and then empty ones.
    pub fn replies(words: Words, replies: impl Into<VecDeque<Reply>>) -> Self {
        let mut replies = replies.into();
        Self::new(words, move |_| replies.pop_front().unwrap_or_default())
    }

    /// Reports when the user's speech starts and stops.
    #[must_use]
    pub const fn with_server_vad(mut self) -> Self {
        self.capabilities.server_vad = true;
        self
    }

    /// Replies by itself when the user stops, and stops when the user starts. Its generations are
    /// numbered from 1.
    #[must_use]
    pub const fn duplex(mut self) -> Self {
        self.capabilities.duplex = true;
        self.capabilities.server_vad = true;
        self
    }

    /// Says how long a reply takes to begin.
    #[must_use]
    pub const fn with_first_audio(mut self, delay: Duration) -> Self {
        self.pace.first_audio = delay;
        self
    }

    /// Says what goes wrong with the first conversation that is opened, the second, and so on;
    /// those after the last are sound.
    #[must_use]
    pub fn with_faults(self, faults: impl Into<VecDeque<RealtimeFault>>) -> Self {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults.into();
        self
    }

    /// Each opened conversation.
    #[must_use]
    pub fn opened(&self) -> Recording<RealtimeOptions> {
        self.opened.clone()
    }

    /// What all conversations were given.
    #[must_use]
    pub fn inputs(&self) -> Recording<RealtimeInput> {
        self.inputs.clone()
    }
}

#[async_trait]
impl RealtimeModel for FakeRealtime {
    fn name(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        self.capabilities.clone()
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        self.opened.add(options.clone());
        if !self.capabilities.formats.contains(&options.format) {
            return Err(fault(ErrorKind::Unsupported, "open", "the format is not spoken"));
        }
        let fault_now = self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(RealtimeFault::Refuse(kind)) = fault_now {
            return Err(fault(kind, "open", "refused as the test asked"));
        }
        let conversation = Conversation {
            ear: Ear::new(self.words.clone()),
            speaker: Speaker::new(options.format, self.pace),
            script: Arc::clone(&self.script),
            capabilities: self.capabilities.clone(),
            fault: fault_now.unwrap_or(RealtimeFault::None),
            inputs: self.inputs.clone(),
            format: options.format,
            got: Duration::ZERO,
            unanswered: Vec::new(),
            own: GenerationId::default(),
            calls: 0,
        };
        Ok(Link::spawn(LINK, |peer| conversation.run(peer)))
    }
}

impl fmt::Debug for FakeRealtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRealtime")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

struct Conversation {
    ear: Ear,
    speaker: Speaker<RealtimeEvent>,
    script: Arc<Mutex<Box<Script>>>,
    capabilities: RealtimeCapabilities,
    fault: RealtimeFault,
    inputs: Recording<RealtimeInput>,
    format: AudioFormat,
    got: Duration,
    /// What the user said since the last reply.
    unanswered: Vec<Arc<str>>,
    /// The last generation that a duplex model began by itself.
    own: GenerationId,
    calls: u32,
}

impl Conversation {
    async fn run(mut self, mut peer: LinkPeer<RealtimeInput, RealtimeEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.inputs.add(input.clone());
                    self.take(input, &peer).await?;
                }
                (_, event) = self.speaker.due() => peer.send(event).await?,
            }
        }
    }

    async fn take(
        &mut self,
        input: RealtimeInput,
        peer: &LinkPeer<RealtimeInput, RealtimeEvent>,
    ) -> Result<()> {
        match input {
            RealtimeInput::Audio(frame) => self.hear(&frame, peer).await?,
            RealtimeInput::Commit => self.transcribe(peer).await?,
            RealtimeInput::Generate { generation } => self.reply(generation),
            RealtimeInput::Cancel { generation } => self.speaker.cancel(generation),
            RealtimeInput::ToolResult { .. } | RealtimeInput::Truncate { .. } | _ => {}
        }
        Ok(())
    }

    async fn hear(
        &mut self,
        frame: &AudioFrame,
        peer: &LinkPeer<RealtimeInput, RealtimeEvent>,
    ) -> Result<()> {
        if frame.format != self.format {
            return Err(fault(ErrorKind::Protocol, "read", "not the format that was asked for"));
        }
        self.got += frame.format.duration_of(frame.samples());
        if matches!(self.fault, RealtimeFault::Drop(after) if self.got > after) {
            return Err(fault(ErrorKind::Disconnected, "read", "lost as the test asked"));
        }
        let noticed = self.ear.hear(frame);
        if noticed.started && self.capabilities.server_vad {
            peer.send(RealtimeEvent::SpeechStarted).await?;
            if self.capabilities.duplex {
                self.speaker.cancel(self.own);
            }
        }
        if noticed.stopped && self.capabilities.server_vad {
            peer.send(RealtimeEvent::SpeechStopped).await?;
            self.transcribe(peer).await?;
            if self.capabilities.duplex {
                self.own = self.own.next();
                self.reply(self.own);
            }
        }
        Ok(())
    }

    async fn transcribe(&mut self, peer: &LinkPeer<RealtimeInput, RealtimeEvent>) -> Result<()> {
        let said = self.ear.finalize();
        if said.text.is_empty() {
            return Ok(());
        }
        self.unanswered.push(Arc::clone(&said.text));
        peer.send(RealtimeEvent::UserTranscript(said)).await
    }

    fn reply(&mut self, generation: GenerationId) {
        let said = std::mem::take(&mut self.unanswered).join(" ");
        let reply = self.script.lock().unwrap_or_else(PoisonError::into_inner)(&said);
        let text = reply.text.clone();
        self.speaker.first(generation, RealtimeEvent::AgentTranscript { generation, text });
        let audio = |payload| RealtimeEvent::Audio { generation, payload };
        self.speaker.speak(generation, &reply.text, audio);
        for (name, arguments) in reply.calls {
            self.calls += 1;
            let call = ToolCall {
                id: format!("call-{}", self.calls).as_str().into(),
                name: name.into(),
                arguments: arguments.to_string().into(),
            };
            self.speaker.then(generation, RealtimeEvent::ToolCall { generation, call });
        }
        self.speaker.then(generation, RealtimeEvent::Finished { generation });
    }
}

fn fault(kind: ErrorKind, operation: &'static str, message: &'static str) -> Error {
    Error::new(kind, operation, message).with_provider("fake")
}

#[cfg(test)]
mod tests;
