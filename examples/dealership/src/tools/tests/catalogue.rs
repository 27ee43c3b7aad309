//! The tools against the catalogue of `testdata/tools.json`.

use std::collections::{BTreeMap, BTreeSet};

use voiceagent_core::tool::{Effect, ToolSpec};

use super::*;

fn catalogue() -> BTreeMap<String, Value> {
    let catalogue: Value =
        serde_json::from_str(include_str!("../../../testdata/tools.json")).unwrap();
    let tools = catalogue["tools"].as_array().unwrap();
    tools.iter().map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool.clone())).collect()
}

async fn specs() -> Vec<ToolSpec> {
    Call::from(ANA, &seeded().await).tools.iter().map(|tool| tool.spec()).collect()
}

/// The types that a schema accepts.
fn types(schema: &Value) -> BTreeSet<&str> {
    let own = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let some = ["anyOf", "oneOf"].into_iter().filter_map(|of| schema[of].as_array());
    own.into_iter().chain(some.flatten().flat_map(types)).collect()
}

/// The words that a schema allows; empty if it allows any.
fn words(schema: &Value) -> BTreeSet<&str> {
    let own = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let one_of = schema["oneOf"].as_array().into_iter().flatten();
    let any = schema["anyOf"].as_array().into_iter().flatten();
    own.chain(one_of.filter_map(|one| one["const"].as_str())).chain(any.flat_map(words)).collect()
}

/// The object behind a schema that may also be null.
fn object(schema: &Value) -> &Value {
    let any = schema["anyOf"].as_array().into_iter().flatten();
    any.into_iter().find(|one| one["type"] == "object").unwrap_or(schema)
}

/// Whatever the catalogue accepts, ours accepts; what is a closed list there is the same list.
fn compare(path: &str, ours: &Value, theirs: &Value) {
    let (ours, theirs) = (object(ours), object(theirs));
    assert!(types(ours).is_superset(&types(theirs)), "{path}: {ours}");
    assert_eq!(words(ours), words(theirs), "{path}");
    if let Some(items) = theirs.get("items") {
        compare(&format!("{path}[]"), &ours["items"], items);
    }
    let Some(properties) = theirs["properties"].as_object() else { return };
    assert_eq!(ours["additionalProperties"], false, "{path}");
    let own = ours["properties"].as_object().unwrap();
    let names = |schema: &serde_json::Map<String, Value>| -> BTreeSet<String> {
        schema.keys().cloned().collect()
    };
    assert_eq!(names(own), names(properties), "{path}");
    for (name, theirs) in properties {
        compare(&format!("{path}.{name}"), &own[name], theirs);
    }
}

#[tokio::test]
async fn every_tool_of_the_catalogue_is_there_with_its_arguments() {
    let mut specs: BTreeMap<_, _> =
        specs().await.into_iter().map(|spec| (spec.name.to_string(), spec)).collect();
    let catalogue = catalogue();
    assert_eq!(catalogue.len(), 32);
    for (name, theirs) in catalogue {
        let ours = specs.remove(&name).unwrap_or_else(|| panic!("{name} is missing"));
        compare(&name, &ours.parameters, &theirs["parameters"]);
    }
}

#[tokio::test]
async fn what_only_reads_in_the_catalogue_may_run_for_a_draft_and_stops_when_interrupted() {
    let catalogue = catalogue();
    for spec in specs().await {
        assert_eq!(spec.effect == Effect::Pure, spec.cancellable, "{}", spec.name);
        let Some(policy) = catalogue.get(&*spec.name).map(|tool| &tool["policy"]) else { continue };
        // It changes what the line expects, which a draft must not.
        let reads = policy["side_effect"] == "read" && &*spec.name != "request_keypad_input";
        assert_eq!(spec.effect == Effect::Pure, reads, "{}", spec.name);
        let limit = policy["timeout_ms"].as_u64().unwrap();
        // The decoder has these 3 s for itself.
        let more = if &*spec.name == "decode_vin" { 500 } else { 0 };
        assert_eq!(spec.timeout.as_millis(), u128::from(limit + more), "{}", spec.name);
    }
}

#[test]
fn every_failure_of_the_catalogue_has_a_code() {
    for (name, tool) in catalogue() {
        for code in tool["errors"].as_array().unwrap() {
            assert!(serde_json::from_value::<Code>(code.clone()).is_ok(), "{name}: {code}");
        }
    }
}

#[tokio::test]
async fn every_schema_is_an_object_that_describes_each_argument() {
    for spec in specs().await {
        let schema = &spec.parameters;
        assert_eq!(schema["type"], "object", "{}", spec.name);
        assert_eq!(schema["additionalProperties"], false, "{}", spec.name);
        let properties = schema["properties"].as_object().unwrap();
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{}.{name}: {property}", spec.name);
            let required =
                schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
            assert_eq!(required, !types(property).contains("null"), "{}.{name}", spec.name);
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(properties.contains_key(name.as_str().unwrap()), "{}.{name}", spec.name);
        }
        assert!(!schema.to_string().contains("$ref"), "{}", spec.name);
    }
}
