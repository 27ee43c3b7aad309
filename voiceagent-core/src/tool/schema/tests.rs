use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde_json::json;

use super::*;
use crate::{
    ErrorKind,
    tool::{FunctionTool, Tool},
};

fn schema(schema: &Value) -> Schema {
    Schema::compile(schema).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

/// What the schema says of the value; empty if it fits.
fn says(one: &Value, value: Value) -> String {
    schema(one).validate(&value).err().map(|mismatch| mismatch.to_string()).unwrap_or_default()
}

/// A schema, values that fit and values that do not.
type Case = (Value, Vec<Value>, Vec<Value>);

fn hold(cases: Vec<Case>) {
    for (rules, fitting, wrong) in cases {
        for value in fitting {
            assert_eq!(says(&rules, value.clone()), "", "{rules} of {value}");
        }
        for value in wrong {
            assert_ne!(says(&rules, value.clone()), "", "{rules} of {value}");
        }
    }
}

#[test]
fn every_keyword_about_single_values_accepts_and_refuses() {
    hold(vec![
        (
            json!({ "type": "integer" }),
            vec![json!(1), json!(1.0), json!(-3)],
            vec![json!(1.5), json!("1"), json!(null)],
        ),
        (
            json!({ "type": ["string", "null"] }),
            vec![json!("a"), json!(null)],
            vec![json!(1), json!([])],
        ),
        (json!({ "type": "number" }), vec![json!(1), json!(1.5)], vec![json!("1"), json!(true)]),
        (json!({ "type": "boolean" }), vec![json!(true)], vec![json!(0), json!("true")]),
        (json!({ "type": "array" }), vec![json!([])], vec![json!({})]),
        (
            json!({ "enum": ["a", 1, null] }),
            vec![json!("a"), json!(1.0), json!(null)],
            vec![json!("b"), json!(0)],
        ),
        (json!({ "const": { "a": [1] } }), vec![json!({ "a": [1.0] })], vec![json!({ "a": [] })]),
        (
            json!({ "minimum": 0, "maximum": 255 }),
            vec![json!(0), json!(255), json!("any")],
            vec![json!(-1), json!(255.5)],
        ),
        (
            json!({ "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
            vec![json!(0.5)],
            vec![json!(0), json!(1)],
        ),
        (
            json!({ "maximum": 9_007_199_254_740_992.5 }),
            vec![json!(9_007_199_254_740_992_u64)],
            vec![json!(9_007_199_254_740_993_u64)],
        ),
        (
            json!({ "multipleOf": 0.01 }),
            vec![json!(19.99), json!(3), json!(0.07)],
            vec![json!(0.005)],
        ),
        (json!({ "multipleOf": 3 }), vec![json!(0), json!(-9)], vec![json!(10), json!(0.3)]),
        (
            json!({ "minLength": 2, "maxLength": 3 }),
            vec![json!("äöü"), json!("ab"), json!(1)],
            vec![json!("ä"), json!("abcd")],
        ),
    ]);
}

#[test]
fn every_keyword_about_arrays_and_objects_accepts_and_refuses() {
    hold(vec![
        (
            json!({ "minItems": 1, "maxItems": 2 }),
            vec![json!([1]), json!({})],
            vec![json!([]), json!([1, 2, 3])],
        ),
        (
            json!({ "uniqueItems": true }),
            vec![json!([1, 2, "1"])],
            vec![json!([1, 2, 1.0]), json!([{}, {}])],
        ),
        (
            json!({ "items": { "type": "string" } }),
            vec![json!(["a"]), json!([])],
            vec![json!(["a", 1])],
        ),
        (
            json!({ "items": false, "prefixItems": [{ "type": "string" }, {}] }),
            vec![json!(["a"]), json!(["a", 1])],
            vec![json!([1]), json!(["a", 1, 2])],
        ),
        (json!({ "required": ["a"] }), vec![json!({ "a": null }), json!(1)], vec![json!({})]),
        (
            json!({ "properties": { "a": { "type": "string" } } }),
            vec![json!({ "a": "x", "b": 1 }), json!({})],
            vec![json!({ "a": 1 })],
        ),
        (
            json!({ "additionalProperties": false, "properties": { "a": true } }),
            vec![json!({ "a": 1 })],
            vec![json!({ "b": 1 })],
        ),
        (
            json!({ "additionalProperties": { "type": "integer" } }),
            vec![json!({ "any": 1 })],
            vec![json!({ "any": "x" })],
        ),
        (
            json!({ "minProperties": 1, "maxProperties": 1 }),
            vec![json!({ "a": 1 })],
            vec![json!({}), json!({ "a": 1, "b": 2 })],
        ),
    ]);
}

#[test]
fn every_keyword_about_alternatives_accepts_and_refuses() {
    hold(vec![
        (
            json!({ "anyOf": [{ "type": "string" }, { "minimum": 5 }] }),
            vec![json!("a"), json!(6)],
            vec![json!(1)],
        ),
        (
            json!({ "oneOf": [{ "multipleOf": 2 }, { "multipleOf": 3 }] }),
            vec![json!(2), json!(3)],
            vec![json!(6), json!(1)],
        ),
        (
            json!({ "allOf": [{ "multipleOf": 2 }, { "multipleOf": 3 }] }),
            vec![json!(6)],
            vec![json!(2), json!(3)],
        ),
        (json!({ "not": { "type": "null" } }), vec![json!(1)], vec![json!(null)]),
        (json!(true), vec![json!(1)], vec![]),
        (json!(false), vec![], vec![json!(1)]),
    ]);
}

#[test]
fn a_mismatch_names_the_place_and_what_is_accepted() {
    let booking = json!({
        "type": "object",
        "properties": {
            "day": { "enum": ["today", "tomorrow"] },
            "guests": { "type": "array", "items": { "type": "object", "properties": { "age": { "type": "integer", "minimum": 0 } } } },
            "phone": { "anyOf": [{ "type": "string", "minLength": 5 }, { "type": "null" }] },
        },
        "required": ["day"],
        "additionalProperties": false,
    });
    for (value, expected) in [
        (json!([]), "$: must be object"),
        (json!({}), r#"$: must have the field "day""#),
        (json!({ "day": "now" }), r#"$.day: must be one of "today", "tomorrow""#),
        (
            json!({ "day": "today", "guests": [{}, { "age": -1 }] }),
            "$.guests[1].age: must be at least 0",
        ),
        (json!({ "day": "today", "extra": 1 }), "$: must have no fields but day, guests, phone"),
        (
            json!({ "day": "today", "phone": "1" }),
            "$.phone: must have at least 5 characters, or must be null",
        ),
    ] {
        assert_eq!(says(&booking, value), expected);
    }
}

#[test]
fn what_would_go_unchecked_is_refused_when_compiled() {
    for (wrong, place) in [
        (
            json!({ "properties": { "a": { "pattern": "^x$" } } }),
            r##"schema #/properties/a: "pattern" is not supported"##,
        ),
        (
            json!({ "patternProperties": {} }),
            r##"schema #: "patternProperties" is not a supported keyword"##,
        ),
        (json!({ "items": [{}] }), "schema #/items: must be an object, true or false"),
        (json!({ "$defs": { "a/b": { "if": true } } }), r##"schema #/$defs/a~1b: "if" is not"##),
        (json!({ "type": "text" }), r##"schema #: "type" must be among"##),
        (json!({ "minLength": -1 }), r##"schema #: "minLength" must be a count"##),
        (json!({ "multipleOf": 0 }), r##"schema #: "multipleOf" must be above 0"##),
        (json!({ "minimum": "1" }), r##"schema #: "minimum" must be a number"##),
        (json!({ "required": "a" }), r##"schema #: "required" must be an array of names"##),
        (json!({ "anyOf": [] }), r##"schema #: "anyOf" must be an array with"##),
        (json!({ "$ref": "https://example.com/a" }), r##"schema #: "$ref" must be # or begin"##),
        (json!({ "$ref": "#/$defs/none" }), r##"schema #/$defs/none: "$ref" must name a place"##),
        (
            json!({ "additionalProperties": 1, "properties": {} }),
            "schema #/additionalProperties: must be",
        ),
    ] {
        let error = Schema::compile(&wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().starts_with(place), "{error}");
    }
}

#[test]
fn references_lead_to_definitions_and_may_recurse_into_the_value() {
    let tree = json!({
        "$defs": { "tree": {
            "type": "object",
            "properties": { "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } } },
            "required": ["name"],
        } },
        "$ref": "#/$defs/tree",
    });
    assert_eq!(
        says(&tree, json!({ "name": "a", "children": [{ "name": "b", "children": [] }] })),
        ""
    );
    let wrong = json!({ "name": "a", "children": [{ "name": "b", "children": [{}] }] });
    assert_eq!(says(&tree, wrong), r#"$.children[0].children[0]: must have the field "name""#);
    let list = json!({ "type": "array", "items": { "$ref": "#" } });
    assert_eq!(says(&list, json!([[], [[]]])), "");
    assert_eq!(says(&list, json!([[], [1]])), "$[1][0]: must be array");
}

#[test]
fn hostile_schemas_and_values_are_refused_and_not_followed() {
    let mut deep = json!({});
    let mut value = json!(1);
    for _ in 0..100 {
        deep = json!({ "items": deep });
        value = json!([value]);
    }
    assert_eq!(Schema::compile(&deep).unwrap_err().kind(), ErrorKind::Config);
    let list = json!({ "items": { "$ref": "#" } });
    assert!(says(&list, value).ends_with(TOO_DEEP));

    let circle = json!({ "$ref": "#" });
    assert_eq!(says(&circle, json!(1)), format!("$: {TOO_DEEP}"));
    let negated = json!({ "not": { "$ref": "#" } });
    assert!(says(&negated, json!(1)).ends_with(TOO_DEEP));
    let bush = json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    assert!(says(&bush, json!(1)).ends_with(TOO_DEEP));
    let tree = json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] });
    let nested = (0..20).fold(json!([]), |inner, _| json!([inner]));
    assert!(says(&tree, nested).ends_with(TOO_DEEP));
}

#[derive(JsonSchema, serde::Deserialize)]
#[expect(dead_code, reason = "only the schema of the type is read")]
struct Booking {
    /// Who comes.
    name: String,
    seats: u8,
    deposit: Option<f64>,
    #[serde(default)]
    wishes: Vec<String>,
    kind: Kind,
    place: Place,
    other: Option<Box<Contact>>,
    window: (i32, char),
    tags: BTreeMap<String, bool>,
    codes: BTreeSet<u64>,
    length: Duration,
    anything: Value,
}

#[derive(JsonSchema, serde::Deserialize)]
#[expect(dead_code, reason = "only the schema of the type is read")]
struct Contact {
    mail: String,
}

#[derive(JsonSchema, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// For lunch.
    Lunch,
    Dinner,
}

#[derive(JsonSchema, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "only the schema of the type is read")]
enum Place {
    Inside { table: u32 },
    Garden,
}

fn booking() -> Value {
    json!({
        "name": "Ada", "seats": 2, "deposit": null, "kind": "lunch",
        "place": { "type": "inside", "table": 7 }, "other": null, "window": [1, "x"],
        "tags": { "quiet": true }, "codes": [1, 2], "length": { "secs": 1, "nanos": 0 },
        "anything": [null],
    })
}

#[test]
fn x18_schemas_derived_from_types_compile_and_take_null_for_what_is_optional() {
    let inlined = FunctionTool::new("book", "Books.", |_: Booking, _| async { Ok(()) }).spec();
    let referring = schemars::schema_for!(Booking).to_value();
    for rules in [&*inlined.parameters, &referring] {
        assert_eq!(says(rules, booking()), "");
        for (field, value) in [
            ("name", json!(null)),
            ("seats", json!(256)),
            ("seats", json!(-1)),
            ("deposit", json!("10")),
            ("kind", json!("breakfast")),
            ("place", json!({ "type": "inside" })),
            ("place", json!({ "type": "roof" })),
            ("other", json!({})),
            ("window", json!([1, "xy"])),
            ("tags", json!({ "quiet": 1 })),
            ("codes", json!([1, 1])),
        ] {
            let mut wrong = booking();
            wrong[field] = value;
            assert!(says(rules, wrong).contains(field), "{field}");
        }
    }
}
