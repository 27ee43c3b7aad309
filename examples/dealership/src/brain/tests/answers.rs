use serde_json::json;

use super::talk::{Talk, refused};

/// An oil change on Monday at 9:30 was read back.
async fn at_the_read_back() -> Talk {
    let mut talk = Talk::new();
    let read_back = talk.say("an oil change next monday at 9:30 am please").await;
    assert!(read_back.contains("Monday, March 9th at 9:30 AM. Is that right?"), "{read_back}");
    talk
}

#[tokio::test]
async fn a_yes_books_what_was_read_back_whatever_number_it_holds() {
    for text in [
        "yes that's the one",
        "yes just one question, do you have wifi",
        "yes, there will be two of us",
        "yes I have 2 kids with me",
        "yes for the 2019 Honda",
        "yeah my number ends in 0123",
        "yep, nine thirty",
        "yes, see you later",
        "perfect, have a great weekend",
        "sure, any time is fine",
        "yes, next week is great",
        "yes, monday morning is good",
    ] {
        let mut talk = at_the_read_back().await;
        talk.say(text).await;
        assert_eq!(talk.count("book_appointment"), 1, "{text}");
        assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-09T09:30", "{text}");
    }
}

#[tokio::test]
async fn a_correction_at_the_read_back_is_read_back() {
    let table = [
        ("yes, but at ten", "Monday, March 9th at 10 AM"),
        ("no, make it 10 AM", "Monday, March 9th at 10 AM"),
        ("make it ten", "Monday, March 9th at 10 AM"),
        ("no, ten", "Monday, March 9th at 10 AM"),
        ("ten o'clock", "Monday, March 9th at 10 AM"),
        ("10:00", "Monday, March 9th at 10 AM"),
        ("10", "Monday, March 9th at 10 AM"),
        ("yes but tuesday", "Tuesday, March 10th at 9:30 AM"),
        ("no, make it 9:30", "Monday, March 9th at 9:30 AM"),
        ("no no, monday at nine thirty", "Monday, March 9th at 9:30 AM"),
    ];
    for (text, moment) in table {
        let mut talk = at_the_read_back().await;
        let words = talk.say(text).await;
        assert!(words.ends_with(&format!("{moment}. Is that right?")), "{text}: {words}");
        assert_eq!(talk.count("book_appointment"), 0, "{text}");
    }
}

#[tokio::test]
async fn what_is_no_answer_to_the_read_back_changes_nothing() {
    for text in
        ["<img src=x onerror=alert(1)>", "there are two of us", "is it ok if i bring 2 kids"]
    {
        let mut talk = at_the_read_back().await;
        let words = talk.say(text).await;
        assert!(words.starts_with("I'm sorry, I didn't catch that."), "{text}: {words}");
        assert!(words.contains("Monday, March 9th at 9:30 AM. Is that right?"), "{text}: {words}");
    }
}

#[tokio::test]
async fn a_refused_time_is_not_read_back_again() {
    for text in ["no", "no, not at 9:30", "9:30 doesn't work", "no, monday doesn't work"] {
        let mut talk = at_the_read_back().await;
        let words = talk.say(text).await;
        assert!(words.contains("What day would you like to come in?"), "{text}: {words}");
    }
}

#[tokio::test]
async fn another_number_at_the_read_back_is_read_back() {
    let mut talk = Talk::with_stranger();
    talk.say("an oil change tomorrow at nine thirty").await;
    talk.say("Nina Brown").await;
    talk.say("630 555 0141").await;
    let read_back = talk.say("no, the phone number is 630 555 0142").await;
    assert!(
        read_back
            .ends_with("at 9:30 AM, for Nina Brown, phone number 630 555 0142. Is that right?")
    );
    talk.say("yes, 630 555 0142").await;
    assert_eq!(talk.count("book_appointment"), 1);
}

