use serde_json::{Value, json};

use super::{Step, ask, farewell};
use crate::brain::{dialogue::Dialogue, replies, times::PartOfDay};

/// What comes next with somebody who may buy a car: what they want to know, what there is to know of
/// them, and a time with an advisor.
pub(super) fn step(dialogue: &Dialogue, id: &str) -> Step {
    let lead = &dialogue.lead;
    if !lead.is_known {
        return call("get_lead_context", json!({ "phone": null, "lead_id": id }));
    }
    if let Some(topic) = lead.topics.first() {
        let ask = json!({ "query": topic.query(), "category": "financing", "top_k": 2 });
        return call("search_knowledge", ask);
    }
    if lead.is_changed {
        let patch = json!({ "lead_id": id, "phone": null, "patch": lead.patch() });
        return call("update_lead_info", patch);
    }
    if lead.declined {
        return farewell(dialogue, "done");
    }
    if let Some(booked) = &lead.booked {
        return confirm(dialogue, id, booked);
    }
    if lead.details.budget.is_none() && lead.budget_asked < 2 && dialogue.days.is_none() {
        return ask(replies::ASK_BUDGET);
    }
    if lead.is_qualified() == Some(false) {
        return Step::Say(replies::joined(&[replies::TOO_LITTLE, replies::ANYTHING_ELSE]));
    }
    consult(dialogue, id)
}

/// Steps towards a time with an advisor.
fn consult(dialogue: &Dialogue, id: &str) -> Step {
    let Some((broker, name)) = &dialogue.lead.broker else {
        return match &dialogue.zip {
            None => ask(replies::ASK_ZIP_OF_LEAD),
            Some(zip) => {
                let place = json!({ "postal_code": zip, "city": null, "state": null,
                    "language": null, "lead_id": id });
                call("find_broker_by_territory", place)
            }
        };
    };
    let Some(days) = dialogue.days else {
        return Step::Say(format!("{name} can call you. What day would you like?"));
    };
    if dialogue.slots.is_none() || dialogue.stale {
        let search = json!({
            "broker_id": broker,
            "date_from": days.from.max(dialogue.today.min(days.to)).to_string(),
            "date_to": days.to.to_string(),
            "part_of_day": dialogue.time.part.map(PartOfDay::code),
            "lead_timezone": null,
        });
        return call("check_broker_availability", search);
    }
    let Some(chosen) = &dialogue.chosen else {
        return Step::Say(replies::offer(&dialogue.offers(), dialogue.time.exact));
    };
    if !dialogue.agreed {
        let what = format!("a call with {name} on");
        return Step::Say(replies::read_back(&what, chosen, None, None));
    }
    let booking = json!({
        "kind": "broker_consult",
        "slot_id": chosen.id,
        "service_type": "broker_consult",
        "customer_id": null,
        "lead_id": id,
        "vehicle_id": null,
        "notes": null,
        "confirmed": true,
    });
    call("book_appointment", booking)
}

/// Steps behind a booking: a number of their own, and a code with which they confirm it.
fn confirm(dialogue: &Dialogue, id: &str, booked: &str) -> Step {
    let lead = &dialogue.lead;
    if let (false, Some((broker, _))) = (lead.has_number, &lead.broker) {
        return call("assign_tracking_number", json!({ "lead_id": id, "broker_id": broker }));
    }
    match (&lead.session, &lead.code) {
        _ if lead.is_settled => ask(replies::ANYTHING_ELSE),
        (None, _) => {
            let send = json!({ "appointment_id": booked, "channel": "sms" });
            call("send_appointment_confirmation", send)
        }
        (Some(session), Some(code)) => {
            let read = json!({ "mfa_session_id": session, "code": code });
            call("verify_appointment_confirmation", read)
        }
        (Some(_), None) => ask(replies::ASK_CODE),
    }
}

fn call(tool: &'static str, arguments: Value) -> Step {
    Step::Call { tool, arguments }
}
