use serde_json::json;

use super::*;
use crate::tool::ToolSpec;

fn check(expected: Expected, cases: &[(&str, Progress)]) {
    for (text, wanted) in cases {
        assert_eq!(progress(Some(expected), text), *wanted, "{expected:?}: {text}");
    }
}

use Progress::{Complete, Dictating, Open, Plausible, Unknown};

#[test]
fn t12_answers_of_another_kind_are_not_waited_on() {
    let others = [
        "yes",
        "no",
        "never mind",
        "I don't have one",
        "what do you mean?",
        "no thank you",
        "can I call you back",
        "hold on",
        "yes please",
        "I have changed my mind",
    ];
    for expected in [
        Expected::Code,
        Expected::Date,
        Expected::Email,
        Expected::Phone,
        Expected::Spelled,
        Expected::Vin,
    ] {
        for text in others {
            assert_eq!(progress(Some(expected), text), Unknown, "{expected:?}: {text}");
        }
    }
}

#[test]
fn t12_a_telephone_number_is_complete_with_its_last_digit() {
    check(
        Expected::Phone,
        &[
            ("my number is", Open),
            ("it's", Open),
            ("four one five", Open),
            ("It's 415", Open),
            ("four one five dash", Open),
            ("four one five five five five one two three four", Complete),
            ("(415) 555-1234", Complete),
            ("1 415 555 1234", Complete),
            ("1 415 555 123", Open),
            ("four one five double five five one two three four", Complete),
            ("555 1234", Plausible),
            ("+49 221", Open),
            ("+49 221 34567", Plausible),
            ("four phones", Unknown),
            ("four one five five five five one two three four thanks", Unknown),
            ("two one two five oh one twenty three forty five", Complete),
        ],
    );
}

#[test]
fn t12_a_vehicles_number_is_complete_with_17_characters() {
    check(
        Expected::Vin,
        &[
            ("one h g b h", Open),
            ("1HGBH41JXMN109186", Complete),
            ("1 H G B H 4 1 J X M N one oh nine one eight six", Complete),
            ("1HGBH41JX MN109", Open),
            ("B as in", Open),
            ("B as in boy", Open),
        ],
    );
}

#[test]
fn t12_a_name_is_complete_when_it_was_said_and_spelled() {
    check(
        Expected::Spelled,
        &[
            ("S", Open),
            ("S M I", Plausible),
            ("Smith S M I T H", Complete),
            ("it's Smith, S-M-I-T-H", Complete),
            ("S M I T as in", Open),
            ("Smith", Unknown),
        ],
    );
}

#[test]
fn t12_a_code_of_unknown_length_may_always_go_on() {
    check(
        Expected::Code,
        &[("A B", Open), ("A B four", Open), ("AB 4711", Plausible), ("AB 4711 dash", Open)],
    );
}

#[test]
fn t12_a_date_is_complete_with_day_and_time() {
    check(
        Expected::Date,
        &[
            ("on", Open),
            ("Monday", Plausible),
            ("Monday at", Open),
            ("Monday at ten", Complete),
            ("March", Open),
            ("March third", Plausible),
            ("March 3rd at 10:30", Complete),
            ("tomorrow morning", Complete),
            ("Monday works", Unknown),
            ("10:30", Plausible),
        ],
    );
}

#[test]
fn t12_an_address_is_complete_with_its_last_label() {
    check(
        Expected::Email,
        &[
            ("john", Open),
            ("my email is", Open),
            ("my email is john dot", Open),
            ("john dot doe at", Open),
            ("it's john dot doe at example", Open),
            ("john dot doe at example dot com", Complete),
            ("john@example.com", Complete),
            ("John@example.com.", Complete),
            ("john@example.co", Plausible),
            ("john at example dot", Open),
        ],
    );
}

