use super::*;

/// The schema of a property, converted.
fn property(schema: Value) -> Value {
    let whole = json!({ "type": "object", "properties": { "p": schema } });
    parameters(&whole).unwrap()["properties"]["p"].take()
}

#[test]
fn what_gemini_refuses_is_left_out() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Booking",
        "type": "object", "additionalProperties": false, "required": ["day"],
        "properties": {
            "day": { "type": "string", "format": "date", "minLength": 1, "examples": ["x"] },
            "at": { "type": "string", "format": "date-time" },
            "count": { "type": "integer", "format": "uint8", "minimum": 0, "exclusiveMaximum": 9 },
            "cents": { "type": "integer", "format": "int64" },
            "format": { "type": "boolean" },
        },
    });
    let expected = json!({
        "title": "Booking", "type": "OBJECT", "required": ["day"],
        "properties": {
            "day": { "type": "STRING", "minLength": 1 },
            "at": { "type": "STRING", "format": "date-time" },
            "count": { "type": "INTEGER", "minimum": 0 },
            "cents": { "type": "INTEGER", "format": "int64" },
            "format": { "type": "BOOLEAN" },
        },
    });
    assert_eq!(parameters(&schema), Some(expected));
}

#[test]
fn a_function_without_parameters_has_no_schema() {
    for schema in [json!({ "type": "object", "properties": {} }), json!({ "type": "object" })] {
        assert_eq!(parameters(&schema), None);
    }
    assert_eq!(parameters(&json!(true)), None);
}

#[test]
fn what_may_be_missing_is_nullable() {
    let expected = json!({ "type": "STRING", "nullable": true });
    assert_eq!(property(json!({ "type": ["string", "null"] })), expected);
    let optional = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    assert_eq!(property(optional), expected);
}

#[test]
fn alternatives_are_any_of() {
    let expected = json!({ "anyOf": [{ "type": "STRING" }, { "type": "INTEGER" }] });
    let one_of = json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }] });
    assert_eq!(property(one_of), expected);
    assert_eq!(property(json!({ "type": ["string", "integer"] })), expected);
}

#[test]
fn lists_of_values_are_of_texts() {
    let expected = json!({ "type": "STRING", "format": "enum", "enum": ["a"] });
    assert_eq!(property(json!({ "type": "string", "enum": ["a", null] })), expected);
    assert_eq!(property(json!({ "const": "a" })), expected);
    assert_eq!(
        property(json!({ "type": "integer", "enum": [1, 2] })),
        json!({ "type": "INTEGER" })
    );
}

#[test]
fn references_are_followed_and_circles_come_to_an_end() {
    let schema = json!({
        "type": "object",
        "properties": {
            "kind": { "description": "Which.", "allOf": [{ "$ref": "#/$defs/Kind" }] },
            "node": { "$ref": "#/$defs/Node" },
            "gone": { "$ref": "#/$defs/Gone", "type": "string" },
            "list": { "type": "array", "items": { "$ref": "#/$defs/Kind" } },
            "bare": { "type": "array" },
        },
        "$defs": {
            "Kind": { "type": "string", "enum": ["a", "b"] },
            "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" } } },
            "Loop": { "$ref": "#/$defs/Loop" },
        },
    });
    let converted = parameters(&schema).unwrap();
    let kind = json!({ "type": "STRING", "format": "enum", "enum": ["a", "b"] });
    let properties = &converted["properties"];
    assert_eq!(properties["list"], json!({ "type": "ARRAY", "items": kind }));
    assert_eq!(properties["kind"]["description"], "Which.");
    assert_eq!(properties["kind"]["enum"], kind["enum"]);
    assert_eq!(properties["gone"], json!({ "type": "STRING" }));
    assert_eq!(properties["bare"], json!({ "type": "ARRAY", "items": { "type": "STRING" } }));
    assert_eq!(properties["node"]["properties"]["next"]["type"], "OBJECT");
    let text = converted.to_string();
    assert!(!text.contains('$') && !text.contains("allOf"), "{text}");
    let endless = json!({ "properties": { "p": { "$ref": "#/$defs/Loop" } },
        "$defs": { "Loop": { "$ref": "#/$defs/Loop" } } });
    assert!(parameters(&endless).is_some());
}
