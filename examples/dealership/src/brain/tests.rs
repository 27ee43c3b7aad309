use jiff::civil::date;
use serde_json::json;
use voiceagent_core::{llm::Message, tool::ToolSpec};

use super::*;

const TOOLS: [&str; 9] = [
    "lookup_customer",
    "get_available_slots",
    "book_appointment",
    "get_upcoming_appointments",
    "cancel_appointment",
    "reschedule_appointment",
    "decode_vin",
    "upsert_customer",
    "end_call",
];

/// A conversation: plays the session's part around the brain, and a shop's part behind the tools.
struct Talk {
    brain: RuleBrain,
    instructions: String,
    messages: Vec<Message>,
    choice: ToolChoice,
    called: Vec<(String, Value)>,
    /// Answers in place of the shop's, by tool, each used once.
    scripted: Vec<(&'static str, Value)>,
    stranger: bool,
    /// Whether the call does not tell from which number it comes.
    withheld: bool,
}

impl Talk {
    /// A call from +1 630 555 0111 on a Tuesday.
    fn new() -> Self {
        Self {
            brain: RuleBrain::new(|| date(2026, 3, 3)),
            instructions: RuleBrain::caller_line("+16305550111"),
            messages: vec![Message::Assistant {
                text: "Thanks for calling. How can I help you?".into(),
                interrupted: false,
            }],
            choice: ToolChoice::Auto,
            called: Vec::new(),
            scripted: Vec::new(),
            stranger: false,
            withheld: false,
        }
    }

    /// A call of somebody whom the shop does not know.
    fn with_stranger() -> Self {
        let instructions = String::new();
        Self { stranger: true, withheld: true, instructions, ..Self::new() }
    }

    /// Says something, runs the tools that are called, and returns the agent's words.
    async fn say(&mut self, text: &str) -> String {
        self.messages.push(Message::User { text: text.into() });
        self.answer().await
    }

    async fn answer(&mut self) -> String {
        for _ in 0..12 {
            let (words, calls) = self.generate().await;
            for call in &calls {
                self.run(call);
            }
            if !words.is_empty() {
                let text = words.as_str().into();
                self.messages.push(Message::Assistant { text, interrupted: false });
                return words;
            }
            assert!(!calls.is_empty(), "the brain has nothing to say: {:?}", self.messages);
        }
        panic!("the brain calls tools without end: {:?}", self.called);
    }

    async fn generate(&self) -> (String, Vec<ToolCall>) {
        let spec = |name: &&str| ToolSpec::new(*name, "", json!({ "type": "object" }));
        let tools: Vec<ToolSpec> = TOOLS.iter().map(spec).collect();
        let request = LlmRequest::new(self.instructions.as_str(), self.messages.clone())
            .with_tools(tools, self.choice);
        let mut answer = self.brain.generate(request).await.unwrap();
        let (mut words, mut calls) = (String::new(), Vec::new());
        while let Some(event) = answer.next().await {
            match event.unwrap() {
                LlmEvent::Text(text) => words.push_str(&text),
                LlmEvent::ToolCall(call) => calls.push(call),
                LlmEvent::Finished(_) | LlmEvent::Usage(_) | _ => {}
            }
        }
        (words, calls)
    }

    fn run(&mut self, call: &ToolCall) {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        let scripted = self.scripted.iter().position(|(tool, _)| *tool == &*call.name);
        let output = match scripted {
            Some(at) => self.scripted.remove(at).1,
            None => self.shop(&call.name, &arguments),
        };
        self.called.push((call.name.to_string(), arguments));
        self.messages.push(Message::ToolCall(call.clone()));
        let output = output.to_string().into();
        self.messages.push(Message::ToolResult { id: call.id.clone(), output });
    }

    fn shop(&self, tool: &str, arguments: &Value) -> Value {
        let done = |data: Value| json!({"ok": true, "code": null, "data": data, "say": null, "retryable": false});
        match tool {
            "lookup_customer" if self.stranger => done(json!({"match": "none"})),
            "lookup_customer" => {
                done(json!({"match": "one", "customer_id": "cus_ana", "first_name": "Ana"}))
            }
            "upsert_customer" if arguments["phone"].is_null() && self.withheld => {
                refused("INVALID_PHONE")
            }
            "upsert_customer" => done(json!({"customer_id": "cus_new", "created": true})),
            "get_available_slots" => free(arguments),
            "get_upcoming_appointments" => done(json!({"appointments": [
                {"appointment_id": "apt_1", "service_type": "diagnostic",
                 "start_local": "2026-03-04T08:00", "status": "booked"}]})),
            "book_appointment" => said(format!("You're booked, slot {}.", arguments["slot_id"])),
            "cancel_appointment" => said("Your diagnostic is cancelled.".to_owned()),
            "reschedule_appointment" => {
                said(format!("Your visit is moved, slot {}.", arguments["new_slot_id"]))
            }
            "decode_vin" => {
                done(json!({"valid": true, "year": 2003, "make": "Honda", "model": "Accord"}))
            }
            _ => done(json!({})),
        }
    }

