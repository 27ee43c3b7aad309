//! One outside event → one input.

use std::{future, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, Sleep};
use tracing::warn;

use super::{Driver, background::BackgroundLine, provider::Report};
use crate::{
    CallTime, ErrorKind, Event, GenerationId,
    adapt::Failover,
    line::LineRequest,
    llm::LlmEvent,
    realtime::RealtimeEvent,
    session::{EndReason, Input, Leg},
    stt::{SttEvent, Transcript},
    transport::Inbound,
    tts::TtsEvent,
};

/// One timer, moved only when its deadline changes.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(at: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(at)) }
    }

    async fn at(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return future::pending().await };
        if self.sleep.deadline() != deadline {
            // A timer that is only moved back still wakes the process when it was first due.
            self.sleep.set(tokio::time::sleep_until(deadline));
        }
        self.sleep.as_mut().await;
    }
}

/// What came from outside.
enum Outside {
    Alarm,
    Inbound(Option<crate::Result<Inbound>>),
    Job(Input),
    Model(GenerationId, Option<crate::Result<LlmEvent>>),
    OwnerGone,
    Realtime(Report<RealtimeEvent>),
    Request(LineRequest),
    Stt(Report<SttEvent>),
    Tts(Report<TtsEvent>),
}

impl Driver {
    /// Waits for something that the session must know.
    pub(super) async fn next_input(&mut self) -> Input {
        loop {
            self.note_health();
            if let Some(input) = self.caused.pop_front() {
                return input;
            }
            let outside = match self.overdue() {
                true => Outside::Alarm,
                false => self.wait().await,
            };
            if let Some(input) = self.translate(outside) {
                return input;
            }
        }
    }

    /// Whether a deadline has passed. The clock is asked because the timer may come late while
    /// other things are always ready.
    fn overdue(&self) -> bool {
        self.deadline().is_some_and(|at| at <= self.now())
    }

    pub(super) fn deadline(&self) -> Option<CallTime> {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let ears = self.legs.ears.as_ref().and_then(|ears| ears.idle_at());
        let background = self.background.as_ref().and_then(BackgroundLine::due);
        [session, ears, background].into_iter().flatten().min()
    }

