use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Node;

/// What each node of the graph tells the model, lets it use, and how often it may be met.
///
/// Where a talk goes is not in it: routers decide that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Script(BTreeMap<Node, NodeScript>);

/// One node of a script.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a node has no other settings")]
pub struct NodeScript {
    /// What the model is told beside its usual instructions.
    pub guidance: Arc<str>,
    /// The names of the tools that it may use.
    pub tools: Vec<String>,
    /// How often a call may come to it.
    pub visits: u32,
    /// How many turns of the caller it may take each time.
    pub turns: u32,
}

/// What a template changes of a node; what it leaves out stays.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NodeChange {
    /// What the model is told.
    pub guidance: Option<Arc<str>>,
    /// How many turns of the caller it may take each time.
    pub turns: Option<u32>,
    /// How often a call may come to it.
    pub visits: Option<u32>,
    /// The names of tools that it may not use.
    pub without: Vec<String>,
}

/// Tools that change nothing but what is known of the car.
pub(super) const READS: [&str; 8] = [
    "decode_vin",
    "get_lead_context",
    "get_time",
    "get_vehicle_recommendations",
    "get_weather",
    "lookup_customer",
    "check_consent_dnc",
    "search_knowledge",
];

/// Tools that are of use wherever a caller may do more than ask.
const ALWAYS: [&str; 8] = [
    "end_call",
    "record_opt_out",
    "request_keypad_input",
    "save_interaction",
    "schedule_callback",
    "set_language",
    "set_recording_consent",
    "transfer_to_human",
];
const VERIFY: [&str; 1] = ["verify_identity"];
const MANAGE: [&str; 3] = ["get_open_tickets", "get_upcoming_appointments", "send_payment_link"];
const QUALIFY: [&str; 2] = ["find_broker_by_territory", "update_lead_info"];
const COLLECT: [&str; 5] = [
    "add_vehicle",
    "check_broker_availability",
    "get_available_slots",
    "get_upcoming_appointments",
    "upsert_customer",
];
/// What promises anything.
pub(super) const DEEDS: [&str; 3] =
    ["book_appointment", "cancel_appointment", "reschedule_appointment"];
const CODE: [&str; 3] =
    ["assign_tracking_number", "send_appointment_confirmation", "verify_appointment_confirmation"];

impl Script {
    /// What a node says.
    ///
    /// # Panics
    ///
    /// Never: a script has all nodes.
    #[must_use]
    pub fn node(&self, node: Node) -> &NodeScript {
        self.0.get(&node).expect("a script has all nodes")
    }

    /// Whether any node names a tool.
    #[must_use]
    pub fn names(&self, tool: &str) -> bool {
        self.0.values().any(|node| node.tools.iter().any(|named| named == tool))
    }

    /// The script with these changes of nodes by their names. What is no node is not changed.
    #[must_use]
    pub fn with_changes(mut self, changes: &BTreeMap<String, NodeChange>) -> Self {
        for (name, change) in changes {
            let node = Node::named(name);
            let Some(script) = node.and_then(|node| self.0.get_mut(&node)) else { continue };
            if let Some(guidance) = &change.guidance {
                script.guidance = Arc::clone(guidance);
            }
            script.turns = change.turns.unwrap_or(script.turns);
            script.visits = change.visits.unwrap_or(script.visits);
            script.tools.retain(|tool| !change.without.contains(tool));
        }
        self
    }
}

