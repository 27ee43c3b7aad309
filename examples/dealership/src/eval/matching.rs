use jiff::Timestamp;
use serde_json::{Map, Value};

/// Whether a value is what is wanted: the same, or an object of conditions and fields.
pub(super) fn fits(wanted: &Value, value: &Value) -> bool {
    let Value::Object(conditions) = wanted else { return same(wanted, value) };
    conditions.iter().all(|(condition, wanted)| match condition.as_str() {
        "ci" => {
            text(value).is_some_and(|text| Some(text.to_lowercase().as_str()) == wanted.as_str())
        }
        "in" => list(wanted).iter().any(|one| same(one, value)),
        "instant" => instant(value).is_some() && instant(value) == instant(wanted),
        "not_null" => Value::Bool(!value.is_null()) == *wanted,
        "is_null" => Value::Bool(value.is_null()) == *wanted,
        "gte" => value.as_f64() >= wanted.as_f64() && value.is_number(),
        "covers" => {
            let held = list(value);
            !held.is_empty()
                && (held.iter().any(|one| one == "all")
                    || list(wanted).iter().all(|one| held.contains(one)))
        }
        field => value.is_object() && fits(wanted, &value[field]),
    })
}

/// Whether a row has all that is wanted of it, by field or by path.
pub(super) fn row_fits(wanted: &Map<String, Value>, row: &Value) -> bool {
    wanted.iter().all(|(path, wanted)| fits(wanted, at(row, path)))
}

/// What stands at a path, `data.match`.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, field| &value[field])
}

/// The moment that a text is, with its offset.
pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => wanted == value,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_or_do_not() {
        let table = [
            (json!({ "ci": "nina" }), json!("Nina"), json!("Nora")),
            (json!({ "in": ["a", null] }), json!(null), json!("b")),
            (
                json!({ "instant": "2026-03-04T15:30:00Z" }),
                json!("2026-03-04T09:30:00-06:00"),
                json!("2026-03-04T09:30:00Z"),
            ),
            (json!({ "not_null": true }), json!(0), json!(null)),
            (json!({ "is_null": true }), json!(null), json!("")),
            (json!({ "gte": 10 }), json!(10), json!(9)),
            (json!({ "covers": ["sms"] }), json!(["all"]), json!(["email"])),
            (json!({ "budget": 450 }), json!({ "budget": 450, "zip": null }), json!({})),
            (json!("x"), json!("x"), json!("X")),
        ];
        for (wanted, fit, unfit) in table {
            assert!(fits(&wanted, &fit), "{wanted} {fit}");
            assert!(!fits(&wanted, &unfit), "{wanted} {unfit}");
        }
        assert!(!fits(&json!({ "gte": 0 }), &Value::Null), "nothing is no number");
    }
}
