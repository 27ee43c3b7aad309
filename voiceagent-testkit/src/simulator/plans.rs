use std::collections::BTreeSet;

use voiceagent_core::{Event, TurnId, flow::Plan, llm::Message};

use super::{
    Violation,
    graph::EDITED,
    log::{Account, NoteRun},
    profile::Profile,
};

/// What a flow can rely on.
pub(super) fn check(account: &Account, profile: &Profile) -> Vec<Violation> {
    if profile.flow.is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut check = |holds: bool, law, seen: &dyn Fn() -> String| {
        if !holds {
            found.push(Violation { law, seen: seen() });
        }
    };
    let mut last: Option<&NoteRun> = None;
    for note in &account.notes {
        let is_in_order = last.is_none_or(|last| {
            last.turn < note.turn && last.ended.is_some_and(|ended| ended <= note.begun)
        });
        check(is_in_order, "a flow notes turns once and in order", &|| format!("{note:?}"));
        let is_planned = account
            .plans
            .iter()
            .any(|run| run.turn == note.turn && run.plan.as_ref() == Some(&note.plan));
        check(is_planned, "a flow notes what it planned", &|| format!("{note:?}"));
        let happened = turns(account).any(|turn| turn == note.turn);
        check(happened, "a flow notes turns that happened", &|| format!("{note:?}"));
        last = Some(note);
    }
    for run in &account.plans {
        let before = account.notes.iter().filter(|note| note.turn < run.turn);
        let early = before
            .filter(|note| note.begun < run.begun)
            .find(|note| note.ended.is_none_or(|ended| ended > run.begun));
        check(early.is_none(), "a flow plans when it has noted", &|| format!("{run:?}: {early:?}"));
    }
    for asked in &account.asked {
        let fits = account.plans.iter().any(|run| match &run.plan {
            Some(Plan::Generate(answer)) => {
                let tools = answer.tools.iter().map(|tool| &tool.name);
                answer.instructions == asked.instructions && tools.eq(&asked.tools)
            }
            _ => false,
        });
        check(fits, "the model is asked as the flow planned", &|| format!("{asked:?}"));
    }
    for run in &account.tools {
        let offered = account.asked.iter().any(|asked| asked.tools.contains(&run.name));
        check(offered, "only what the flow offers runs", &|| format!("{run:?}"));
    }
    found
}

/// Whether the flow ended the call.
pub(super) fn leave(account: &Account) -> bool {
    let mut plans = account.plans.iter();
    plans.any(|run| matches!(run.plan, Some(Plan::HangUp { .. } | Plan::Transfer { .. })))
}

/// Whether the flow has told what the user's next turn holds.
pub(super) fn expect(account: &Account) -> bool {
    account.notes.iter().any(|note| match &note.plan {
        Plan::Generate(answer) => answer.expects.is_some(),
        _ => false,
    })
}

/// What the flow edits stands so in the history.
pub(super) fn edits(account: &Account, messages: &[Message]) -> Option<Violation> {
    let told: BTreeSet<&str> = messages
        .iter()
        .filter_map(|message| match message {
            Message::User { text } => Some(&**text),
            _ => None,
        })
        .collect();
    let edits = account.notes.iter().filter_map(|note| match &note.plan {
        Plan::Generate(answer) => answer.edit.as_ref(),
        _ => None,
    });
    let lost = edits.into_iter().find(|edit| !told.iter().any(|told| told.contains(&***edit)));
    lost.map(|edit| Violation {
        law: "a flow's words take the place of the user's",
        seen: format!("{edit:?} ({EDITED}) is not in {told:?}"),
    })
}

fn turns(account: &Account) -> impl Iterator<Item = TurnId> {
    account.events.iter().filter_map(|(_, event)| match event {
        Event::UserTurn { turn, .. } => Some(*turn),
        _ => None,
    })
}
