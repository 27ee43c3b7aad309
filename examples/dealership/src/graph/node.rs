use serde::{Deserialize, Serialize};

/// A place in the talk, with one thing to find out or to do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the graph has these nodes")]
pub enum Node {
    /// Nothing is said yet but the greeting.
    Greet,
    /// The caller shows who they are.
    Verify,
    /// It is found out what the caller wants.
    Intent,
    /// A visit that exists is found.
    Manage,
    /// It is found out whether a lead can be helped.
    Qualify,
    /// A question on the side is answered.
    Answer,
    /// A lead hesitates.
    Objections,
    /// What a booking needs is gathered.
    Collect,
    /// What is to be done is read back.
    Confirm,
    /// It is done.
    Execute,
    /// A code that was texted is read out.
    Code,
    /// A person takes over.
    Escalate,
    /// A machine listens.
    Voicemail,
    /// The talk comes to its end.
    Close,
}

/// A part of a talk, as reports count them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::exhaustive_enums, reason = "reports know these phases")]
pub enum Phase {
    /// The first words.
    Greeting,
    /// Who it is.
    Verification,
    /// What they want.
    IntentDetection,
    /// What it takes.
    SlotCollection,
    /// Whether it is so.
    Confirmation,
    /// The deed.
    Execution,
    /// The last words.
    Closing,
    /// A person.
    Escalation,
}

impl Node {
    /// All nodes, in the order in which a talk usually meets them.
    pub const ALL: [Self; 14] = [
        Self::Greet,
        Self::Verify,
        Self::Intent,
        Self::Manage,
        Self::Qualify,
        Self::Answer,
        Self::Objections,
        Self::Collect,
        Self::Confirm,
        Self::Execute,
        Self::Code,
        Self::Escalate,
        Self::Voicemail,
        Self::Close,
    ];

    /// The phase that reports count it to.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Greet => Phase::Greeting,
            Self::Verify => Phase::Verification,
            Self::Intent | Self::Manage | Self::Answer => Phase::IntentDetection,
            Self::Qualify | Self::Objections | Self::Collect => Phase::SlotCollection,
            Self::Confirm | Self::Code => Phase::Confirmation,
            Self::Execute => Phase::Execution,
            Self::Escalate => Phase::Escalation,
            Self::Voicemail | Self::Close => Phase::Closing,
        }
    }

    /// Its name in templates and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greet => "greet",
            Self::Verify => "verify",
            Self::Intent => "intent",
            Self::Manage => "manage",
            Self::Qualify => "qualify",
            Self::Answer => "answer",
            Self::Objections => "objections",
            Self::Collect => "collect",
            Self::Confirm => "confirm",
            Self::Execute => "execute",
            Self::Code => "code",
            Self::Escalate => "escalate",
            Self::Voicemail => "voicemail",
            Self::Close => "close",
        }
    }

    /// The node of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| node.name() == name)
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 8] = [
        Self::Greeting,
        Self::Verification,
        Self::IntentDetection,
        Self::SlotCollection,
        Self::Confirmation,
        Self::Execution,
        Self::Closing,
        Self::Escalation,
    ];

    /// Its name in tables and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greeting => "GREETING",
            Self::Verification => "VERIFICATION",
            Self::IntentDetection => "INTENT_DETECTION",
            Self::SlotCollection => "SLOT_COLLECTION",
            Self::Confirmation => "CONFIRMATION",
            Self::Execution => "EXECUTION",
            Self::Closing => "CLOSING",
            Self::Escalation => "ESCALATION",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn fourteen_nodes_belong_to_eight_phases_and_are_found_by_name() {
        for (index, node) in Node::ALL.into_iter().enumerate() {
            assert_eq!(node.index(), index);
            assert_eq!(Node::named(node.name()), Some(node));
            assert_eq!(serde_json::to_value(node).unwrap(), node.name());
        }
        let phases: BTreeSet<Phase> = Node::ALL.into_iter().map(Node::phase).collect();
        assert_eq!(phases.into_iter().collect::<Vec<_>>(), Phase::ALL);
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