impl Default for Script {
    fn default() -> Self {
        let script = |node: Node| {
            let (visits, turns) = limits(node);
            let tools = match node {
                // Whatever a question holds, nothing is done because of it.
                Node::Answer | Node::Voicemail => READS.to_vec(),
                // What the caller wants may show in what the model looks up for them.
                Node::Greet | Node::Intent => {
                    [&VERIFY[..], &MANAGE, &QUALIFY, &COLLECT, &DEEDS, &ALWAYS, &READS].concat()
                }
                Node::Verify => [&VERIFY[..], &ALWAYS, &READS].concat(),
                Node::Manage => [&MANAGE[..], &["cancel_appointment"], &ALWAYS, &READS].concat(),
                Node::Qualify | Node::Objections => [&QUALIFY[..], &ALWAYS, &READS].concat(),
                // A correction of what was read back is gathered as everything was; a deed that
                // was not agreed to yet answers with what there is to read back.
                Node::Collect | Node::Confirm => {
                    [&COLLECT[..], &DEEDS, &QUALIFY, &ALWAYS, &READS].concat()
                }
                Node::Execute => [&DEEDS[..], &ALWAYS, &READS].concat(),
                Node::Code => [&CODE[..], &QUALIFY, &ALWAYS, &READS].concat(),
                Node::Escalate | Node::Close => [&ALWAYS[..], &READS].concat(),
            };
            let mut tools: Vec<String> = tools.into_iter().map(str::to_owned).collect();
            tools.sort();
            tools.dedup();
            NodeScript { guidance: guidance(node).into(), tools, visits, turns }
        };
        Self(Node::ALL.into_iter().map(|node| (node, script(node))).collect())
    }
}

/// How often a call may come to a node, and how many turns it may take there each time. Longer than
/// any talk that gets somewhere.
const fn limits(node: Node) -> (u32, u32) {
    match node {
        Node::Greet => (1, 2),
        Node::Voicemail => (1, 4),
        Node::Objections => (3, 3),
        Node::Code => (4, 8),
        Node::Verify | Node::Escalate => (6, 8),
        Node::Manage | Node::Qualify | Node::Execute => (8, 12),
        Node::Intent | Node::Close => (10, 8),
        Node::Collect | Node::Confirm => (16, 30),
        Node::Answer => (16, 6),
    }
}

const fn guidance(node: Node) -> &'static str {
    match node {
        Node::Greet | Node::Intent => "Find out what the caller wants. Promise nothing yet.",
        Node::Verify => {
            "Before a visit is told or changed, the caller has to show who they are: ask for the \
             ZIP code, and from a number that is not theirs for the date of birth too, and use \
             verify_identity. Never say which answer was wrong."
        }
        Node::Manage => {
            "Find the visit with get_upcoming_appointments. If there are several, ask which one is \
             meant. Before you cancel one, read it back and ask for a yes."
        }
        Node::Qualify => {
            "Find out what the caller can spend a month, when they want a car, and their ZIP code. \
             Note it with update_lead_info."
        }
        Node::Answer => {
            "The caller has asked something beside the matter. Answer it in one sentence, from \
             search_knowledge or from what you were told here, and go back to where you were. Do \
             nothing else because of it."
        }
        Node::Objections => {
            "The caller hesitates. Say that you understand, answer what holds them back from \
             search_knowledge, once, and press no further."
        }
        Node::Collect => {
            "Find out what is missing: what is to be done, for whom, for which car, and when. Offer \
             only times that a tool has returned. When all is known, read it back and ask for a yes."
        }
        Node::Confirm => {
            "Read back what, when and for whom in one sentence, and ask for a yes. Nothing is booked \
             yet, and you cannot book before the yes."
        }
        Node::Execute => {
            "The caller has said yes to what you read back. Do it now with the tool, with \
             confirmed=true, and say what its `say` tells. If it fails, say so."
        }
        Node::Code => {
            "A code confirms the appointment: send it with send_appointment_confirmation, ask for \
             it, and check it with verify_appointment_confirmation. The appointment is booked \
             without it too."
        }
        Node::Escalate => {
            "The caller wants or needs a person: use transfer_to_human. If nobody can be had, offer \
             to have somebody call back. In an emergency tell them first to hang up and to call \
             911."
        }
        Node::Voicemail => "A machine listens. Say nothing.",
        Node::Close => {
            "Everything is done, or nothing more is wanted. Ask whether there is anything else; if \
             not, note the call with save_interaction, say goodbye and use end_call. Who wants no \
             more calls is taken off the list with record_opt_out first."
        }
    }
}
