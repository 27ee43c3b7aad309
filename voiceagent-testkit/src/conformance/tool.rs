use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{
    ErrorKind,
    tool::{Tool, ToolContext},
};

use super::Report;

/// Keywords that at least one large vendor refuses in a tool's schema, or that need a second
/// document.
const REFUSED: [&str; 8] = [
    "$dynamicRef",
    "$id",
    "$recursiveRef",
    "$schema",
    "dependentSchemas",
    "if",
    "not",
    "unevaluatedProperties",
];

/// Checks a tool: that vendors accept its description, and that it accepts what it describes.
///
/// The tool is called once, with `valid_arguments`; give it a world in which that does no harm.
/// A rejection for reasons of that world is no failure, a rejection of the arguments is.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
/// use voiceagent_core::tool::FunctionTool;
/// use voiceagent_testkit::conformance;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// The first number.
///     a: i64,
///     /// The second number.
///     b: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let add = FunctionTool::new("add", "Adds two numbers.", |numbers: Add, _context| async move {
///     Ok(numbers.a + numbers.b)
/// });
/// conformance::tool(&add, json!({ "a": 1, "b": 2 })).await.assert();
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn tool(tool: &dyn Tool, valid_arguments: Value) -> Report {
    let spec = tool.spec();
    let mut report = Report::new("tool", &*spec.name);
    report.note("its name is legal everywhere", name(&spec.name));
    let described = !spec.description.trim().is_empty();
    report.note("it has a description", described.then_some(()).ok_or_else(|| "none".to_owned()));
    report.note("its arguments are an object", object(&spec.parameters));
    report.note("its schema holds nothing that vendors refuse", schema(&spec.parameters));
    let timely = spec.timeout > Duration::ZERO;
    report.note("it has time to run", timely.then_some(()).ok_or_else(|| "none".to_owned()));
    report.note("its description does not change", {
        if tool.spec() == spec { Ok(()) } else { Err("it does".to_owned()) }
    });
    report.note("valid arguments fit its schema", fits(&spec.parameters, &valid_arguments));
    let context = ToolContext::detached("conformance");
    let outcome = match timeout(spec.timeout, tool.call(valid_arguments, context)).await {
        Ok(Err(error))
            if error.kind() == ErrorKind::Rejected && error.message().contains("arguments") =>
        {
            Err(error.to_string())
        }
        Ok(_) => Ok(()),
        Err(_) => Err("it takes longer than it says".to_owned()),
    };
    report.note("it accepts valid arguments", outcome);
    report
}

fn name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        Ok(())
    } else {
        Err("1 to 64 of a-z, A-Z, 0-9, _ and - are".to_owned())
    }
}

fn object(schema: &Value) -> Result<(), String> {
    if schema["type"] != "object" {
        return Err("`type` is not `object`".to_owned());
    }
    let properties = schema["properties"].as_object().ok_or("`properties` is missing")?;
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for name in required {
        let known = name.as_str().is_some_and(|name| properties.contains_key(name));
        if !known {
            return Err(format!("{name} is required and has no schema"));
        }
    }
    Ok(())
}

/// Walks through the schemas of a schema. The names of properties are no keywords.
fn schema(value: &Value) -> Result<(), String> {
    let Some(keywords) = value.as_object() else { return Ok(()) };
    for (keyword, value) in keywords {
        if REFUSED.contains(&keyword.as_str()) {
            return Err(format!("`{keyword}`"));
        }
        match (keyword.as_str(), value) {
            ("$ref", Value::String(target)) if !target.starts_with('#') => {
                return Err(format!("`$ref` to another document, {target}"));
            }
            ("properties" | "$defs" | "patternProperties", Value::Object(schemas)) => {
                schemas.values().try_for_each(schema)?;
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().try_for_each(schema)?;
            }
            ("items" | "additionalProperties", value) => schema(value)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether an example has what the schema requires, and nothing that it does not know.
fn fits(schema: &Value, arguments: &Value) -> Result<(), String> {
    let arguments = arguments.as_object().ok_or("they are no object")?;
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Err(format!("`{name}` is required and missing"));
        }
    }
    match arguments.keys().find(|name| schema["properties"].get(name.as_str()).is_none()) {
        Some(unknown) => Err(format!("`{unknown}` is not in the schema")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::json;
    use voiceagent_core::{Error, Result, tool::ToolSpec};

    use super::*;
    use crate::conformance::Outcome;

    #[derive(Debug)]
    struct Picky(ToolSpec);

    #[async_trait]
    impl Tool for Picky {
        fn spec(&self) -> ToolSpec {
            self.0.clone()
        }

        async fn call(&self, arguments: Value, _context: ToolContext) -> Result<Value> {
            if arguments["refuse"] == true {
                return Err(Error::new(ErrorKind::Rejected, "tool", "wrong arguments: refuse"));
            }
            Ok(Value::Null)
        }
    }

    /// The checks that a tool fails.
    async fn failed(name: &str, description: &str, schema: Value, arguments: Value) -> Vec<String> {
        let picky = Picky(ToolSpec::new(name, description, schema));
        let report = tool(&picky, arguments).await;
        let failed = report.checks().iter().filter(|(_, how)| matches!(how, Outcome::Failed(_)));
        failed.map(|(check, _)| check.clone()).collect()
    }

    #[tokio::test]
    async fn a_tool_fails_exactly_the_checks_that_it_violates() {
        let fine = json!({ "type": "object", "properties": { "not": { "type": "string" } } });
        assert_eq!(failed("look", "Looks.", fine.clone(), json!({})).await, [""; 0]);
        assert_eq!(
            failed("look up", " ", fine.clone(), json!({ "x": 1 })).await,
            [
                "its name is legal everywhere",
                "it has a description",
                "valid arguments fit its schema"
            ],
        );
        let refuse = json!({ "type": "object", "properties": { "refuse": { "not": {} } } });
        assert_eq!(
            failed("look", "Looks.", refuse, json!({ "refuse": true })).await,
            ["its schema holds nothing that vendors refuse", "it accepts valid arguments"],
        );
        let bare = json!({ "type": "string", "required": ["a"] });
        assert_eq!(
            failed("look", "Looks.", bare, json!({})).await,
            ["its arguments are an object", "valid arguments fit its schema"],
        );
    }
}