#[tokio::test]
async fn a_corrected_name_is_written_down() {
    for text in ["no, it's spelled B R A U N", "no, my name is Nina Braun"] {
        let mut talk = Talk::with_stranger();
        talk.withheld = false;
        talk.say("an oil change tomorrow at nine thirty").await;
        talk.say("Nina Brown").await;
        let read_back = talk.say(text).await;
        assert!(read_back.ends_with("at 9:30 AM, for Nina Braun. Is that right?"), "{read_back}");
        talk.say("yes").await;
        assert_eq!(talk.count("book_appointment"), 1, "{text}");
        assert_eq!(talk.last("upsert_customer")["last_name"], "Braun", "{text}");
    }
}

#[tokio::test]
async fn every_name_can_be_given() {
    let table = [
        ("Anne-Marie Smith-Jones", "Anne-Marie", "Smith-Jones"),
        ("van der Berg, Tom", "Tom", "van der Berg"),
        ("call me Al Gore", "Al", "Gore"),
        ("José Núñez", "José", "Núñez"),
        ("it's tom van der berg", "Tom", "van der Berg"),
    ];
    for (text, first, last) in table {
        let mut talk = Talk::with_stranger();
        talk.withheld = false;
        talk.say("an oil change tomorrow at nine thirty").await;
        let read_back = talk.say(text).await;
        assert!(read_back.contains(&format!("for {first} {last}. Is that right?")), "{read_back}");
        let noted = talk.last("upsert_customer");
        assert_eq!((&noted["first_name"], &noted["last_name"]), (&json!(first), &json!(last)));
    }
    for (answer, last) in [("van der Berg", "van der Berg"), ("Nina Smith Jones", "Smith Jones")] {
        let mut talk = Talk::with_stranger();
        talk.withheld = false;
        talk.say("an oil change tomorrow at nine thirty").await;
        let asked = talk.say("Nina").await;
        assert!(asked.contains("And your last name?"), "{asked}");
        talk.say(answer).await;
        assert_eq!(talk.last("upsert_customer")["last_name"], last, "{answer}");
    }
}

#[tokio::test]
async fn a_call_ends_with_each_way_to_say_that_it_is_all() {
    for text in
        ["that is all", "that's all", "that will be all", "nope, I'm good", "that'll be all"]
    {
        let mut talk = at_the_read_back().await;
        let done = talk.say("yes").await;
        assert!(done.contains("anything else"), "{done}");
        let bye = talk.say(text).await;
        assert!(bye.contains("Goodbye"), "{text}: {bye}");
        assert_eq!(talk.count("end_call"), 1, "{text}");
    }
}

#[tokio::test]
async fn a_second_visit_at_the_same_time_is_pointed_out() {
    let mut talk = Talk::new();
    let asked = talk.say("an oil change tomorrow at 8 am").await;
    assert_eq!(
        asked,
        "Thank you, Ana. You already have a diagnostic at that time. To confirm: an oil change on \
         Wednesday, March 4th at 8 AM. Is that right?"
    );
    let other = talk.say("oh no, make it nine").await;
    assert!(other.starts_with("To confirm:") && other.contains("at 9 AM"), "{other}");
    talk.say("yes").await;
    assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-04T09:00");

    let mut talk = Talk::new();
    talk.say("an oil change tomorrow at 8 am").await;
    talk.say("yes, both please").await;
    assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-04T08:00");
}

#[tokio::test]
async fn visits_that_cannot_be_told_keep_nobody_from_booking() {
    let mut talk = Talk::new();
    talk.scripted.push(("get_upcoming_appointments", refused("IDENTITY_REQUIRED")));
    let read_back = talk.say("an oil change tomorrow at 8 am").await;
    assert!(read_back.ends_with("at 8 AM. Is that right?"), "{read_back}");
    talk.say("yes").await;
    assert_eq!(talk.count("book_appointment"), 1);
}