    async fn wait(&mut self) -> Outside {
        let deadline = self.deadline().map(|at| self.started + at.elapsed());
        let Self { legs, model, jobs, alarm, requests, owner, .. } = self;
        let heard = async {
            match &mut legs.ears {
                Some(ears) => ears.next().await,
                None => future::pending().await,
            }
        };
        let spoken = async {
            match &mut legs.voice {
                Some(voice) => voice.next().await,
                None => future::pending().await,
            }
        };
        let both = async {
            match &mut legs.model {
                Some(model) => model.next().await,
                None => future::pending().await,
            }
        };
        let written = async {
            match model {
                Some((generation, stream)) => (*generation, stream.next().await),
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = owner => Outside::OwnerGone,
            Some(request) = requests.recv() => Outside::Request(request),
            inbound = legs.line.recv() => Outside::Inbound(inbound),
            () = alarm.at(deadline) => Outside::Alarm,
            report = both => Outside::Realtime(report),
            report = spoken => Outside::Tts(report),
            report = heard => Outside::Stt(report),
            (generation, event) = written => Outside::Model(generation, event),
            input = jobs.next() => Outside::Job(input),
        }
    }

    fn translate(&mut self, outside: Outside) -> Option<Input> {
        match outside {
            Outside::Alarm => self.on_alarm(),
            Outside::Realtime(report) => self.on_model_report(report),
            Outside::Inbound(inbound) => self.on_inbound(inbound),
            Outside::Job(input) => Some(input),
            Outside::Model(generation, event) => self.on_model(generation, event),
            Outside::OwnerGone => Some(Input::EndCall { reason: EndReason::AgentHungUp }),
            Outside::Request(request) => Some(match request {
                LineRequest::CommitTurn => Input::CommitTurn,
                LineRequest::Configure(change) => Input::Configure { change },
                LineRequest::Expect(what) => Input::Expect { what },
                LineRequest::HangUp { tool: None } => Input::HangUp,
                LineRequest::HangUp { tool: Some((generation, id)) } => {
                    Input::HangUpByTool { generation, id }
                }
                LineRequest::Interrupt => Input::Interrupt,
                LineRequest::Say { text, interruptible } => Input::Say { text, interruptible },
                LineRequest::SayUntilHeard { text, heard } => {
                    let ticket = self.listeners.add(heard);
                    Input::SayUntilHeard { text, interruptible: true, ticket }
                }
                LineRequest::Transfer(to) => Input::Transfer { to },
                LineRequest::Wait(period) => Input::Wait { period },
            }),
            Outside::Stt(report) => self.on_stt(report),
            Outside::Tts(report) => self.on_tts(report),
        }
    }

    fn on_alarm(&mut self) -> Option<Input> {
        let now = self.now();
        self.health.woken(now, self.deadline());
        self.play_background();
        if let Some(ears) = &mut self.legs.ears
            && ears.idle_at().is_some_and(|at| at <= now)
        {
            return ears.on_idle();
        }
        self.session.poll_timeout().filter(|(at, _)| *at <= now).map(|_| Input::Timeout)
    }

    fn on_inbound(&mut self, inbound: Option<crate::Result<Inbound>>) -> Option<Input> {
        match inbound {
            Some(Ok(Inbound::AnsweredBy(who))) => Some(Input::AnsweredBy { who }),
            Some(Ok(Inbound::Audio(frame))) => {
                if self.recorder.is_some() {
                    self.record(|recorder, now| recorder.heard(now, &frame));
                }
                let now = self.now();
                self.caused.extend(self.legs.ears.as_mut()?.hear(now, frame));
                self.let_model_hear();
                self.caused.pop_front()
            }
            Some(Ok(Inbound::Beep)) => Some(Input::Beep),
            Some(Ok(Inbound::Dtmf(digit))) => {
                let now = self.now();
                self.keys.take(now).then_some(Input::Dtmf { digit })
            }
            Some(Ok(Inbound::HandingOver(begins))) => Some(Input::HandingOver { begins }),
            Some(Ok(Inbound::Held(held))) => {
                self.hold_background(held);
                Some(Input::Held { held })
            }
            Some(Ok(Inbound::Interrupted { heard })) => Some(Input::PeerInterrupted { heard }),
            Some(Ok(Inbound::MarkPlayed(mark))) => {
                let now = self.now();
                if let Some(recorder) = &mut self.recorder {
                    recorder.played(now, mark);
                }
                Some(Input::MarkPlayed { mark })
            }
            Some(Ok(Inbound::NotTransferred(kind))) => Some(Input::NotTransferred { kind }),
            Some(Ok(Inbound::Quality(quality))) => {
                self.health.line = Some(quality);
                None
            }
            Some(Ok(Inbound::SpeechStarted)) => Some(Input::SttSpeechStarted),
            Some(Ok(Inbound::Transcript(transcript))) => {
                if transcript.is_final {
                    // What is typed, or taken as final by the far end, is a whole turn.
                    self.caused.push_back(Input::EndOfTurn);
                }
                Some(Input::Transcript { transcript: recognized(transcript) })
            }
            Some(Ok(Inbound::Transferred)) => Some(Input::Transferred),
            Some(Ok(Inbound::HungUp)) => Some(Input::HungUp),
            // Unless it is the last thing that the line's pump says.
            Some(Err(error)) if error.kind() == ErrorKind::Protocol && !self.line_has_ended() => {
                warn!(%error, "the line sent something unusable");
                None
            }
            Some(Err(error)) => {
                warn!(%error, "the line was lost");
                Some(Input::LegLost { leg: Leg::Transport, kind: error.kind() })
            }
            None => Some(Input::HungUp),
        }
    }

    fn line_has_ended(&self) -> bool {
        self.legs.line.is_closed() && self.legs.line.waiting() == 0
    }

    /// Links are opened for a call: none of them was open before.
    pub(super) fn on_connected(&mut self, leg: Leg, after: Duration) -> Option<Input> {
        self.emit(Event::Connected { leg, after, reused: false });
        None
    }

    fn on_failover(&mut self, leg: Leg, failover: Failover) -> Option<Input> {
        self.emit(Event::FailedOver { leg, failover });
        None
    }

    fn on_model(
        &mut self,
        generation: GenerationId,
        event: Option<crate::Result<LlmEvent>>,
    ) -> Option<Input> {
        match event {
            Some(Ok(LlmEvent::Finished(reason))) => {
                self.model = None;
                Some(Input::LlmFinished { generation, reason })
            }
            Some(Ok(LlmEvent::Connected { after, reused })) => {
                self.emit(Event::Connected { leg: Leg::Llm, after, reused });
                None
            }
            Some(Ok(LlmEvent::FailedOver(failover))) => self.on_failover(Leg::Llm, failover),
            Some(Ok(LlmEvent::Limits(limits))) => {
                if let Some(wait) = limits.wait() {
                    warn!(?wait, "the model would refuse the next request");
                }
                None
            }
            Some(Ok(LlmEvent::Progress)) => Some(Input::LlmProgress { generation }),
            Some(Ok(LlmEvent::Text(text))) => {
                Some(Input::LlmText { generation, text: text.into() })
            }
            Some(Ok(LlmEvent::ToolCall(call))) => Some(Input::LlmToolCall { generation, call }),
            Some(Ok(LlmEvent::Usage(usage))) => Some(Input::LlmUsage { generation, usage }),
            Some(Err(error)) => {
                self.model = None;
                warn!(%error, "the model failed");
                Some(Input::LlmFailed {
                    generation,
                    kind: error.kind(),
                    retry_after: error.retry_after(),
                })
            }
            None => {
                self.model = None;
                warn!("the model stopped without finishing");
                Some(Input::LlmFailed {
                    generation,
                    kind: ErrorKind::Disconnected,
                    retry_after: None,
                })
            }
        }
    }

    fn on_stt(&mut self, report: Report<SttEvent>) -> Option<Input> {
        match report {
            Report::Connected(after) => {
                self.on_connected(Leg::Stt, after);
                Some(Input::SttReopened)
            }
            Report::Event(SttEvent::EagerEndOfTurn) => Some(Input::EagerEndOfTurn),
            Report::Event(SttEvent::EndOfTurn) => Some(Input::EndOfTurn),
            Report::Event(SttEvent::FailedOver(failover)) => self.on_failover(Leg::Stt, failover),
            Report::Event(SttEvent::SpeechStarted) => Some(Input::SttSpeechStarted),
            Report::Event(SttEvent::Transcript(transcript)) => {
                Some(Input::Transcript { transcript: recognized(transcript) })
            }
            Report::Event(SttEvent::TurnResumed) => Some(Input::TurnResumed),
            Report::Ended => None,
            Report::Fault(error) => {
                warn!(%error, "the recognizer failed");
                None
            }
            Report::Lost(error) => {
                warn!(%error, "the recognizer is lost");
                self.meter.read(&self.legs);
                self.legs.ears = None;
                Some(Input::LegLost { leg: Leg::Stt, kind: error.kind() })
            }
        }
    }

    /// The end of a generation behind the audio that it completes.
    pub(super) fn behind(&mut self, generation: GenerationId, rest: Bytes, end: Input) -> Input {
        if rest.is_empty() {
            return end;
        }
        self.caused.push_front(end);
        Input::Synthesized { generation, payload: rest }
    }

    fn on_tts(&mut self, report: Report<TtsEvent>) -> Option<Input> {
        match report {
            Report::Connected(after) => self.on_connected(Leg::Tts, after),
            Report::Event(TtsEvent::Audio { generation, payload }) => {
                let voice = self.legs.voice.as_mut()?;
                let payload = voice.transcode(generation, payload);
                Some(Input::Synthesized { generation, payload })
            }
            Report::Event(TtsEvent::Continued { generation, texts, bytes, again }) => {
                Some(Input::SynthesisContinued { generation, texts, bytes, again })
            }
            Report::Event(TtsEvent::FailedOver(failover)) => self.on_failover(Leg::Tts, failover),
            Report::Event(TtsEvent::Finished { generation }) => {
                let rest = self.legs.voice.as_mut()?.finish(generation);
                Some(self.behind(generation, rest, Input::SynthesisFinished { generation }))
            }
            Report::Event(TtsEvent::Heard { generation, text }) => {
                Some(Input::SynthesisHeard { generation, text })
            }
            Report::Event(TtsEvent::Spoken { generation, texts }) => {
                Some(Input::SynthesisSpoken { generation, texts })
            }
            Report::Event(TtsEvent::Words { generation, words }) => {
                Some(Input::Words { generation, words })
            }
            Report::Ended => {
                let lost = self.legs.voice.as_mut()?.has_lost_speech();
                lost.then_some(Input::SynthesisFailed { kind: ErrorKind::Disconnected })
            }
            Report::Fault(error) => {
                warn!(%error, "the voice failed");
                Some(Input::SynthesisFailed { kind: error.kind() })
            }
            Report::Lost(error) => {
                warn!(%error, "the voice is lost");
                self.meter.read(&self.legs);
                self.legs.voice = None;
                Some(Input::LegLost { leg: Leg::Tts, kind: error.kind() })
            }
        }
    }
}

/// A number that is none could not be written down in a journal.
pub(super) fn recognized(mut transcript: Transcript) -> Transcript {
    if !transcript.confidence.is_finite() {
        transcript.confidence = 1.0;
    }
    transcript
}
