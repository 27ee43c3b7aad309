//! How the agent behaves, as versions in the database that change without a restart.

mod command;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use voiceagent_core::{Error, Result};

use crate::{
    config::Endpointing,
    store::{Arm, Store},
    tools::Identity,
};

pub use command::TemplateCommand;

/// The template that answers calls which come in.
pub const INBOUND: &str = "inbound";

/// What a version of a template sets. What it leaves out is as in the configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Template {
    /// The first words; `{name}` stands for the name of the dealership.
    pub greeting: Option<String>,
    /// What a model is told beside its usual instructions.
    pub guidance: Option<String>,
    /// When a caller's turn is over.
    pub endpointing: Option<Endpointing>,
    /// By what callers show who they are.
    pub identity: Option<Identity>,
}

/// Every field, and what it accepts.
const FIELDS: [(&str, &str); 4] = [
    ("endpointing", "`\"adaptive\"`, or `{ \"silence_ms\": 500 }` with 100 to 5000 ms"),
    ("greeting", "a sentence; `{name}` stands for the name of the dealership"),
    ("guidance", "sentences"),
    ("identity", "`\"number\"` or `\"facts\"`"),
];

impl Template {
    /// Reads a template as JSON.
    ///
    /// ```
    /// use dealership::templates::Template;
    ///
    /// let template = Template::read(r#"{ "greeting": "{name}, hello!" }"#).unwrap();
    /// assert_eq!(template.greeting.unwrap(), "{name}, hello!");
    /// let wrong = Template::read(r#"{ "identity": "voice" }"#).unwrap_err();
    /// assert_eq!(wrong.message(), "field `identity`: write `\"number\"` or `\"facts\"`");
    /// ```
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config); the message names the field that is wrong,
    /// and what it accepts.
    pub fn read(text: &str) -> Result<Self> {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return Err(Error::config("a template is an object in JSON"));
        };
        let mut template = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "endpointing" => template.endpointing = Some(field(&name, value)?),
                "greeting" => template.greeting = Some(words(&name, value)?),
                "guidance" => template.guidance = Some(words(&name, value)?),
                "identity" => template.identity = Some(field(&name, value)?),
                _ => {
                    let known = FIELDS.map(|(name, _)| format!("`{name}`")).join(", ");
                    return Err(Error::config(format!("field `{name}` is none of {known}")));
                }
            }
        }
        Ok(template)
    }
}

fn words(name: &str, value: Value) -> Result<String> {
    let words: String = field(name, value)?;
    let is_open = words.replace("{name}", "").contains(['{', '}']);
    if words.trim().is_empty() || is_open { Err(wrong(name)) } else { Ok(words) }
}

fn field<T: DeserializeOwned>(name: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|_| wrong(name))
}

fn wrong(name: &str) -> Error {
    let accepted = FIELDS.iter().find(|(field, _)| *field == name).map_or("", |(_, what)| what);
    Error::config(format!("field `{name}`: write {accepted}"))
}

/// The template for a call, and its version; `None` if none is active. Of several arms, a caller
/// gets the same one in every call, as long as the arms stay.
///
/// # Errors
///
/// When the store cannot be read, or holds a template that this version of the program does not
/// understand.
pub async fn choose(store: &Store, slug: &str, caller: &str) -> Result<Option<(i64, Template)>> {
    let arms = store.active_template(slug).await?;
    let Some(version) = arm(&arms, slug, caller) else { return Ok(None) };
    let stored = store.templates(slug).await?;
    match stored.into_iter().find(|stored| stored.version == version) {
        Some(stored) => Ok(Some((version, Template::read(&stored.config)?))),
        None => Ok(None),
    }
}

