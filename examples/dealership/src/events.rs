//! What the log tells of a call, under names that stay: alarms and searches go by them.

use std::time::Duration;

use tracing::info;
use voiceagent_core::{
    CallId, CallTime, Event,
    observer::Observer,
    session::AgentState,
    transport::{CallInfo, Direction},
};
use voiceagent_telephony::front_door::CallStatus;

use crate::phone::Phone;

/// Writes the events of a call to the log. Numbers are masked, and nothing that was said is told.
#[derive(Debug)]
pub(crate) struct Events {
    call: CallId,
    caller: String,
    has_begun: bool,
    has_greeted: bool,
}

impl Events {
    /// Begins with a call that comes in, or that we make.
    pub(crate) fn new(call: &CallInfo, other: Option<&Phone>) -> Self {
        let caller = masked(other);
        match call.direction {
            Direction::Inbound => info!(call = %call.id, caller, "call.incoming"),
            Direction::Outbound => info!(call = %call.id, callee = caller, "call.outgoing"),
        }
        Self { call: call.id.clone(), caller, has_begun: false, has_greeted: false }
    }
}

impl Observer for Events {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        let call = &self.call;
        if !std::mem::replace(&mut self.has_begun, true) {
            info!(%call, caller = self.caller, "call.started");
        }
        match event {
            Event::AgentState { state: AgentState::Speaking } if !self.has_greeted => {
                self.has_greeted = true;
                info!(%call, "agent.greeting");
            }
            Event::AgentStopped { interrupted, .. } => {
                info!(%call, interrupted, "agent.response_complete");
            }
            Event::ToolFinished { name, .. } => info!(%call, tool = &**name, "tool.finished"),
            Event::Ended { reason } => info!(%call, ?reason, "call.ended"),
            // The rest is for others.
            _ => {}
        }
    }
}

/// A number of which only the last two digits are told.
pub(crate) fn masked(phone: Option<&Phone>) -> String {
    let Some(phone) = phone else { return "withheld".to_owned() };
    let number = phone.as_str();
    let shown = number.len().saturating_sub(2);
    format!("{}{}", "*".repeat(shown), &number[shown..])
}

/// Tells that the carrier reports of a call.
pub(crate) fn status(call: &CallId, status: CallStatus, duration: Option<Duration>) {
    info!(%call, ?status, ?duration, "call.status");
}

/// Tells that somebody whose call broke off is about to be written to.
pub(crate) fn recovery(call: &str) {
    info!(call, "recovery.started");
}

/// Tells that a caller was found among the customers.
pub(crate) fn identified(call: &CallId) {
    info!(%call, "caller.identified");
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::{
        clock::Clock, config::DealershipConfig, logging::memory, reception::Reception,
        store::Store, terminal::Terminal, trace::Trace,
    };

    /// Whether a line, or a span that it stands in, names this call.
    fn is_of(call: &str, line: &Value) -> bool {
        let spans = line["spans"].as_array().into_iter().flatten();
        spans.chain([line]).any(|part| part["call"] == call || part["call.id"] == call)
    }

    #[tokio::test]
    async fn the_log_tells_of_a_call_by_names_that_stay_and_of_no_number() {
        memory::begin();
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let config = DealershipConfig::default();
        let reception = Reception::open(store, Clock::Fixed(now), &config).await.unwrap();
        let lines = "when is my appointment\ngoodbye\n".as_bytes();
        let leg = Terminal::piped("logged", lines, tokio::io::sink()).with_from("+16305550111");
        reception.answer(Box::new(leg)).await.unwrap().finished().await;
        let ours = memory::lines(|line| is_of("logged", line));
        let mut rest = ours.iter();
        for name in [
            "call.incoming",
            "call.started",
            "agent.greeting",
            "agent.response_complete",
            "caller.identified",
            "tool.finished",
            "call.ended",
        ] {
            assert!(rest.any(|line| line["message"] == name), "{name} comes next in {ours:?}");
        }
        let told = Value::from(ours.clone()).to_string();
        assert!(told.contains("**********11") && !told.contains("6305550111"), "{told}");
        let trace = Trace::of(&CallId::new("logged"));
        for line in &ours {
            assert_eq!(line["spans"][0]["trace_id"], trace.id(), "{line}");
        }
        let of_trace = memory::lines(|line| line["spans"][0]["trace_id"] == trace.id());
        assert_eq!(of_trace.len(), ours.len());
    }

    #[test]
    fn a_number_shows_its_last_two_digits() {
        assert_eq!(masked(Phone::parse("+16305550111").as_ref()), "**********11");
        assert_eq!(masked(None), "withheld");
    }
}
