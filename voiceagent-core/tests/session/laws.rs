//! The nine laws, over random histories.

mod edits;
pub(crate) mod life;
mod messages;
mod settings;
mod stale;
mod summed;
mod voices;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use voiceagent_core::{
    CallTime, ErrorKind, Event, GenerationId, MarkId, SessionConfig, ToolCallId, TurnId,
    audio::{AudioFormat, Decibels},
    flow::{Generate, Plan},
    llm::{FinishReason, Message, ToolCall},
    session::{
        AgentState, Command, IdlePrompt, Input, Leg, OwedReplyConfig, Session, SettingsChange,
        SummaryConfig, Uninterruptible,
    },
    stt::Transcript,
    tool::Repeat,
    transport::{Answerer, Outbound},
    turn::Expected,
};

use crate::presets::{pure_tool, tool};

use edits::Edits;
use life::{Watch, live, rest};
use messages::{every_call_has_one_result, only_spoken_texts};
use summed::HandedAway;
use voices::told;

const WORDS: [&str; 10] = [
    "yes",
    "book it please",
    "no",
    "on Monday at ten",
    "",
    "wait, stop",
    "uh-huh",
    "okay",
    "four one five",
    "john dot doe at",
];
const KINDS: [Expected; 6] = [
    Expected::Code,
    Expected::Date,
    Expected::Email,
    Expected::Phone,
    Expected::Spelled,
    Expected::Vin,
];

fn config(bits: u32) -> SessionConfig {
    let mut once = tool("once").expecting("phone", Expected::Phone);
    once.detached = bits & 4_096 != 0;
    once.repeat = match bits % 4 {
        0 => Repeat::Allow,
        1 => Repeat::Confirm,
        2 => Repeat::Reject,
        _ => Repeat::Replace,
    };
    let mut config = SessionConfig::default();
    config.tools = [pure_tool("pure"), once].into();
    config.format = (bits & 1 == 0).then_some(AudioFormat::MULAW_8K);
    config.marks = bits & 2 == 0;
    config.vad = bits & 4 == 0;
    config.speculation.enabled = bits & 8 == 0;
    config.flow = bits & 16 != 0;
    config.greeting = (bits & 32 != 0).then(|| "Hello, who is there?".into());
    config.barge_in.enabled = bits & 64 == 0;
    config.stt_finalize = bits & 128 == 0;
    config.stt_interim = bits & 160 != 160;
    if bits & 256 != 0 {
        config.idle.prompts =
            [IdlePrompt::new(Duration::from_secs(8), "Are you still there?")].into();
        config.idle.hang_up_after = Some(Duration::from_secs(10));
        config.idle.farewell = Some("I hang up now.".into());
    }
    if bits & 512 != 0 {
        config.barge_in.backchannel = None;
        config.barge_in.min_words = 2;
        config.barge_in.warm_up = Duration::from_millis(500);
        config.barge_in.pause = Some(Duration::from_millis(60));
        config.barge_in.back_off = 1;
        config.barge_in.uninterruptible = Uninterruptible::Discard;
        config.barge_in.dtmf = true;
    }
    config.endpointing.manual = bits & 1_024 != 0;
    config.endpointing.learn = bits & 2_048 != 0;
    config.endpointing.by_words = bits & 0x10_0000 != 0;
    if bits & 4_096 != 0 {
        config.endpointing.max_turn = Some(Duration::from_secs(6));
        config.endpointing.max_turn_words = Some(12);
        config.max_call = Some(Duration::from_secs(60));
        config.farewell.limit = Some("Our time is over.".into());
    }
    if bits & 8_192 != 0 {
        config.owed_reply = Some(OwedReplyConfig::new(Duration::from_secs(3), "One moment."));
        config.tool_use.fillers = ["Let me see.".into()].into();
    }
    if bits & 16_384 != 0 {
        config.greeting_interruptible = false;
        config.speculation.synthesis = false;
        config.speculation.max_turn = Some(Duration::from_secs(4));
        config.transfer_targets = Some(["desk".into()].into());
    }
    config.farewell.reopen = bits & 32_768 != 0;
    config.transfer = bits & 3 == 0;
    config.answerer = bits & 5 == 0;
    if bits & 768 == 0 {
        config.farewell.voicemail = Some("Your car is ready.".into());
    }
    config.clear = bits & 0x1_0000 == 0;
    if bits & 0x2_0000 != 0 {
        config.barge_in.pause = None;
    }
    if bits & 0x20_0000 != 0 {
        let mut summary = SummaryConfig::default();
        (summary.budget, summary.keep) = (40, 15);
        config.summary = Some(summary);
    }
    config.barge_in.resume_after = Duration::from_millis(u64::from(bits >> 18 & 3) * 500);
    config
}

