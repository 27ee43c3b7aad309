use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use opentelemetry::{KeyValue, SpanId, trace::SpanKind};
use serde_json::json;
use tokio::time::Instant;
use voiceagent_core::{
    CallId, CallTime, Event, ToolCallId, TurnId,
    llm::LanguageModel,
    observer::Observer,
    session::EndReason,
    transport::{CallInfo, Direction},
};

use super::{Piece, Spans, Trace, model::TracedModel};
use crate::{clock::Clock, store::CallStep};

/// A call as a tree of spans: `call`, in it `turn`, in these `llm` and `tool`.
///
/// The task of the call tells it what happens, and the model's stream when an answer is over; each
/// takes the lock for a moment.
#[derive(Debug)]
pub(crate) struct CallTrace {
    trace: Trace,
    spans: Spans,
    /// When the call began, by the clock of the house and by that of waiting.
    begun: (SystemTime, Instant),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    call: Option<Piece>,
    /// The turn that the caller takes or is answered in.
    turn: Option<(TurnId, Piece)>,
    tools: BTreeMap<ToolCallId, Piece>,
}

impl CallTrace {
    /// Begins with the call.
    pub(crate) fn begin(
        info: &CallInfo,
        house: &str,
        (spans, clock): (&Spans, Clock),
    ) -> Arc<Self> {
        let trace = Trace::of(&info.id);
        let from: SystemTime = clock.now().into();
        let (id, span) = trace.ids();
        let direction = match info.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let call = Piece {
            name: "call",
            kind: SpanKind::Server,
            trace: id,
            id: span,
            parent: None,
            from,
            to: from,
            attributes: vec![
                KeyValue::new("gen_ai.operation.name", "invoke_agent"),
                KeyValue::new("gen_ai.agent.name", house.to_owned()),
                KeyValue::new("gen_ai.conversation.id", info.id.as_str().to_owned()),
                KeyValue::new("call.direction", direction),
            ],
            fault: None,
        };
        let state = State { call: Some(call), turn: None, tools: BTreeMap::new() };
        let begun = (from, Instant::now());
        Arc::new(Self { trace, spans: spans.clone(), begun, state: Mutex::new(state) })
    }

    /// What tells it of the call.
    pub(crate) fn observer(self: &Arc<Self>) -> impl Observer + use<> {
        Watch(Arc::clone(self))
    }

    /// The model, with a span for each answer. `name` is its name at the vendor.
    pub(crate) fn model(
        self: &Arc<Self>,
        model: Arc<dyn LanguageModel>,
        name: Option<String>,
    ) -> Arc<dyn LanguageModel> {
        Arc::new(TracedModel { model, name, call: Arc::clone(self) })
    }

    /// The present moment, by the clock of the house.
    pub(super) fn now(&self) -> SystemTime {
        self.begun.0 + self.begun.1.elapsed()
    }

    /// Something that begins now, within the turn if there is one.
    pub(super) fn within_turn(&self, name: &'static str, kind: SpanKind) -> Piece {
        let turn = self.state().turn.as_ref().map(|(_, turn)| turn.id);
        self.piece((name, kind), turn, self.now())
    }

    /// Notes what is over now.
    pub(super) fn end(&self, mut piece: Piece) {
        piece.to = self.now();
        self.spans.note(piece);
    }

