use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{CustomerId, Fault, Refusal, Store, fault::strange, identity, rows::object};

/// All that is known of a customer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// The identifier.
    pub id: CustomerId,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// What they are called, in place of the given name.
    pub preferred_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The language to speak with them, a BCP 47 tag.
    pub language: String,
    /// The date of birth, YYYY-MM-DD. It is compared, and never spoken.
    pub dob: Option<String>,
    /// Street and number.
    pub address_line: Option<String>,
    /// The number of the house. It is compared, and never spoken.
    pub street_number: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The state, two letters.
    pub state: Option<String>,
    /// The ZIP code. It is compared, and never spoken.
    pub postal_code: Option<String>,
    /// Where they are, by IANA name.
    pub tz: Option<String>,
    /// Whether they have agreed on a phrase by which they are known.
    pub has_phrase: bool,
    /// How often somebody failed of late to show that they are this customer.
    pub identity_failures: i64,
    /// Until when nobody may try again.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub identity_locked_until: Option<Timestamp>,
    /// Who receives them, if they may choose: the identifier of an advisor.
    pub preferred_advisor_id: Option<String>,
    /// How they want to be reached: `voice_ai`, `sms`, `whatsapp` or `email`.
    pub preferred_channel: Option<String>,
    /// What people of the house have noted.
    pub notes: Option<String>,
    /// What other systems call them, by the system.
    pub external_ids: Map<String, Value>,
    /// The customer who counts in place of this one.
    pub merged_into: Option<CustomerId>,
    /// When they were first noted.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When the row last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub updated_at: Timestamp,
}

/// The columns that may be filled in as text.
const TEXTS: [&str; 15] = [
    "address_line",
    "city",
    "dob",
    "email",
    "first_name",
    "language",
    "last_name",
    "notes",
    "postal_code",
    "preferred_advisor_id",
    "preferred_channel",
    "preferred_name",
    "state",
    "street_number",
    "tz",
];

impl Store {
    /// All that is known of a customer.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn profile(&self, id: CustomerId, now: Timestamp) -> Result<Profile, Fault> {
        let row = sqlx::query(
            "SELECT id, first_name, last_name, preferred_name, email, language, dob, address_line,
                    street_number, city, state, postal_code, tz, phrase_hash, preferred_advisor_id,
                    preferred_channel, notes, external_ids, merged_into, created_at, updated_at
             FROM customer WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?
        .ok_or(Refusal::NotFound)?;
        let failures: Vec<i64> = sqlx::query_scalar(
            "SELECT failed_at FROM identity_failure
             WHERE customer_id = $1 AND failed_at > $2 ORDER BY failed_at DESC",
        )
        .bind(id.to_string())
        .bind(super::slots::later(now, (-identity::LOCKED_MINUTES).minutes()).as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let mut known = object(&row)?;
        let locked = identity::locked_until(&failures);
        let external = known["external_ids"].as_str().unwrap_or_default();
        known["external_ids"] = serde_json::from_str(external).unwrap_or_default();
        known["has_phrase"] = (!known["phrase_hash"].is_null()).into();
        known["identity_failures"] = failures.len().into();
        known["identity_locked_until"] = locked.into();
        let read = serde_json::from_value(known);
        Ok(read.map_err(|cause| strange("customer", "what is no customer").with_source(cause))?)
    }

    /// The customers who count, each with every number of theirs, by name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn customers_with_numbers(&self) -> Result<Vec<(CustomerId, String)>, Fault> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT customer.id, phone_e164 FROM customer
             JOIN customer_phone ON customer_id = customer.id
             WHERE merged_into IS NULL ORDER BY last_name, first_name, customer.id, phone_e164",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(|(id, phone)| Ok((CustomerId::stored(&id)?, phone))).collect()
    }