fn generation() -> impl Strategy<Value = GenerationId> {
    (0_u64..12).prop_map(GenerationId::new)
}

fn tool_id() -> impl Strategy<Value = ToolCallId> {
    (0_u8..4).prop_map(|id| ToolCallId::new(format!("t{id}")))
}

fn words() -> impl Strategy<Value = &'static str> {
    (0..WORDS.len()).prop_map(|index| WORDS[index])
}

fn planned() -> impl Strategy<Value = Input> {
    let plan = prop_oneof![
        1 => Just(None),
        1 => Just(Some(Plan::Say("Very well, it is done.".into()))),
        3 => (0_u8..100).prop_map(|nth| {
            Some(Generate::new("Be brief.", []).with_edit(format!("[edited {nth}]")).into())
        }),
    ];
    (generation(), plan).prop_map(|(generation, plan)| Input::Planned { generation, plan })
}

fn answered() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::AnsweredBy { who: Answerer::Machine }),
        Just(Input::AnsweredBy { who: Answerer::Human }),
        Just(Input::Beep),
    ]
}

fn hangs_up() -> impl Strategy<Value = Input> {
    let by_tool = (generation(), tool_id())
        .prop_map(|(generation, id)| Input::HangUpByTool { generation, id });
    prop_oneof![Just(Input::HangUp), by_tool]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => Just(Input::EagerEndOfTurn),
        2 => Just(Input::EndOfTurn),
        1 => Just(Input::TurnResumed),
        1 => Just(Input::SttSpeechStarted),
        4 => (0_u64..60_000).prop_map(|ms| Input::SpeechStarted { since: CallTime::from_millis(ms) }),
        4 => (0_u64..60_000).prop_map(|ms| Input::SpeechStopped { since: CallTime::from_millis(ms) }),
        6 => (words(), any::<bool>()).prop_map(|(text, is_final)| Input::Transcript {
            transcript: if is_final { Transcript::final_(text) } else { Transcript::interim(text) }
        }),
        1 => Just(Input::Interrupt),
        2 => (-70.0_f32..1.0).prop_map(|level| Input::SpeechLevel { level: Decibels(level) }),
        1 => Just(Input::CommitTurn),
        1 => Just(Input::Dtmf { digit: '1' }),
        1 => Just(Input::SttReopened),
        1 => answered(),
        1 => any::<bool>().prop_map(|held| Input::Held { held }),
        1 => any::<u32>().prop_map(|bits| {
            let SessionConfig { endpointing, barge_in, idle, .. } = config(bits);
            let change = SettingsChange::default().with_endpointing(endpointing);
            Input::Configure { change: Box::new(change.with_barge_in(barge_in).with_idle(idle)) }
        }),
        1 => (0..=KINDS.len()).prop_map(|kind| Input::Expect { what: KINDS.get(kind).copied() }),
        1 => (0_u64..20_000).prop_map(|ms| Input::Wait { period: Duration::from_millis(ms) }),
        2 => generation().prop_map(|generation| Input::LlmProgress { generation }),
        1 => (words(), any::<bool>())
            .prop_map(|(text, interruptible)| Input::Say { text: text.into(), interruptible }),
        1 => (words(), any::<bool>(), any::<u64>()).prop_map(|(text, interruptible, ticket)| {
            Input::SayUntilHeard { text: text.into(), interruptible, ticket }
        }),
        1 => any::<bool>().prop_map(|desk| Input::Transfer {
            to: if desk { "desk" } else { "elsewhere" }.into()
        }),
        1 => (0_u64..4, 0_usize..20, -1.0_f32..2.0).prop_map(|(turn, text_len, probability)| {
            let (turn, backchannel) = (TurnId::new(turn), 1.0 - probability);
            Input::EndOfTurnScore { turn, text_len, probability, backchannel }
        }),
        6 => (generation(), words())
            .prop_map(|(generation, text)| Input::LlmText { generation, text: text.into() }),
        3 => (generation(), tool_id(), any::<bool>()).prop_map(|(generation, id, pure)| {
            let name = if pure { "pure" } else { "once" };
            let call = ToolCall { id, name: name.into(), arguments: "{}".into() };
            Input::LlmToolCall { generation, call }
        }),
        4 => generation().prop_map(|generation| Input::LlmFinished {
            generation, reason: FinishReason::Stop
        }),
        1 => generation().prop_map(|generation| Input::LlmFailed {
            generation, kind: ErrorKind::Overloaded, retry_after: None
        }),
        3 => (generation(), tool_id()).prop_map(|(generation, id)| Input::ToolFinished {
            generation, id, output: "\"done\"".into()
        }),
        5 => (generation(), 0_usize..9_000).prop_map(|(generation, bytes)| Input::Synthesized {
            generation, payload: Bytes::from(vec![0; bytes])
        }),
        3 => told(generation()),
        3 => generation().prop_map(|generation| Input::SynthesisFinished { generation }),
        1 => Just(Input::SynthesisFailed { kind: ErrorKind::Disconnected }),
        3 => (0_u64..40).prop_map(|mark| Input::MarkPlayed { mark: MarkId::new(mark) }),
        1 => Just(Input::Timeout),
        5 => planned(),
        1 => Just(Input::PeerInterrupted { heard: Some("Hello".into()) }),
        2 => prop_oneof![Just(Leg::Stt), Just(Leg::Vad)]
            .prop_map(|leg| Input::LegLost { leg, kind: ErrorKind::Disconnected }),
        2 => (generation(), any::<bool>()).prop_map(|(generation, works)| {
            let text = works.then(|| "They want a car.".into());
            Input::Summarized { generation, text, usage: None }
        }),
        1 => hangs_up(),
        1 => prop_oneof![
            any::<bool>().prop_map(|begins| Input::HandingOver { begins }),
            Just(Input::Transferred),
            Just(Input::NotTransferred { kind: ErrorKind::Rejected }),
        ],
        1 => Just(Input::HungUp),
    ]
}