fn arm(arms: &[Arm], slug: &str, caller: &str) -> Option<i64> {
    let all: u64 = arms.iter().map(|arm| u64::from(arm.weight)).sum();
    let mut hash = Sha256::new();
    hash.update(slug.as_bytes());
    hash.update([0]);
    hash.update(caller.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let number = hash.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let mut place = number.checked_rem(all)?;
    arms.iter().find_map(|arm| {
        let weight = u64::from(arm.weight);
        let is_here = place < weight;
        place = place.saturating_sub(weight);
        is_here.then_some(arm.version)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{Fault, Refusal};

    fn now() -> jiff::Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn pushed(store: &Store, greeting: &str) -> i64 {
        let config = serde_json::json!({ "greeting": greeting }).to_string();
        store.push_template(INBOUND, (&config, "a test"), now()).await.unwrap()
    }

    fn only(version: i64) -> [Arm; 1] {
        [Arm { version, weight: 1 }]
    }

    async fn greeting(store: &Store) -> Option<String> {
        choose(store, INBOUND, "+16305550111").await.unwrap()?.1.greeting
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_accepted() {
        let table = [
            ("[]", "a template is an object in JSON"),
            (r#"{"voice":"x"}"#, "field `voice` is none of `endpointing`, `greeting`"),
            (r#"{"greeting":""}"#, "field `greeting`: write a sentence"),
            (r#"{"greeting":"Hi {who}"}"#, "field `greeting`: write a sentence"),
            (r#"{"greeting":7}"#, "field `greeting`: write a sentence"),
            (r#"{"endpointing":{"silence_ms":5}}"#, "field `endpointing`: write `\"adaptive\"`"),
            (r#"{"identity":"voice"}"#, "field `identity`: write `\"number\"` or `\"facts\"`"),
        ];
        for (text, told) in table {
            let error = Template::read(text).unwrap_err();
            assert!(error.message().starts_with(told), "{text}: {}", error.message());
        }
        let whole = r#"{"greeting":"Hello, {name}.","guidance":"Be brief.",
            "endpointing":{"silence_ms":500},"identity":"facts"}"#;
        let whole = Template::read(whole).unwrap();
        let half_a_second = Endpointing::Silence(Duration::from_millis(500));
        assert_eq!(
            (whole.endpointing, whole.identity),
            (Some(half_a_second), Some(Identity::Facts))
        );
    }

    #[tokio::test]
    async fn the_active_version_answers_and_going_back_goes_back_step_by_step() {
        let store = Store::in_memory().await.unwrap();
        assert_eq!(greeting(&store).await, None);
        for (version, words) in [(1, "One"), (2, "Two"), (3, "Three")] {
            assert_eq!(pushed(&store, words).await, version);
        }
        assert_eq!(greeting(&store).await, None, "what is written answers nothing yet");
        for version in [1, 2, 3] {
            store.activate_template(INBOUND, &only(version), now()).await.unwrap();
        }
        assert_eq!(greeting(&store).await.as_deref(), Some("Three"));
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(2));
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(1));
        assert_eq!(greeting(&store).await.as_deref(), Some("One"));
        let refused = store.roll_back_template(INBOUND, now()).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::NotFound)));
        store.activate_template(INBOUND, &only(3), now()).await.unwrap();
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(1));
        let unknown = store.activate_template(INBOUND, &only(4), now()).await.unwrap_err();
        assert!(matches!(unknown, Fault::Refused(Refusal::NotFound)));
    }

    #[test]
    fn arms_are_taken_by_weight_and_a_caller_stays_in_one() {
        let arms = [(1, 70), (2, 0), (3, 30)].map(|(version, weight)| Arm { version, weight });
        let callers: Vec<String> = (0..2_000).map(|n| format!("+1630555{n:04}")).collect();
        let taken: Vec<Option<i64>> =
            callers.iter().map(|caller| arm(&arms, INBOUND, caller)).collect();
        let of = |version| taken.iter().filter(|taken| **taken == Some(version)).count();
        assert!((1_320..1_480).contains(&of(1)), "{}", of(1));
        assert_eq!((of(2), of(1) + of(3)), (0, callers.len()));
        assert_eq!(arm(&arms, INBOUND, &callers[0]), taken[0]);
        assert_eq!(arm(&[], INBOUND, "+16305550111"), None);
    }
}
