use serde_json::json;

use super::talk::Talk;

#[tokio::test]
async fn a_day_on_which_nobody_can_come_is_said_and_asked_again() {
    let table = [
        ("2020-03-24", "Tuesday, March 24th, 2020, is in the past."),
        ("3/24/20", "Tuesday, March 24th, 2020, is in the past."),
        ("march 3rd 2021", "Wednesday, March 3rd, 2021, is in the past."),
        ("last monday", "Monday, March 2nd is in the past."),
        ("yesterday", "Monday, March 2nd is in the past."),
        ("november 31st", "There is no November 31st."),
        ("february 30th", "There is no February 30th."),
        ("tuesday the 25th", "March 25th is a Wednesday, not a Tuesday."),
    ];
    for (text, doubt) in table {
        let mut talk = Talk::new();
        talk.say("an oil change").await;
        let words = talk.say(text).await;
        assert_eq!(words, format!("{doubt} What day would you like to come in?"), "{text}");
        assert_eq!(talk.count("get_available_slots"), 0, "{text}");
    }
}

#[tokio::test]
async fn the_time_is_kept_when_the_day_is_asked_again() {
    let mut talk = Talk::new();
    talk.say("an oil change tuesday the 25th at ten").await;
    let read_back = talk.say("wednesday the 25th").await;
    assert!(read_back.contains("Wednesday, March 25th at 10 AM. Is that right?"), "{read_back}");
    let doubt = talk.say("no, last friday").await;
    assert!(doubt.starts_with("Friday, February 27th is in the past. What day"), "{doubt}");
    let read_back = talk.say("friday").await;
    assert!(read_back.contains("Friday, March 6th at 10 AM. Is that right?"), "{read_back}");
}

#[tokio::test]
async fn another_number_changes_nothing_about_the_day() {
    let mut talk = Talk::new();
    let offer = talk.say("an oil change on friday").await;
    assert!(offer.contains("on Friday, March 6th. Which works best for you?"), "{offer}");
    let heard = talk.say("no the phone is 630 555 0199").await;
    assert!(heard.starts_with("I have 630 555 0199 as your phone number."), "{heard}");
    assert!(heard.contains("on Friday, March 6th. Which works best for you?"), "{heard}");
    assert_eq!(talk.last("lookup_customer")["phone"], "+16305550199");
    let read_back = talk.say("the first one").await;
    assert!(read_back.contains("Friday, March 6th at 8 AM"), "{read_back}");
    assert!(read_back.contains("630 555 0199"), "{read_back}");
}

#[tokio::test]
async fn a_weekday_that_is_ruled_out_is_not_offered() {
    let mut talk = Talk::new();
    talk.say("an oil change").await;
    let offer = talk.say("any day but tuesday").await;
    assert!(offer.contains("on Wednesday, March 4th"), "{offer}");
    assert_eq!(talk.last("get_available_slots")["date_to"], "2026-03-16");

    let mut talk = Talk::new();
    let offer = talk.say("an oil change thursday or friday").await;
    assert!(offer.contains("Thursday, March 5th"), "{offer}");
    let other = talk.say("any day but thursday").await;
    assert!(other.contains("on Friday, March 6th"), "{other}");
}

#[tokio::test]
async fn a_day_may_be_named_by_the_one_that_was_offered() {
    for (text, day) in [
        ("the day after that at ten", "Saturday, March 14th at 10 AM"),
        ("wednesday that week at ten", "Wednesday, March 11th at 10 AM"),
        ("the same day at ten", "Friday, March 13th at 10 AM"),
    ] {
        let mut talk = Talk::new();
        talk.say("an oil change next friday").await;
        let words = talk.say(text).await;
        assert!(words.contains(day), "{text}: {words}");
    }
}

#[tokio::test]
async fn a_time_outside_opening_hours_is_said_to_be_so() {
    let mut talk = Talk::new();
    talk.say("an oil change").await;
    let closed = talk.say("friday at midnight").await;
    assert_eq!(
        closed,
        "We are not open at midnight. We are open Monday to Friday from 7:30 AM to 6 PM, and \
         Saturday from 8 AM to 3 PM. What time would you like to come in?"
    );
    let read_back = talk.say("ten then").await;
    assert!(read_back.contains("Friday, March 6th at 10 AM. Is that right?"), "{read_back}");
    let closed = talk.say("no, at 9 pm").await;
    assert!(closed.starts_with("We are not open at 9 PM."), "{closed}");
}

#[tokio::test]
async fn an_indifferent_caller_is_offered_times_and_gets_the_first() {
    for text in ["any time is fine", "i don't care", "whenever", "whatever works", "the earliest"] {
        let mut talk = Talk::new();
        talk.say("an oil change").await;
        let offer = talk.say(text).await;
        assert!(offer.starts_with("I have 8 AM,"), "{text}: {offer}");
        assert!(offer.contains("on Tuesday, March 3rd"), "{text}: {offer}");
        let read_back = talk.say(text).await;
        assert!(
            read_back.contains("Tuesday, March 3rd at 8 AM. Is that right?"),
            "{text}: {read_back}"
        );
    }
    let mut talk = Talk::new();
    let offer = talk.say("an oil change, any time next week").await;
    assert!(offer.contains("Monday, March 9th"), "{offer}");
    assert_eq!(talk.last("get_available_slots")["date_to"], "2026-03-15");
}