/// Watches what a session does.
#[derive(Default)]
struct Attempts {
    synthesized: String,
    /// What was to be said, by attempt.
    texts: BTreeMap<GenerationId, String>,
    /// A draft whose turn is not over.
    draft: Option<(GenerationId, TurnId)>,
    /// What was said has been cleared, and neither is it to go on nor was the voice asked anew.
    cleared: bool,
    /// The far end takes nothing.
    on_hold: bool,
    /// Who is silent and may go on.
    paused: Option<GenerationId>,
    started: BTreeSet<GenerationId>,
    /// What the caller is told to have heard.
    heard: BTreeMap<GenerationId, String>,
    /// A turn that is over and for which no answer was begun.
    unanswered: Option<TurnId>,
    said_by_user: Vec<(TurnId, String)>,
    edits: Edits,
    handed_away: HandedAway,
    live: BTreeSet<GenerationId>,
    called: BTreeSet<(GenerationId, ToolCallId)>,
    finished: BTreeSet<(GenerationId, ToolCallId)>,
    ended: bool,
    /// The detector hears the user.
    speaking: bool,
    /// A user who speaks on may be interrupted, or has to come to an end.
    limited: bool,
    /// A turn was over in mid-speech.
    cut_off: bool,
    state: AgentState,
    journal: Vec<String>,
}

