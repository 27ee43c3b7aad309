//! What the agent does next.

mod errand;
mod lead;
mod note;

use jiff::civil::Time;
use serde_json::{Map, Value, json};

use super::{
    dates::Days,
    dialogue::{Aside, Customer, Dialogue, Task},
    outcome::{Appointment, Slot},
    replies,
    service::Service,
    times::{self, PartOfDay, shifted},
    words::Words,
};

/// How many tools may run for one turn of the caller before the agent gives up on it.
const MOST_CALLS: u32 = 8;

/// How far from the wished time the agent looks for free ones, in minutes.
const AROUND: i16 = 60;

/// What the dealership tells about itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) hours: String,
    pub(crate) address: String,
}

impl Facts {
    /// Whether the dealership is closed at that time on every day, as far as its sentence tells.
    fn is_closed_at(&self, time: Time) -> bool {
        let named: Vec<Time> =
            times::all(&Words::new(&self.hours)).into_iter().map(|(_, time)| time).collect();
        match (named.iter().min(), named.iter().max()) {
            // Midnight may be the beginning or the end of a day.
            (Some(opens), Some(closes)) if *opens != Time::midnight() && opens < closes => {
                !(opens..closes).contains(&&time)
            }
            _ => false,
        }
    }
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Call { tool: &'static str, arguments: Value },
    Farewell { words: String, reason: &'static str },
    Say(String),
    Silence,
}

/// Decides what comes next. `has` says whether a tool may be called.
pub(crate) fn next(dialogue: &Dialogue, facts: &Facts, has: &dyn Fn(&str) -> bool) -> Step {
    if dialogue.ended {
        return Step::Silence;
    }
    let step = match urgent(dialogue, facts, has) {
        _ if dialogue.aside == Some(Aside::Goodbye) => farewell(dialogue, "done"),
        Some(step) => step,
        None => task(dialogue, facts, has),
    };
    if let (Step::Farewell { reason, .. }, false, true) =
        (&step, dialogue.is_noted, has("save_interaction"))
    {
        return note::step(dialogue, reason);
    }
    let (step, missing) = match step {
        Step::Call { tool, .. } if !has(tool) || dialogue.calls >= MOST_CALLS => {
            let sorry = replies::joined(&[replies::CANNOT, replies::ANYTHING_ELSE]);
            (Step::Say(sorry), true)
        }
        step @ (Step::Call { .. } | Step::Farewell { .. } | Step::Say(_) | Step::Silence) => {
            (step, false)
        }
    };
    match step {
        Step::Say(words) => {
            let notices = dialogue.notices.join(" ");
            let missed = if missing { "" } else { missed(dialogue) };
            let aside = aside(dialogue, facts);
            Step::Say(replies::joined(&[&notices, missed, &aside, &words]))
        }
        step @ (Step::Call { .. } | Step::Farewell { .. } | Step::Silence) => step,
    }
}

fn farewell(dialogue: &Dialogue, reason: &'static str) -> Step {
    let goodbye = match dialogue.errand {
        Some(_) => replies::GOODBYE_TO_CALLED,
        None => replies::GOODBYE,
    };
    let words = replies::joined(&[&dialogue.notices.join(" "), goodbye]);
    Step::Farewell { words, reason }
}

fn missed(dialogue: &Dialogue) -> &'static str {
    match (dialogue.misses, dialogue.calls) {
        (0, _) | (_, 1..) => "",
        (1, _) => replies::MISSED,
        _ => replies::MISSED_AGAIN,
    }
}

fn aside(dialogue: &Dialogue, facts: &Facts) -> String {
    match dialogue.aside {
        Some(Aside::Clocks) => replies::by_the_clocks(dialogue.chosen.as_ref()),
        Some(Aside::Hours) => facts.hours.clone(),
        Some(Aside::Location) => facts.address.clone(),
        Some(Aside::Robot) => replies::ROBOT.to_owned(),
        Some(Aside::Greeting) => "Hello!".to_owned(),
        Some(Aside::Who) => replies::who(&dialogue.customer),
        Some(Aside::Human | Aside::Goodbye) | None => String::new(),
    }
}

/// What goes before the task: a person is wanted, or nothing is understood.
fn urgent(dialogue: &Dialogue, facts: &Facts, has: &dyn Fn(&str) -> bool) -> Option<Step> {
    if dialogue.wants_out && has("record_opt_out") {
        return Some(opt_out(dialogue, has));
    }
    let beside = dialogue.manner.call().or_else(|| dialogue.curious.call());
    if let Some((tool, arguments)) = beside.filter(|(tool, _)| has(tool)) {
        return Some(Step::Call { tool, arguments });
    }
    if dialogue.aside == Some(Aside::Human) {
        return Some(human(dialogue, facts, has));
    }
    let is_known = dialogue.customer != Customer::Unknown;
    if dialogue.aside == Some(Aside::Who) && !is_known && has("lookup_customer") {
        return Some(look_up(dialogue, false));
    }
    if dialogue.wants_callback && has("schedule_callback") {
        return Some(call_back(dialogue, has));
    }
    if let Some(vin) = &dialogue.vin {
        return Some(Step::Call { tool: "decode_vin", arguments: json!({ "vin": vin }) });
    }
    match dialogue.misses {
        0..=2 if dialogue.wants_vin => {
            let is_first = dialogue.misses == 0 && dialogue.calls == 0;
            Some(ask(if is_first { replies::ASK_VIN } else { replies::ASK_VIN_AGAIN }))
        }
        0..=3 => None,
        _ => {
            let hours = format!("Please call again and ask for a person. {}", facts.hours);
            let words = replies::joined(&[replies::MISSED_AGAIN, &hours, replies::GOODBYE]);
            Some(Step::Farewell { words, reason: "no_input" })
        }
    }
}

/// Puts the caller through where that is possible; else says when people are here.
fn human(dialogue: &Dialogue, facts: &Facts, has: &dyn Fn(&str) -> bool) -> Step {
    match dialogue.put_through {
        None if has("transfer_to_human") => {
            let said = dialogue.plea.as_deref().unwrap_or("a person, please");
            let arguments = json!({
                "reason": match (dialogue.is_upset, dialogue.locked) {
                    _ if dialogue.in_danger => "emergency",
                    (true, _) => "angry",
                    (false, true) => "identity_locked",
                    (false, false) => "caller_request",
                },
                "department": match (dialogue.wants_manager, errand::department(dialogue)) {
                    (true, _) => "manager".to_owned(),
                    (false, asked) => asked.unwrap_or_else(|| "front_desk".to_owned()),
                },
                "summary": format!("The caller asked for a person, with the words: {said}"),
                "mode": "warm",
            });
            Step::Call { tool: "transfer_to_human", arguments }
        }
        Some(true) => Step::Say(String::new()),
        // The tool has said why, and offered to have somebody call back.
        Some(false) if has("schedule_callback") && !dialogue.notices.is_empty() => {
            Step::Say(String::new())
        }
        Some(false) | None => {
            let words =
                "I can't put you through from this line, but people are here at these hours.";
            Step::Say(replies::joined(&[words, &facts.hours, replies::ANYTHING_ELSE]))
        }
    }
}

/// Whoever wants no more calls is asked for nothing, and let go.
fn opt_out(dialogue: &Dialogue, has: &dyn Fn(&str) -> bool) -> Step {
    if dialogue.opted_out {
        return farewell(dialogue, "opted_out");
    }
    let Some(phone) = &dialogue.phone else { return ask_phone(dialogue, replies::ASK_PHONE, has) };
    let arguments = json!({ "phone": phone, "channels": ["all"], "reason": null });
    Step::Call { tool: "record_opt_out", arguments }
}

fn call_back(dialogue: &Dialogue, has: &dyn Fn(&str) -> bool) -> Step {
    let Some(phone) = &dialogue.phone else { return ask_phone(dialogue, replies::ASK_PHONE, has) };
    let arguments = json!({
        "phone": phone,
        "department": "front_desk",
        "when_local": null,
        "reason": "The caller asked for a person.",
    });
    Step::Call { tool: "schedule_callback", arguments }
}

fn task(dialogue: &Dialogue, facts: &Facts, has: &dyn Fn(&str) -> bool) -> Step {
    if let Some(step) = errand::step(dialogue) {
        return step;
    }
    match dialogue.task {
        Some(Task::Book) => book(dialogue, facts, has),
        Some(task @ (Task::Cancel | Task::Check | Task::Reschedule)) => {
            manage(dialogue, facts, task, has)
        }
        None if dialogue.finished => ask(replies::ANYTHING_ELSE),
        None => ask(replies::HELP),
    }
}

fn book(dialogue: &Dialogue, facts: &Facts, has: &dyn Fn(&str) -> bool) -> Step {
    let Some(service) = dialogue.service else { return ask(replies::ASK_SERVICE) };
    if dialogue.customer == Customer::Unknown && has("lookup_customer") {
        return look_up(dialogue, false);
    }
    let chosen = match choose(dialogue, facts, service.code, replies::ASK_DAY) {
        Ok(chosen) => chosen,
        Err(step) => return *step,
    };
    let Customer::Known { id, .. } = &dialogue.customer else { return introduce(dialogue, has) };
    if let Some(step) = come_by_car(dialogue, service.kind(), id, has) {
        return step;
    }
    let several = dialogue.vehicles.len() > 1 && service.kind() == "service";
    if several && dialogue.vehicle.is_none() {
        return Step::Say(replies::which_car(&dialogue.vehicles, dialogue.may_know));
    }
    if dialogue.appointments.is_none() && has("get_upcoming_appointments") {
        return visits_of(id);
    }
    if let Some((other, car)) = dialogue.occupation(chosen) {
        return Step::Say(replies::busy(other, car, &dialogue.offers()));
    }
    if dialogue.agreed {
        let arguments = json!({
            "kind": service.kind(),
            "slot_id": chosen.id,
            "customer_id": id,
            "vehicle_id": dialogue.vehicle.as_ref().map(|vehicle| &vehicle.id),
            "service_type": service.code,
            "notes": null,
            "confirmed": true,
        });
        return Step::Call { tool: "book_appointment", arguments };
    }
    let name = dialogue.full_name().map(|(first, last)| format!("{first} {last}"));
    let phone = dialogue.phone.as_deref().filter(|_| dialogue.phone_was_said);
    let car = dialogue.vehicle.as_ref().filter(|_| several);
    let car = car.map_or_else(String::new, |car| format!(" for your {}", car.label));
    let what = format!("{}{car} on", service.spoken);
    let read_back = replies::read_back(&what, chosen, name.as_deref(), phone);
    Step::Say(replies::joined(&[&clash(dialogue), &read_back]))
}

/// The slot that was chosen, or the step towards a choice.
fn choose<'a>(
    dialogue: &'a Dialogue,
    facts: &Facts,
    service: &str,
    ask_day: &str,
) -> Result<&'a Slot, Box<Step>> {
    let Some(days) = dialogue.days else {
        return dialogue.chosen.as_ref().ok_or_else(|| Box::new(ask(ask_day)));
    };
    if dialogue.slots.is_none() || dialogue.stale {
        if let Some(time) = dialogue.time.exact.filter(|time| facts.is_closed_at(*time)) {
            return Err(Box::new(Step::Say(replies::closed(time, &facts.hours))));
        }
        return Err(Box::new(search(dialogue, days, service)));
    }
    dialogue
        .chosen
        .as_ref()
        .ok_or_else(|| Box::new(Step::Say(replies::offer(&dialogue.offers(), dialogue.time.exact))))
}

