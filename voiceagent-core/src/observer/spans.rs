use std::time::Duration;

use tracing::{Span, debug, info, info_span, trace, warn};

use super::Observer;
use crate::{CallId, CallTime, GenerationId, adapt::Failover, session::Event};

/// Writes what happens in a call to [`tracing`], inside a span named `call`.
///
/// Beginning and end are at INFO, faults at WARN, everything else at DEBUG. What people said is
/// at TRACE only, in fields whose name begins with `pii.`. Times are in milliseconds; `at_ms`
/// counts from the beginning of the call.
#[derive(Debug)]
pub struct SpanObserver {
    span: Span,
    begun: bool,
}

impl SpanObserver {
    /// Makes an observer for the call `call`.
    #[must_use]
    pub fn new(call: &CallId) -> Self {
        Self { span: info_span!("call", call.id = %call), begun: false }
    }
}

impl Observer for SpanObserver {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        let _inside = self.span.enter();
        let at_ms = at.as_millis();
        if !self.begun {
            self.begun = true;
            info!(at_ms, "call started");
        }
        match event {
            Event::Ended { reason } => info!(at_ms, ?reason, "call ended"),
            Event::Failed { leg, kind } => warn!(at_ms, ?leg, %kind, "leg failed"),
            Event::Backchannel { .. }
            | Event::TurnDropped { .. }
            | Event::UserPartial { .. }
            | Event::UserStarted { .. }
            | Event::UserStopped { .. }
            | Event::UserTurn { .. }
            | Event::UserWords { .. } => user_event(at_ms, event),
            Event::Dtmf { pii_digit } => {
                debug!(at_ms, "key pressed");
                trace!(at_ms, pii.digit = %pii_digit, "key");
            }
            Event::AnsweredBy { who } => debug!(at_ms, ?who, "answered"),
            Event::AgentStarted { generation, .. } => debug!(at_ms, %generation, "agent started"),
            Event::AgentHeard { generation, since, pii_text } => {
                debug!(at_ms, %generation, since_ms = since.as_millis(), "agent heard");
                trace!(at_ms, %generation, pii.heard = %pii_text, "agent heard so far");
            }
            Event::AgentPaused { generation } => debug!(at_ms, %generation, "agent paused"),
            Event::AgentResumed { generation, after } => {
                took(at_ms, *generation, *after, "agent resumed")
            }
            Event::AgentSilenced { generation, after } => {
                took(at_ms, *generation, *after, "agent silenced")
            }
            Event::AgentState { state } => debug!(at_ms, ?state, "agent state"),
            Event::AgentStopped { generation, pii_heard, interrupted } => {
                debug!(at_ms, %generation, interrupted, "agent stopped");
                trace!(at_ms, %generation, pii.heard = %pii_heard, "agent said");
            }
            Event::DraftDropped { generation } => debug!(at_ms, %generation, "draft dropped"),
            Event::DraftStarted { generation, turn } => {
                debug!(at_ms, %generation, %turn, "draft started");
            }
            Event::FailedOver { leg, failover: Failover { from, to, cause, hedged } } => {
                warn!(at_ms, ?leg, %from, %to, %cause, hedged, "failed over");
            }
            Event::FirstAudible { generation, silence } => {
                debug!(at_ms, %generation, silence_ms = silence.as_millis(), "first audible");
            }
            Event::FirstSentence { generation, after } => {
                took(at_ms, *generation, *after, "first sentence")
            }
            Event::Connected { .. }
            | Event::Health { .. }
            | Event::LineQuality { .. }
            | Event::Metered { .. } => machinery_event(at_ms, event),
            Event::IdlePrompted { nth } => debug!(at_ms, nth, "idle prompted"),
            Event::Planned { generation, after } => took(at_ms, *generation, *after, "planned"),
            Event::FirstAudio { generation, after } => {
                took(at_ms, *generation, *after, "first audio")
            }
            Event::FirstToken { generation, after, reasoned } => {
                let reasoned_ms = reasoned.map(|reasoned| reasoned.as_millis());
                debug!(at_ms, %generation, after_ms = after.as_millis(), reasoned_ms, "first token");
            }
            Event::Interrupted { generation, reason, after } => {
                debug!(at_ms, %generation, ?reason, after_ms = after.as_millis(), "interrupted");
            }
            Event::ToolFinished { id, name, after } => {
                debug!(at_ms, tool_call = %id, tool = %name, after_ms = after.as_millis(), "tool finished");
            }
            Event::ToolLimit { generation } => debug!(at_ms, %generation, "tool limit"),
            Event::ToolStarted { id, name } => {
                debug!(at_ms, tool_call = %id, tool = %name, "tool started");
            }
            Event::UsageReported { generation, usage } => {
                debug!(at_ms, %generation, ?usage, "usage");
            }
        }
    }
}

