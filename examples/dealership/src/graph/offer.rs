use std::collections::BTreeSet;

use super::{
    Node,
    facts::{Facts, LeadState, Shown},
    place::Place,
    script::{DEEDS, READS, Script},
};

/// Tools of other nodes that change nothing.
const LOOKS: [&str; 4] = [
    "check_broker_availability",
    "get_available_slots",
    "get_open_tickets",
    "get_upcoming_appointments",
];

/// Whether a tool may do now what it promises. One that may not asks for a yes instead.
pub(super) fn may_do(tool: &str, place: &Place) -> bool {
    // A person who was offered because it failed does not keep it from being tried again.
    let is_agreed = place.node == Node::Execute
        || place.node == Node::Escalate && place.aside_from.last() == Some(&Node::Execute);
    is_agreed || !DEEDS.contains(&tool)
}

/// The tools that a model may use in an answer: those of its node, and of the nodes to which their
/// results may lead before the caller speaks again.
pub(super) fn tools<'a>(script: &'a Script, place: &Place, facts: &Facts) -> BTreeSet<&'a str> {
    let of = |node: Node| script.node(node).tools.iter().map(String::as_str);
    let mut tools: BTreeSet<&str> = of(place.node).collect();
    tools.extend(ahead(place.node, facts).iter().copied().flat_map(of));
    if let Some(back) = place.aside_from.last() {
        let back = of(*back).chain(ahead(*back, facts).iter().copied().flat_map(of));
        // From a question on the side nothing is done.
        tools.extend(back.filter(|tool| {
            place.node != Node::Answer || READS.contains(tool) || LOOKS.contains(tool)
        }));
    }
    tools
}

/// Where the results of tools may lead.
fn ahead(node: Node, facts: &Facts) -> &'static [Node] {
    match node {
        Node::Verify => &[Node::Manage, Node::Collect],
        Node::Manage if facts.shown == Shown::Yes => &[Node::Collect],
        Node::Manage => &[Node::Verify, Node::Collect],
        Node::Qualify => &[Node::Collect],
        Node::Execute if facts.lead != LeadState::None => {
            &[Node::Code, Node::Collect, Node::Manage]
        }
        Node::Execute => &[Node::Collect, Node::Manage],
        Node::Greet
        | Node::Intent
        | Node::Answer
        | Node::Objections
        | Node::Collect
        | Node::Confirm
        | Node::Code
        | Node::Escalate
        | Node::Voicemail
        | Node::Close => &[],
    }
}
