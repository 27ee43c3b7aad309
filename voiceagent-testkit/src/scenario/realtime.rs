use bytes::Bytes;
use voiceagent_core::{
    CallTime, GenerationId, SessionConfig, TurnId,
    llm::{FinishReason, ToolCall},
    realtime::FIRST_OWN,
    session::{Command, Input, RealtimeConfig},
    stt::Transcript,
};

use super::Scenario;

/// What a speech-to-speech model does.
impl Scenario {
    /// Begins a call with a model that hears and speaks by itself, and can be told what was heard.
    /// A duplex model decides who speaks when, and tells when the user does.
    #[must_use]
    pub fn realtime(mut config: SessionConfig, duplex: bool) -> Self {
        let mut model = RealtimeConfig::default();
        model.truncate = true;
        model.duplex = duplex;
        model.server_vad = duplex;
        model.greeting = config.realtime.take().and_then(|model| model.greeting);
        config.realtime = Some(model);
        config.vad = true;
        config.speculation.enabled = false;
        let pauses = config.barge_in.pause.is_some() && !duplex;
        config.barge_in.backchannel = config.barge_in.backchannel.filter(|_| pauses);
        Self::new(config)
    }

    /// What a duplex model begins by itself as the nth, from 1.
    #[must_use]
    pub const fn own(nth: u64) -> GenerationId {
        GenerationId::new(FIRST_OWN.number() + nth - 1)
    }

    /// The model says all of what it was asked for last.
    pub fn speech(&mut self, text: &str, millis: usize) -> &mut Self {
        self.speech_of(self.generation(), text, millis)
    }

    /// The model says all of this attempt to speak, in so much audio that comes at once.
    pub fn speech_of(&mut self, generation: GenerationId, text: &str, millis: usize) -> &mut Self {
        self.partly(generation, text, millis);
        self.feed(Input::LlmFinished { generation, reason: FinishReason::Stop })
    }

    /// The model says some of this attempt to speak.
    pub fn partly(&mut self, generation: GenerationId, text: &str, millis: usize) -> &mut Self {
        if !text.is_empty() {
            self.feed(Input::LlmText { generation, text: text.into() });
        }
        let payload = Bytes::from(vec![0x55; self.carrier.bytes_in(millis)]);
        if !payload.is_empty() {
            self.feed(Input::Synthesized { generation, payload });
        }
        self
    }

    /// The model calls a tool in this attempt to speak.
    pub fn speech_calls(&mut self, generation: GenerationId, id: &str, name: &str) -> &mut Self {
        let call = ToolCall { id: id.into(), name: name.into(), arguments: "{}".into() };
        self.feed(Input::LlmToolCall { generation, call })
    }

    /// The model tells what the user has said in a turn, for good.
    pub fn told(&mut self, turn: Option<u64>, text: &str) -> &mut Self {
        let turn = turn.map(TurnId::new);
        self.feed(Input::UserWords { turn, transcript: Transcript::final_(text) })
    }

    /// How far the model was told that this attempt to speak was heard, in milliseconds.
    #[must_use]
    pub fn truncated(&self, generation: GenerationId) -> Vec<(CallTime, u128)> {
        let commands = self.commands().iter();
        let cuts = commands.filter_map(|(at, command)| match command {
            Command::Truncate { generation: of, heard } if *of == generation => {
                Some((*at, heard.as_millis()))
            }
            _ => None,
        });
        cuts.collect()
    }
}
