use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::{Counted, DEPTH, Node, Rule, Type, number};
use crate::{Error, Result};

/// Keywords that only describe.
const REMARKS: [&str; 13] = [
    "$comment",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "default",
    "deprecated",
    "description",
    "examples",
    "format",
    "readOnly",
    "title",
    "writeOnly",
];

/// Reads a schema and whatever it refers to.
pub(super) struct Compiler<'a> {
    root: &'a Value,
    /// What has been referred to; `None` until it is compiled.
    definitions: BTreeMap<String, Option<Node>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, definitions: BTreeMap::new() }
    }

    /// Compiles what was referred to, and what that refers to.
    pub(super) fn definitions(mut self) -> Result<BTreeMap<String, Node>> {
        while let Some(name) =
            self.definitions.iter().find_map(|(name, node)| node.is_none().then(|| name.clone()))
        {
            let schema = self
                .root
                .pointer(&name)
                .ok_or_else(|| wrong(&name, "$ref", "must name a place in this schema"))?;
            let node = self.node(schema, &name, 0)?;
            self.definitions.insert(name, Some(node));
        }
        Ok(self.definitions.into_iter().filter_map(|(name, node)| Some((name, node?))).collect())
    }

    pub(super) fn node(&mut self, schema: &Value, path: &str, depth: usize) -> Result<Node> {
        if depth > DEPTH {
            return Err(Error::config(format!("schema #{path}: deeper than {DEPTH} levels")));
        }
        let keywords = match schema {
            Value::Bool(true) => return Ok(Node::default()),
            Value::Bool(false) => return Ok(Node { rules: vec![Rule::Never] }),
            Value::Object(keywords) => keywords,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let what = format!("schema #{path}: must be an object, true or false");
                return Err(Error::config(what));
            }
        };
        let mut node = Node::default();
        for (keyword, value) in keywords {
            let place = Place { path, keyword, value, siblings: keywords, depth };
            if let Some(rule) = self.rule(&place)? {
                node.rules.push(rule);
            }
        }
        Ok(node)
    }

    fn rule(&mut self, place: &Place<'_>) -> Result<Option<Rule>> {
        let rule = match place.keyword {
            remark if REMARKS.contains(&remark) => return Ok(None),
            "$defs" | "definitions" => {
                self.nodes_by_name(place)?;
                return Ok(None);
            }
            "$ref" => self.reference(place)?,
            "type" => Rule::Type(place.types()?),
            "enum" => Rule::Enum(place.array()?.clone()),
            "const" => Rule::Const(place.value.clone()),
            "allOf" => Rule::AllOf(self.nodes(place)?),
            "anyOf" => Rule::AnyOf(self.nodes(place)?),
            "oneOf" => Rule::OneOf(self.nodes(place)?),
            "not" => Rule::Not(Box::new(self.child(place)?)),
            "minimum" => Rule::Number(number::Rule::Minimum(place.number()?)),
            "maximum" => Rule::Number(number::Rule::Maximum(place.number()?)),
            "exclusiveMinimum" => Rule::Number(number::Rule::Above(place.number()?)),
            "exclusiveMaximum" => Rule::Number(number::Rule::Below(place.number()?)),
            "multipleOf" => Rule::Number(number::Rule::MultipleOf(place.positive()?)),
            "minLength" => Rule::AtLeast(place.count()?, Counted::Characters),
            "maxLength" => Rule::AtMost(place.count()?, Counted::Characters),
            "minItems" => Rule::AtLeast(place.count()?, Counted::Items),
            "maxItems" => Rule::AtMost(place.count()?, Counted::Items),
            "minProperties" => Rule::AtLeast(place.count()?, Counted::Fields),
            "maxProperties" => Rule::AtMost(place.count()?, Counted::Fields),
            "uniqueItems" => match place.value.as_bool() {
                Some(true) => Rule::UniqueItems,
                Some(false) => return Ok(None),
                None => return Err(place.wrong("must be true or false")),
            },
            "required" => Rule::Required(place.names()?),
            "prefixItems" => {
                let prefix = self.nodes(place)?;
                let rest = place.sibling("items").map(|items| self.child(&items)).transpose()?;
                Rule::Items { prefix, rest: rest.map(Box::new) }
            }
            // Whichever of two keywords that work together comes first speaks for both.
            "items" if place.sibling("prefixItems").is_some() => return Ok(None),
            "items" => Rule::Items { prefix: Vec::new(), rest: Some(Box::new(self.child(place)?)) },
            "properties" => {
                let named = self.nodes_by_name(place)?;
                let others = place.sibling("additionalProperties");
                let others = others.map(|others| self.child(&others)).transpose()?;
                Rule::Properties { named, others: others.map(Box::new) }
            }
            "additionalProperties" if place.sibling("properties").is_some() => return Ok(None),
            "additionalProperties" => Rule::Properties {
                named: BTreeMap::new(),
                others: Some(Box::new(self.child(place)?)),
            },
            "pattern" => {
                return Err(place.wrong(
                    "is not supported: describe the form in words and check it in the tool",
                ));
            }
            _ => return Err(place.wrong("is not a supported keyword")),
        };
        Ok(Some(rule))
    }

    fn reference(&mut self, place: &Place<'_>) -> Result<Rule> {
        let name = place
            .value
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
            .filter(|name| name.is_empty() || name.starts_with('/'))
            .filter(|name| !name.contains('%'))
            .ok_or_else(|| place.wrong("must be # or begin with #/, as in #/$defs/Name"))?;
        self.definitions.entry(name.to_owned()).or_default();
        Ok(Rule::Reference(name.to_owned()))
    }

    fn child(&mut self, place: &Place<'_>) -> Result<Node> {
        self.node(place.value, &place.inner(), place.depth + 1)
    }

    fn nodes(&mut self, place: &Place<'_>) -> Result<Vec<Node>> {
        let schemas = place.array()?.iter().enumerate();
        schemas
            .map(|(index, schema)| {
                self.node(schema, &format!("{}/{index}", place.inner()), place.depth + 1)
            })
            .collect()
    }

    fn nodes_by_name(&mut self, place: &Place<'_>) -> Result<BTreeMap<String, Node>> {
        let Some(schemas) = place.value.as_object() else {
            return Err(place.wrong("must be an object of schemas"));
        };
        schemas
            .iter()
            .map(|(name, schema)| {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                let path = format!("{}/{escaped}", place.inner());
                Ok((name.clone(), self.node(schema, &path, place.depth + 1)?))
            })
            .collect()
    }
}

