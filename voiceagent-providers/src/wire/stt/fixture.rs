//! What the tests of all codecs have in common.

use serde_json::Value;
use voiceagent_core::{ErrorKind, Secret};

use super::SttCodec;
use crate::wire::secrets::Secrets;

/// Checks that a field that is `null` counts as one that is missing, for every field of these
/// messages that may be missing.
pub(crate) fn a_null_costs_no_more_than_a_missing_field<C: SttCodec>(
    codec: impl Fn() -> C,
    messages: &[&str],
) {
    let mut tried = 0;
    for (number, message) in messages.iter().enumerate() {
        let (before, message) = (&messages[..number], serde_json::from_str(message).unwrap());
        let mut places = Vec::new();
        fields(&message, &mut String::new(), &mut places);
        for (parent, field) in places {
            let changed = |value: Option<Value>| {
                let mut message: Value = message.clone();
                let parent = message.pointer_mut(&parent).unwrap().as_object_mut().unwrap();
                match value {
                    Some(value) => parent.insert(field.clone(), value),
                    None => parent.remove(&field),
                };
                understood(codec(), before, &message.to_string())
            };
            let Some(missing) = changed(None) else { continue };
            tried += 1;
            let null = changed(Some(Value::Null));
            assert_eq!(null, Some(missing), "`{parent}/{field}` of {message}");
        }
    }
    assert!(tried > 0, "some field may be missing");
}

/// All fields of all objects, each with the place of its object.
fn fields(value: &Value, place: &mut String, found: &mut Vec<(String, String)>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            found.extend(object.keys().map(|field| (place.clone(), field.clone())));
            object.iter().map(|(field, value)| (field.clone(), value)).collect()
        }
        Value::Array(array) => {
            array.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let length = place.len();
    for (name, value) in inner {
        place.push('/');
        place.push_str(&name);
        fields(value, place, found);
        place.truncate(length);
    }
}

/// What a codec tells of a message behind others; `None` if it could not read it.
fn understood<C: SttCodec>(mut codec: C, before: &[&str], message: &str) -> Option<String> {
    let secrets = Secrets::new([&Secret::new("sk-12345")]);
    let mut events = Vec::new();
    for message in before {
        let _ = codec.decode(message, &secrets, &mut events);
    }
    let told = codec.decode(message, &secrets, &mut events);
    if told.as_ref().is_err_and(|error| error.kind() == ErrorKind::Protocol) {
        return None;
    }
    Some(format!("{:?} {events:?}", told.map_err(|error| error.kind())))
}