    /// Fills in what is known of a customer; null leaves a field as it is, and `""` empties it.
    /// `external_ids` are merged, and `phrase` is kept as a hash. Returns the fields that were
    /// changed.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::Unfit`] for a field that no customer has, a time zone or an
    /// advisor that is none, or when the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes all of it, or nothing.
    pub async fn update_profile(
        &self,
        id: CustomerId,
        patch: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Vec<String>, Fault> {
        let mut writes = self.begin().await?;
        let mut changed = Vec::new();
        for (field, value) in patch.iter().filter(|(_, value)| !value.is_null()) {
            let (column, value) = fitting(&mut writes, id, field, value).await?;
            // The name of a column cannot be bound; it is one of ours.
            let sql = format!("UPDATE customer SET {column} = $2, updated_at = $3 WHERE id = $1");
            let done = sqlx::query(AssertSqlSafe(sql))
                .bind(id.to_string())
                .bind(value)
                .bind(now.as_millisecond())
                .execute(&mut *writes)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Refusal::NotFound.into());
            }
            changed.push(field.clone());
        }
        writes.commit().await?;
        self.forget_customer(id).await?;
        Ok(changed)
    }

    /// Lets one customer count in place of another: numbers, vehicles and visits are theirs from now
    /// on. Returns how many visits have moved.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] unless both are there, are not the same and count, or when the store
    /// cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future merges them, or does not.
    pub async fn merge_customers(
        &self,
        (from, into): (CustomerId, CustomerId),
        now: Timestamp,
    ) -> Result<u64, Fault> {
        self.forget_customer(from).await?;
        let mut writes = self.begin().await?;
        let both: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM customer WHERE id IN ($1, $2) AND merged_into IS NULL",
        )
        .bind(from.to_string())
        .bind(into.to_string())
        .fetch_one(&mut *writes)
        .await?;
        if both < 2 {
            return Err(Refusal::NotFound.into());
        }
        let statements = [
            "INSERT INTO customer_phone (phone_e164, customer_id)
             SELECT phone_e164, $2 FROM customer_phone WHERE customer_id = $1
             ON CONFLICT DO NOTHING",
            "DELETE FROM customer_phone WHERE customer_id = $1 AND $2 <> ''",
            "UPDATE vehicle SET customer_id = $2 WHERE customer_id = $1",
            "UPDATE ticket SET customer_id = $2 WHERE customer_id = $1",
            "UPDATE customer SET merged_into = $2 WHERE id = $1",
        ];
        for statement in statements {
            sqlx::query(statement)
                .bind(from.to_string())
                .bind(into.to_string())
                .execute(&mut *writes)
                .await?;
        }
        let moved = sqlx::query(
            "UPDATE appointment SET customer_id = $2, version = version + 1, updated_at = $3
             WHERE customer_id = $1",
        )
        .bind(from.to_string())
        .bind(into.to_string())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        writes.commit().await?;
        self.forget_customer(into).await?;
        Ok(moved.rows_affected())
    }
}

/// The column of a field and what goes into it.
async fn fitting(
    connection: &mut AnyConnection,
    id: CustomerId,
    field: &str,
    value: &Value,
) -> Result<(&'static str, Option<String>), Fault> {
    let text = value.as_str().map(str::trim);
    match (field, text) {
        ("phrase", Some(phrase)) => {
            Ok(("phrase_hash", (!phrase.is_empty()).then(|| phrase_hash(id, phrase))))
        }
        ("external_ids", None) => {
            let more = value.as_object().ok_or(Refusal::Unfit)?;
            let known: Option<String> =
                sqlx::query_scalar("SELECT external_ids FROM customer WHERE id = $1")
                    .bind(id.to_string())
                    .fetch_optional(connection)
                    .await?;
            let known = known.ok_or(Refusal::NotFound)?;
            let mut known: Map<String, Value> = serde_json::from_str(&known).unwrap_or_default();
            known.extend(more.clone());
            Ok(("external_ids", Some(Value::Object(known).to_string())))
        }
        ("tz", Some(zone)) if !zone.is_empty() && TimeZone::get(zone).is_err() => {
            Err(Refusal::Unfit.into())
        }
        ("preferred_advisor_id", Some(advisor)) if !advisor.is_empty() => {
            let known: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM resource WHERE id = $1 AND kind = 'advisor'",
            )
            .bind(advisor)
            .fetch_one(connection)
            .await?;
            if known == 0 {
                return Err(Refusal::Unfit.into());
            }
            Ok(("preferred_advisor_id", Some(advisor.to_owned())))
        }
        // Nobody is without a name and a language.
        ("first_name" | "last_name" | "language", Some("")) => Err(Refusal::Unfit.into()),
        (field, Some(text)) => {
            let column = TEXTS.iter().find(|column| **column == field).ok_or(Refusal::Unfit)?;
            Ok((*column, (!text.is_empty()).then(|| text.to_owned())))
        }
        (_, None) => Err(Refusal::Unfit.into()),
    }
}