impl Watch for Attempts {
    fn note(&mut self, input: &Input) {
        self.edits.note(input);
        if !self.ended {
            self.handed_away.note(input);
        }
        match input {
            Input::ToolFinished { generation, id, .. } => {
                let key = (*generation, id.clone());
                if self.called.contains(&key) {
                    self.finished.insert(key);
                }
            }
            Input::Held { held } => {
                self.on_hold = *held;
                // What was cleared then goes on now.
                self.cleared &= *held;
            }
            Input::SpeechStarted { .. } => self.speaking = true,
            Input::SpeechStopped { .. } | Input::LegLost { leg: Leg::Vad, .. } => {
                self.speaking = false;
            }
            // The owner has ended the turn; who speaks now begins the next one.
            Input::CommitTurn
            | Input::HangUp
            | Input::HangUpByTool { .. }
            | Input::Transfer { .. } => self.limited = true,
            Input::Configure { change } => {
                self.limited |= change.endpointing.is_some_and(|it| it.max_turn.is_some());
            }
            _ => {}
        }
    }

    fn drain(&mut self, session: &mut Session) -> Result<(), TestCaseError> {
        while let Some(command) = session.poll() {
            self.journal.push(serde_json::to_string(&command).expect("plain data"));
            self.edits.follow(&command);
            self.handed_away.follow(&command);
            self.follow_turns(&command)?;
            match &command {
                Command::Synthesize { generation, text }
                | Command::Send { outbound: Outbound::Text { generation, text } } => {
                    self.synthesized.push_str(text);
                    self.cleared &= self.paused.is_some();
                    self.texts.entry(*generation).or_default().push_str(text);
                }
                Command::Send { outbound: Outbound::Audio(_) } => {
                    prop_assert!(!self.on_hold, "f10: audio for nobody");
                    prop_assert!(!self.cleared, "i7: audio after it was cleared");
                    prop_assert!(self.draft.is_none(), "p7: a draft is heard");
                }
                Command::Send { outbound: Outbound::Clear } => self.cleared = true,
                Command::Emit { event: Event::AgentPaused { generation } } => {
                    prop_assert!(self.cleared, "f6: a pause clears");
                    prop_assert!(self.started.contains(generation), "f5: nothing to pause");
                    prop_assert!(self.paused.replace(*generation).is_none(), "f4: paused twice");
                }
                Command::Emit { event: Event::AgentResumed { generation, .. } } => {
                    prop_assert_eq!(self.paused.take(), Some(*generation), "f4: resumed once");
                    self.cleared = false;
                }
                Command::Emit { event: Event::AgentStarted { generation, .. } } => {
                    prop_assert_eq!(self.paused, None, "f9: it does not speak");
                    prop_assert!(self.started.insert(*generation), "f9: started twice");
                }
                Command::Emit { event: Event::AgentHeard { generation, pii_text, .. } } => {
                    self.hear(*generation, pii_text)?;
                }
                Command::Emit { event: Event::AgentStopped { generation, pii_heard, .. } } => {
                    self.paused.take_if(|paused| paused == generation);
                    let heard = pii_heard.trim();
                    let is_prefix = |text: &String| text.trim_start().starts_with(heard);
                    let is_said = heard.is_empty() || self.texts.values().any(is_prefix);
                    prop_assert!(is_said, "h1: {heard:?}");
                }
                Command::Generate { generation, messages, .. } => {
                    self.live.retain(|live| live == generation);
                    self.live.insert(*generation);
                    every_call_has_one_result(messages)?;
                    self.edits.are_shown(*generation, messages)?;
                }
                Command::Cancel { generation } => {
                    self.live.remove(generation);
                }
                Command::CallTool { generation, call } => {
                    self.called.insert((*generation, call.id.clone()));
                }
                Command::ResetDetector => self.speaking = false,
                Command::Emit { event: Event::UserTurn { .. } } => {
                    self.cut_off |= self.speaking && !self.limited;
                }
                Command::Emit { event: Event::AgentState { state } } => {
                    prop_assert!(*state != self.state, "t27: told twice");
                    self.state = *state;
                }
                Command::Emit { event: Event::Ended { .. } } => {
                    prop_assert!(!self.ended, "a call ends once");
                    self.ended = true;
                }
                _ => {}
            }
            prop_assert!(self.live.len() <= 1, "law 5");
        }
        // The end of the call takes down what was said so far.
        prop_assert!(self.ended || !self.cut_off, "t3: a turn in mid-speech");
        Ok(())
    }