fn search(dialogue: &Dialogue, days: Days, service: &str) -> Step {
    let time = dialogue.time;
    let clock = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
    let earliest = time.exact.map(|exact| shifted(exact, -AROUND)).or(time.earliest);
    let latest = time.exact.map(|exact| shifted(exact, AROUND)).or(time.latest);
    let bounded = earliest.is_some() || latest.is_some();
    let arguments = json!({
        "service_type": service,
        // Of days that are all over, the tool says so.
        "date_from": days.from.max(dialogue.today.min(days.to)).to_string(),
        "date_to": days.to.to_string(),
        "part_of_day": time.part.filter(|_| !bounded).map(PartOfDay::code),
        "earliest_time": earliest.map(clock),
        "latest_time": latest.map(clock),
        "limit": 8,
    });
    Step::Call { tool: "get_available_slots", arguments }
}

/// Steps towards a customer to book for.
fn introduce(dialogue: &Dialogue, has: &dyn Fn(&str) -> bool) -> Step {
    let Some((first, last)) = dialogue.full_name() else { return ask_name(dialogue) };
    if dialogue.phone.is_none() && dialogue.needs_phone {
        return ask_phone(dialogue, replies::ASK_PHONE, has);
    }
    if dialogue.customer == Customer::Ambiguous && !dialogue.looked_up_name {
        return look_up(dialogue, true);
    }
    let arguments = json!({
        "first_name": first,
        "last_name": last,
        // Null is the number of the call, which the tool knows.
        "phone": dialogue.phone,
        "email": null,
        "postal_code": null,
        "language": "en-US",
    });
    Step::Call { tool: "upsert_customer", arguments }
}

