//! The laws, over random histories of a model that hears and speaks by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use voiceagent_core::{
    CallTime, ErrorKind, Event, GenerationId, MarkId, SessionConfig, ToolCallId, TurnId,
    audio::AudioFormat,
    llm::{FinishReason, Message, ToolCall},
    realtime::FIRST_OWN,
    session::{AgentState, Command, Input, Leg, RealtimeConfig, Session},
    stt::Transcript,
    transport::Outbound,
};

use crate::{
    laws::life::{Watch, live, rest},
    presets::{pure_tool, tool},
};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

fn config(bits: u8) -> SessionConfig {
    let mut model = RealtimeConfig::default();
    model.duplex = bits & 1 != 0;
    model.server_vad = bits & 2 != 0;
    model.truncate = bits & 4 == 0;
    model.greeting = (bits & 8 != 0).then(|| "Greet.".into());
    let mut config = SessionConfig::default();
    config.tools = [pure_tool("pure"), tool("once")].into();
    config.format = Some(FORMAT);
    config.marks = bits & 16 == 0;
    config.vad = bits & 32 == 0 || !model.duplex;
    config.barge_in.enabled = bits & 64 == 0;
    config.greeting_interruptible = bits & 128 == 0;
    config.speculation.enabled = false;
    config.barge_in.backchannel = None;
    config.idle.hang_up_after = (bits & 64 != 0).then_some(Duration::from_secs(30));
    config.realtime = Some(model);
    config
}

fn generation() -> impl Strategy<Value = GenerationId> {
    prop_oneof![
        (0_u64..8).prop_map(GenerationId::new),
        (0_u64..6).prop_map(|nth| GenerationId::new(FIRST_OWN.number() + nth)),
    ]
}

fn tool_id() -> impl Strategy<Value = ToolCallId> {
    (0_u8..5).prop_map(|id| ToolCallId::new(format!("t{id}")))
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        5 => (0_u64..60_000).prop_map(|ms| Input::SpeechStarted { since: CallTime::from_millis(ms) }),
        5 => (0_u64..60_000).prop_map(|ms| Input::SpeechStopped { since: CallTime::from_millis(ms) }),
        4 => (prop::option::of(0_u64..6), any::<bool>()).prop_map(|(turn, is_final)| {
            let text = "on Monday";
            let transcript =
                if is_final { Transcript::final_(text) } else { Transcript::interim(text) };
            Input::UserWords { turn: turn.map(TurnId::new), transcript }
        }),
        6 => generation()
            .prop_map(|generation| Input::LlmText { generation, text: "Yes, we have one. ".into() }),
        7 => (generation(), 0_usize..16_000).prop_map(|(generation, bytes)| Input::Synthesized {
            generation, payload: Bytes::from(vec![0; bytes])
        }),
        4 => (generation(), tool_id(), any::<bool>()).prop_map(|(generation, id, pure)| {
            let name = if pure { "pure" } else { "once" };
            let call = ToolCall { id, name: name.into(), arguments: "{}".into() };
            Input::LlmToolCall { generation, call }
        }),
        5 => generation().prop_map(|generation| Input::LlmFinished {
            generation, reason: FinishReason::Stop
        }),
        2 => generation().prop_map(|generation| Input::LlmFailed {
            generation, kind: ErrorKind::Overloaded, retry_after: None
        }),
        2 => generation().prop_map(|generation| Input::ModelInterrupted { generation }),
        3 => (generation(), tool_id()).prop_map(|(generation, id)| Input::ToolFinished {
            generation, id, output: "\"done\"".into()
        }),
        3 => (0_u64..60).prop_map(|mark| Input::MarkPlayed { mark: MarkId::new(mark) }),
        1 => Just(Input::Interrupt),
        1 => Just(Input::CommitTurn),
        1 => any::<bool>()
            .prop_map(|interruptible| Input::Say { text: "Hello.".into(), interruptible }),
        1 => Just(Input::LegLost { leg: Leg::Realtime, kind: ErrorKind::Disconnected }),
        1 => Just(Input::HangUp),
        1 => Just(Input::HungUp),
    ]
}