#[tokio::test]
async fn a_car_is_not_booked_twice_at_one_time() {
    let cars = json!({"ok": true, "data": {"match": "one", "customer_id": "cus_ana",
        "first_name": "Ana", "vehicles": [{"vehicle_id": "veh_1", "label": "2019 Honda CR-V"}]}});
    let visits = json!({"ok": true, "data": {"appointments": [{"appointment_id": "apt_1",
        "service_type": "diagnostic", "start_local": "2026-03-04T08:00",
        "vehicle_label": "2019 Honda CR-V"}]}});
    let mut talk = Talk::new();
    talk.scripted.extend([("lookup_customer", cars), ("get_upcoming_appointments", visits)]);
    let busy = talk.say("an oil change tomorrow at 8 am").await;
    assert!(
        busy.ends_with(
            "Your 2019 Honda CR-V already has a diagnostic at that time. I have 8:30 AM or 9 AM on \
             Wednesday, March 4th. Which works best for you?"
        ),
        "{busy}"
    );
    let read_back = talk.say("nine").await;
    assert!(read_back.ends_with("Wednesday, March 4th at 9 AM. Is that right?"), "{read_back}");
    talk.scripted.push(("book_appointment", refused("VEHICLE_BUSY")));
    let others = talk.say("yes").await;
    assert!(
        others.starts_with("That vehicle already has a visit at that time. I have"),
        "{others}"
    );
}

/// A customer with one car, and a diagnostic from 10 to 11 tomorrow, of that car or of none.
fn a_diagnostic_at_ten(car: Option<&str>) -> Talk {
    let vehicles = match car {
        Some(label) => json!([{"vehicle_id": "veh_1", "label": label}]),
        None => json!([]),
    };
    let ana = json!({"ok": true, "data": {"match": "one", "customer_id": "cus_ana",
        "first_name": "Ana", "vehicles": vehicles}});
    let visits = json!({"ok": true, "data": {"appointments": [{"appointment_id": "apt_1",
        "service_type": "diagnostic", "start_local": "2026-03-04T10:00",
        "end_local": "2026-03-04T11:00", "vehicle_label": car}]}});
    let mut talk = Talk::new();
    talk.scripted.extend([("lookup_customer", ana), ("get_upcoming_appointments", visits)]);
    talk
}

#[tokio::test]
async fn a_time_within_another_visit_of_the_car_is_not_offered_again() {
    let mut talk = a_diagnostic_at_ten(Some("2019 Honda CR-V"));
    let busy = "Your 2019 Honda CR-V already has a diagnostic at that time. I have 9:30 AM, 11 AM \
                or 11:30 AM on Wednesday, March 4th. Which works best for you?";
    let told = talk.say("an oil change tomorrow at 10:30").await;
    assert_eq!(told, format!("Thank you, Ana. {busy}"));
    assert_eq!(talk.say("10:30 please").await, busy, "whoever insists hears the same");
    let read_back = talk.say("the second one").await;
    assert!(read_back.ends_with("March 4th at 11 AM. Is that right?"), "{read_back}");
    talk.say("yes").await;
    assert_eq!(talk.last("book_appointment")["slot_id"], "2026-03-04T11:00");
}

#[tokio::test]
async fn a_time_that_was_refused_is_not_offered_again() {
    let mut talk = Talk::new();
    talk.say("an oil change tomorrow at 10:30").await;
    talk.scripted.push(("book_appointment", refused("VEHICLE_BUSY")));
    let others = talk.say("yes").await;
    assert!(others.contains("I have 9 AM, 10 AM or 11:30 AM on"), "{others}");
}

#[tokio::test]
async fn a_visit_within_another_is_pointed_out_to_a_customer_without_a_car() {
    let mut talk = a_diagnostic_at_ten(None);
    let told = talk.say("an oil change tomorrow at 10:30").await;
    assert!(told.contains("You already have a diagnostic at that time. To confirm:"), "{told}");
    let other = talk.say("no, at eleven").await;
    assert!(other.starts_with("To confirm:") && other.contains("at 11 AM"), "{other}");
}

