use std::sync::Arc;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// What a text may be said to be (OpenAI documentation, "Structured outputs", supported
/// properties). Anything else, such as the widths that numbers have in Rust, is refused.
const FORMATS: [&str; 9] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"];

/// What a schema that says anything has one of.
const SAYS: [&str; 5] = ["$ref", "anyOf", "const", "enum", "type"];

/// What is refused, and what it comes from.
const REFUSED: [(&str, &str); 6] = [
    ("prefixItems", "is a tuple"),
    ("patternProperties", "is a map"),
    ("propertyNames", "is a map"),
    ("allOf", "has several forms at once"),
    ("oneOf", "has several forms at once"),
    ("not", "is told by what it is not"),
];

/// The form that an answer must have: an object of JSON.
///
/// ```
/// use schemars::JsonSchema;
/// use voiceagent_core::llm::AnswerFormat;
///
/// #[derive(JsonSchema)]
/// struct Outcome {
///     booked: bool,
///     notes: Option<String>,
/// }
///
/// let format = AnswerFormat::of::<Outcome>();
/// assert_eq!(&*format.name, "Outcome");
/// assert_eq!(format.schema["required"], serde_json::json!(["booked", "notes"]));
/// assert_eq!(format.schema["additionalProperties"], false);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnswerFormat {
    /// A name for it: letters, digits, `_` and `-`, at most 64 of them.
    pub name: Arc<str>,
    /// JSON Schema (2020-12) of the object. Vendors want all properties to be required, and no
    /// further ones.
    pub schema: Arc<Value>,
}

impl AnswerFormat {
    /// A form of one's own, which is sent as it is.
    pub fn new(name: impl Into<Arc<str>>, schema: Value) -> Self {
        Self { name: name.into(), schema: Arc::new(schema) }
    }

    /// The form of a type, as vendors take it: every property is required and may be null if it is
    /// optional, there are no further ones, and of alternatives any may be kept.
    ///
    /// Of some types no vendor takes a form; [`extract`](super::extract) refuses them.
    #[must_use]
    pub fn of<T: JsonSchema>() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            object.remove("title");
        }
        tighten(&mut schema);
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        let name = T::schema_name();
        let name: String =
            name.chars().map(|letter| if fits(letter) { letter } else { '_' }).take(64).collect();
        Self::new(name, schema)
    }
}

impl AnswerFormat {
    /// Whether a vendor can be held to it.
    ///
    /// # Errors
    ///
    /// `Config`, naming the place and what is there: no object on the outside, or a map, a tuple or
    /// anything at all within (OpenAI documentation, "Structured outputs", supported schemas).
    pub(super) fn check(&self) -> Result<()> {
        let is_object = self.schema["type"] == "object" && self.schema.get("anyOf").is_none();
        let wrong = match is_object {
            true => refused(&self.schema, "$"),
            false => Some("$ is not one object".to_owned()),
        };
        wrong.map_or(Ok(()), |wrong| {
            Err(Error::config(format!("no vendor takes the form of `{}`: {wrong}", self.name)))
        })
    }
}

/// What of a schema no vendor takes, and where.
fn refused(schema: &Value, place: &str) -> Option<String> {
    let Some(fields) = schema.as_object().filter(|fields| says_something(fields)) else {
        return Some(format!("{place} may be anything"));
    };
    if let Some((_, what)) = REFUSED.iter().find(|(keyword, _)| fields.contains_key(*keyword)) {
        return Some(format!("{place} {what}"));
    }
    if fields.get("additionalProperties").is_some_and(|more| *more != false) {
        return Some(format!("{place} is a map"));
    }
    if fields.contains_key("anyOf") && fields.contains_key("properties") {
        return Some(format!("{place} has several forms at once"));
    }
    let named = ["properties", "$defs"].into_iter().filter_map(|of| fields.get(of)?.as_object());
    let named = named.flatten().map(|(name, schema)| (format!("{place}.{name}"), schema));
    let items = fields.get("items").map(|schema| (format!("{place}[]"), schema));
    let alternatives = fields.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let alternatives = alternatives.map(|schema| (place.to_owned(), schema));
    let mut within = named.chain(items).chain(alternatives);
    within.find_map(|(place, schema)| refused(schema, &place))
}

fn says_something(fields: &Map<String, Value>) -> bool {
    SAYS.iter().any(|keyword| fields.contains_key(*keyword))
}

/// Requires every property of every object, forbids further ones, and leaves out what vendors
/// refuse where the answer is none the worse for it.
fn tighten(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(tighten),
        Value::Object(fields) => {
            // What a default stands for, the model has to say itself.
            fields.remove("default");
            // A set keeps one of each by itself.
            fields.remove("uniqueItems");
            let known = |format: &Value| FORMATS.iter().any(|known| format == known);
            if fields.get("format").is_some_and(|format| !known(format)) {
                fields.remove("format");
            }
            // The alternatives of an enum differ, so that whatever keeps any keeps one.
            if !fields.contains_key("anyOf")
                && let Some(alternatives) = fields.remove("oneOf")
            {
                fields.insert("anyOf".to_owned(), alternatives);
            }
            if fields.get("type").is_some_and(|kind| kind == "object")
                && !fields.contains_key("additionalProperties")
                && !fields.contains_key("patternProperties")
            {
                fields.entry("properties").or_insert_with(|| json!({}));
            }
            for (keyword, value) in fields.iter_mut() {
                match (keyword.as_str(), value) {
                    ("$defs" | "properties", Value::Object(named)) => {
                        named.values_mut().for_each(tighten);
                    }
                    ("const" | "enum" | "examples", _) => {}
                    (_, value) => tighten(value),
                }
            }
            let properties = fields.get("properties").and_then(Value::as_object);
            if let Some(names) = properties.map(|named| named.keys().cloned().collect::<Vec<_>>()) {
                fields.insert("required".to_owned(), json!(names));
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Outcome {
        #[serde(default)]
        default: Option<u8>,
        cars: Vec<Car>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Car {
        plate: Option<String>,
    }

    #[test]
    fn every_property_is_required_and_none_is_added_at_any_depth() {
        let schema = &AnswerFormat::of::<Outcome>().schema;
        assert_eq!(schema["required"], json!(["cars", "default"]));
        let car = &schema["properties"]["cars"]["items"];
        assert_eq!(
            (&car["required"], &car["additionalProperties"]),
            (&json!(["plate"]), &json!(false))
        );
        assert_eq!(car["properties"]["plate"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["default"].get("default"), None);
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Plan {
        wish: Wish,
        floors: [u8; 2],
        plates: std::collections::BTreeSet<String>,
        nothing: Nothing,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    #[serde(tag = "kind")]
    enum Wish {
        Sale { price: f64 },
        Service { bay: u32 },
    }

    #[derive(JsonSchema)]
    struct Nothing {}

    #[test]
    fn a_form_has_only_words_that_strict_vendors_take() {
        let schema = &AnswerFormat::of::<Plan>().schema;
        let said = schema.to_string();
        for refused in ["oneOf", "uniqueItems", "uint8", "uint32", "double"] {
            assert!(!said.contains(refused), "{refused} in {said}");
        }
        let properties = &schema["properties"];
        assert_eq!(properties["wish"]["anyOf"].as_array().map(Vec::len), Some(2));
        assert_eq!(properties["floors"]["items"]["maximum"], 255);
        assert_eq!(properties["nothing"]["additionalProperties"], false);
        let day: Value = json!({ "type": "string", "format": "date" });
        let mut kept = day.clone();
        tighten(&mut kept);
        assert_eq!(kept, day);
    }
}