/// What the user does.
#[expect(clippy::wildcard_enum_match_arm, reason = "whoever calls it names all events")]
fn user_event(at_ms: u64, event: &Event) {
    match event {
        Event::UserStarted { turn, since } => {
            debug!(at_ms, %turn, since_ms = since.as_millis(), "user started");
        }
        Event::UserStopped { turn, since } => {
            debug!(at_ms, %turn, since_ms = since.as_millis(), "user stopped");
        }
        Event::TurnDropped { turn } => debug!(at_ms, %turn, "turn dropped"),
        Event::Backchannel { turn, pii_text } => {
            debug!(at_ms, %turn, "backchannel");
            trace!(at_ms, %turn, pii.text = %pii_text, "user signalled");
        }
        Event::UserPartial { turn, pii_text } => {
            trace!(at_ms, %turn, pii.text = %pii_text, "user partial");
        }
        Event::UserTurn { turn, pii_text, end_of_turn_delay, transcription_delay } => {
            debug!(
                at_ms,
                %turn,
                end_of_turn_delay_ms = end_of_turn_delay.as_millis(),
                transcription_delay_ms = transcription_delay.map(|delay| delay.as_millis()),
                "user turn"
            );
            trace!(at_ms, %turn, pii.text = %pii_text, "user said");
        }
        Event::UserWords { turn, pii_text } => {
            debug!(at_ms, %turn, "user words");
            trace!(at_ms, %turn, pii.text = %pii_text, "user had said");
        }
        _ => {}
    }
}

/// What the call tells of its connections, and at intervals.
#[expect(clippy::wildcard_enum_match_arm, reason = "whoever calls it names all events")]
fn machinery_event(at_ms: u64, event: &Event) {
    match event {
        Event::Connected { leg, after, reused } => {
            debug!(at_ms, ?leg, after_ms = after.as_millis(), reused, "connected");
        }
        Event::Health {
            late,
            late_wakes,
            line_queue,
            events_queue,
            frames_dropped,
            events_lost,
        } => debug!(
            at_ms,
            late_ms = late.as_millis(),
            late_wakes,
            line_queue,
            events_queue,
            frames_dropped,
            events_lost,
            "health"
        ),
        Event::LineQuality { quality } => debug!(
            at_ms,
            received = quality.received,
            lost = quality.lost,
            jitter_ms = quality.jitter.as_millis(),
            peer_loss = quality.peer_loss,
            round_trip_ms = quality.round_trip.map(|trip| trip.as_millis()),
            mos = quality.estimated_mos,
            "line quality"
        ),
        Event::Metered { stt, tts, characters, characters_wasted } => debug!(
            at_ms,
            stt_ms = stt.as_millis(),
            tts_ms = tts.as_millis(),
            characters,
            characters_wasted,
            "metered"
        ),
        _ => {}
    }
}

/// How long a part of an attempt to speak took.
fn took(at_ms: u64, generation: GenerationId, after: Duration, what: &str) {
    debug!(at_ms, %generation, after_ms = after.as_millis(), "{what}");
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::Debug,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Level, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use super::*;
    use crate::{
        ErrorKind, TurnId,
        session::{EndReason, Leg},
    };

    /// Level and text of each line.
    #[derive(Clone, Debug, Default)]
    struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0 += &format!("{field}={value:?} ");
        }
    }

    impl Subscriber for Lines {
        fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
            let mut line = Line(format!("span {} ", attributes.metadata().name()));
            attributes.record(&mut line);
            self.0.lock().unwrap().push((*attributes.metadata().level(), line.0));
            span::Id::from_u64(1)
        }
        fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
        fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push((*event.metadata().level(), line.0));
        }
        fn enter(&self, _span: &span::Id) {}
        fn exit(&self, _span: &span::Id) {}
    }

    fn lines(events: &[Event]) -> Vec<(Level, String)> {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), || {
            let mut observer = SpanObserver::new(&CallId::new("CA1"));
            for (second, event) in events.iter().enumerate() {
                observer.on_event(CallTime::from_millis(second as u64 * 1_000), event);
            }
        });
        lines.0.lock().unwrap().clone()
    }

    #[test]
    fn beginning_and_end_are_at_info_and_faults_at_warn() {
        let written = lines(&[
            Event::UserStarted { turn: TurnId::new(1), since: CallTime::ZERO },
            Event::Failed { leg: Leg::Stt, kind: ErrorKind::Timeout },
            Event::Ended { reason: EndReason::UserHungUp },
        ]);
        let written: Vec<_> = written.iter().map(|(level, line)| (*level, line.as_str())).collect();
        assert_eq!(
            written,
            [
                (Level::INFO, "span call call.id=CA1 "),
                (Level::INFO, "message=call started at_ms=0 "),
                (Level::DEBUG, "message=user started at_ms=0 turn=1 since_ms=0 "),
                (Level::WARN, "message=leg failed at_ms=1000 leg=Stt kind=timeout "),
                (Level::INFO, "message=call ended at_ms=2000 reason=UserHungUp "),
            ]
        );
    }

    #[test]
    fn what_people_said_is_at_trace_only_and_in_pii_fields() {
        let secret = "my number is 555";
        let written = lines(&[
            Event::UserPartial { turn: TurnId::new(1), pii_text: secret.into() },
            Event::UserTurn {
                turn: TurnId::new(1),
                pii_text: secret.into(),
                end_of_turn_delay: Duration::from_millis(300),
                transcription_delay: None,
            },
            Event::AgentStopped {
                generation: GenerationId::new(1),
                pii_heard: secret.into(),
                interrupted: false,
            },
            Event::Dtmf { pii_digit: '7' },
        ]);
        let personal = |line: &str| line.contains("555") || line.contains("=7 ");
        assert_eq!(written.iter().filter(|(_, line)| personal(line)).count(), 4);
        for (level, line) in &written {
            assert_eq!(personal(line), line.contains("pii."), "{line}");
            assert_eq!(personal(line), *level == Level::TRACE, "{level} {line}");
        }
    }
}