    fn piece(
        &self,
        (name, kind): (&'static str, SpanKind),
        parent: Option<SpanId>,
        from: SystemTime,
    ) -> Piece {
        let (trace, call) = self.trace.ids();
        Piece {
            name,
            kind,
            trace,
            id: self.spans.id(trace, from),
            parent: Some(parent.unwrap_or(call)),
            from,
            to: from,
            attributes: Vec::new(),
            fault: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can be half-done in a panic that the next event would not put right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self, at: CallTime) -> SystemTime {
        self.begun.0 + (at - CallTime::ZERO)
    }

    /// The caller begins to speak, or has spoken.
    fn turn(&self, turn: TurnId, since: SystemTime) {
        let new = self.piece(("turn", SpanKind::Internal), None, since);
        let mut state = self.state();
        if state.turn.as_ref().is_some_and(|(known, _)| *known == turn) {
            return;
        }
        let before = state.turn.replace((turn, new));
        drop(state);
        if let Some((_, before)) = before {
            self.spans.note(before);
        }
    }

    fn with_turn(&self, change: impl FnOnce(&mut Piece)) {
        if let Some((_, turn)) = &mut self.state().turn {
            change(turn);
        }
    }

    /// What was said, in the form of GenAI messages, if it is to be told.
    fn words(&self, name: &'static str, role: &str, words: &str) -> Option<KeyValue> {
        let message = json!([{ "role": role, "parts": [{ "type": "text", "content": words }] }]);
        self.spans.has_words().then(|| KeyValue::new(name, message.to_string()))
    }

    fn hear(&self, at: CallTime, event: &Event) {
        let now = self.moment(at);
        match event {
            Event::UserStarted { turn, since } => self.turn(*turn, self.moment(*since)),
            Event::UserTurn { turn, pii_text, end_of_turn_delay, .. } => {
                let since = now.checked_sub(*end_of_turn_delay).unwrap_or(now);
                self.turn(*turn, since);
                let words = self.words("gen_ai.input.messages", "user", pii_text);
                self.with_turn(|turn| {
                    let delay = seconds(*end_of_turn_delay);
                    turn.attributes.push(KeyValue::new("turn.end_of_turn_delay", delay));
                    turn.attributes.extend(words);
                    turn.to = now;
                });
            }
            Event::AgentStarted { .. } => self.with_turn(|turn| {
                let known = turn.attributes.iter().any(|one| one.key.as_str() == "turn.response");
                let asked = turn.to;
                if let (false, Ok(after)) = (known, now.duration_since(asked)) {
                    turn.attributes.push(KeyValue::new("turn.response", seconds(after)));
                }
            }),
            Event::AgentStopped { pii_heard, interrupted, .. } => {
                let words = self.words("gen_ai.output.messages", "assistant", pii_heard);
                self.with_turn(|turn| {
                    turn.attributes.push(KeyValue::new("turn.interrupted", *interrupted));
                    turn.attributes.extend(words);
                    turn.to = now;
                });
            }
            Event::ToolStarted { id, name } => {
                let turn = self.state().turn.as_ref().map(|(_, turn)| turn.id);
                let mut tool = self.piece(("tool", SpanKind::Internal), turn, now);
                tool.attributes = vec![
                    KeyValue::new("gen_ai.operation.name", "execute_tool"),
                    KeyValue::new("gen_ai.tool.name", name.to_string()),
                    KeyValue::new("gen_ai.tool.call.id", id.to_string()),
                ];
                self.state().tools.insert(id.clone(), tool);
            }
            Event::ToolFinished { id, .. } => {
                let tool = self.state().tools.remove(id);
                if let Some(mut tool) = tool {
                    tool.to = now;
                    self.spans.note(tool);
                }
            }
            Event::Ended { reason } => self.over(now, Some(*reason)),
            // The rest is no part of the tree.
            _ => {}
        }
    }

    /// Notes what is left, and the call last. It is done once.
    fn over(&self, now: SystemTime, reason: Option<EndReason>) {
        let mut state = self.state();
        let (call, turn, tools) =
            (state.call.take(), state.turn.take(), mem::take(&mut state.tools));
        drop(state);
        for mut tool in tools.into_values() {
            (tool.to, tool.fault) = (now, Some("the call was over before it".to_owned()));
            self.spans.note(tool);
        }
        if let Some((_, turn)) = turn {
            self.spans.note(turn);
        }
        if let Some(mut call) = call {
            call.to = now;
            let failed = matches!(reason, None | Some(EndReason::Failed));
            call.fault = failed.then(|| "the call broke off".to_owned());
            if let Some(reason) = reason {
                call.attributes.push(KeyValue::new("call.end_reason", format!("{reason:?}")));
            }
            self.spans.note(call);
        }
    }
}

/// Tells a trace what happens in its call.
#[derive(Debug)]
struct Watch(Arc<CallTrace>);

impl Observer for Watch {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        self.0.hear(at, event);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A call that was cut off tells no end.
        self.0.over(self.0.now(), None);
    }
}

/// Notes the way of a call that is over through the graph, as spans `node`.
pub(crate) fn note_steps(
    spans: &Spans,
    call: &CallId,
    steps: &[(CallStep, Timestamp)],
    over: Timestamp,
) {
    let (trace, parent) = Trace::of(call).ids();
    for (nth, (step, at)) in steps.iter().enumerate() {
        let from = SystemTime::from(*at);
        let to = steps.get(nth + 1).map_or(over, |(_, next)| *next).into();
        let mut attributes = vec![
            KeyValue::new("graph.node", step.node.clone()),
            KeyValue::new("graph.phase", step.phase.clone()),
            KeyValue::new("graph.cause", step.cause.clone()),
        ];
        if let Some(intent) = &step.intent {
            attributes.push(KeyValue::new("graph.intent", intent.clone()));
        }
        spans.note(Piece {
            name: "node",
            kind: SpanKind::Internal,
            trace,
            id: spans.id(trace, from),
            parent: Some(parent),
            from,
            to,
            attributes,
            fault: None,
        });
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
