use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use voiceagent_core::{Error, Result};

use super::Template;
use crate::graph::{Node, NodeChange};

/// How a talk finds its way.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "by the graph, or by the model")]
pub enum Way {
    /// By the model: it has all tools in every turn.
    Free,
    /// By the graph, with these changes of nodes by their names.
    Graph(BTreeMap<String, NodeChange>),
}

impl Default for Way {
    fn default() -> Self {
        Self::Graph(BTreeMap::new())
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Ways;
        impl<'de> Visitor<'de> for Ways {
            type Value = Way;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`\"free\"` or nodes")
            }

            fn visit_str<E: serde::de::Error>(self, way: &str) -> std::result::Result<Way, E> {
                if way == "free" { Ok(Way::Free) } else { Err(E::custom("no such way")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, nodes: A) -> std::result::Result<Way, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(nodes)).map(Way::Graph)
            }
        }
        from.deserialize_any(Ways)
    }
}

/// Every field, and what it accepts. `<node>` stands for the name of a node.
pub(super) const FIELDS: [(&str, &str); 63] = [
    (
        "endpointing",
        "`\"adaptive\"`, `{ \"silence_ms\": 500 }`, or `{ \"between_ms\": [300, 1200] }`, with 100 \
         to 5000 ms",
    ),
    ("fillers", "a list of sentences, such as `[\"One moment.\"]`"),
    ("graph", "`\"free\"`, or changes of nodes, such as `{ \"collect\": { \"turns\": 20 } }`"),
    ("graph.<node>", "an object of `guidance`, `turns`, `visits` and `without`"),
    ("graph.<node>.guidance", "sentences"),
    ("graph.<node>.turns", "a whole number from 1 to 100"),
    ("graph.<node>.visits", "a whole number from 1 to 100"),
    ("graph.<node>.without", "a list of names of tools"),
    ("greeting", "a sentence; `{name}` stands for the name of the dealership"),
    (
        "greeting_by_name",
        "a sentence; `{first_name}` stands for the caller, `{name}` for the dealership",
    ),
    ("guidance", "sentences"),
    ("identity", "`\"number\"` or `\"facts\"`"),
    ("interruptions", "an object of `allow`, `min_ms`, `min_words`, `pause` and `drafts`"),
    ("interruptions.allow", "`true` or `false`"),
    ("interruptions.drafts", "`true` or `false`"),
    ("interruptions.min_ms", "a whole number of milliseconds up to 5000"),
    ("interruptions.min_words", "a whole number up to 10"),
    ("interruptions.pause", "`true` or `false`"),
    ("limits", "an object of `call_minutes` and `tool_rounds`"),
    ("limits.call_minutes", "a whole number from 1 to 240"),
    ("limits.tool_rounds", "a whole number from 1 to 20"),
    ("llm", "a provider with its settings, such as `{ \"provider\": \"openai\" }`"),
    ("llm.provider", "the name of a provider"),
    ("prompt", "sentences; `{name}` stands for the name of the dealership"),
    ("silence", "an object of `ask_after_ms`, `again_after_ms` and `hang_up_after_ms`"),
    ("silence.again_after_ms", "a whole number of milliseconds from 1000 to 60000"),
    ("silence.ask_after_ms", "a whole number of milliseconds from 1000 to 60000"),
    ("silence.hang_up_after_ms", "a whole number of milliseconds from 1000 to 60000"),
    (
        "profiles",
        "an object of agents by their names, in small letters, each with `about` and, where needed, \
         `greeting`, `prompt`, `guidance`, `without` and `tts`; it needs the graph",
    ),
    ("qualification", "an object of `budget_at_least`, `states` and `needs`"),
    ("qualification.budget_at_least", "a whole number of dollars a month"),
    ("qualification.needs", "a list of `timeframe` and `vehicle_interest`"),
    ("qualification.states", "a list of states by two letters, such as `IL`"),
    ("stt", "a provider with its settings, such as `{ \"provider\": \"deepgram\" }`"),
    ("stt.provider", "the name of a provider"),
    (
        "summary",
        "an object of `on`, `above_tokens`, `above_messages`, `keep_tokens` and `keep_messages`",
    ),
    ("summary.above_messages", "a whole number from 10 to 10000"),
    ("summary.above_tokens", "a whole number from 500 to 1000000"),
    ("summary.keep_messages", "a whole number below `above_messages`"),
    ("summary.keep_tokens", "a whole number below `above_tokens`"),
    ("summary.on", "`true` or `false`"),
    ("tts", "a provider with its settings, such as `{ \"provider\": \"cartesia\" }`"),
    ("tts.provider", "the name of a provider"),
    ("vad", "`\"realtime\"`, or an object of `threshold`, `min_speech_ms` and `silence_ms`"),
    ("vad.min_speech_ms", "a whole number of milliseconds up to 2000"),
    ("vad.silence_ms", "a whole number of milliseconds up to 2000"),
    ("vad.threshold", "a number above 0 and up to 1"),
    ("follow_up", "an object of `text`, `after_minutes`, `rating` and `outcomes`"),
    ("follow_up.after_minutes", "a whole number of minutes up to 10080"),
    ("follow_up.outcomes", "a list of outcomes of calls, such as `[\"booked\"]`"),
    ("follow_up.rating", "`true` or `false`"),
    (
        "follow_up.text",
        "a message of up to 1000 characters; `{name}` stands for the name of the dealership. It may \
         be left out where `rating` is `true`",
    ),
    ("budget", "an object of `dollars_a_day`"),
    ("budget.dollars_a_day", "a number of dollars up to 10000"),
    (
        "locales",
        "an object of `greeting`, `greeting_by_name`, `prompt`, `guidance`, `stt`, `llm`, `tts` and \
         `fillers` by languages, such as `{ \"es-US\": { \"greeting\": \"Hola.\" } }`",
    ),
    (
        "prices",
        "an object of `input_per_million`, `cached_per_million`, `output_per_million`, \
         `hearing_per_minute`, `voice_per_million` and `line_per_minute`",
    ),
    ("prices.cached_per_million", "a number of dollars up to 10000"),
    ("prices.hearing_per_minute", "a number of dollars up to 10000"),
    ("prices.input_per_million", "a number of dollars up to 10000"),
    ("prices.line_per_minute", "a number of dollars up to 10000"),
    ("prices.output_per_million", "a number of dollars up to 10000"),
    ("prices.voice_per_million", "a number of dollars up to 10000"),
    (
        "tools",
        "a list of tools, each an object of `name`, `description`, `target`, `path` and, where \
         needed, `parameters`, `changes` and `timeout_ms`",
    ),
];

