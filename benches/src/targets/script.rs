//! A call in which a known customer books an oil change, and speaks over the agent twice.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use voiceagent_testkit::{
    clips::{APPOINTMENT, GOODBYE, HELLO, STOP, YES},
    vendor::chat::{ChatRequest, Reply},
};

use super::database::customer;
use crate::e2e_latency::script::{FIRST_TOKEN, PER_TOKEN, Script, Utterance, barge_in, turn};

pub(super) const SCRIPT: Script =
    Script { utterances: &UTTERANCES, is_greeted: true, caller, reply };

const UTTERANCES: [Utterance; 7] = [
    turn(HELLO).saying("hello there"),
    turn(APPOINTMENT).saying("I need an oil change").with_tool(),
    barge_in(STOP, 1_230).saying("the first one is fine"),
    turn(YES).saying("yes please").with_tool(),
    turn(HELLO).saying("what are your hours"),
    barge_in(STOP, 1_230).saying("thank you that is enough"),
    turn(GOODBYE).saying("goodbye"),
];

/// Days over which callers are spread, so that all of them find a time.
const DAYS: u32 = 30;

/// Whose number the model was told.
fn caller(request: &ChatRequest) -> Option<u32> {
    let told = &request.messages.first()?.content;
    told.match_indices('+').find_map(|(at, _)| customer(told.get(at..at + 12)?))
}

fn reply(request: &ChatRequest, call: u32) -> (Reply, Vec<String>) {
    let (reply, text) = answer(request, call);
    let tokens = text.split_inclusive(' ').map(str::to_owned).collect();
    (reply.first_token(FIRST_TOKEN).per_token(PER_TOKEN), tokens)
}

/// The voice knows whose line it serves by the words behind `caller`.
fn answer(request: &ChatRequest, call: u32) -> (Reply, String) {
    let said = request.last_user_text().unwrap_or_default();
    let results = results(request);
    let slot = |place: &str| {
        let slots = results.iter().find_map(|result| result["data"]["slots"].as_array())?;
        Some(
            slots.get(call as usize / DAYS as usize % slots.len().max(1))?[place]
                .as_str()?
                .to_owned(),
        )
    };
    let text = match (request.tool_results().len(), said) {
        (0, "I need an oil change") => return (look(call), String::new()),
        (0, "yes please") => {
            let customer = results.iter().find_map(|result| result["data"]["customer_id"].as_str());
            return (book(slot("slot_id").as_deref(), customer), String::new());
        }
        (0, "the first one is fine") => format!(
            "That is an oil change on {} for you, caller {call}, is that right?",
            slot("spoken").unwrap_or_default()
        ),
        (0, "hello there") => format!("Very well caller {call}, what can I do for you today?"),
        (0, "what are your hours") => format!(
            "We are here from Monday to Saturday, caller {call}, and there is somebody at the desk \
             for all of the day who knows your car."
        ),
        (0, "goodbye") => format!("Thank you for calling, caller {call}, and goodbye!"),
        (0, _) => format!("You are welcome, caller {call}, what else can I do for you?"),
        (1, _) => {
            let told = results.last().and_then(|result| result["say"].as_str());
            told.unwrap_or_default().to_owned()
        }
        _ => format!(
            "I have several times for you, caller {call}, and the first of them is {}, which one \
             of them would you like best?",
            slot("spoken").unwrap_or_default()
        ),
    };
    (Reply::tokens(text.split_inclusive(' ')), text)
}

fn look(call: u32) -> Reply {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let from = today.saturating_add((2 + i64::from(call % DAYS)).days());
    let search = json!({
        "location_id": null, "service_type": "oil_change", "date_from": from.to_string(),
        "date_to": from.saturating_add(3.days()).to_string(), "part_of_day": null,
        "earliest_time": null, "latest_time": null, "advisor_id": null, "limit": 8,
    });
    Reply::tool_call("lookup_customer", &json!({ "phone": null, "name": null }))
        .and_tool_call("get_available_slots", &search)
}

fn book(slot: Option<&str>, customer: Option<&str>) -> Reply {
    let arguments = json!({
        "kind": null, "slot_id": slot, "service_type": "oil_change", "customer_id": customer,
        "lead_id": null, "vehicle_id": null, "notes": null, "confirmed": true,
    });
    Reply::tool_call("book_appointment", &arguments)
}

/// The results of all tools so far.
fn results(request: &ChatRequest) -> Vec<Value> {
    let results = request.messages.iter().filter(|message| message.role == "tool");
    results.filter_map(|message| serde_json::from_str(&message.content).ok()).collect()
}
