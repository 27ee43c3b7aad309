use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::AnyConnection;

use crate::phone::Phone;

use super::{Fault, Store, fault::strange};

/// What is known of the calls of a number: there is one row for each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conversation {
    /// The call that is theirs now, or was last.
    pub call: String,
    /// How many there were.
    pub call_count: i64,
    /// What is remembered for good: `topics`, `preferences`, `lead_id`, `qualified`.
    pub memory: Value,
    /// Where the call is in the graph; the next one begins anew.
    pub node: Option<String>,
    /// Whether somebody has shown in it who they are.
    pub verified: bool,
    /// Whether something was booked in it.
    pub appointment_booked: bool,
}

/// How many items of a list are remembered: the latest.
const MOST_ITEMS: usize = 30;
/// How long what is remembered of a number may be, in bytes: a model is told all of it.
const MOST_BYTES: usize = 4_096;

/// Merges a patch into what is known, as RFC 7396 says (what is null is removed, objects are merged
/// field by field, everything else is replaced), but for lists: what they do not hold yet is added to
/// them.
///
/// ```
/// use dealership::store::merge;
/// use serde_json::json;
///
/// let mut known = json!({ "topics": ["brakes"], "preferences": { "part_of_day": "morning" } });
/// merge(&mut known, &json!({ "topics": ["price", "brakes"], "preferences": { "advisor": "Kim" } }));
/// assert_eq!(known, json!({
///     "topics": ["brakes", "price"],
///     "preferences": { "part_of_day": "morning", "advisor": "Kim" },
/// }));
/// ```
pub fn merge(known: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => {
            if !known.is_object() {
                *known = Value::Object(Map::new());
            }
            let Some(object) = known.as_object_mut() else { return };
            for (name, value) in fields {
                if value.is_null() {
                    object.remove(name);
                } else {
                    merge(object.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        Value::Array(items) => {
            if !known.is_array() {
                *known = Value::Array(Vec::new());
            }
            let Some(list) = known.as_array_mut() else { return };
            for item in items {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {
            known.clone_from(patch);
        }
    }
}

impl Store {
    /// What is known of the calls of a number.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn conversation(&self, phone: &Phone) -> Result<Option<Conversation>, Fault> {
        let row: Option<(String, i64, String, Option<String>, i64, i64)> = sqlx::query_as(
            "SELECT call, call_count, memory, node, verified, appointment_booked
             FROM conversation_state WHERE phone_e164 = $1",
        )
        .bind(phone.as_str())
        .fetch_optional(&self.reader)
        .await?;
        let Some((call, call_count, memory, node, verified, booked)) = row else { return Ok(None) };
        Ok(Some(Conversation {
            call,
            call_count,
            memory: read(&memory)?,
            node,
            verified: verified != 0,
            appointment_booked: booked != 0,
        }))
    }

    /// Remembers something of the number of a call: the patch is [merged](merge) into what is known
    /// of it. A call without a number is not remembered, nor is what would make it too long.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future remembers all of the patch, or nothing.
    pub async fn update_conversation(
        &self,
        call: &str,
        patch: &Value,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        let known: Option<String> =
            sqlx::query_scalar("SELECT memory FROM conversation_state WHERE call = $1")
                .bind(call)
                .fetch_optional(&mut *writes)
                .await?;
        let Some(known) = known else { return Ok(()) };
        let mut memory = read(&known)?;
        merge(&mut memory, patch);
        shorten(&mut memory);
        let memory = memory.to_string();
        if memory.len() > MOST_BYTES {
            return Ok(());
        }
        sqlx::query("UPDATE conversation_state SET memory = $2, updated_at = $3 WHERE call = $1")
            .bind(call)
            .bind(memory)
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
        writes.commit().await?;
        Ok(())
    }
}

/// Notes that somebody has shown in a call who they are.
pub(super) async fn note_verified(connection: &mut AnyConnection, call: &str) -> Result<(), Fault> {
    sqlx::query("UPDATE conversation_state SET verified = 1 WHERE call = $1")
        .bind(call)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that something was booked in a call.
pub(super) async fn note_booked(
    connection: &mut AnyConnection,
    call: Option<&str>,
) -> Result<(), Fault> {
    sqlx::query("UPDATE conversation_state SET appointment_booked = 1 WHERE call = $1")
        .bind(call)
        .execute(connection)
        .await?;
    Ok(())
}

fn read(memory: &str) -> Result<Value, Fault> {
    let read = serde_json::from_str(memory);
    let strange = || strange("conversation_state", "a memory that is no JSON");
    Ok(read.map_err(|cause| strange().with_source(cause))?)
}

/// Leaves the latest items of each list.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(items) => {
            let old = items.len().saturating_sub(MOST_ITEMS);
            items.drain(..old);
        }
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use voiceagent_core::transport::Direction;

    use super::*;
    use crate::store::{CallStep, Ending, tests::friday};

    /// Any JSON of a few levels.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..9_i64).prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// An object whose fields begin so.
    fn object(prefix: &'static str) -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-d]", value(), 0..4).prop_map(move |fields| {
            let named = fields.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value));
            Value::Object(named.collect())
        })
    }

    fn merged(known: &Value, patches: &[&Value]) -> Value {
        let mut known = known.clone();
        patches.iter().for_each(|patch| merge(&mut known, patch));
        known
    }

    proptest! {
        #[test]
        fn a_patch_that_is_merged_twice_is_merged_once(known in value(), patch in value()) {
            prop_assert_eq!(merged(&known, &[&patch, &patch]), merged(&known, &[&patch]));
        }

        #[test]
        fn patches_of_different_fields_may_come_in_any_order_and_together(
            known in object(""),
            one in object("x"),
            other in object("y"),
        ) {
            let both = merged(&known, &[&one, &other]);
            prop_assert_eq!(&both, &merged(&known, &[&other, &one]));
            let mut joined = one.as_object().cloned().unwrap();
            joined.extend(other.as_object().cloned().unwrap());
            prop_assert_eq!(&both, &merged(&known, &[&Value::Object(joined)]));
        }

        #[test]
        fn nothing_is_lost_from_a_list_and_what_is_null_is_gone(
            before in prop::collection::vec(0..20_i64, 0..8),
            after in prop::collection::vec(0..20_i64, 0..8),
        ) {
            let merged = merged(
                &json!({ "list": before, "gone": 1 }),
                &[&json!({ "list": after, "gone": null })],
            );
            let list = merged["list"].as_array().unwrap();
            prop_assert!(before.iter().chain(&after).all(|item| list.contains(&json!(item))));
            let kept = Value::from(list[..before.len()].to_vec());
            prop_assert_eq!(kept, json!(before));
            prop_assert!(merged.get("gone").is_none());
        }

        #[test]
        fn an_empty_patch_changes_nothing(known in object("")) {
            prop_assert_eq!(merged(&known, &[&json!({})]), known);
        }
    }

    #[test]
    fn the_examples_of_the_rfc_hold_but_for_lists() {
        // RFC 7396, appendix A.
        for (known, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            // There the list would be [3].
            (json!([1, 2]), json!([2, 3]), json!([1, 2, 3])),
        ] {
            assert_eq!(merged(&known, &[&patch]), expected, "{known} and {patch}");
        }
    }

    fn ana() -> Phone {
        Phone::parse("+16305550111").unwrap()
    }

    async fn begin(store: &Store, call: &str) {
        store.begin_call(call, Some(&ana()), Direction::Inbound, friday()).await.unwrap();
    }

    #[tokio::test]
    async fn topics_and_preferences_outlive_a_call_and_where_it_was_does_not() {
        let store = Store::fresh().await;
        begin(&store, "CA1").await;
        let step = CallStep {
            node: "collect".to_owned(),
            phase: "SLOT_COLLECTION".to_owned(),
            intent: None,
            cause: "words".to_owned(),
        };
        store.note_steps("CA1", &[step], friday()).await.unwrap();
        for patch in [
            json!({ "topics": ["brakes"], "preferences": { "part_of_day": "morning" } }),
            json!({ "topics": ["price", "brakes"], "qualified": true }),
        ] {
            store.update_conversation("CA1", &patch, friday()).await.unwrap();
        }
        store.run("UPDATE conversation_state SET verified = 1, appointment_booked = 1").await;
        // A call that broke off and is back is the same one.
        begin(&store, "CA1").await;
        let known = store.conversation(&ana()).await.unwrap().unwrap();
        assert_eq!((known.call_count, known.verified, known.appointment_booked), (1, true, true));
        assert_eq!(known.node.as_deref(), Some("collect"));
        store.conclude("CA1", Ending::default(), friday()).await.unwrap();

        begin(&store, "CA2").await;
        let known = store.conversation(&ana()).await.unwrap().unwrap();
        let memory = json!({
            "topics": ["brakes", "price"], "preferences": { "part_of_day": "morning" },
            "qualified": true,
        });
        let expected = Conversation {
            call: "CA2".to_owned(),
            call_count: 2,
            memory,
            node: None,
            verified: false,
            appointment_booked: false,
        };
        assert_eq!(known, expected);
        store.update_conversation("CA1", &json!({ "topics": ["late"] }), friday()).await.unwrap();
        assert_eq!(store.conversation(&ana()).await.unwrap(), Some(expected), "it is not theirs");
    }

    #[tokio::test]
    async fn two_calls_of_one_number_at_once_are_one_row_and_two_calls() {
        let store = Store::fresh().await;
        let calls: Vec<_> = (0..8)
            .map(|nth| {
                let store = store.clone();
                tokio::spawn(async move { begin(&store, &format!("CA{nth}")).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        let rows = store.export("SELECT call_count FROM conversation_state").await.unwrap();
        assert_eq!(rows, [json!({ "call_count": 8 })]);
    }

    #[tokio::test]
    async fn what_is_remembered_of_a_number_has_an_end() {
        let store = Store::fresh().await;
        begin(&store, "CA1").await;
        for topic in 0..100 {
            let patch = json!({ "topics": [format!("topic {topic}")] });
            store.update_conversation("CA1", &patch, friday()).await.unwrap();
        }
        let known = store.conversation(&ana()).await.unwrap().unwrap();
        let topics = known.memory["topics"].as_array().unwrap();
        assert_eq!((topics.len(), &topics[29]), (30, &json!("topic 99")));
        let long = json!({ "preferences": { "note": "x".repeat(5_000) } });
        store.update_conversation("CA1", &long, friday()).await.unwrap();
        assert_eq!(store.conversation(&ana()).await.unwrap(), Some(known), "it is too long");
    }
}
