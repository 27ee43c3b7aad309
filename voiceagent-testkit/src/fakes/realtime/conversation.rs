use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::{
    ErrorKind, GenerationId, LinkPeer, Result, ToolCallId, TurnId,
    audio::{AudioFormat, AudioFrame},
    llm::{ToolCall, Usage},
    realtime::{FIRST_OWN, Prompt, RealtimeCapabilities, RealtimeEvent, RealtimeInput},
};

use super::{
    super::{
        Recording,
        faults::{fault, lost},
        schedule::Schedule,
        speaker::Speaker,
        words::Ear,
    },
    FakeRealtime, Habits, RealtimeFault, Reply, Script, Text,
};

type Peer = LinkPeer<RealtimeInput, RealtimeEvent>;

/// One opened conversation of a [`FakeRealtime`].
pub(super) struct Conversation {
    ear: Ear,
    speaker: Speaker<RealtimeEvent>,
    transcripts: Schedule<RealtimeEvent>,
    script: Arc<Mutex<Box<Script>>>,
    capabilities: RealtimeCapabilities,
    habits: Habits,
    fault: RealtimeFault,
    inputs: Recording<RealtimeInput>,
    format: AudioFormat,
    got: Duration,
    /// What the user said since the last reply.
    unanswered: Vec<Arc<str>>,
    /// What a duplex model begins next by itself, and what it began last.
    next_own: GenerationId,
    own: GenerationId,
    /// Calls without a result.
    open_calls: BTreeSet<ToolCallId>,
    calls: u32,
}

impl Conversation {
    pub(super) fn new(model: &FakeRealtime, format: AudioFormat, fault: RealtimeFault) -> Self {
        Self {
            ear: Ear::new(model.words.clone()),
            speaker: Speaker::new(format, model.pace),
            transcripts: Schedule::new(),
            script: Arc::clone(&model.script),
            capabilities: model.capabilities.clone(),
            habits: model.habits,
            fault,
            inputs: model.inputs.clone(),
            format,
            got: Duration::ZERO,
            unanswered: Vec::new(),
            next_own: FIRST_OWN,
            own: GenerationId::default(),
            open_calls: BTreeSet::new(),
            calls: 0,
        }
    }

    pub(super) async fn run(mut self, mut peer: Peer) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.inputs.add(input.clone());
                    self.take(input, &peer).await?;
                }
                event = self.transcripts.due() => peer.send(event).await?,
                (_, event) = self.speaker.due() => peer.send(event).await?,
            }
        }
    }

    async fn take(&mut self, input: RealtimeInput, peer: &Peer) -> Result<()> {
        match input {
            RealtimeInput::Audio(frame) => self.hear(&frame, peer).await?,
            RealtimeInput::Commit { turn } => self.transcribe(Some(turn)),
            RealtimeInput::Generate { generation, prompt } => {
                if self.fault == RealtimeFault::DropWhenAsked {
                    return Err(lost());
                }
                self.answer(generation, prompt);
            }
            RealtimeInput::Cancel { generation } => self.speaker.cancel(generation),
            RealtimeInput::ToolResult { id, .. } => {
                let was_last = self.open_calls.remove(&id) && self.open_calls.is_empty();
                if was_last && self.capabilities.duplex {
                    self.begin();
                }
            }
            RealtimeInput::Forget { .. } | RealtimeInput::Truncate { .. } | _ => {}
        }
        Ok(())
    }

    async fn hear(&mut self, frame: &AudioFrame, peer: &Peer) -> Result<()> {
        if frame.format != self.format {
            return Err(fault(ErrorKind::Protocol, "read", "not the format that was asked for"));
        }
        self.got += frame.format.duration_of(frame.samples());
        if matches!(self.fault, RealtimeFault::Drop(after) if self.got > after) {
            return Err(lost());
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
        }
        if noticed.stopped && self.capabilities.duplex {
            self.transcribe(None);
            self.begin();
        }
        Ok(())
    }

    /// Hears what the user said, and tells it when the habit is.
    fn transcribe(&mut self, turn: Option<TurnId>) {
        let transcript = self.ear.finalize();
        if !transcript.text.is_empty() {
            self.unanswered.push(Arc::clone(&transcript.text));
            let event = RealtimeEvent::UserTranscript { turn, transcript };
            self.transcripts.after(self.habits.transcripts_after, event);
        }
    }

    /// Speaks by itself.
    fn begin(&mut self) {
        self.own = self.next_own;
        self.next_own = self.own.next();
        self.answer(self.own, Prompt::Answer);
    }

    fn answer(&mut self, generation: GenerationId, prompt: Prompt) {
        match self.fault {
            RealtimeFault::Silent => return,
            RealtimeFault::Fail(kind) => {
                self.fault = RealtimeFault::None;
                self.speaker.first(generation, RealtimeEvent::Failed { generation, kind });
                return;
            }
            RealtimeFault::Drop(_)
            | RealtimeFault::DropWhenAsked
            | RealtimeFault::None
            | RealtimeFault::Refuse(_) => {}
        }
        let ask = |said: &str| self.script.lock().unwrap_or_else(PoisonError::into_inner)(said);
        let reply = match prompt {
            Prompt::Follow(instructions) => ask(&instructions),
            Prompt::Say(text) => Reply::text(&*text),
            Prompt::Answer | _ => ask(&std::mem::take(&mut self.unanswered).join(" ")),
        };
        self.reply(generation, reply);
    }

    fn reply(&mut self, generation: GenerationId, reply: Reply) {
        let text = reply.text.clone();
        let told = RealtimeEvent::AgentTranscript { generation, text };
        let says = !reply.text.is_empty();
        if says && self.habits.text == Text::First {
            self.speaker.first(generation, told.clone());
        }
        let audio = |payload| RealtimeEvent::Audio { generation, payload };
        self.speaker.speak(generation, &reply.text, audio);
        if says && self.habits.text == Text::AfterAudio {
            self.speaker.then(generation, told);
        }
        for (name, arguments) in reply.calls {
            self.calls += 1;
            let id = ToolCallId::new(format!("call-{}", self.calls));
            self.open_calls.insert(id.clone());
            let arguments = arguments.to_string().into();
            let call = ToolCall { id, name: name.into(), arguments };
            self.speaker.then(generation, RealtimeEvent::ToolCall { generation, call });
        }
        let length = u32::try_from(reply.text.len()).unwrap_or(u32::MAX);
        let usage = Usage::new(0, 0, length);
        self.speaker.then(generation, RealtimeEvent::Usage { generation, usage });
        self.speaker.then(generation, RealtimeEvent::Finished { generation });
    }
}