#[test]
fn t12_what_is_read_out_unasked_is_noticed() {
    for (text, wanted) in [
        ("I have two", Dictating),
        ("two", Dictating),
        ("at ten thirty", Dictating),
        ("my number is four one", Plausible),
        ("B M W", Plausible),
        ("four one five five five five one two three four", Unknown),
        ("I am a", Unknown),
        ("book it please", Unknown),
    ] {
        assert_eq!(progress(None, text), wanted, "{text}");
    }
}

#[test]
fn t12_a_question_for_an_argument_of_a_tool_tells_what_is_expected() {
    let schema = json!({ "type": "object", "properties": {
        "callback": { "type": "string", "format": "phone" },
        "email": { "type": "string", "format": "email" },
        "notes": { "type": "string" },
    }});
    let tools = [ToolSpec::new("book", "", schema)];
    let asked = |question: &str| asked_for(&tools, question);
    assert_eq!(asked("What is the best callback number?"), Some(Expected::Phone));
    assert_eq!(asked("And your phone number?"), Some(Expected::Phone));
    assert_eq!(asked("I have your phone. What is your email?"), Some(Expected::Email));
    assert_eq!(asked("How many tires do you need?"), None);
    assert_eq!(asked("Any notes?"), None);
}

#[test]
fn t12_round_numbers_alone_are_not_read_out() {
    check(Expected::Phone, &[("a thousand", Unknown), ("a hundred percent", Unknown)]);
}

#[test]
fn t12_one_is_a_number_where_a_number_is_announced() {
    check(Expected::Date, &[("monday at one", Complete), ("I don't have one", Unknown)]);
    check(Expected::Phone, &[("my number is one", Open)]);
}

#[test]
fn t12_a_number_after_a_month_alone_is_its_day() {
    check(
        Expected::Date,
        &[("june at ten", Plausible), ("monday at ten", Complete), ("monday ten", Plausible)],
    );
}

#[test]
fn t12_only_what_was_read_out_last_counts() {
    check(
        Expected::Phone,
        &[
            ("415 555 12 no sorry 41", Open),
            ("there are 2 of us it's 415 555 123", Plausible),
            ("there are 2 of us it's 415 555 1234", Complete),
            ("415 um 555 and then 1234", Complete),
            ("415 555 1234 extension 12", Plausible),
        ],
    );
    check(
        Expected::Vin,
        &[
            ("1HGBH41JX sorry 1HGBH41J", Open),
            ("1HGBH41JX actually 1HGBH41JXMN109186", Complete),
            ("VIN 1HGBH41JXMN109", Open),
        ],
    );
}

#[test]
fn t12_letters_that_are_written_together_are_letters_where_some_are_expected() {
    check(
        Expected::Vin,
        &[
            ("WBA 3A5C58CF256651", Complete),
            ("1 HGBH 41 JXMN 109186", Complete),
            ("1 HGBH 41", Open),
            ("WBA", Open),
        ],
    );
    check(Expected::Code, &[("ABC 123", Plausible), ("order ABC", Open), ("NO", Unknown)]);
    check(Expected::Spelled, &[("Smith SMITH", Complete), ("OK", Unknown)]);
    check(Expected::Phone, &[("call ABC", Unknown)]);
}

#[test]
fn t12_an_address_is_one_whatever_courtesies_follow() {
    check(
        Expected::Email,
        &[
            ("john@example.com please", Complete),
            ("it's john@example.com thanks a lot", Complete),
            ("john dot doe at example dot com okay", Complete),
            ("john@example.com right", Complete),
            ("john@example.com is my address", Complete),
            ("john@example.co thank you", Plausible),
            ("john@example.com no wait jane at", Open),
            ("john@example.com no sorry jane", Open),
            ("my email is john", Open),
        ],
    );
}

#[test]
fn t12_who_gives_no_address_is_not_waited_on() {
    for text in [
        "none",
        "nothing",
        "skip it",
        "let's skip",
        "correct",
        "alright",
        "good question",
        "my wife's",
        "later maybe",
        "thanks",
        "that's right",
        "it's the same",
    ] {
        assert_eq!(progress(Some(Expected::Email), text), Unknown, "{text}");
    }
}
