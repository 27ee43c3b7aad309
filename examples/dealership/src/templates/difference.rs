use std::collections::BTreeMap;

use serde_json::Value;

/// What differs between two templates, a line for each field: `-` what only the first says, `+` what
/// only the second says.
pub(crate) fn between(first: &Value, second: &Value) -> String {
    let (first, second) = (fields(first), fields(second));
    let names: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut lines = String::new();
    for name in names {
        let (was, is) = (first.get(name), second.get(name));
        if was == is {
            continue;
        }
        for (mark, value) in [('-', was), ('+', is)] {
            if let Some(value) = value {
                lines.push_str(&format!("{mark} {name} = {value}\n"));
            }
        }
    }
    lines
}

/// Every field that holds no others, by its path.
fn fields(template: &Value) -> BTreeMap<String, &Value> {
    fn collect<'a>(path: &str, value: &'a Value, into: &mut BTreeMap<String, &'a Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    collect(&path, value, into);
                }
            }
            value => drop(into.insert(path.to_owned(), value)),
        }
    }
    let mut all = BTreeMap::new();
    collect("", template, &mut all);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told_field_by_field() {
        let first = json!({ "greeting": "Hi.", "vad": { "threshold": 0.6, "silence_ms": 400 } });
        let second = json!({ "greeting": "Hi.", "vad": { "threshold": 0.7 }, "identity": "facts" });
        let told = "+ identity = \"facts\"\n- vad.silence_ms = 400\n- vad.threshold = 0.6\n\
                    + vad.threshold = 0.7\n";
        assert_eq!(between(&first, &second), told);
        assert_eq!(between(&first, &first), "");
    }
}