    fn count(&self, tool: &str) -> usize {
        self.called.iter().filter(|(called, _)| called == tool).count()
    }

    fn last(&self, tool: &str) -> &Value {
        let found = self.called.iter().rev().find(|(called, _)| called == tool);
        &found.unwrap_or_else(|| panic!("{tool} was not called: {:?}", self.called)).1
    }
}

fn said(say: String) -> Value {
    json!({"ok": true, "code": null, "data": {"confirmation_code": "K7"}, "say": say, "retryable": false})
}

fn refused(code: &str) -> Value {
    json!({"ok": false, "code": code, "data": {}, "say": null, "retryable": false})
}

/// Every half hour from 8:00 to 16:00 on each working day that was asked for.
fn free(arguments: &Value) -> Value {
    let day = |field: &str| arguments[field].as_str().unwrap().parse::<Date>().unwrap();
    let clock = |field: &str, or: &str| arguments[field].as_str().unwrap_or(or).to_owned();
    let (mut from, to) = match arguments["part_of_day"].as_str() {
        Some("morning") => ("08:00", "11:30"),
        Some("afternoon") => ("12:00", "16:00"),
        _ => ("08:00", "16:00"),
    };
    let earliest = clock("earliest_time", from);
    let latest = clock("latest_time", to);
    from = &earliest;
    let mut slots = Vec::new();
    let mut date = day("date_from");
    while date <= day("date_to") {
        for half in 16..=32 {
            let time = format!("{:02}:{}", half / 2, if half % 2 == 0 { "00" } else { "30" });
            let weekend = date.weekday() == jiff::civil::Weekday::Sunday;
            if !weekend && time.as_str() >= from && time.as_str() <= latest.as_str() {
                slots.push(json!({"slot_id": format!("{date}T{time}"), "start_local": format!("{date}T{time}"), "spoken": time}));
            }
        }
        date = date.tomorrow().unwrap();
    }
    slots.truncate(8);
    if slots.is_empty() {
        return refused("NONE_AVAILABLE");
    }
    json!({"ok": true, "code": null, "say": null, "retryable": false,
           "data": {"timezone": "America/Chicago", "slots": slots}})
}

#[tokio::test]
async fn a_new_customer_books() {
    let mut talk = Talk::with_stranger();
    let offer = talk
        .say("Hi, I've never been there before. I need an oil change, ideally tomorrow morning.")
        .await;
    assert!(offer.contains("Wednesday, March 4th") && offer.contains("8 AM"), "{offer}");
    assert_eq!(talk.last("get_available_slots")["part_of_day"], "morning");
    let name = talk.say("Nine thirty would be perfect.").await;
    assert!(name.contains("name"), "{name}");
    let phone = talk.say("Nina Kowalski. K-O-W-A-L-S-K-I.").await;
    assert!(phone.contains("phone number"), "{phone}");
    let read_back = talk.say("six three zero, five five five, zero one four one").await;
    assert_eq!(
        read_back,
        "To confirm: an oil change on Wednesday, March 4th at 9:30 AM, for Nina Kowalski, phone \
         number 630 555 0141. Is that right?"
    );
    assert_eq!(talk.count("book_appointment"), 0, "nothing is booked before the yes");
    let booked = talk.say("Yes, that's right.").await;
    assert!(booked.starts_with("You're booked, slot \"2026-03-04T09:30\"."), "{booked}");
    let person = talk.last("upsert_customer");
    assert_eq!((&person["first_name"], &person["last_name"]), (&json!("Nina"), &json!("Kowalski")));
    assert_eq!(person["phone"], "+16305550141");
    let booking = talk.last("book_appointment");
    assert_eq!((&booking["customer_id"], &booking["confirmed"]), (&json!("cus_new"), &json!(true)));
    let bye = talk.say("No, that's everything. Thank you!").await;
    assert!(bye.contains("Goodbye"), "{bye}");
    assert_eq!(talk.last("end_call")["reason"], "done");
    let (words, calls) = talk.generate().await;
    assert!(words.is_empty() && calls.is_empty(), "after the end there is nothing to add");
}

#[tokio::test]
async fn a_new_caller_need_not_say_the_number_of_the_call() {
    let mut talk = Talk::with_stranger();
    talk.withheld = false;
    talk.say("an oil change tomorrow at nine thirty please").await;
    let read_back = talk.say("zoe quinn").await;
    assert!(read_back.contains("for Zoe Quinn. Is that right?"), "{read_back}");
    assert_eq!(talk.last("upsert_customer")["phone"], Value::Null);
}

#[tokio::test]
async fn somebody_with_two_cars_is_asked_which() {
    let mut talk = Talk::new();
    let cars = json!({"ok": true, "data": {"match": "one", "customer_id": "cus_ana",
        "first_name": "Ana", "vehicles": [
            {"vehicle_id": "veh_1", "label": "2019 Honda CR-V"},
            {"vehicle_id": "veh_2", "label": "2015 Honda Civic"}]}});
    talk.scripted.push(("lookup_customer", cars.clone()));
    let asked = talk.say("oil change tomorrow at nine thirty").await;
    assert!(asked.ends_with("Which car is it for, the 2019 Honda CR-V or the 2015 Honda Civic?"));
    let read_back = talk.say("the civic").await;
    assert!(read_back.contains("an oil change for your 2015 Honda Civic on"), "{read_back}");
    talk.say("yes").await;
    assert_eq!(talk.last("book_appointment")["vehicle_id"], "veh_2");

    let mut talk = Talk::new();
    talk.scripted.push(("lookup_customer", cars));
    let read_back = talk.say("my cr-v needs an oil change tomorrow at nine thirty").await;
    assert!(read_back.contains("for your 2019 Honda CR-V on"), "said before it was asked");
}

#[tokio::test]
async fn a_known_caller_with_an_exact_wish_needs_two_turns() {
    let mut talk = Talk::new();
    let read_back = talk.say("can i get my brakes checked tomorrow afternoon at three").await;
    assert_eq!(
        read_back,
        "Thank you, Ana. To confirm: a brake inspection on Wednesday, March 4th at 3 PM. Is \
         that right?"
    );
    talk.say("yes please").await;
    assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-04T15:00");
    assert_eq!(talk.last("book_appointment")["customer_id"], "cus_ana");
}

#[tokio::test]
async fn an_appointment_is_moved() {
    let mut talk = Talk::new();
    let text = "Hi, I have an appointment tomorrow and I need to move it to Friday, around ten \
                thirty if you can.";
    let read_back = talk.say(text).await;
    assert!(
        read_back.ends_with(
            "I would move your diagnostic to Friday, March 6th at 10:30 AM. Is that right?"
        ),
        "{read_back}"
    );
    assert_eq!(talk.last("get_available_slots")["service_type"], "diagnostic");
    let moved = talk.say("Yes, please move it.").await;
    assert!(moved.starts_with("Your visit is moved, slot \"2026-03-06T10:30\"."), "{moved}");
    assert_eq!(talk.last("reschedule_appointment")["appointment_id"], "apt_1");
    assert_eq!(talk.count("book_appointment") + talk.count("cancel_appointment"), 0);
}

#[tokio::test]
async fn the_day_of_the_visit_is_not_taken_for_the_new_day() {
    let mut talk = Talk::new();
    let asked = talk.say("i need to reschedule my appointment tomorrow").await;
    assert!(asked.ends_with("What day and time would you like instead?"), "{asked}");
    let read_back = talk.say("next thursday at nine").await;
    assert!(read_back.contains("Thursday, March 12th at 9 AM"), "{read_back}");
}

#[tokio::test]
async fn an_appointment_is_cancelled_only_after_a_yes() {
    let mut talk = Talk::new();
    let asked = talk.say("please cancel my appointment").await;
    assert!(asked.ends_with("Shall I cancel your diagnostic on Wednesday, March 4th at 8 AM?"));
    assert_eq!(talk.count("cancel_appointment"), 0);
    let kept = talk.say("no, wait").await;
    assert!(kept.starts_with("All right, I won't cancel it."), "{kept}");
    talk.say("hm, cancel my appointment after all").await;
    let cancelled = talk.say("yes").await;
    assert!(cancelled.starts_with("Your diagnostic is cancelled."), "{cancelled}");
    assert_eq!(talk.last("cancel_appointment")["appointment_id"], "apt_1");
}

#[tokio::test]
async fn a_taken_slot_brings_alternatives_and_no_claim() {
    let mut talk = Talk::new();
    talk.say("it's Ana, i'd like a brake inspection this saturday morning").await;
    let read_back = talk.say("nine o'clock please").await;
    assert!(read_back.contains("Saturday, March 7th at 9 AM"), "{read_back}");
    talk.scripted.push(("book_appointment", refused("SLOT_TAKEN")));
    talk.scripted.push((
        "get_available_slots",
        json!({"ok": true, "data": {"slots": [
            {"slot_id": "s8", "start_local": "2026-03-07T08:30"},
            {"slot_id": "s10", "start_local": "2026-03-07T10:00"}]}}),
    ));
    let sorry = talk.say("Yes, go ahead.").await;
    assert_eq!(
        sorry,
        "I'm sorry, that time was just taken. I have 8:30 AM or 10 AM on \
         Saturday, March 7th. Which works best for you?"
    );
    let again = talk.say("Oh. Then ten o'clock is fine.").await;
    assert!(again.contains("at 10 AM. Is that right?"), "{again}");
    let booked = talk.say("Yes, ten is right.").await;
    assert!(booked.starts_with("You're booked, slot \"s10\"."), "{booked}");
    assert_eq!(talk.count("book_appointment"), 2);
}

#[tokio::test]
async fn a_correction_changes_only_what_was_corrected() {
    let mut talk = Talk::new();
    talk.say("oil change tomorrow at nine thirty").await;
    let corrected = talk.say("no, friday instead").await;
    assert!(corrected.contains("an oil change on Friday, March 6th at 9:30 AM"), "{corrected}");
    let later = talk.say("yes but make it ten thirty").await;
    assert!(later.contains("Friday, March 6th at 10:30 AM. Is that right?"), "{later}");
    let other = talk.say("actually i need a tire rotation").await;
    assert!(other.contains("a tire rotation on Friday, March 6th at 10:30 AM"), "{other}");
    assert_eq!(talk.count("book_appointment"), 0);
    talk.say("yes").await;
    assert_eq!(talk.last("book_appointment")["service_type"], "tire_rotation");
}

#[tokio::test]
async fn times_are_chosen_by_place_and_shifted() {
    let mut talk = Talk::new();
    talk.say("i want to book an oil change").await;
    let offer = talk.say("friday morning").await;
    assert_eq!(
        offer,
        "I have 8 AM, 9:30 AM or 11 AM on Friday, March 6th. Which works best for you?"
    );
    let more = talk.say("what other times do you have").await;
    assert!(more.contains("8:30 AM, 10 AM or 11:30 AM"), "{more}");
    let later = talk.say("anything later?").await;
    assert!(later.contains("PM") && later.contains("Friday, March 6th"), "{later}");
    let second = talk.say("the second one").await;
    assert!(second.contains("PM. Is that right?"), "{second}");
    let hours = talk.say("what are your hours").await;
    assert!(hours.contains("open Monday") && hours.contains("Is that right?"), "{hours}");
}

#[tokio::test]
async fn it_takes_over_a_call_that_another_model_began() {
    let mut talk = Talk::with_stranger();
    let call = |id: &str, name: &str, arguments: Value| {
        Message::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.to_string().into(),
        })
    };
    let result = |id: &str, output: Value| Message::ToolResult {
        id: id.into(),
        output: output.to_string().into(),
    };
    let agent = |text: &str| Message::Assistant { text: text.into(), interrupted: false };
    let user = |text: &str| Message::User { text: text.into() };
    let search = json!({"service_type": "oil_change", "date_from": "2026-03-04",
        "date_to": "2026-03-04", "part_of_day": null, "earliest_time": "09:00",
        "latest_time": "10:30", "limit": 3});
    talk.messages.extend([
        user("Hi! My car is due for its usual, could I swing by tomorrow before lunch?"),
        call("call_1", "lookup_customer", json!({"phone": "+16305550141", "name": null})),
        result("call_1", json!({"ok": true, "data": {"match": "none"}})),
        agent("Happy to help. May I have your first and last name?"),
        user("Nina Kowalski."),
        call(
            "call_2",
            "upsert_customer",
            json!({"first_name": "Nina", "last_name": "Kowalski", "phone": "+16305550141"}),
        ),
        result("call_2", json!({"ok": true, "data": {"customer_id": "cus_9", "created": true}})),
        call("call_3", "get_available_slots", search.clone()),
        result("call_3", free(&search)),
        agent("Tomorrow, Wednesday, I have openings at nine, nine thirty and ten."),
    ]);
    let read_back = talk.say("the second one please").await;
    assert!(read_back.contains("an oil change on Wednesday, March 4th at 9:30 AM"), "{read_back}");
    talk.say("yes").await;
    assert_eq!(talk.called.len(), 1, "nothing is looked up again: {:?}", talk.called);
    assert_eq!(talk.last("book_appointment")["customer_id"], "cus_9");
    assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-04T09:30");
}

