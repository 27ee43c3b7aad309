//! Where a talk goes next: pure functions of what the database says and what the caller said.

use super::{
    Node,
    facts::{CodeState, Deed, Facts, Handed, LeadState, Shown, Standing},
    signals::{Beside, Choice, Interrupt, Signals},
};
use crate::brain::dialogue::Task;

/// What a router decides.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Next {
    /// Back to the node from which this one was entered on the side.
    Back,
    /// To another node on the side; the talk comes back to this one.
    Aside(Node),
    Stay,
    To(Node),
}

/// Where the facts alone lead, without a word of the caller.
pub(crate) fn by_facts(node: Node, facts: &Facts) -> Next {
    match node {
        Node::Verify => match facts.shown {
            Shown::Yes => Next::Back,
            Shown::Locked => Next::To(Node::Escalate),
            Shown::No => Next::Stay,
        },
        Node::Qualify => match facts.lead {
            LeadState::Qualified => Next::To(Node::Collect),
            LeadState::NotQualified => Next::To(Node::Close),
            LeadState::None | LeadState::Open => Next::Stay,
        },
        Node::Execute => match facts.deed {
            Deed::Pending => Next::Stay,
            // Who talks with a broker confirms by a code.
            Deed::Done if facts.lead != LeadState::None && facts.code != CodeState::Settled => {
                Next::To(Node::Code)
            }
            Deed::Done => Next::To(Node::Close),
            Deed::Lost => Next::To(Node::Collect),
            Deed::Refused => Next::To(Node::Manage),
            Deed::Failed => Next::Aside(Node::Escalate),
        },
        Node::Code if facts.code == CodeState::Settled => Next::To(Node::Close),
        Node::Escalate if facts.handed == Handed::Callback => Next::To(Node::Close),
        Node::Greet
        | Node::Intent
        | Node::Manage
        | Node::Answer
        | Node::Objections
        | Node::Collect
        | Node::Confirm
        | Node::Code
        | Node::Escalate
        | Node::Voicemail
        | Node::Close => Next::Stay,
    }
}

/// Where the caller's words lead, as far as the facts let them.
pub(crate) fn by_words(node: Node, facts: &Facts, said: &Signals) -> Next {
    if let Some(first) = interrupted(facts, said) {
        return match first {
            there if there == node => Next::Stay,
            // Whoever does not get a person, or changes their mind, goes on where they were.
            Node::Escalate => Next::Aside(Node::Escalate),
            other => Next::To(other),
        };
    }
    // One question is answered at a time.
    let asks = said.aside == Beside::Question
        && !matches!(node, Node::Greet | Node::Answer | Node::Voicemail);
    if asks {
        return Next::Aside(Node::Answer);
    }
    match node {
        Node::Greet => Next::To(Node::Intent),
        Node::Intent => meant(facts, said),
        Node::Manage => managed(facts, said),
        Node::Verify => match said.task {
            Some(Task::Book) => Next::To(Node::Collect),
            None => Next::To(Node::Intent),
            Some(Task::Cancel | Task::Check | Task::Reschedule) => Next::Stay,
        },
        Node::Qualify => qualified(facts, said),
        Node::Answer if said.aside == Beside::Question => Next::Stay,
        Node::Answer => Next::Back,
        Node::Objections if said.aside == Beside::Objection => Next::Stay,
        Node::Objections => Next::Back,
        Node::Collect => collected(facts, said),
        Node::Confirm => confirmed(facts, said),
        Node::Execute if said.choice == Choice::Agreed => Next::Stay,
        Node::Execute => match said.task {
            Some(Task::Cancel | Task::Check) => Next::To(Node::Manage),
            Some(Task::Book | Task::Reschedule) | None => Next::To(Node::Collect),
        },
        Node::Escalate if said.progress && facts.handed != Handed::Through => Next::Back,
        Node::Close if said.task.is_some() => Next::To(Node::Intent),
        Node::Code | Node::Escalate | Node::Voicemail | Node::Close => Next::Stay,
    }
}