/// Steps towards the car that comes, of a customer of whom none is known. Whoever does not tell it
/// when asked twice books without.
fn come_by_car(
    dialogue: &Dialogue,
    kind: &str,
    customer: &str,
    has: &dyn Fn(&str) -> bool,
) -> Option<Step> {
    const AT_MOST: u32 = 2;
    let wanted = kind == "service" && dialogue.is_own && dialogue.vehicles.is_empty();
    if !wanted || !has("add_vehicle") || dialogue.car_asked == u32::MAX {
        return None;
    }
    let car = &dialogue.car;
    if car.is_complete() {
        let arguments = json!({
            "customer_id": customer, "year": car.year, "make": car.make, "model": car.model,
        });
        return Some(Step::Call { tool: "add_vehicle", arguments });
    }
    (dialogue.car_asked < AT_MOST).then(|| ask(replies::ASK_CAR))
}

/// Steps towards an appointment that exists, and what is done with it.
fn manage(dialogue: &Dialogue, facts: &Facts, task: Task, has: &dyn Fn(&str) -> bool) -> Step {
    if dialogue.locked {
        let words = if dialogue.calls == 0 { replies::LOCKED } else { "" };
        return Step::Say(replies::joined(&[words, replies::ASK_PERSON]));
    }
    let by_facts = dialogue.full_name().is_some() && has("verify_identity");
    let customer = match &dialogue.customer {
        Customer::Known { id, .. } => id,
        Customer::Stranger if by_facts && !dialogue.looked_up_name => {
            return look_up(dialogue, true);
        }
        Customer::Unknown => return look_up(dialogue, false),
        Customer::Stranger if !dialogue.phone_was_said => {
            return ask_phone(dialogue, replies::ASK_PHONE_OF_VISIT, has);
        }
        Customer::Stranger | Customer::Ambiguous if dialogue.looked_up_name => {
            return ask(replies::NOT_FOUND);
        }
        Customer::Stranger | Customer::Ambiguous if dialogue.full_name().is_none() => {
            return ask_name(dialogue);
        }
        Customer::Stranger | Customer::Ambiguous => return look_up(dialogue, true),
    };
    if dialogue.wants_identity {
        return identify(dialogue, customer, has);
    }
    let Some(appointments) = &dialogue.appointments else { return visits_of(customer) };
    if appointments.is_empty() {
        return ask(replies::BOOK_INSTEAD);
    }
    if task == Task::Check {
        let list = replies::upcoming(appointments);
        return Step::Say(replies::joined(&[&list, replies::ANYTHING_ELSE]));
    }
    let Some(appointment) = &dialogue.appointment else {
        return Step::Say(replies::which(appointments));
    };
    if task == Task::Reschedule {
        return reschedule(dialogue, facts, appointment);
    }
    if !dialogue.agreed {
        return Step::Say(replies::cancel_it(appointment));
    }
    let arguments = json!({
        "appointment_id": appointment.id, "reason": null, "confirmed": true,
    });
    Step::Call { tool: "cancel_appointment", arguments }
}