#[tokio::test]
async fn an_interrupted_read_back_is_read_back_again() {
    let mut talk = Talk::new();
    talk.say("oil change tomorrow at nine thirty").await;
    *talk.messages.last_mut().unwrap() =
        Message::Assistant { text: "Thank you, Ana. To confirm: an oil".into(), interrupted: true };
    let again = talk.say("yes").await;
    assert!(again.contains("Is that right?"), "{again}");
    assert_eq!(talk.count("book_appointment"), 0);
}

#[tokio::test]
async fn an_outage_is_said_and_nothing_is_claimed() {
    let mut talk = Talk::new();
    talk.say("oil change tomorrow at nine thirty").await;
    let down = json!({"ok": false, "code": "DB_UNAVAILABLE", "data": {}, "retryable": true});
    talk.scripted.push(("book_appointment", down.clone()));
    talk.scripted.push(("book_appointment", down));
    let sorry = talk.say("yes").await;
    assert!(sorry.contains("not responding") && !sorry.contains("booked,"), "{sorry}");
    assert_eq!(talk.count("book_appointment"), 2, "one silent retry");
}

#[tokio::test]
async fn it_answers_in_words_when_it_may_not_call() {
    let mut talk = Talk::new();
    talk.choice = ToolChoice::None;
    let words = talk.say("oil change tomorrow at nine").await;
    assert!(!words.is_empty());
    let words = talk.say("cancel my appointment").await;
    assert!(words.contains("can't do that"), "{words}");
    assert!(talk.called.is_empty());
}

