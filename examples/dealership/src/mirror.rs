//! What was said in a call, kept where another program finds it if this one dies.
//!
//! Each turn is a version of it, and a version takes the place of older ones alone: a program that
//! only thinks that it still has the call changes nothing that its heir has written.

use std::{collections::VecDeque, fmt::Write as _};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::warn;
use voiceagent_core::{CallId, CallTime, Event, observer::Observer};

use crate::{
    brain::RuleBrain,
    shared::{SESSION, Shared},
};

/// Turns that are kept: what a call is about was said in the last few.
const TURNS: usize = 20;

/// What was said in a call so far.
#[derive(Clone, Default)]
pub(crate) struct Talk {
    version: u64,
    turns: VecDeque<Turn>,
}

/// It prints to nobody: it is what people said.
#[derive(Clone, Deserialize, Serialize)]
struct Turn {
    by_agent: bool,
    words: String,
}

impl Talk {
    /// What is kept of a call, if anything is.
    pub(crate) async fn of(call: &CallId, shared: &Shared) -> Self {
        let Some((version, kept)) = shared.version(&key(call)).await else {
            return Self::default();
        };
        match serde_json::from_str(&kept) {
            Ok(turns) => Self { version, turns },
            Err(error) => {
                warn!(%error, %call, "what was said in a call cannot be read");
                Self { version, turns: VecDeque::new() }
            }
        }
    }

    /// What a model is told of it; `None` if nothing was said.
    pub(crate) fn brief(&self) -> Option<String> {
        if self.turns.is_empty() {
            return None;
        }
        let mut told = format!("{}\n", RuleBrain::SAID_BEFORE);
        for Turn { by_agent, words } in &self.turns {
            let who = if *by_agent { "You" } else { "Caller" };
            // Written into a string, which does not fail.
            let _ = writeln!(told, "{who}: {words}");
        }
        Some(told)
    }

    fn add(&mut self, by_agent: bool, words: &str) {
        self.version += 1;
        self.turns.push_back(Turn { by_agent, words: words.to_owned() });
        if self.turns.len() > TURNS {
            self.turns.pop_front();
        }
    }
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Talk").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Writes down what is said, on the task of the call.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// The last of it alone is kept, so whoever keeps it may be slow.
    talk: watch::Sender<Talk>,
}

impl Mirror {
    /// Goes on behind what is kept. What is said comes out of the receiver.
    pub(crate) fn new(talk: Talk) -> (Self, watch::Receiver<Talk>) {
        let (talk, said) = watch::channel(talk);
        (Self { talk }, said)
    }
}

impl Observer for Mirror {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        let (by_agent, words) = match event {
            Event::AgentStopped { pii_heard, .. } => (true, pii_heard),
            Event::UserTurn { pii_text, .. } => (false, pii_text),
            // The rest is no words.
            _ => return,
        };
        if !words.is_empty() {
            self.talk.send_modify(|talk| talk.add(by_agent, words));
        }
    }
}

/// Keeps what is said in a call, and forgets it when the call is over. What is left of one whose
/// program has died is there for its heir.
pub(crate) async fn keep(call: CallId, mut said: watch::Receiver<Talk>, shared: Shared) {
    while said.changed().await.is_ok() {
        let talk = said.borrow_and_update().clone();
        let Ok(turns) = serde_json::to_string(&talk.turns) else { continue };
        if !shared.update(&key(&call), (talk.version, &turns), SESSION).await {
            // Somebody else goes on with the call.
            return;
        }
    }
    shared.forget(&key(&call)).await;
}

fn key(call: &CallId) -> String {
    format!("session:{call}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_heir_knows_what_was_said_and_who_lost_the_call_changes_nothing() {
        let (shared, call) = (Shared::local(), CallId::new("1"));
        let (mirror, said) = Mirror::new(Talk::of(&call, &shared).await);
        mirror.talk.send_modify(|talk| talk.add(false, "I need an oil change"));
        mirror.talk.send_modify(|talk| talk.add(true, "What day?"));
        let kept = tokio::spawn(keep(call.clone(), said, shared.clone()));
        while Talk::of(&call, &shared).await.version < 2 {
            tokio::task::yield_now().await;
        }
        let mut heir = Talk::of(&call, &shared).await;
        let told = heir.brief().unwrap();
        assert!(told.ends_with("Caller: I need an oil change\nYou: What day?\n"), "{told}");
        heir.add(false, "Monday");
        let turns = serde_json::to_string(&heir.turns).unwrap();
        assert!(shared.update(&key(&call), (heir.version, &turns), SESSION).await);
        mirror.talk.send_modify(|talk| talk.add(false, "hello?"));
        kept.await.unwrap();
        assert_eq!(Talk::of(&call, &shared).await.turns.len(), 3);
        assert_eq!(Talk::of(&call, &shared).await.turns[2].words, "Monday");
    }

    #[tokio::test]
    async fn what_was_said_is_forgotten_with_the_end_of_the_call() {
        let (shared, call) = (Shared::local(), CallId::new("1"));
        let (mirror, said) = Mirror::new(Talk::default());
        mirror.talk.send_modify(|talk| talk.add(false, "hello"));
        let kept = tokio::spawn(keep(call.clone(), said, shared.clone()));
        drop(mirror);
        kept.await.unwrap();
        assert!(Talk::of(&call, &shared).await.brief().is_none());
    }

    #[test]
    fn the_last_turns_are_kept() {
        let mut talk = Talk::default();
        (0..25).for_each(|turn| talk.add(false, &turn.to_string()));
        assert_eq!((talk.version, talk.turns.len()), (25, TURNS));
        assert!(talk.brief().unwrap().contains("Caller: 5\n"));
    }
}