/// What is kept of a phrase, of which case, spaces and signs do not count.
pub(super) fn phrase_hash(id: CustomerId, phrase: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(id.to_string().as_bytes());
    hash.update([0]);
    hash.update(identity::plain(phrase).as_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(hash.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        phone::Phone,
        store::{Fact, NewCustomer, Verdict, tests::friday},
    };

    const FIELDS: [&str; 23] = [
        "address_line",
        "city",
        "created_at",
        "dob",
        "email",
        "external_ids",
        "first_name",
        "has_phrase",
        "id",
        "identity_failures",
        "identity_locked_until",
        "language",
        "last_name",
        "merged_into",
        "notes",
        "postal_code",
        "preferred_advisor_id",
        "preferred_channel",
        "preferred_name",
        "state",
        "street_number",
        "tz",
        "updated_at",
    ];

    async fn ana() -> (Store, CustomerId) {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let phone = Phone::parse("+16305550111").unwrap();
        let id = store.customers_by_phone(&phone).await.unwrap()[0].id;
        (store, id)
    }

    fn patch(patch: Value) -> Map<String, Value> {
        patch.as_object().cloned().unwrap()
    }

    #[tokio::test]
    async fn a_customer_has_23_fields_which_are_filled_in_and_emptied() {
        let (store, id) = ana().await;
        let known = json!(store.profile(id, friday()).await.unwrap());
        let names: Vec<&String> = known.as_object().unwrap().keys().collect();
        assert_eq!(names, FIELDS);
        let location = store.location().await.unwrap().id;
        let advisor = store.advisors(location).await.unwrap()[0].id.clone();
        let whole = patch(json!({
            "preferred_name": "Annie", "address_line": "12 Elm Street", "street_number": "12",
            "city": "Naperville", "state": "IL", "tz": "America/Chicago", "dob": "1980-05-01",
            "preferred_advisor_id": advisor, "preferred_channel": "whatsapp", "notes": "Likes tea.",
            "external_ids": { "dms": "K-77" }, "phrase": "Blue Heron!", "email": null,
        }));
        let changed = store.update_profile(id, &whole, friday()).await.unwrap();
        assert_eq!(changed.len(), 12, "null leaves a field as it is");
        store
            .update_profile(
                id,
                &patch(json!({ "notes": "", "external_ids": { "crm": "9" } })),
                friday(),
            )
            .await
            .unwrap();
        let profile = store.profile(id, friday()).await.unwrap();
        assert_eq!(profile.preferred_name.as_deref(), Some("Annie"));
        assert_eq!((profile.notes, profile.has_phrase), (None, true));
        assert_eq!(Value::Object(profile.external_ids), json!({ "dms": "K-77", "crm": "9" }));
        let phone = Phone::parse("+16305550111").unwrap();
        assert_eq!(store.customers_by_phone(&phone).await.unwrap()[0].first_name, "Annie");
        for wrong in [
            json!({ "shoe_size": "9" }),
            json!({ "tz": "Mars/Olympus" }),
            json!({ "preferred_advisor_id": "nobody" }),
            json!({ "first_name": " " }),
            json!({ "dob": 7 }),
        ] {
            let refused = store.update_profile(id, &patch(wrong.clone()), friday()).await;
            assert!(matches!(refused, Err(Fault::Refused(Refusal::Unfit))), "{wrong}");
        }
        let channel = patch(json!({ "preferred_channel": "pigeon" }));
        assert!(store.update_profile(id, &channel, friday()).await.is_err());
    }

    #[tokio::test]
    async fn a_phrase_shows_who_somebody_is_and_is_kept_as_a_hash() {
        let (store, id) = ana().await;
        store
            .update_profile(id, &patch(json!({ "phrase": "Blue Heron" })), friday())
            .await
            .unwrap();
        let rows = store.export("SELECT * FROM customer").await.unwrap();
        assert!(!json!(rows).to_string().to_lowercase().contains("heron"));
        let phone = Phone::parse("+16305550111").unwrap();
        let caller = (Some(&phone), "CA1");
        let say = |words: &str| vec![(Fact::Phrase, words.to_owned())];
        let right = store.verify(id, &say("blue  heron."), caller, friday()).await.unwrap();
        assert_eq!(right, Verdict::Verified { level: 1 });
        for left in [1, 0] {
            let wrong = store.verify(id, &say("red heron"), caller, friday()).await.unwrap();
            assert_eq!(wrong, Verdict::Mismatch { left });
        }
        let profile = store.profile(id, friday()).await.unwrap();
        let until = friday() + jiff::SignedDuration::from_mins(30);
        assert_eq!((profile.identity_failures, profile.identity_locked_until), (2, Some(until)));
        let locked = store.verify(id, &say("blue heron"), caller, friday()).await.unwrap();
        assert_eq!(locked, Verdict::Locked);
        let later =
            store.profile(id, friday() + jiff::SignedDuration::from_mins(31)).await.unwrap();
        assert_eq!((later.identity_failures, later.identity_locked_until), (0, None));
    }

    #[tokio::test]
    async fn of_two_rows_of_one_person_one_counts_and_has_the_visits_of_both() {
        let (store, id) = ana().await;
        let new = NewCustomer {
            first_name: "Anna".to_owned(),
            last_name: "Morales".to_owned(),
            phone: Phone::parse("+16305550150").unwrap(),
            email: None,
            postal_code: None,
            language: None,
            call: None,
        };
        let other = store.upsert_customer(&new, friday()).await.unwrap().0;
        assert_eq!(store.merge_customers((id, other), friday()).await.unwrap(), 1);
        assert_eq!(store.upcoming(other, friday()).await.unwrap().len(), 1);
        assert_eq!(store.vehicles_of(other).await.unwrap().len(), 1);
        for number in ["+16305550111", "+16305550150"] {
            let found = store.customers_by_phone(&Phone::parse(number).unwrap()).await.unwrap();
            assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [other], "{number}");
        }
        assert_eq!(store.profile(id, friday()).await.unwrap().merged_into, Some(other));
        assert!(store.customers_named("Ana Morales").await.unwrap().is_empty());
        let clients = store.export("SELECT * FROM clients WHERE last_name = 'Morales'").await;
        assert_eq!(clients.unwrap().len(), 2, "one for each number");
        for pair in [(id, other), (other, other)] {
            let refused = store.merge_customers(pair, friday()).await;
            assert!(matches!(refused, Err(Fault::Refused(Refusal::NotFound))));
        }
    }
}
