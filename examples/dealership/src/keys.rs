//! What a caller's keys do: zero asks for a person, the star says the last words again.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;
use tracing::debug;
use voiceagent_core::{CallId, CallTime, Event, Line, observer::Observer, tool::ToolContext};

use crate::minutes::Minutes;

/// Presses that may wait: nobody means more than the last few.
const WAITING: usize = 4;

/// A key that means something.
#[derive(Debug)]
pub(crate) enum Press {
    Human,
    /// The words that were heard last.
    Repeat(Arc<str>),
}

/// Hears the keys of a call.
#[derive(Debug)]
pub(crate) struct Keys {
    presses: mpsc::Sender<Press>,
    heard: Arc<str>,
}

/// What hears keys, and where they come out.
pub(crate) fn listen() -> (mpsc::Sender<Press>, mpsc::Receiver<Press>) {
    mpsc::channel(WAITING)
}

impl Keys {
    pub(crate) fn new(presses: mpsc::Sender<Press>) -> Self {
        Self { presses, heard: Arc::from("") }
    }
}

impl Observer for Keys {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        let press = match event {
            Event::AgentStopped { pii_heard, .. } if !pii_heard.is_empty() => {
                self.heard = Arc::clone(pii_heard);
                return;
            }
            Event::Dtmf { pii_digit: '0' } => Press::Human,
            Event::Dtmf { pii_digit: '*' } => Press::Repeat(Arc::clone(&self.heard)),
            _ => return,
        };
        // Who presses faster than is answered has said it.
        let _ = self.presses.try_send(press);
    }
}

/// Does what the keys of a call ask for, until it is over.
///
/// # Cancel safety
///
/// Dropping the future leaves the keys that come then without an answer.
pub(crate) async fn serve(
    mut presses: mpsc::Receiver<Press>,
    (call, line): (CallId, Line),
    minutes: Arc<Minutes>,
) {
    while let Some(press) = presses.recv().await {
        let words = match press {
            Press::Human => human(&call, &line, &minutes).await,
            Press::Repeat(words) => words,
        };
        let said = line.interrupt().and_then(|()| line.say(words));
        if let Err(error) = said {
            debug!(%error, "a key has no answer any more");
        }
    }
}

/// Hands the call to a person, and returns what there is to say.
async fn human(call: &CallId, line: &Line, minutes: &Minutes) -> Arc<str> {
    let mut context = ToolContext::detached("transfer_to_human");
    (context.call, context.line) = (call.clone(), line.clone());
    let asks = json!({
        "reason": "caller_request",
        "department": "front_desk",
        "summary": "The caller asked for a person by a key.",
        "mode": "cold",
    });
    let done = minutes.use_tool("transfer_to_human", asks, context).await;
    let say = done.as_ref().and_then(|done| done["say"].as_str());
    say.unwrap_or("I can't put you through right now.").into()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::Value;
    use voiceagent_core::{
        GenerationId, Result,
        tool::{Tool, ToolSpec},
    };

    use super::*;

    #[derive(Debug)]
    struct Desk;

    #[async_trait]
    impl Tool for Desk {
        fn spec(&self) -> ToolSpec {
            ToolSpec::new("transfer_to_human", "Hands over.", json!({ "type": "object" }))
        }

        async fn call(&self, asks: Value, context: ToolContext) -> Result<Value> {
            assert_eq!(asks["department"], "front_desk");
            Ok(json!({ "ok": true, "say": format!("Connecting call {}.", context.call) }))
        }
    }

    #[tokio::test]
    async fn zero_hands_over_and_the_star_repeats_what_was_heard() {
        let (sender, mut presses) = listen();
        let mut keys = Keys::new(sender);
        let at = CallTime::default();
        keys.on_event(
            at,
            &Event::AgentStopped {
                generation: GenerationId::default(),
                pii_heard: "We open at eight.".into(),
                interrupted: false,
            },
        );
        for pii_digit in ['5', '*', '0'] {
            keys.on_event(at, &Event::Dtmf { pii_digit });
        }
        let Some(Press::Repeat(words)) = presses.recv().await else { panic!("no repeat") };
        assert_eq!(&*words, "We open at eight.");
        assert!(matches!(presses.recv().await, Some(Press::Human)));
        drop(keys);
        assert!(presses.recv().await.is_none(), "a five asks for nothing");
        let minutes = Minutes::new(vec![Arc::new(Desk)]);
        let said = human(&CallId::new("7"), &Line::detached(), &minutes).await;
        assert_eq!(&*said, "Connecting call 7.");
    }
}