#[tokio::test]
async fn a_caller_who_has_to_shows_who_they_are_and_hears_what_they_asked_for() {
    let mut talk = Talk::new();
    talk.tools.push("verify_identity");
    talk.scripted.push(("get_upcoming_appointments", refused("IDENTITY_REQUIRED")));
    talk.scripted.push(("verify_identity", refused("IDENTITY_MISMATCH")));
    let asked = talk.say("when is my appointment").await;
    assert!(asked.ends_with("For your security, what is your ZIP code?"), "{asked}");
    let again = talk.say("six oh five four oh").await;
    assert!(again.starts_with("I'm sorry, I couldn't verify that."), "{again}");
    let told = talk.say("six oh five six three").await;
    let factors = &talk.last("verify_identity")["factors"];
    assert_eq!(*factors, json!([{ "kind": "postal_code", "value": "60563" }]));
    assert!(told.contains("Wednesday, March 4th at 8 AM"), "{told}");
    assert_eq!(talk.count("get_upcoming_appointments"), 2);
}

#[tokio::test]
async fn a_caller_who_fails_is_told_nothing() {
    let mut talk = Talk::new();
    talk.tools.push("verify_identity");
    talk.scripted.push(("get_upcoming_appointments", refused("IDENTITY_REQUIRED")));
    talk.scripted.push(("verify_identity", refused("IDENTITY_LOCKED")));
    talk.say("cancel my appointment").await;
    let locked = talk.say("60540").await;
    assert!(locked.contains("can't discuss that"), "{locked}");
    assert_eq!((talk.count("get_upcoming_appointments"), talk.count("cancel_appointment")), (1, 0));
}

#[tokio::test]
async fn who_wants_a_person_is_put_through_or_called_back() {
    let mut talk = Talk::new();
    talk.tools.extend(["transfer_to_human", "schedule_callback"]);
    let through = json!({ "ok": true, "say": "I'm connecting you with the front desk now." });
    talk.scripted.push(("transfer_to_human", through));
    let words = talk.say("let me talk to a real person").await;
    assert_eq!(words, "I'm connecting you with the front desk now.");

    let mut talk = Talk::new();
    talk.tools.extend(["transfer_to_human", "schedule_callback"]);
    let nobody = json!({ "ok": false, "code": "NO_AGENT",
        "say": "Nobody can take your call right now. Shall I have somebody call you back?" });
    talk.scripted.push(("transfer_to_human", nobody));
    let noted = json!({ "ok": true, "say": "Somebody will call you back as soon as possible." });
    talk.scripted.push(("schedule_callback", noted));
    let offered = talk.say("i want to speak to a manager").await;
    assert!(offered.ends_with("Shall I have somebody call you back?"), "{offered}");
    let promised = talk.say("yes please").await;
    assert!(promised.starts_with("Somebody will call you back"), "{promised}");
    assert_eq!(talk.last("schedule_callback")["phone"], "+16305550111");
}

#[tokio::test]
async fn who_wants_no_more_calls_is_asked_nothing_and_let_go() {
    let mut talk = Talk::new();
    talk.tools.push("record_opt_out");
    let off = json!({ "ok": true, "say": "I have taken you off our list." });
    talk.scripted.push(("record_opt_out", off));
    let bye = talk.say("stop calling me").await;
    assert_eq!(bye, "I have taken you off our list. Thank you for calling. Goodbye!");
    assert_eq!(talk.last("record_opt_out")["phone"], "+16305550111");
    assert_eq!(talk.last("end_call")["reason"], "opted_out");

    let mut talk = Talk::with_stranger();
    talk.tools.push("record_opt_out");
    let asked = talk.say("take me off your list").await;
    assert!(asked.contains("phone number"), "{asked}");
    talk.say("six three zero, five five five, zero one four one").await;
    assert_eq!(talk.last("record_opt_out")["phone"], "+16305550141");
}
