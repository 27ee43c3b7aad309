use serde_json::json;

use super::Step;
use crate::brain::{dialogue::Dialogue, mood::Mood, service::Service};

/// Notes how the call went, before the goodbye.
pub(super) fn step(dialogue: &Dialogue, reason: &str) -> Step {
    let disposition = match reason {
        "no_input" => "no_input",
        _ => dialogue.disposition,
    };
    let summary = match disposition {
        "booked" => "The caller booked a visit.",
        "rescheduled" => "The caller moved a visit.",
        "cancelled" => "The caller cancelled a visit.",
        "opted_out" => "The caller wants no more calls or messages.",
        "callback_scheduled" => "The caller is to be called back.",
        "confirmed" => "The customer comes to the visit that they were reminded of.",
        "wrong_number" => "Whoever answered is not the person that was called.",
        "qualified_no_booking" => "The lead could buy, and wants no consultation.",
        "not_qualified" => "The lead wants nothing at present.",
        "identity_failed" => "The caller could not show who they are.",
        "no_input" => "The caller could not be understood.",
        _ => "The caller got an answer and changed nothing.",
    };
    let mood = match dialogue.is_upset {
        true => Mood::Angry,
        false => Mood::but_for_anger(&dialogue.said),
    };
    let arguments = json!({
        "disposition": disposition,
        "summary": summary,
        "topics": dialogue.service.map(Service::noun).into_iter().collect::<Vec<_>>(),
        "commitments": [],
        "sentiment": mood.word(),
        "follow_up": null,
    });
    Step::Call { tool: "save_interaction", arguments }
}
