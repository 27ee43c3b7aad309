//! From JSON Schema to the part of it that Gemini takes.

use serde_json::{Map, Value, json};

/// How deep references are followed: a schema may refer to itself.
const DEEPEST: usize = 16;

/// Keywords that are taken over as they are.
const KEPT: [&str; 12] = [
    "default",
    "description",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "pattern",
    "required",
    "title",
];

/// The `parameters` of a function, `None` where it takes none: the vendor refuses an object
/// without properties.
///
/// Gemini takes a part of OpenAPI's schemas (Gemini API reference, "Schema") and refuses a request
/// with any other keyword. References are replaced by what they refer to, `oneOf` and `allOf` by
/// what comes next to them, `const` by a list of one; what has no counterpart is left out, so that
/// the model is told less, and arguments are checked against the whole schema all the same.
pub(crate) fn parameters(schema: &Value) -> Option<Value> {
    let converted = convert(schema, schema, 0);
    let properties = converted.get("properties")?.as_object()?;
    (!properties.is_empty()).then_some(converted)
}

fn convert(schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(schema) = schema.as_object() else { return json!({ "type": "STRING" }) };
    if depth > DEEPEST {
        return json!({ "type": "OBJECT" });
    }
    let schema = flattened(schema, root, depth);
    let mut out = Map::new();
    for keyword in KEPT {
        if let Some(value) = schema.get(keyword) {
            out.insert(keyword.to_owned(), value.clone());
        }
    }
    let branches = ["anyOf", "oneOf"].into_iter().find_map(|name| schema.get(name)?.as_array());
    let types = types(&schema);
    let mut nullable = types.contains(&"null");
    let mut kinds = types.into_iter().filter(|kind| *kind != "null");
    let kind = kinds.next();
    if let Some(branches) = branches {
        let (nulls, others): (Vec<_>, Vec<_>) =
            branches.iter().partition(|branch| branch["type"] == "null");
        nullable |= !nulls.is_empty();
        match others[..] {
            // Optional, as Rust's `Option` is described.
            [only] => merge(&mut out, convert(only, root, depth + 1)),
            _ => {
                let others = others.into_iter().map(|branch| convert(branch, root, depth + 1));
                out.insert("anyOf".to_owned(), others.collect());
            }
        }
    } else if let Some(another) = kinds.next() {
        let kinds = kind.into_iter().chain([another]).chain(kinds);
        let kinds = kinds.map(|kind| json!({ "type": kind.to_uppercase() }));
        out.insert("anyOf".to_owned(), kinds.collect());
    } else if let Some(kind) = kind {
        out.insert("type".to_owned(), kind.to_uppercase().into());
        typed(&mut out, &schema, kind, root, depth);
    }
    if nullable {
        out.insert("nullable".to_owned(), true.into());
    }
    Value::Object(out)
}

/// Adds the keywords that belong to one type.
fn typed(
    out: &mut Map<String, Value>,
    schema: &Map<String, Value>,
    kind: &str,
    root: &Value,
    depth: usize,
) {
    match kind {
        "array" => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            out.insert("items".to_owned(), convert(items, root, depth + 1));
        }
        "object" => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let properties = properties
                .into_iter()
                .flatten()
                .map(|(name, property)| (name.clone(), convert(property, root, depth + 1)));
            out.insert("properties".to_owned(), Value::Object(properties.collect()));
        }
        "string" => {
            let one = schema.get("const").map(std::slice::from_ref);
            let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).or(one);
            let values = values.unwrap_or_default().iter().filter(|value| value.is_string());
            let values: Vec<_> = values.cloned().collect();
            if !values.is_empty() {
                out.insert("format".to_owned(), "enum".into());
                out.insert("enum".to_owned(), values.into());
            } else if schema.get("format").is_some_and(|format| format == "date-time") {
                out.insert("format".to_owned(), "date-time".into());
            }
        }
        "integer" | "number" => {
            let known = ["double", "float", "int32", "int64"];
            let format = schema.get("format").and_then(Value::as_str);
            if let Some(format) = format.filter(|format| known.contains(format)) {
                out.insert("format".to_owned(), format.into());
            }
        }
        _ => {}
    }
}

/// A schema with what it refers to and what `allOf` adds to it.
fn flattened(schema: &Map<String, Value>, root: &Value, depth: usize) -> Map<String, Value> {
    let mut flat = schema.clone();
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|path| root.pointer(path.strip_prefix('#')?));
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    for part in target.into_iter().chain(parts).filter_map(Value::as_object) {
        if depth < DEEPEST {
            merge(&mut flat, Value::Object(flattened(part, root, depth + 1)));
        }
    }
    flat
}

/// Adds keywords, of which those that are there already stand. Properties of both are kept.
fn merge(into: &mut Map<String, Value>, from: Value) {
    let Value::Object(from) = from else { return };
    for (keyword, value) in from {
        match (into.get_mut(&keyword), value) {
            (Some(Value::Object(there)), Value::Object(more)) if keyword == "properties" => {
                there.extend(more);
            }
            (Some(Value::Array(there)), Value::Array(more)) if keyword == "required" => {
                there.extend(more);
            }
            (Some(_), _) => {}
            (None, value) => drop(into.insert(keyword, value)),
        }
    }
}

/// The types that a schema allows, in so far as it says.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if schema.contains_key("properties") => vec!["object"],
        _ if schema.contains_key("enum") || schema.contains_key("const") => vec!["string"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
