//! Commands without what people said.

use serde_json::Value;

/// Keys whose texts name a kind of thing, and never hold what somebody said.
const NAMES: [&str; 9] =
    ["command", "encoding", "event", "input", "kind", "leg", "outbound", "reason", "role"];

/// A command as one line of JSON in which each text is replaced by its length.
pub(crate) fn redacted(line: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(line) else { return "?".to_owned() };
    redact(&mut value);
    value.to_string()
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("[{} bytes]", text.len()),
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !(NAMES.contains(&name.as_str()) && value.is_string()) {
                    redact(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_texts_go() {
        let line =
            r#"{"command":"emit","event":{"event":"user_turn","pii_text":"my name is","turn":2}}"#;
        let shown = redacted(line);
        assert!(shown.contains("user_turn") && shown.contains("[10 bytes]"), "{shown}");
        assert!(!shown.contains("name is"), "{shown}");
    }
}
