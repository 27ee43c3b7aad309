//! A history that a session lives through while somebody watches.

use std::collections::BTreeSet;

use proptest::prelude::*;
use voiceagent_core::{
    CallTime, GenerationId, SessionConfig, ToolCallId,
    llm::Message,
    session::{Input, Session},
};

/// Watches what a session does.
pub(crate) trait Watch {
    /// Learns what happens next.
    fn note(&mut self, input: &Input);

    /// Takes all commands and judges them.
    fn drain(&mut self, session: &mut Session) -> Result<(), TestCaseError>;

    /// Judges the history.
    fn read(&self, messages: &[Message]) -> Result<(), TestCaseError>;

    /// Judges a session that has come to rest.
    fn at_rest(&self) -> Result<(), TestCaseError> {
        Ok(())
    }

    /// The calls of tools that were not answered yet.
    fn take_calls(&mut self) -> BTreeSet<(GenerationId, ToolCallId)>;
}

/// Lives through a history of inputs and the milliseconds before each. Returns when it was over.
pub(crate) fn live(
    config: SessionConfig,
    watch: &mut impl Watch,
    history: &[(u64, Input)],
) -> Result<(Session, CallTime), TestCaseError> {
    let mut session = Session::new(config);
    let mut now = CallTime::ZERO;
    session.handle(now, Input::Opened);
    watch.drain(&mut session)?;
    for (gap, input) in history {
        now = CallTime::from_millis(now.as_millis() + gap);
        while let Some((at, _)) = session.poll_timeout().filter(|(at, _)| *at <= now) {
            session.handle(at, Input::Timeout);
            watch.drain(&mut session)?;
            let again = session.poll_timeout();
            prop_assert!(again.is_none_or(|(again, _)| again > at), "law 3");
        }
        watch.note(input);
        session.handle(now, input.clone());
        watch.drain(&mut session)?;
        watch.read(&session.messages())?;
    }
    Ok((session, now))
}

/// Law 9: left alone, a session comes to rest.
pub(crate) fn rest(
    session: &mut Session,
    watch: &mut impl Watch,
    mut now: CallTime,
) -> Result<(), TestCaseError> {
    let mut wakes = 0;
    // Nobody holds a call for ever.
    watch.note(&Input::Held { held: false });
    session.handle(now, Input::Held { held: false });
    loop {
        // Tools are owed a result by the driver.
        for (generation, id) in watch.take_calls() {
            let output = "\"late\"".into();
            session.handle(now, Input::ToolFinished { generation, id, output });
        }
        watch.drain(session)?;
        let Some((at, _)) = session.poll_timeout() else { return watch.at_rest() };
        now = now.max(at);
        session.handle(now, Input::Timeout);
        watch.drain(session)?;
        wakes += 1;
        prop_assert!(wakes < 20_000, "law 9: {:?}", session.poll_timeout());
    }
}
