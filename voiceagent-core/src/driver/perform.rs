//! One command → one effect. Nothing here waits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::{error, warn};

use super::{Driver, summary::summarize};
use crate::{
    ErrorKind, Event, GenerationId, Result, TurnId,
    flow::TurnContext,
    llm::{LlmRequest, Message},
    realtime::RealtimeInput,
    session::{Command, Input, Leg},
    transport::Outbound,
    tts::TtsInput,
    turn::TurnSnapshot,
};

impl Driver {
    pub(super) fn perform(&mut self, command: Command) {
        if let Some(journal) = &mut self.journal {
            journal.command(&command);
        }
        match command {
            Command::CallTool { generation, call } => {
                let found = self.recipe.tools.iter().find(|tool| tool.spec.name == call.name);
                self.jobs.call_tool(found, generation, call, &self.info.id, &self.line);
            }
            Command::Cancel { generation } => {
                self.stop_model(generation);
                self.jobs.cancel(generation);
                self.silence(generation);
            }
            Command::CancelModel { generation } => self.stop_thinking(generation),
            Command::CancelTool { generation, id } => self.jobs.cancel_tool(generation, &id),
            Command::CancelVoice { generation } => self.silence(generation),
            Command::CommitAudio { .. }
            | Command::Forget { .. }
            | Command::Speak { .. }
            | Command::TellResult { .. }
            | Command::Truncate { .. } => self.perform_on_model(command),
            Command::CommitPlan { turn, text, plan } => {
                if let Some(flow) = self.recipe.flow.clone() {
                    let mut context = TurnContext::new(self.info.clone(), turn, text);
                    context.memory.clone_from(&self.memory);
                    self.jobs.commit_plan(flow, context, plan);
                }
            }
            Command::Emit { event } => self.emit(event),
            Command::End => self.ended = true,
            Command::FeedSilence { on } => {
                if let Some(ears) = &mut self.legs.ears {
                    ears.feed_silence(on);
                }
            }
            Command::FinalizeTranscript => {
                if let Some(ears) = &mut self.legs.ears {
                    ears.finalize();
                }
            }
            Command::FinishSynthesis { generation } => self.speak(TtsInput::Finish { generation }),
            Command::FlushTranscript => {
                if let Some(ears) = &mut self.legs.ears {
                    ears.flush();
                }
            }
            Command::InterruptVoice { generation, heard } => self.interrupt(generation, heard),
            Command::Generate { generation, instructions, messages, tools, tool_choice } => {
                let request =
                    LlmRequest::new(instructions, messages).with_tools(tools, tool_choice);
                self.ask_model(generation, request);
            }
            Command::Plan { generation, turn, text, history } => {
                if let Some(flow) = self.recipe.flow.clone() {
                    let mut context = TurnContext::new(self.info.clone(), turn, text);
                    context.history = history;
                    context.memory.clone_from(&self.memory);
                    self.jobs.plan(flow, generation, context);
                }
            }
            Command::ResetDetector => {
                let lost = self.legs.ears.as_mut().and_then(|ears| ears.reset());
                self.caused.extend(lost);
            }
            Command::Said { ticket, heard } => self.listeners.tell(ticket, heard),
            Command::ScoreEndOfTurn { turn, text, history } => self.score(turn, text, history),
            Command::Send { outbound } => self.send(outbound),
            Command::Summarize { generation, instructions, transcript } => {
                if let Some(llm) = self.recipe.llm.clone() {
                    self.jobs.push(summarize(llm, generation, instructions, transcript));
                }
            }
            Command::Synthesize { generation, text } => {
                self.meter.text(generation, &text);
                self.speak(TtsInput::Text { generation, text });
            }
        }
    }

    fn score(&self, turn: TurnId, text: Arc<str>, history: Arc<[Message]>) {
        if let Some(detector) = self.recipe.turn_detector.clone() {
            let mut snapshot = TurnSnapshot::new(turn, text);
            snapshot.history = history;
            if let Some(ears) = &self.legs.ears {
                snapshot.audio = ears.tail();
            }
            self.jobs.score(detector, snapshot);
        }
    }

    fn ask_model(&mut self, generation: GenerationId, request: LlmRequest) {
        let Some(llm) = self.recipe.llm.clone() else { return };
        let answer = stream::once(async move { llm.generate(request).await }).try_flatten();
        self.model = Some((generation, answer.boxed()));
    }

    fn stop_thinking(&mut self, generation: GenerationId) {
        self.stop_model(generation);
        self.jobs.cancel_plan(generation);
    }

    fn stop_model(&mut self, generation: GenerationId) {
        self.model.take_if(|(writing, _)| *writing == generation);
    }

    /// Stops whoever speaks.
    fn silence(&mut self, generation: GenerationId) {
        self.speak(TtsInput::Cancel { generation });
        self.tell_model(RealtimeInput::Cancel { generation });
    }

    fn interrupt(&mut self, generation: GenerationId, heard: Duration) {
        self.speak(TtsInput::Interrupt { generation, heard });
    }

    fn speak(&mut self, input: TtsInput) {
        let Some(voice) = &mut self.legs.voice else { return };
        let is_text = matches!(input, TtsInput::Text { .. } | TtsInput::Finish { .. });
        match voice.send(input) {
            Err(error) if is_text && error.kind() == ErrorKind::Stalled => {
                self.caused.push_back(Input::SynthesisFailed { kind: error.kind() });
            }
            // A link that has ended is noticed where it is read, and reopened.
            Ok(()) | Err(_) => {}
        }
    }

    /// Puts something on the line.
    pub(super) fn put(&mut self, outbound: Outbound) {
        if self.recorder.is_some() {
            self.record(|recorder, now| recorder.sent(now, &outbound));
        }
        let now = self.now();
        if let Some(ears) = &mut self.legs.ears {
            ears.note_sent(now, &outbound);
        }
        let sent: Result<()> = self.legs.line.try_send(outbound);
        if let Err(error) = sent
            && error.kind() == ErrorKind::Stalled
        {
            warn!(%error, "the line does not take what is sent");
            self.caused.push_back(Input::LegLost { leg: Leg::Transport, kind: ErrorKind::Stalled });
        }
    }

    pub(super) fn emit(&mut self, event: Event) {
        if let Event::DraftDropped { generation } = event {
            self.meter.draft_dropped(generation);
        } else if let Event::Ended { .. } = event {
            // Nothing is told after the end.
            self.report_health();
        } else if let (Event::UserTurn { .. }, Some(ears)) = (&event, &mut self.legs.ears) {
            ears.note_answered();
        }
        let now = self.now();
        self.observers.retain_mut(|observer| {
            let seen = catch_unwind(AssertUnwindSafe(|| observer.on_event(now, &event)));
            if seen.is_err() {
                error!("an observer broke down, and sees nothing more of this call");
            }
            seen.is_ok()
        });
        self.health.queued_events(self.events.max_capacity() - self.events.capacity());
        if self.events.try_send((now, event)).is_err() {
            self.events_lost += 1;
        }
    }
}
