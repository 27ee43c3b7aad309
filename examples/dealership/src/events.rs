//! What the log tells of a call, under names that stay: alarms and searches go by them.

use tracing::info;
use voiceagent_core::{
    CallId, CallTime, Event,
    observer::Observer,
    session::AgentState,
    transport::{CallInfo, Direction},
};

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

/// Tells that a caller was found among the customers.
pub(crate) fn identified(call: &CallId) {
    info!(%call, "caller.identified");
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use jiff::Timestamp;

    use super::*;
    use crate::{
        clock::Clock, config::DealershipConfig, reception::Reception, store::Store,
        terminal::Terminal,
    };

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_log_tells_of_a_call_by_names_that_stay_and_of_no_number() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        // That of the whole process: what other tests do must not decide what is logged here.
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let config = DealershipConfig::default();
        let reception = Reception::open(store, Clock::Fixed(now), &config).await.unwrap();
        let lines = "when is my appointment\ngoodbye\n".as_bytes();
        let leg = Terminal::piped("logged", lines, tokio::io::sink()).with_from("+16305550111");
        reception.answer(Box::new(leg)).await.unwrap().finished().await;
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let ours = log.lines().filter(|line| line.contains("call=logged"));
        let log: String = ours.flat_map(|line| [line, "\n"]).collect();
        let mut rest = log.as_str();
        for name in [
            "call.incoming",
            "call.started",
            "agent.greeting",
            "agent.response_complete",
            "caller.identified",
            "tool.finished",
            "call.ended",
        ] {
            let at = rest.find(name).unwrap_or_else(|| panic!("{name} comes next in {log}"));
            rest = &rest[at..];
        }
        assert!(log.contains("**********11") && !log.contains("6305550111"), "{log}");
    }

    #[test]
    fn a_number_shows_its_last_two_digits() {
        assert_eq!(masked(Phone::parse("+16305550111").as_ref()), "**********11");
        assert_eq!(masked(None), "withheld");
    }
}