/// Steps towards knowing who calls. From a number of the customer the ZIP code is asked for, and the
/// name counts if it was said; from any other, the date of birth too.
fn identify(dialogue: &Dialogue, customer: &str, has: &dyn Fn(&str) -> bool) -> Step {
    if !has("verify_identity") {
        return Step::Say(replies::joined(&[replies::UNVERIFIED, replies::ANYTHING_ELSE]));
    }
    if !dialogue.is_own && dialogue.birthday.is_none() {
        return ask(replies::ASK_BIRTHDAY);
    }
    let Some(zip) = &dialogue.zip else {
        return ask(if dialogue.is_own { replies::ASK_ZIP } else { replies::ASK_SECOND_ZIP });
    };
    let born = dialogue.birthday.map(|born| json!({ "kind": "dob", "value": born.to_string() }));
    let zip = json!({ "kind": "postal_code", "value": zip });
    // A name that somebody is looked up by shows nothing more.
    let name = dialogue.name.last.as_ref().filter(|_| dialogue.is_own);
    let name = name.map(|last| json!({ "kind": "last_name", "value": last }));
    let factors: Vec<Value> = [born, Some(zip), name].into_iter().flatten().collect();
    let arguments = json!({ "customer_id": customer, "factors": factors });
    Step::Call { tool: "verify_identity", arguments }
}

