use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use self::compile::Compiler;
use crate::Result;

mod compile;
mod number;

/// How deep schemas and values may nest; each step through a reference or alternative counts.
const DEPTH: usize = 64;

/// Rules that one check may look at. A recursive schema can ask for exponentially many; arguments
/// that a person could have meant need a few hundred.
const RULES: usize = 100_000;

const TOO_DEEP: &str = "must be less deep and less large";

/// Checks JSON values against a JSON Schema (2020-12, the part that describes arguments).
///
/// Every keyword is either checked or known to be a remark. A schema with any other keyword is
/// refused when it is compiled, so that nothing goes unchecked in silence. `pattern` and
/// references into other documents are among the refused.
///
/// ```
/// use serde_json::json;
/// use voiceagent_core::tool::Schema;
///
/// let schema = Schema::compile(&json!({
///     "type": "object",
///     "properties": { "day": { "enum": ["today", "tomorrow"] } },
///     "required": ["day"],
/// }))?;
/// assert!(schema.validate(&json!({ "day": "today" })).is_ok());
/// let wrong = schema.validate(&json!({ "day": "never" })).unwrap_err();
/// assert_eq!(wrong.to_string(), r#"$.day: must be one of "today", "tomorrow""#);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    root: Node,
    /// What `$ref` may name, by JSON pointer.
    definitions: BTreeMap<String, Node>,
}

/// Why a value does not fit a schema: where, and what is accepted there.
///
/// It names fields and what the schema accepts, and never the value itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    path: String,
    accepted: String,
}

impl Mismatch {
    /// Where in the value, as in `$.address.lines[2]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is accepted there.
    #[must_use]
    pub fn accepted(&self) -> &str {
        &self.accepted
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.accepted)
    }
}

impl std::error::Error for Mismatch {}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming the place in the schema and the
    /// keyword that is unknown or wrong.
    pub fn compile(schema: &Value) -> Result<Self> {
        let mut compiler = Compiler::new(schema);
        let root = compiler.node(schema, "", 0)?;
        let definitions = compiler.definitions()?;
        Ok(Self { root, definitions })
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// The first place where the value does not fit, and what is accepted there.
    pub fn validate(&self, value: &Value) -> Result<(), Mismatch> {
        let mut check = Check { schema: self, path: "$".to_owned(), left: RULES };
        match check.node(&self.root, value, 0) {
            Err(accepted) => Err(Mismatch { path: check.path, accepted }),
            // A negation may have taken the end of the check for a mismatch.
            Ok(()) if check.left == 0 => {
                Err(Mismatch { path: "$".to_owned(), accepted: TOO_DEEP.to_owned() })
            }
            Ok(()) => Ok(()),
        }
    }
}

/// A compiled schema: all rules that a value must keep.
#[derive(Clone, Debug, Default)]
struct Node {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
enum Rule {
    Never,
    Type(Vec<Type>),
    Enum(Vec<Value>),
    Const(Value),
    Reference(String),
    AllOf(Vec<Node>),
    AnyOf(Vec<Node>),
    OneOf(Vec<Node>),
    Not(Box<Node>),
    Number(number::Rule),
    AtLeast(u64, Counted),
    AtMost(u64, Counted),
    UniqueItems,
    Items { prefix: Vec<Node>, rest: Option<Box<Node>> },
    Required(Vec<String>),
    Properties { named: BTreeMap<String, Node>, others: Option<Box<Node>> },
}

/// What a value can have few or many of.
#[derive(Clone, Copy, Debug)]
enum Counted {
    Characters,
    Fields,
    Items,
}

impl Counted {
    const fn name(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Fields => "fields",
            Self::Items => "items",
        }
    }

    /// `None` for values of another type, of which a limit says nothing.
    fn of(self, value: &Value) -> Option<u64> {
        let count = match self {
            Self::Characters => value.as_str()?.chars().count(),
            Self::Fields => value.as_object()?.len(),
            Self::Items => value.as_array()?.len(),
        };
        Some(count as u64)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Type {
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
}

impl Type {
    const ALL: [Self; 7] = [
        Self::Array,
        Self::Boolean,
        Self::Integer,
        Self::Null,
        Self::Number,
        Self::Object,
        Self::String,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Null => "null",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Array => value.is_array(),
            Self::Boolean => value.is_boolean(),
            // 1.0 is an integer in JSON Schema.
            Self::Integer => value.as_number().is_some_and(number::is_integer),
            Self::Null => value.is_null(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::String => value.is_string(),
        }
    }
}

/// A walk over a value. After an error, `path` names where it was.
struct Check<'a> {
    schema: &'a Schema,
    path: String,
    /// How many rules may still be looked at.
    left: usize,
}

impl Check<'_> {
    fn node(&mut self, node: &Node, value: &Value, depth: usize) -> Result<(), String> {
        for rule in &node.rules {
            self.left = if depth > DEPTH { 0 } else { self.left.saturating_sub(1) };
            need(self.left > 0, || TOO_DEEP.to_owned())?;
            self.rule(rule, value, depth)?;
        }
        Ok(())
    }

