use std::sync::Arc;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

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
    /// optional, and there are no further ones.
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

/// Requires every property of every object, and forbids further ones.
fn tighten(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(tighten),
        Value::Object(fields) => {
            // What a default stands for, the model has to say itself.
            fields.remove("default");
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
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
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
}
