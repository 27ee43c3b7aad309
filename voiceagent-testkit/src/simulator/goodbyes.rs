use voiceagent_core::llm::Message;

use super::{Violation, log::Account, prose};

/// A model that has said goodbye and hung up is not asked to speak again.
pub(super) fn check(account: &Account) -> Option<Violation> {
    let twice = account
        .conversations
        .iter()
        .chain(&account.successions)
        .find(|messages| has_left(messages, account))?;
    let seen = format!("the model is asked after {:?}", &twice[twice.len().saturating_sub(3)..]);
    Some(Violation { law: "a goodbye is said once", seen })
}

/// Whether a conversation ends in words of the model and calls that have ended it.
fn has_left(messages: &[Message], account: &Account) -> bool {
    let hung_up = |message: &&Message| match message {
        Message::ToolCall(call) => {
            let mut runs = account.tools.iter();
            // Another draft may have called something else under the same id.
            &*call.name == "hang_up"
                && runs.any(|run| run.id == call.id && run.name == call.name && run.ended.is_some())
        }
        _ => false,
    };
    let mut before = messages.iter().rev().peekable();
    while before.next_if(|message| matches!(message, Message::ToolResult { .. })).is_some() {}
    let mut calls = 0;
    while before.next_if(hung_up).is_some() {
        calls += 1;
    }
    match before.next() {
        Some(Message::Assistant { text, .. }) if calls > 0 => prose::is_written(text),
        _ => false,
    }
}