    fn rule(&mut self, rule: &Rule, value: &Value, depth: usize) -> Result<(), String> {
        match (rule, value) {
            (Rule::Never, _) => Err("nothing is accepted here".to_owned()),
            (Rule::Type(types), _) => need(types.iter().any(|one| one.holds(value)), || {
                format!("must be {}", list(types.iter().map(|one| one.name()), " or "))
            }),
            (Rule::Enum(values), _) => {
                need(values.iter().any(|one| number::equal(one, value)), || {
                    format!("must be one of {}", list(values.iter(), ", "))
                })
            }
            (Rule::Const(one), _) => need(number::equal(one, value), || format!("must be {one}")),
            (Rule::Reference(name), _) => {
                let node = self.schema.definitions.get(name).unwrap_or(&self.schema.root);
                self.node(node, value, depth + 1)
            }
            (Rule::AllOf(nodes), _) => {
                nodes.iter().try_for_each(|node| self.node(node, value, depth + 1))
            }
            (Rule::AnyOf(nodes), _) => self.any_of(nodes, value, depth),
            (Rule::OneOf(nodes), _) => self.one_of(nodes, value, depth),
            (Rule::Not(node), _) => {
                let fits = self.attempt(node, value, depth).is_ok();
                need(!fits, || "must not be of this form".to_owned())
            }
            (Rule::Number(rule), Value::Number(number)) => rule.check(number),
            (Rule::AtLeast(least, counted), _) => {
                need(counted.of(value).is_none_or(|count| count >= *least), || {
                    format!("must have at least {least} {}", counted.name())
                })
            }
            (Rule::AtMost(most, counted), _) => {
                need(counted.of(value).is_none_or(|count| count <= *most), || {
                    format!("must have at most {most} {}", counted.name())
                })
            }
            (Rule::UniqueItems, Value::Array(items)) => {
                need(unique(items), || "must not have an item twice".to_owned())
            }
            (Rule::Items { prefix, rest }, Value::Array(items)) => {
                self.items(prefix, rest.as_deref(), items, depth)
            }
            (Rule::Required(names), Value::Object(fields)) => {
                match names.iter().find(|name| !fields.contains_key(*name)) {
                    Some(name) => Err(format!("must have the field {name:?}")),
                    None => Ok(()),
                }
            }
            (Rule::Properties { named, others }, Value::Object(fields)) => {
                self.properties(named, others.as_deref(), fields, depth)
            }
            // A rule about one type says nothing about values of the others.
            (_, _) => Ok(()),
        }
    }

    fn any_of(&mut self, nodes: &[Node], value: &Value, depth: usize) -> Result<(), String> {
        let mut others = Vec::new();
        for node in nodes {
            let Err(mismatch) = self.attempt(node, value, depth) else { return Ok(()) };
            others.push(mismatch);
        }
        Err(alternatives(&self.path, others))
    }

    fn one_of(&mut self, nodes: &[Node], value: &Value, depth: usize) -> Result<(), String> {
        let mut others = Vec::new();
        let mut fitting = 0;
        for node in nodes {
            match self.attempt(node, value, depth) {
                Ok(()) => fitting += 1,
                Err(mismatch) => others.push(mismatch),
            }
        }
        match fitting {
            0 => Err(alternatives(&self.path, others)),
            1 => Ok(()),
            _ => Err(format!("must have exactly one of {} forms, not {fitting}", nodes.len())),
        }
    }

    /// Checks without moving from the place.
    fn attempt(&mut self, node: &Node, value: &Value, depth: usize) -> Result<(), Mismatch> {
        let here = self.path.len();
        self.node(node, value, depth + 1).map_err(|accepted| {
            let path = self.path.clone();
            self.path.truncate(here);
            Mismatch { path, accepted }
        })
    }

    fn items(
        &mut self,
        prefix: &[Node],
        rest: Option<&Node>,
        items: &[Value],
        depth: usize,
    ) -> Result<(), String> {
        for (index, item) in items.iter().enumerate() {
            if let Some(node) = prefix.get(index).or(rest) {
                self.inside(&format!("[{index}]"), node, item, depth)?;
            }
        }
        Ok(())
    }

    fn properties(
        &mut self,
        named: &BTreeMap<String, Node>,
        others: Option<&Node>,
        fields: &Map<String, Value>,
        depth: usize,
    ) -> Result<(), String> {
        for (name, field) in fields {
            match (named.get(name), others) {
                (Some(node), _) => self.inside(&format!(".{name}"), node, field, depth)?,
                (None, Some(Node { rules })) if matches!(rules[..], [Rule::Never]) => {
                    let known = list(named.keys(), ", ");
                    return Err(match &*known {
                        "" => "must have no fields".to_owned(),
                        known => format!("must have no fields but {known}"),
                    });
                }
                (None, Some(node)) => self.inside(&format!(".{name}"), node, field, depth)?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn inside(
        &mut self,
        step: &str,
        node: &Node,
        value: &Value,
        depth: usize,
    ) -> Result<(), String> {
        let here = self.path.len();
        self.path.push_str(step);
        self.node(node, value, depth + 1)?;
        self.path.truncate(here);
        Ok(())
    }
}

fn need(kept: bool, accepted: impl FnOnce() -> String) -> Result<(), String> {
    if kept { Ok(()) } else { Err(accepted()) }
}

fn unique(items: &[Value]) -> bool {
    let mut rest = items;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| number::equal(first, other)) {
            return false;
        }
        rest = others;
    }
    true
}

/// What the alternatives accept. One that fits up to a deeper place is what was meant.
fn alternatives(here: &str, mismatches: Vec<Mismatch>) -> String {
    let deepest = mismatches.iter().map(|one| one.path.len()).max().unwrap_or_default();
    let mut accepted = Vec::new();
    for one in mismatches.into_iter().filter(|one| one.path.len() == deepest) {
        let inside = &one.path[here.len()..];
        let text =
            if inside.is_empty() { one.accepted } else { format!("{inside} {}", one.accepted) };
        if !accepted.contains(&text) {
            accepted.push(text);
        }
    }
    if accepted.is_empty() { "nothing is accepted here".to_owned() } else { accepted.join(", or ") }
}

fn list(items: impl Iterator<Item = impl ToString>, separator: &str) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests;