/// Watches what a session tells its model.
#[derive(Default)]
struct Told {
    /// How much audio of each generation came.
    given: BTreeMap<GenerationId, Duration>,
    /// What the model was told to forget, in part or whole.
    cut: BTreeSet<GenerationId>,
    told: BTreeSet<ToolCallId>,
    called: BTreeSet<(GenerationId, ToolCallId)>,
    ended: bool,
    state: AgentState,
    journal: Vec<String>,
}

impl Watch for Told {
    fn note(&mut self, input: &Input) {
        if let Input::Synthesized { generation, payload } = input {
            let length = FORMAT.duration_of(FORMAT.samples(payload.len()));
            *self.given.entry(*generation).or_default() += length;
        }
    }

    fn drain(&mut self, session: &mut Session) -> Result<(), TestCaseError> {
        while let Some(command) = session.poll() {
            self.journal.push(serde_json::to_string(&command).expect("plain data"));
            match command {
                Command::Truncate { generation, heard } => {
                    prop_assert!(!heard.is_zero(), "h13: a cut at zero");
                    let given = self.given.get(&generation).copied().unwrap_or_default();
                    prop_assert!(heard <= given, "h13: {heard:?} of {given:?}");
                    prop_assert!(self.cut.insert(generation), "h13: cut twice");
                }
                Command::Forget { generation } => {
                    prop_assert!(self.cut.insert(generation), "h13: cut twice");
                }
                Command::TellResult { id, .. } => {
                    prop_assert!(self.told.insert(id), "a result is told twice");
                }
                Command::CallTool { generation, call } => {
                    self.called.insert((generation, call.id));
                }
                Command::Generate { .. } | Command::Synthesize { .. } | Command::Plan { .. } => {
                    prop_assert!(false, "nobody is there to do that");
                }
                Command::Send { outbound: Outbound::Audio(_) } => {
                    prop_assert!(!self.ended, "audio after the end");
                }
                Command::Emit { event: Event::AgentState { state } } => self.state = state,
                Command::Emit { event: Event::Ended { .. } } => {
                    prop_assert!(!self.ended, "a call ends once");
                    self.ended = true;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&self, messages: &[Message]) -> Result<(), TestCaseError> {
        let ids = |result: bool| -> Vec<&ToolCallId> {
            let ids = messages.iter().filter_map(|message| match message {
                Message::ToolCall(call) if !result => Some(&call.id),
                Message::ToolResult { id, .. } if result => Some(id),
                _ => None,
            });
            ids.collect()
        };
        prop_assert_eq!(ids(false), ids(true), "x5");
        Ok(())
    }

    fn at_rest(&self) -> Result<(), TestCaseError> {
        let rests = self.ended || self.state == AgentState::Listening;
        prop_assert!(rests, "law 9: {:?} for ever", self.state);
        Ok(())
    }

    fn take_calls(&mut self) -> BTreeSet<(GenerationId, ToolCallId)> {
        std::mem::take(&mut self.called)
    }
}

fn play(bits: u8, history: &[(u64, Input)]) -> Result<(Session, Told, CallTime), TestCaseError> {
    let mut watch = Told::default();
    let (session, now) = live(config(bits), &mut watch, history)?;
    Ok((session, watch, now))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn h13_and_x5_hold_for_any_history_of_a_speaking_model(
        bits in any::<u8>(),
        history in prop::collection::vec((0_u64..700, input()), 0..120),
    ) {
        let (mut session, mut watch, now) = play(bits, &history)?;
        rest(&mut session, &mut watch, now)?;
    }

    #[test]
    fn the_same_history_of_a_speaking_model_leads_to_the_same_commands(
        bits in any::<u8>(),
        history in prop::collection::vec((0_u64..700, input()), 0..60),
    ) {
        let (_, one, _) = play(bits, &history)?;
        let (_, two, _) = play(bits, &history)?;
        prop_assert_eq!(one.journal, two.journal);
    }
}