/// Where the talk goes whatever it is about.
fn interrupted(facts: &Facts, said: &Signals) -> Option<Node> {
    match (facts.standing, said.interrupt) {
        (Standing::Machine, _) => Some(Node::Voicemail),
        (Standing::OptedOut, _) => Some(Node::Close),
        (Standing::Usual, Some(Interrupt::Goodbye | Interrupt::OptOut)) => Some(Node::Close),
        (Standing::Usual, Some(Interrupt::Emergency | Interrupt::Human)) => Some(Node::Escalate),
        (Standing::Usual, None) => None,
    }
}

fn meant(facts: &Facts, said: &Signals) -> Next {
    match (said.task, facts.lead) {
        // A yes to a read-back shows what is meant, however it was said.
        (None, _) if said.choice == Choice::Agreed => Next::To(Node::Collect),
        (Some(Task::Cancel | Task::Check | Task::Reschedule), _) => Next::To(Node::Manage),
        (_, LeadState::Open) => Next::To(Node::Qualify),
        (Some(Task::Book), _) | (None, LeadState::Qualified) => Next::To(Node::Collect),
        (None, LeadState::None | LeadState::NotQualified) => Next::Stay,
    }
}

fn managed(facts: &Facts, said: &Signals) -> Next {
    match said.task {
        None => Next::To(Node::Intent),
        Some(Task::Book) => Next::To(Node::Collect),
        Some(Task::Cancel | Task::Check | Task::Reschedule) if facts.shown != Shown::Yes => {
            Next::Aside(Node::Verify)
        }
        Some(Task::Check) => Next::Stay,
        Some(Task::Cancel | Task::Reschedule)
            if said.choice == Choice::None || !facts.visit_stands =>
        {
            Next::Stay
        }
        Some(Task::Cancel) => Next::To(Node::Confirm),
        Some(Task::Reschedule) => Next::To(Node::Collect),
    }
}

fn qualified(facts: &Facts, said: &Signals) -> Next {
    match said.task {
        Some(Task::Cancel | Task::Check | Task::Reschedule) => Next::To(Node::Manage),
        Some(Task::Book) | None if facts.lead == LeadState::None => Next::To(Node::Intent),
        Some(Task::Book) | None if said.aside == Beside::Objection => Next::Aside(Node::Objections),
        // Who has chosen a time before all was asked is not held up.
        Some(Task::Book) | None if matches!(said.choice, Choice::Time | Choice::Agreed) => {
            Next::To(Node::Collect)
        }
        Some(Task::Book) | None => Next::Stay,
    }
}

fn collected(facts: &Facts, said: &Signals) -> Next {
    match (said.task, said.choice) {
        (Some(Task::Cancel | Task::Check), _) => Next::To(Node::Manage),
        (Some(Task::Reschedule), _) if facts.shown != Shown::Yes => Next::To(Node::Manage),
        _ if facts.lead != LeadState::None && said.aside == Beside::Objection => {
            Next::Aside(Node::Objections)
        }
        // A yes counts even if the time is gone: the booking itself tells, and offers others.
        (_, Choice::Agreed) => Next::To(Node::Confirm),
        (_, Choice::Time) if facts.time_is_free => Next::To(Node::Confirm),
        (None, Choice::None | Choice::Visit) if facts.lead == LeadState::None => {
            Next::To(Node::Intent)
        }
        (_, Choice::None | Choice::Visit | Choice::Time) => Next::Stay,
    }
}

fn confirmed(facts: &Facts, said: &Signals) -> Next {
    match (said.task, said.choice) {
        (_, Choice::Agreed) => Next::To(Node::Execute),
        (Some(Task::Check), _) => Next::To(Node::Manage),
        (Some(Task::Cancel), Choice::Visit | Choice::Time) if facts.visit_stands => Next::Stay,
        (Some(Task::Cancel), _) => Next::To(Node::Manage),
        (_, Choice::Time) if facts.time_is_free => Next::Stay,
        (Some(Task::Book | Task::Reschedule), _) => Next::To(Node::Collect),
        (None, _) if facts.lead != LeadState::None => Next::To(Node::Collect),
        (None, _) => Next::To(Node::Intent),
    }
}