/// A keyword, its value and where it stands.
struct Place<'a> {
    path: &'a str,
    keyword: &'a str,
    value: &'a Value,
    siblings: &'a Map<String, Value>,
    depth: usize,
}

impl<'a> Place<'a> {
    fn wrong(&self, what: &str) -> Error {
        wrong(self.path, self.keyword, what)
    }

    fn inner(&self) -> String {
        format!("{}/{}", self.path, self.keyword)
    }

    fn sibling(&self, keyword: &'static str) -> Option<Self> {
        let value = self.siblings.get(keyword)?;
        Some(Place { keyword, value, ..*self })
    }

    fn array(&self) -> Result<&'a Vec<Value>> {
        self.value
            .as_array()
            .filter(|values| !values.is_empty())
            .ok_or_else(|| self.wrong("must be an array with at least one element"))
    }

    fn names(&self) -> Result<Vec<String>> {
        let names = self.value.as_array().and_then(|names| {
            names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()
        });
        names.ok_or_else(|| self.wrong("must be an array of names"))
    }

    fn types(&self) -> Result<Vec<Type>> {
        let known = |value: &Value| Type::ALL.into_iter().find(|one| value == one.name());
        let types = match self.value.as_array() {
            Some(types) => types.iter().map(known).collect(),
            None => known(self.value).map(|one| vec![one]),
        };
        let types = types.filter(|types: &Vec<Type>| !types.is_empty());
        types.ok_or_else(|| {
            self.wrong("must be among array, boolean, integer, null, number, object and string")
        })
    }

    fn number(&self) -> Result<Number> {
        self.value.as_number().cloned().ok_or_else(|| self.wrong("must be a number"))
    }

    fn positive(&self) -> Result<Number> {
        let number = self.number()?;
        if number.as_f64().is_some_and(|value| value > 0.0) {
            Ok(number)
        } else {
            Err(self.wrong("must be above 0"))
        }
    }

    fn count(&self) -> Result<u64> {
        let whole = self.value.as_f64().filter(|count| *count >= 0.0 && count.fract() == 0.0);
        whole.map(|count| count as u64).ok_or_else(|| self.wrong("must be a count, 0 or more"))
    }
}

fn wrong(path: &str, keyword: &str, what: &str) -> Error {
    Error::config(format!("schema #{path}: {keyword:?} {what}"))
}
