//! What the tests of all codecs ask of vendors' messages: a field that is `null` counts as one that
//! is missing.

use std::collections::BTreeSet;

use serde_json::Value;

/// Leaves out each field of these messages, and then makes it `null`: what is understood must be
/// the same. `understood` takes all messages and which of them was changed, and says `None` if it
/// could not read that one. Returns the names of the fields that must be there.
pub(crate) fn needed(
    messages: &[&str],
    understood: impl Fn(&[String], usize) -> Option<String>,
) -> BTreeSet<String> {
    let (mut tried, mut needed) = (0, BTreeSet::new());
    let all: Vec<_> = messages.iter().map(|message| (*message).to_owned()).collect();
    for (at, message) in messages.iter().enumerate() {
        // Streams also have an end that is no JSON.
        let Ok(message) = serde_json::from_str::<Value>(message) else { continue };
        let mut places = Vec::new();
        fields(&message, &mut String::new(), &mut places);
        for (parent, field) in places {
            let changed = |value: Option<Value>| {
                let mut message = message.clone();
                let parent = message.pointer_mut(&parent).unwrap().as_object_mut().unwrap();
                match value {
                    Some(value) => parent.insert(field.clone(), value),
                    None => parent.remove(&field),
                };
                let mut all = all.clone();
                all[at] = message.to_string();
                understood(&all, at)
            };
            let Some(missing) = changed(None) else {
                needed.insert(field);
                continue;
            };
            tried += 1;
            let null = changed(Some(Value::Null));
            assert_eq!(null, Some(missing), "`{parent}/{field}` of {message}");
        }
    }
    assert!(tried > 0, "some field may be missing");
    needed
}

/// All fields of all objects, each with the place of its object. What a model gives to a function
/// is the function's own matter.
fn fields(value: &Value, place: &mut String, found: &mut Vec<(String, String)>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            found.extend(object.keys().map(|field| (place.clone(), field.clone())));
            let inner = object.iter().filter(|(field, _)| *field != "args");
            inner.map(|(field, value)| (field.clone(), value)).collect()
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