fn reschedule(dialogue: &Dialogue, facts: &Facts, appointment: &Appointment) -> Step {
    let service = appointment.service;
    let code = service.map_or("other", |service| service.code);
    let chosen = match choose(dialogue, facts, code, replies::ASK_NEW_DAY) {
        Ok(chosen) => chosen,
        Err(step) => return *step,
    };
    if let Some((other, car)) = dialogue.occupation(chosen) {
        return Step::Say(replies::busy(other, car, &dialogue.offers()));
    }
    if dialogue.agreed {
        let arguments = json!({
            "appointment_id": appointment.id, "new_slot_id": chosen.id, "confirmed": true,
        });
        return Step::Call { tool: "reschedule_appointment", arguments };
    }
    let noun = service.map_or("visit", Service::noun);
    let what = format!("I would move your {noun} to");
    let read_back = replies::read_back(&what, chosen, None, None);
    Step::Say(replies::joined(&[&clash(dialogue), &read_back]))
}

fn clash(dialogue: &Dialogue) -> String {
    dialogue.clash().map_or_else(String::new, replies::clash)
}

fn visits_of(customer: &str) -> Step {
    let arguments = json!({ "customer_id": customer });
    Step::Call { tool: "get_upcoming_appointments", arguments }
}

fn look_up(dialogue: &Dialogue, by_name: bool) -> Step {
    let name = dialogue.full_name().filter(|_| by_name);
    let name = name.map(|(first, last)| format!("{first} {last}"));
    let arguments = json!({ "phone": dialogue.phone, "name": name });
    Step::Call { tool: "lookup_customer", arguments }
}

fn ask_name(dialogue: &Dialogue) -> Step {
    ask(if dialogue.name.first.is_some() { replies::ASK_LAST_NAME } else { replies::ASK_NAME })
}

/// Asks for a phone number; when it was not understood twice, by its keys.
fn ask_phone(dialogue: &Dialogue, question: &str, has: &dyn Fn(&str) -> bool) -> Step {
    const BY_VOICE: u32 = 2;
    if dialogue.wants_keys {
        return Step::Say(String::new());
    }
    if dialogue.phone_asked == BY_VOICE && dialogue.calls == 0 && has("request_keypad_input") {
        let arguments = json!({ "purpose": "phone", "max_digits": 11, "terminator": "#" });
        return Step::Call { tool: "request_keypad_input", arguments };
    }
    ask(match dialogue.part_of_phone.as_deref().map(str::len) {
        Some(7) => replies::AREA_CODE,
        Some(_) => replies::WHOLE_PHONE,
        None => question,
    })
}

fn ask(question: &str) -> Step {
    Step::Say(question.to_owned())
}

/// Arguments as the tool's own schema wants them: what it does not know is left out, what it
/// knows and nobody said is null.
pub(crate) fn fitted(arguments: &Value, schema: &Value) -> Value {
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        return arguments.clone();
    };
    let value = |name: &String| arguments.get(name).cloned().unwrap_or_default();
    Value::Object(known.keys().map(|name| (name.clone(), value(name))).collect::<Map<_, _>>())
}
