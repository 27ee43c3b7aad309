//! What a flow puts in the place of the user's words.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use voiceagent_core::{
    Event, GenerationId, TurnId,
    flow::Plan,
    llm::Message,
    session::{Command, Input},
};

/// The turns that a flow was asked about, by attempt to answer.
#[derive(Default)]
pub(super) struct Edits {
    asked: BTreeMap<GenerationId, Asked>,
    /// What the flow says right now.
    handed_over: Option<(GenerationId, Arc<str>)>,
}

struct Asked {
    turn: TurnId,
    text: Arc<str>,
    edit: Option<Arc<str>>,
}

impl Edits {
    pub(super) fn note(&mut self, input: &Input) {
        self.handed_over = match input {
            Input::Planned { generation, plan: Some(Plan::Generate(answer)) } => {
                answer.edit.clone().map(|edit| (*generation, edit))
            }
            _ => None,
        };
    }

    pub(super) fn follow(&mut self, command: &Command) {
        match command {
            Command::Plan { generation, turn, text, .. } => {
                let asked = Asked { turn: *turn, text: text.clone(), edit: None };
                self.asked.insert(*generation, asked);
            }
            Command::Emit { event: Event::Planned { generation, .. } } => {
                let edit = self.handed_over.take().filter(|(of, _)| of == generation);
                if let Some(asked) = self.asked.get_mut(generation) {
                    asked.edit = edit.map(|(_, edit)| edit);
                }
            }
            Command::Emit { event: Event::DraftDropped { generation } } => {
                self.asked.remove(generation);
            }
            _ => {}
        }
    }

    /// The model is shown the edit, and not what was said.
    pub(super) fn are_shown(
        &self,
        generation: GenerationId,
        messages: &[Message],
    ) -> Result<(), TestCaseError> {
        let edit = self.asked.get(&generation).and_then(|asked| asked.edit.as_ref());
        let user = messages.iter().rev().find_map(|message| match message {
            Message::User { text } => Some(text),
            _ => None,
        });
        let is_shown = edit.is_none_or(|edit| user.is_some_and(|user| user.ends_with(&**edit)));
        prop_assert!(is_shown, "the model is shown {user:?}, and not {edit:?}");
        Ok(())
    }

    /// Whatever was said is written down, each turn in its own words or in those of the flow;
    /// `draft` was not said.
    pub(super) fn are_written(
        &self,
        mut users: String,
        said: &[(TurnId, String)],
        draft: Option<GenerationId>,
    ) -> Result<(), TestCaseError> {
        let happened = self.asked.iter().filter(|(generation, _)| Some(**generation) != draft);
        let edited: Vec<(&Asked, &Arc<str>)> = happened
            .filter_map(|(_, asked)| asked.edit.as_ref().map(|edit| (asked, edit)))
            .collect();
        let mut from = 0;
        for (_, edit) in &edited {
            let at = users[from..].find(&***edit);
            prop_assert!(at.is_some(), "{edit:?} is not in {users:?}");
            from += at.unwrap_or(0);
            users.replace_range(from..from + edit.len(), "");
        }
        prop_assert!(!users.contains("[edited"), "an edit of what did not happen: {users:?}");
        for (turn, said) in said {
            let in_place = |(asked, _): &(&Asked, _)| {
                asked.turn >= *turn && asked.text.contains(said.as_str())
            };
            if edited.iter().any(in_place) {
                continue;
            }
            let at = users.find(said.as_str());
            prop_assert!(at.is_some(), "{said:?} is not written down");
            users.drain(..at.unwrap_or(0) + said.len());
        }
        Ok(())
    }
}