    fn read(&self, messages: &[Message]) -> Result<(), TestCaseError> {
        every_call_has_one_result(messages)?;
        self.handed_away.is_shown(messages)?;
        only_spoken_texts(&self.synthesized, self.texts.values(), messages)
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

impl Attempts {
    /// What was heard of an answer grows, and is what was said.
    fn hear(&mut self, generation: GenerationId, text: &str) -> Result<(), TestCaseError> {
        let heard = self.heard.entry(generation).or_default();
        prop_assert!(text.starts_with(heard.as_str()), "h14: {heard:?}, then {text:?}");
        heard.replace_range(.., text);
        // A voice that was asked anew has another name than the attempt.
        let is_said = self.texts.values().any(|said| said.trim().starts_with(text));
        prop_assert!(is_said, "h14: {text:?} of {:?}", self.texts);
        Ok(())
    }

    fn follow_turns(&mut self, command: &Command) -> Result<(), TestCaseError> {
        match command {
            Command::Generate { .. } | Command::Plan { .. } => self.unanswered = None,
            Command::Emit { event } => match event {
                Event::DraftStarted { generation, turn } => {
                    prop_assert!(self.draft.is_none(), "law 5: two drafts");
                    self.draft = Some((*generation, *turn));
                }
                Event::DraftDropped { generation } => {
                    self.draft.take_if(|(draft, _)| draft == generation);
                    // Nobody is told of what was looked up for it.
                    self.called.retain(|(caller, _)| caller != generation);
                    self.finished.retain(|(caller, _)| caller != generation);
                }
                Event::UserTurn { turn, pii_text, .. } => {
                    let draft = self.draft.take();
                    self.unanswered = Some(*turn).filter(|_| draft.is_none());
                    self.said_by_user.push((*turn, pii_text.to_string()));
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

fn play(
    config: SessionConfig,
    history: &[(u64, Input)],
) -> Result<(Session, Attempts, CallTime), TestCaseError> {
    let limited = config.endpointing.max_turn.is_some();
    let mut watch = Attempts { limited, ..Attempts::default() };
    let (session, now) = live(config, &mut watch, history)?;
    Ok((session, watch, now))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_for_any_history(
        bits in any::<u32>(),
        history in prop::collection::vec((0_u64..700, input()), 0..120),
    ) {
        let (mut session, mut watch, now) = play(config(bits), &history)?;

        rest(&mut session, &mut watch, now)?;

        // Whatever was said to the agent was answered, unless the call ended, and is written down.
        if !watch.ended {
            prop_assert_eq!(watch.unanswered, None, "never silence");
        }
        let messages = session.messages();
        let users = watch.handed_away.users(&messages);
        let draft = watch.draft.map(|(generation, _)| generation);
        watch.edits.are_written(users, &watch.said_by_user, draft)?;

        // Law 7: what finished is written down.
        if watch.ended {
            let results = watch.handed_away.results(&session.messages(), "\"done\"");
            prop_assert!(results >= watch.finished.len(), "law 7: {} of {}", results, watch.finished.len());
        }
    }

    #[test]
    fn the_same_history_leads_to_the_same_commands(
        bits in any::<u32>(),
        history in prop::collection::vec((0_u64..700, input()), 0..60),
    ) {
        let (_, one, _) = play(config(bits), &history)?;
        let (_, two, _) = play(config(bits), &history)?;
        prop_assert_eq!(one.journal, two.journal);
    }
}
