use serde_json::{Map, Value};

use super::history::History;
use crate::brain::{
    intent::{self, Answer},
    times,
    words::Words,
};

/// Whether the user agreed to what a tool is called with: the agent's words before theirs were
/// heard to the end, nothing was refused since, and for a booking they name the time.
pub(super) fn given(tool: &str, arguments: &Map<String, Value>, history: &History) -> bool {
    let (Some(asked), Some(answer)) = (&history.asked, &history.answer) else { return false };
    let agreed = intent::answer(&Words::new(answer)) == Some(Answer::Yes);
    if !agreed || history.refused {
        return false;
    }
    let id = match tool {
        "book_appointment" => arguments.get("slot_id"),
        "reschedule_appointment" => arguments.get("new_slot_id"),
        _ => return true,
    };
    let Some(start) = id.and_then(Value::as_str).and_then(|id| history.slot(id)) else {
        return false;
    };
    let words = Words::new(asked);
    times::all(&words).iter().any(|(_, time)| times::is_like(*time, start.time()))
}
