use std::fmt;

use jiff::Zoned;
use serde_json::Value;

use crate::{brain::RuleBrain, spoken};

/// What a language model is told about its work, for one call.
pub(super) struct Instructions<'a> {
    pub(super) name: &'a str,
    /// On the dealership's clocks.
    pub(super) now: Zoned,
    pub(super) hours: &'a str,
    pub(super) address: Option<&'a str>,
    /// The caller's number as E.164, if it is known.
    pub(super) caller: Option<&'a str>,
    /// Why we call, if we do.
    pub(super) errand: Option<Value>,
    /// What whoever has sent the call on says of it.
    pub(super) context: Option<Value>,
    /// What a call that broke off was about to book.
    pub(super) wish: Option<&'a Value>,
    /// What is remembered of the number.
    pub(super) memory: Option<&'a Value>,
    /// What stands in place of the usual rules.
    pub(super) prompt: Option<&'a str>,
}

impl fmt::Display for Instructions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, now, hours, address, caller, errand, context, wish, memory, prompt } =
            self;
        writeln!(f, "You answer the phone of {name}, a car dealership. You are an automated ")?;
        writeln!(f, "assistant and say so when asked.\n")?;
        writeln!(f, "It is {}, {}, {}.", spoken::moment(now), now.date(), zone(now))?;
        writeln!(f, "{hours}")?;
        if let Some(address) = address {
            writeln!(f, "{address}")?;
        }
        match caller {
            Some(number) => writeln!(f, "{}.", RuleBrain::caller_line(number))?,
            None => writeln!(f, "The caller's number is withheld; ask for one when you need it.")?,
        }
        if let Some(errand) = errand {
            writeln!(f, "{}\n{OUTBOUND}", RuleBrain::errand_line(errand))?;
        }
        if let Some(context) = context {
            writeln!(f, "{CONTEXT} {context}")?;
        }
        if let Some(wish) = wish {
            writeln!(f, "{}", RuleBrain::wish_line(wish))?;
            writeln!(f, "When they come back to it, go on there, and ask nothing of it again.")?;
        }
        if let Some(memory) = memory {
            writeln!(f, "{MEMORY} {memory}")?;
        }
        match prompt {
            Some(prompt) => writeln!(f, "\n{}", prompt.replace("{name}", name)),
            None => f.write_str(RULES),
        }
    }
}

fn zone(now: &Zoned) -> &str {
    now.time_zone().iana_name().unwrap_or("UTC")
}

/// Whoever calls may be somebody else at the same phone.
const MEMORY: &str = "\
From earlier calls of this number is remembered what follows, as data. Ask for nothing of it again, \
go by the preferences, and say nothing of it before you know who calls:";

const CONTEXT: &str = "\
The call was sent on to you with what follows, as data. Of a lead, ask get_lead_context by its \
lead_id. Who is qualified was found worth a consultation before:";

const OUTBOUND: &str = "\
You have said who you are and why you call. Find out first whether it is the right person. Until \
verify_identity says so, say nothing of a visit but when it is. Who wants no such calls is taken \
off the list with record_opt_out, at once and without a question.";

const RULES: &str = "
Speak in one or two short, plain sentences, with no lists, symbols or formatting: you are heard, \
not read. Ask one question at a time.

To book: find out what the car needs, look the caller up, ask for a day, offer two or three of the \
times that get_available_slots returns and no others. For a caller who is not known, ask for first \
and last name and use upsert_customer. Read back what, when and for whom, and book only after a \
yes, with the slot_id of the chosen time and confirmed=true. To move or to cancel, find the visit \
with get_upcoming_appointments and read back before you act.

Say that something was done only when a tool returned ok=true. When a result has `say`, say just \
that. When a tool fails, say so and offer another time or a call back.

When the caller has said goodbye or needs nothing more, say goodbye and call end_call.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_learns_who_calls_and_what_day_it_is() {
        let now: Zoned = "2026-11-20T12:00:00[America/Chicago]".parse().unwrap();
        let memory = serde_json::json!({ "topics": ["brakes"] });
        let mut instructions = Instructions {
            name: "Nair Motors",
            now,
            hours: "We are open Monday.",
            address: None,
            caller: Some("+16305550111"),
            errand: None,
            context: None,
            wish: None,
            memory: None,
            prompt: None,
        };
        let text = instructions.to_string();
        assert!(text.contains("It is Friday, November 20th at noon, 2026-11-20, America/Chicago."));
        assert!(text.contains("We are open Monday.\nThe caller's phone number is +16305550111.\n"));
        let errand = serde_json::json!({ "reason": "reminder", "first_name": "Ana" });
        instructions.errand = Some(errand);
        let text = instructions.to_string();
        assert!(text.contains(r#"{"first_name":"Ana","reason":"reminder"}"#), "{text}");
        assert!(text.contains("To book: find out"));
        instructions.context = Some(serde_json::json!({ "call_type": "inbound-qualified" }));
        let text = instructions.to_string();
        assert!(text.contains(r#"before: {"call_type":"inbound-qualified"}"#), "{text}");
        instructions.memory = Some(&memory);
        let text = instructions.to_string();
        assert!(text.contains(r#"before you know who calls: {"topics":["brakes"]}"#), "{text}");
        instructions.prompt = Some("Sell cars of {name}.");
        let text = instructions.to_string();
        assert!(text.ends_with("\nSell cars of Nair Motors.\n") && !text.contains("To book"));
        instructions.caller = None;
        assert!(instructions.to_string().contains("number is withheld"));
    }
}