impl Template {
    /// Reads a template as JSON.
    ///
    /// ```
    /// use dealership::templates::Template;
    ///
    /// let template = Template::read(r#"{ "greeting": "{name}, hello!" }"#).unwrap();
    /// assert_eq!(template.greeting.unwrap(), "{name}, hello!");
    /// let wrong = Template::read(r#"{ "vad": { "threshold": "high" } }"#).unwrap_err();
    /// assert_eq!(wrong.message(), "field `vad.threshold`: write a number above 0 and up to 1");
    /// ```
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config); the message names the field that is wrong,
    /// and what it accepts, and nothing that was written there: it may be a key.
    pub fn read(text: &str) -> Result<Self> {
        let is_object = text.trim_start().starts_with('{');
        let mut from = serde_json::Deserializer::from_str(text);
        let read: std::result::Result<Self, _> = serde_path_to_error::deserialize(&mut from);
        let template = match read {
            Ok(template) if is_object && from.end().is_ok() => template,
            Err(wrong) if is_object && wrong.inner().is_data() => {
                return Err(unaccepted(&wrong.path().to_string()));
            }
            Ok(_) | Err(_) => return Err(Error::config("a template is an object in JSON")),
        };
        template.check()?;
        Ok(template)
    }
}

/// Says of a field what it accepts, or that there is none of that name.
pub(super) fn unaccepted(path: &str) -> Error {
    let mut parts: Vec<&str> = path.split(['.', '[']).collect();
    if let ["graph", node, ..] = parts.as_mut_slice() {
        if Node::named(node).is_none() {
            let nodes = Node::ALL.map(|node| format!("`{}`", node.name())).join(", ");
            return Error::config(format!("field `{path}` is no node; there are {nodes}"));
        }
        *node = "<node>";
    }
    let accepted = |name: &str| FIELDS.iter().find(|(field, _)| *field == name);
    if let ["locales" | "profiles", ..] = parts.as_slice() {
        parts.truncate(1);
    }
    // What is wrong within a list is wrong with the list.
    let lists = parts.iter().position(|part| part.ends_with(']')).unwrap_or(parts.len());
    let name = parts[..lists].join(".");
    if let Some((_, accepted)) = accepted(&name) {
        let path = match name.as_str() {
            whole @ ("locales" | "profiles") => whole,
            _ => path.split('[').next().unwrap_or(path),
        };
        return Error::config(format!("field `{path}`: write {accepted}"));
    }
    let parent = parts[..parts.len() - 1].join(".");
    let is_beside = |field: &&str| match field.strip_prefix(parent.as_str()) {
        Some(rest) if !parent.is_empty() => {
            rest.strip_prefix('.').is_some_and(|rest| !rest.contains('.'))
        }
        _ => parent.is_empty() && !field.contains('.'),
    };
    let beside: Vec<String> = FIELDS
        .iter()
        .map(|(field, _)| *field)
        .filter(is_beside)
        .map(|field| format!("`{field}`"))
        .collect();
    Error::config(format!("field `{path}` is none of {}", beside.join(", ")))
}
