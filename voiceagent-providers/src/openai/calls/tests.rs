use serde_json::{Value, from_str, json};

use voiceagent_core::llm::Message;

use super::*;

/// `(id, name, arguments)` of the calls that the fragments make.
fn assemble(taken: &[&str], fragments: &[Value]) -> Vec<(String, String, String)> {
    let taken = taken.iter().map(|&id| {
        Message::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into() })
    });
    let mut calls = Calls::new(CallIds::of(&taken.collect::<Vec<_>>()));
    for fragment in fragments {
        calls.add(from_str(&fragment.to_string()).unwrap()).unwrap();
    }
    let text =
        |call: ToolCall| (call.id.to_string(), call.name.to_string(), call.arguments.to_string());
    calls.take(false).unwrap().into_iter().map(text).collect()
}

fn fragment(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } })
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

#[test]
fn rd11_fragments_of_several_calls_may_alternate() {
    let none = Value::Null;
    let made = assemble(
        &[],
        &[
            fragment(json!(0), json!("a"), json!("book"), json!("")),
            fragment(json!(1), json!("b"), json!("look"), json!("{\"x\"")),
            fragment(json!(0), none.clone(), none.clone(), json!("{\"y\":1}")),
            fragment(json!(1), none.clone(), none, json!(":2}")),
        ],
    );
    assert_eq!(made, [call("a", "book", "{\"y\":1}"), call("b", "look", "{\"x\":2}")]);
}

#[test]
fn rd11_whole_calls_under_one_index_are_several() {
    let whole = |id: &str, n: i64| {
        fragment(json!(0), json!(id), json!("book"), json!(json!({ "n": n }).to_string()))
    };
    let made = assemble(&[], &[whole("a", 1), whole("b", 2), whole("b", 3)]);
    assert_eq!(made[..2], [call("a", "book", "{\"n\":1}"), call("b", "book", "{\"n\":2}")]);
    assert_eq!(made[2].2, "{\"n\":3}");
    assert!(!["a", "b", ""].contains(&made[2].0.as_str()), "a repeated id is replaced");
}

#[test]
fn rd11_calls_without_index_are_told_apart_by_their_ids() {
    let none = Value::Null;
    let made = assemble(
        &[],
        &[
            fragment(none.clone(), json!("a"), json!("book"), json!("{\"n\"")),
            fragment(none.clone(), none.clone(), none.clone(), json!(":1}")),
            fragment(none.clone(), json!("b"), json!("look"), json!({})),
            fragment(none, json!(""), json!("look"), json!({ "at": "noon" })),
        ],
    );
    assert_eq!(made[..2], [call("a", "book", "{\"n\":1}"), call("b", "look", "{}")]);
    assert_eq!((made[2].1.as_str(), made[2].2.as_str()), ("look", "{\"at\":\"noon\"}"));
    assert_eq!(made[2].0.len(), 9, "{}", made[2].0);
}

#[test]
fn an_id_and_a_name_that_come_again_with_every_fragment_begin_nothing() {
    let piece = |text: &str| fragment(json!(0), json!("a"), json!("book"), json!(text));
    let made = assemble(&[], &[piece(""), piece("{\"n\""), piece(":1}"), piece("")]);
    assert_eq!(made, [call("a", "book", "{\"n\":1}")]);
}

#[test]
fn an_id_of_an_earlier_answer_is_replaced() {
    let made = assemble(&["call_0"], &[fragment(json!(0), json!("call_0"), json!("f"), json!(""))]);
    assert_ne!(made[0].0, "call_0");
    assert_eq!(made[0].2, "{}", "no arguments are an empty object");
}

#[test]
fn rd7_a_call_that_was_cut_off_is_left_out_on_demand() {
    let mut calls = Calls::new(CallIds::of(&[]));
    for (index, arguments) in ["{\"n\":1}", "{\"phone\":\"+1555"].into_iter().enumerate() {
        let whole =
            fragment(json!(index), json!(format!("c{index}")), json!("f"), json!(arguments));
        calls.add(from_str(&whole.to_string()).unwrap()).unwrap();
    }
    let complete = calls.take(true).unwrap();
    assert_eq!(complete.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["c0"]);
}

/// The arguments that these pieces of JSON text make, or the message of the refusal.
fn joined(pieces: &[&str]) -> std::result::Result<String, String> {
    let mut calls = Calls::new(CallIds::of(&[]));
    for piece in pieces {
        let delta = format!(r#"{{"index":0,"function":{{"arguments":"{piece}"}}}}"#);
        let added = calls.add(from_str(&delta).unwrap());
        added.map_err(|error| format!("{:?}: {}", error.kind(), error.message()))?;
    }
    let made = calls.take(false);
    made.map(|made| made[0].arguments.to_string()).map_err(|error| error.message().to_owned())
}

#[test]
fn rd11_a_character_that_is_cut_in_two_is_put_together() {
    let whole = r#"{\"a\":\"\ud83d\ude00\\ud83d\"}"#;
    let expected = Ok("{\"a\":\"\u{1f600}\\ud83d\"}".to_owned());
    assert_eq!(joined(&[whole]), expected);
    // Wherever both parts are JSON: between characters and between escapes.
    let is_json = |text: &str| from_str::<&RawValue>(&format!("\"{text}\"")).is_ok();
    let cuts: Vec<_> = (0..=whole.len())
        .map(|at| whole.split_at(at))
        .filter(|(head, tail)| is_json(head) && is_json(tail))
        .collect();
    assert!(cuts.iter().any(|(_, tail)| tail.starts_with(r"\ude00")));
    for (head, tail) in cuts {
        assert_eq!(joined(&[head, "", tail]), expected, "{head} | {tail}");
    }
}

#[test]
fn half_a_character_is_refused_and_no_reason_to_panic() {
    let why = "the arguments of a tool call hold half a character".to_owned();
    for pieces in [&["\\ude00"][..], &["\\ud83d", "x"], &["\\ud83d\\ud83d"], &["\\ud83dx"]] {
        assert_eq!(joined(pieces), Err(format!("Protocol: {why}")), "{pieces:?}");
    }
    assert_eq!(joined(&["x", "\\uD83D"]), Err(why));
}

#[test]
fn an_answer_of_calls_without_end_is_refused() {
    let mut calls = Calls::new(CallIds::of(&[]));
    let begin = |index: usize| json!({ "index": index, "function": { "name": "f" } }).to_string();
    let refused = (0..1_000).find_map(|index| {
        let error = calls.add(from_str(&begin(index)).unwrap()).err()?;
        Some((index, error))
    });
    let (index, error) = refused.unwrap();
    assert_eq!((index, error.kind()), (MOST_CALLS, ErrorKind::Protocol));
    assert_eq!(error.message(), "the answer has more than 128 tool calls");
}
