use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::api::{Answer, Operation, operations, refusal};

/// The description of the API, in OpenAPI 3.1, made of the table of which its routes are made.
#[must_use]
pub fn description() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let refused = refusal(&mut generator).to_value();
    for operation in operations() {
        let written = described(&operation, &refused, &mut generator);
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), written);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The operator's side of the dealership",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": generator.take_definitions(true),
        },
    })
}

fn described(
    operation: &Operation,
    refused: &Value,
    generator: &mut schemars::SchemaGenerator,
) -> Value {
    let (status, answer) = &operation.answers;
    let (kind, schema) = match answer {
        Answer::Json(of) => ("application/json", of(generator).to_value()),
        Answer::Stream(of) => ("text/event-stream", of(generator).to_value()),
    };
    let mut responses = Map::new();
    let success = json!({ "description": "Done.", "content": { kind: { "schema": schema } } });
    responses.insert(status.to_string(), success);
    for status in operation.refuses.iter().chain(&[401, 503]) {
        let content = json!({ "application/json": { "schema": refused } });
        let written = json!({ "description": reason(*status), "content": content });
        responses.insert(status.to_string(), written);
    }
    let mut written = json!({
        "summary": operation.about,
        "operationId": name(operation),
        "parameters": parameters(operation, generator),
        "responses": responses,
    });
    if let Some(takes) = operation.takes {
        let schema = takes(generator).to_value();
        let content = json!({ "application/json": { "schema": schema } });
        written["requestBody"] = json!({ "required": true, "content": content });
    }
    written
}

/// A name for code that is made of the description: `get_api_jobs`.
fn name(operation: &Operation) -> String {
    let path = operation.path.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let parts: Vec<&str> = path.split('_').filter(|part| !part.is_empty()).collect();
    format!("{}_{}", operation.method, parts.join("_"))
}

fn parameters(operation: &Operation, generator: &mut schemars::SchemaGenerator) -> Vec<Value> {
    let places = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let schema = json!({ "type": "string" });
        Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
    });
    let mut parameters: Vec<Value> = places.collect();
    if let Some(query) = operation.query {
        let named = query(generator).to_value();
        let name = named["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        // It is read out of what was written of the type, and stands nowhere else.
        let schema = name.and_then(|name| generator.definitions_mut().remove(name));
        let fields = schema.as_ref().and_then(|schema| schema["properties"].as_object());
        for (name, schema) in fields.into_iter().flatten() {
            let mut schema = schema.clone();
            let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            parameters.push(json!({
                "name": name, "in": "query", "description": about, "schema": schema,
            }));
        }
    }
    parameters
}

const fn reason(status: u16) -> &'static str {
    match status {
        400 => "What was asked for cannot be meant.",
        401 => "The operator's key is needed.",
        404 => "It is not there.",
        409 => "Something stands against it.",
        415 => "What was sent is no JSON.",
        422 => "What was sent has other fields.",
        503 => "It cannot be done at present.",
        _ => "Refused.",
    }
}
