mod answers;
mod talk;
mod wishes;

use serde_json::json;
use voiceagent_core::{
    adapt::{FallbackLlm, LlmFailover},
    llm::Message,
};

use self::talk::{Talk, free, refused};
use super::*;

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
async fn goodbye_ends_the_call_whatever_was_asked() {
    let mut talk = Talk::with_stranger();
    talk.say("an oil change tomorrow at nine thirty please").await;
    talk.say("zoe quinn").await;
    let read_back = talk.say("six three zero, five five five, zero one four one").await;
    assert!(read_back.contains("Is that right?"), "{read_back}");
    let bye = talk.say("no, goodbye").await;
    assert!(bye.contains("Goodbye"), "{bye}");
    assert_eq!((talk.count("book_appointment"), talk.count("end_call")), (0, 1));

    let mut talk = Talk::new();
    let bye = talk.say("no that is all").await;
    assert!(bye.contains("Goodbye"), "{bye}");
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
async fn a_question_is_not_taken_for_a_name() {
    let mut talk = Talk::with_stranger();
    talk.say("oil change tomorrow at nine").await;
    assert_eq!(talk.count("lookup_customer"), 1, "the number of the call is tried first");
    talk.say("when are my appointments").await;
    talk.say("actually book an oil change tomorrow at ten").await;
    let name = talk.say("what do you need that for").await;
    assert!(name.contains("name"), "{name}");
    assert_eq!(talk.count("upsert_customer"), 0, "nobody is noted under those words");
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
async fn of_several_visits_the_one_that_was_named_is_cancelled() {
    let mut talk = Talk::new();
    let two = json!({"ok": true, "data": {"appointments": [
        {"appointment_id": "apt_1", "service_type": "diagnostic", "start_local": "2026-03-04T08:00"},
        {"appointment_id": "apt_2", "service_type": "oil_change", "start_local": "2026-03-05T09:00"}]}});
    talk.scripted.push(("get_upcoming_appointments", two.clone()));
    let asked = talk.say("cancel my appointment for the oil change").await;
    assert!(asked.ends_with("Shall I cancel your oil change on Thursday, March 5th at 9 AM?"));
    talk.say("no").await;
    talk.scripted.push(("get_upcoming_appointments", two));
    let which = talk.say("cancel my appointment").await;
    assert!(which.ends_with("Which appointment do you mean?"), "{which}");
    talk.say("the first one").await;
    talk.say("yes").await;
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
    assert!(later.starts_with("I have noon, 1:30 PM or 3 PM"), "{later}");
    let second = talk.say("the second one").await;
    assert!(second.contains("at 1:30 PM. Is that right?"), "{second}");
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
async fn it_begins_again_behind_words_of_another_model_that_broke_off() {
    #[derive(Debug)]
    struct Cut;
    #[async_trait]
    impl LanguageModel for Cut {
        fn name(&self) -> &str {
            "cut"
        }
        fn capabilities(&self) -> LlmCapabilities {
            LlmCapabilities::default()
        }
        async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
            Ok(stream::iter([Ok(LlmEvent::Text("Sure, for your oil change I can ".into()))])
                .boxed())
        }
    }
    let mut settings = LlmFailover::default();
    settings.cue = RuleBrain::CUE.into();
    let brain = Arc::new(RuleBrain::new(|| jiff::civil::date(2026, 3, 3)));
    let model = FallbackLlm::with_settings(Arc::new(Cut), vec![brain], settings);
    let said = Message::User { text: "I need an oil change".into() };
    let answer = model.generate(LlmRequest::new("", [said])).await.unwrap();
    let words: Vec<String> = answer
        .filter_map(async |event| match event.unwrap() {
            LlmEvent::Text(text) => Some(text),
            LlmEvent::Finished(_) | LlmEvent::Usage(_) | _ => None,
        })
        .collect()
        .await;
    assert_eq!(
        words.concat(),
        "Sure, for your oil change I can Sorry, let me begin again. What day would you like to \
         come in?"
    );
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
    let more = talk.say("yes").await;
    assert!(more.contains("How can I help you?"), "{more}");
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