#[tokio::test]
async fn two_misses_are_answered_politely_and_four_end_the_call() {
    let mut talk = Talk::new();
    let first = talk.say("blue elephants dance").await;
    assert!(first.starts_with("I'm sorry, I didn't catch that."), "{first}");
    let second = talk.say("purple mostly").await;
    assert!(second.starts_with("I'm sorry, I'm having trouble"), "{second}");
    talk.say("umbrella").await;
    let last = talk.say("marmalade").await;
    assert!(last.contains("Please call again") && last.contains("Goodbye"), "{last}");
    assert_eq!(talk.last("end_call")["reason"], "no_input");
}

#[tokio::test]
async fn a_vin_is_decoded_and_asides_are_answered() {
    let mut talk = Talk::new();
    let asked = talk.say("can you check a vin for me").await;
    assert!(asked.contains("VIN"), "{asked}");
    let decoded = talk.say("1 h g c m 8 2 6 3 3 a 0 0 4 3 5 2").await;
    assert!(decoded.starts_with("That VIN belongs to a 2003 Honda Accord."), "{decoded}");
    assert_eq!(talk.last("decode_vin")["vin"], "1HGCM82633A004352");
    let robot = talk.say("are you a robot").await;
    assert!(robot.contains("automated assistant"), "{robot}");
    let visit = talk.say("when is my appointment").await;
    assert!(visit.contains("a diagnostic on Wednesday, March 4th at 8 AM"), "{visit}");
}

#[tokio::test]
async fn a_visit_under_an_unknown_number_is_looked_for_by_name() {
    let mut talk = Talk::with_stranger();
    let phone = talk.say("i want to cancel my appointment").await;
    assert!(phone.contains("phone number is the appointment under"), "{phone}");
    let area = talk.say("five five five one two three four").await;
    assert!(area.contains("area code"), "{area}");
    let name = talk.say("six three zero").await;
    assert!(name.contains("name"), "{name}");
    assert_eq!(talk.last("lookup_customer")["phone"], "+16305551234");
    let none = talk.say("ana morales").await;
    assert_eq!(talk.last("lookup_customer")["name"], "Ana Morales");
    assert!(none.contains("Would you like to book a new one?"), "{none}");
    let service = talk.say("yes").await;
    assert!(service.contains("What does your car need?"), "{service}");
}

#[test]
fn arguments_follow_the_schema_of_the_tool() {
    let schema = json!({"type": "object", "properties": {"vin": {}, "location_id": {}}});
    let fitted = decide::fitted(&json!({"vin": "X", "surplus": 1}), &schema);
    assert_eq!(fitted, json!({"vin": "X", "location_id": null}));
}