#[tokio::test]
async fn everyday_words_for_days_and_times_are_searched_for() {
    let table = [
        ("next month", "2026-04-01", "2026-04-30", None),
        ("the end of the week", "2026-03-05", "2026-03-07", None),
        ("christmas eve", "2026-12-24", "2026-12-24", None),
        ("new year's eve", "2026-12-31", "2026-12-31", None),
        ("first thing tomorrow", "2026-03-04", "2026-03-04", None),
        ("thursday at noon", "2026-03-05", "2026-03-05", Some("11:00")),
        ("friday half past two", "2026-03-06", "2026-03-06", Some("13:30")),
        ("friday quarter to ten", "2026-03-06", "2026-03-06", Some("08:45")),
        ("in two weeks", "2026-03-17", "2026-03-17", None),
        ("a week from Friday", "2026-03-13", "2026-03-13", None),
        ("the first monday in april", "2026-04-06", "2026-04-06", None),
        ("the earliest you have", "2026-03-03", "2026-03-04", None),
    ];
    for (text, from, to, earliest) in table {
        let mut talk = Talk::new();
        talk.say("an oil change").await;
        talk.say(text).await;
        let search = talk.called.iter().find(|(tool, _)| tool == "get_available_slots");
        let search = &search.unwrap_or_else(|| panic!("{text} is not searched for")).1;
        assert_eq!(
            (&search["date_from"], &search["date_to"]),
            (&from.into(), &to.into()),
            "{text}"
        );
        assert_eq!(search["earliest_time"].as_str(), earliest, "{text}");
    }
}

#[tokio::test]
async fn a_line_of_any_length_is_answered() {
    for line in ["a day from ", "the day after ", "no yes ", "one ", "k o w ", "<b>,-"] {
        let mut talk = Talk::new();
        let words = talk.say(&line.repeat(3000)).await;
        assert!(!words.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn the_last_time_is_told_and_not_taken() {
    for text in ["what is the last time you have", "what's the latest available"] {
        let mut talk = Talk::new();
        talk.say("an oil change on friday").await;
        let last = talk.say(text).await;
        assert_eq!(last, "I have 11:30 AM on Friday, March 6th. Does that work for you?", "{text}");
        let read_back = talk.say("yes").await;
        assert!(read_back.ends_with("at 11:30 AM. Is that right?"), "{text}: {read_back}");
    }
    let mut talk = Talk::new();
    talk.say("an oil change on friday at ten").await;
    talk.say("anything later").await;
    let later = talk.say("what is the last time you have").await;
    assert!(later.starts_with("I have") && later.contains("PM"), "{later}");
    assert_eq!(talk.count("book_appointment"), 0);
}

#[tokio::test]
async fn a_second_service_is_booked_after_the_first() {
    for text in ["actually i also need a tire rotation at the same time", "yes, and tires as well"]
    {
        let mut talk = Talk::new();
        talk.say("an oil change tomorrow at ten").await;
        let told = talk.say(text).await;
        let notice = "I book one visit at a time: first an oil change, then a tire rotation.";
        let next = if text.starts_with("yes") {
            told
        } else {
            assert!(told.starts_with(notice), "{told}");
            assert!(told.contains("To confirm: an oil change on Wednesday"), "{told}");
            talk.say("yes").await
        };
        assert_eq!(talk.last("book_appointment")["service_type"], "oil_change", "{text}");
        assert!(
            next.contains("You're booked") && next.contains("Now for a tire rotation."),
            "{next}"
        );
        assert!(next.contains("Wednesday, March 4th. Which works best for you?"), "{next}");
        talk.say("the second one").await;
        talk.say("yes").await;
        assert_eq!(talk.last("book_appointment")["service_type"], "tire_rotation", "{text}");
        assert_eq!(talk.count("book_appointment"), 2, "{text}");
    }
}

#[tokio::test]
async fn a_service_on_top_of_a_visit_that_is_booked_is_looked_for_on_its_day() {
    for (text, told) in [
        ("i also need a tire rotation at the same time", "Wednesday, March 4th at 10 AM. Is that"),
        ("i also need a tire rotation", "8 AM, 9:30 AM or 11 AM on Wednesday, March 4th."),
        ("i also need a tire rotation on friday", "11 AM on Friday, March 6th."),
    ] {
        let mut talk = Talk::new();
        talk.say("an oil change tomorrow at ten").await;
        talk.say("yes").await;
        let words = talk.say(text).await;
        assert!(words.contains(told), "{text}: {words}");
    }
}

#[tokio::test]
async fn a_number_that_was_misheard_is_asked_for_once_more_and_not_forgotten() {
    let mut talk = Talk::new();
    talk.say("can you check a vin for me").await;
    let again = talk.say("ABC").await;
    assert_eq!(again, "I'm sorry, I didn't catch that. Could you read me the VIN once more?");
    let wrong = json!({"ok": false, "code": "VIN_CHECK_DIGIT", "data": {}, "retryable": false,
        "say": "I must have one character wrong."});
    talk.scripted.push(("decode_vin", wrong));
    let once = talk.say("1 h g c m 8 2 6 3 3 a 0 0 4 3 5 3").await;
    assert_eq!(once, "I must have one character wrong. Could you read me the VIN once more?");
    let decoded = talk.say("1 h g c m 8 2 6 3 3 a 0 0 4 3 5 2").await;
    assert!(decoded.starts_with("That VIN belongs to a 2003 Honda Accord."), "{decoded}");

    for other in ["no, never mind", "an oil change on friday"] {
        let mut talk = Talk::new();
        talk.say("can you check a vin for me").await;
        let words = talk.say(other).await;
        assert!(!words.contains("VIN"), "{other}: {words}");
    }
}
