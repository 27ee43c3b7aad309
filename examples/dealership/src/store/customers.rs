use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{phone::Phone, shared::CUSTOMERS};

use super::{CustomerId, Fault, Refusal, Store};

/// Somebody the dealership knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Customer {
    /// The identifier.
    pub id: CustomerId,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// The language to speak with them, a BCP 47 tag.
    pub language: String,
}

/// What is noted of a new customer.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct NewCustomer {
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// The number to reach them at.
    pub phone: Phone,
    /// The e-mail address.
    pub email: Option<String>,
    /// The ZIP code.
    pub postal_code: Option<String>,
    /// The language to speak with them, a BCP 47 tag.
    pub language: Option<String>,
    /// The call in which they were met.
    pub call: Option<String>,
}

impl Store {
    /// The customers with this phone number: none, one, or a household. Who is known is known for
    /// five minutes, where the store is [shared](Self::sharing); nobody is never kept.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn customers_by_phone(&self, phone: &Phone) -> Result<Vec<Customer>, Fault> {
        let Some(shared) = &self.shared else { return self.read_customers(phone).await };
        let key = key(phone);
        let kept = shared.get(&key).await;
        if let Some(customers) = kept.and_then(|kept| serde_json::from_str(&kept).ok()) {
            return Ok(customers);
        }
        let customers = self.read_customers(phone).await?;
        if !customers.is_empty()
            && let Ok(kept) = serde_json::to_string(&customers)
        {
            shared.put(&key, &kept, CUSTOMERS).await;
        }
        Ok(customers)
    }

    /// Who counts no more has no number. That they do not is no condition here: of a column that is
    /// nearly always empty PostgreSQL expects little as long as it has counted nothing, and reads all
    /// customers.
    async fn read_customers(&self, phone: &Phone) -> Result<Vec<Customer>, Fault> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, coalesce(preferred_name, first_name) AS called, last_name, language
             FROM customer JOIN customer_phone ON customer_id = id
             WHERE phone_e164 = $1 ORDER BY called, id",
        )
        .bind(phone.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Customer::read).collect()
    }

    /// The customers of whose name each part is a part of `name`'s, however many there are.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn customers_named(&self, name: &str) -> Result<Vec<Customer>, Fault> {
        let mut parts = name.split_whitespace();
        let first = parts.next().unwrap_or_default();
        let last = parts.next_back().unwrap_or(first);
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, first_name, last_name, language FROM customer
             WHERE (lower(first_name) = lower($1) OR lower(preferred_name) = lower($1))
               AND lower(last_name) = lower($2) AND merged_into IS NULL ORDER BY id",
        )
        .bind(first)
        .bind(last)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Customer::read).collect()
    }

    /// The customer, if `caller` may act for them: the number is theirs, or they were first met in
    /// this very call.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn customer_of(
        &self,
        id: CustomerId,
        caller: Option<&Phone>,
        call: &str,
    ) -> Result<Option<Customer>, Fault> {
        let row: Option<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, coalesce(preferred_name, first_name), last_name, language FROM customer
             WHERE id = $1 AND (source_call = $2 OR EXISTS (
                 SELECT 1 FROM customer_phone WHERE customer_id = id AND phone_e164 = $3))",
        )
        .bind(id.to_string())
        .bind(call)
        .bind(caller.map(Phone::as_str))
        .fetch_optional(&self.reader)
        .await?;
        row.map(Customer::read).transpose()
    }

    /// The customer with this identifier.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn customer(&self, id: CustomerId) -> Result<Option<Customer>, Fault> {
        let row: Option<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, coalesce(preferred_name, first_name), last_name, language FROM customer
             WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        row.map(Customer::read).transpose()
    }

    /// Whether there is such a customer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn has_customer(&self, id: CustomerId) -> Result<bool, Fault> {
        let found: i64 = sqlx::query_scalar("SELECT count(*) FROM customer WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&self.reader)
            .await?;
        Ok(found > 0)
    }

    /// Notes a new customer, or finds the one with the same number and name. Tells which.
    ///
    /// # Errors
    ///
    /// [`Refusal::DuplicateAmbiguous`], or when the store cannot be written.
    pub async fn upsert_customer(
        &self,
        new: &NewCustomer,
        now: Timestamp,
    ) -> Result<(CustomerId, bool), Fault> {
        let mut writes = self.begin().await?;
        let known: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM customer JOIN customer_phone ON customer_id = id
             WHERE phone_e164 = $1
               AND (lower(first_name) = lower($2) OR lower(preferred_name) = lower($2))
               AND lower(last_name) = lower($3)",
        )
        .bind(new.phone.as_str())
        .bind(&new.first_name)
        .bind(&new.last_name)
        .fetch_all(&mut *writes)
        .await?;
        match known.as_slice() {
            [] => {}
            [id] => return Ok((CustomerId::stored(id)?, false)),
            _ => return Err(Refusal::DuplicateAmbiguous.into()),
        }
        let id = CustomerId::new(now);
        sqlx::query(
            "INSERT INTO customer (id, first_name, last_name, email, postal_code, language,
                                   source_call, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, coalesce($6, 'en-US'), $7, $8, $8)",
        )
        .bind(id.to_string())
        .bind(&new.first_name)
        .bind(&new.last_name)
        .bind(&new.email)
        .bind(&new.postal_code)
        .bind(&new.language)
        .bind(&new.call)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        sqlx::query("INSERT INTO customer_phone (phone_e164, customer_id) VALUES ($1, $2)")
            .bind(new.phone.as_str())
            .bind(id.to_string())
            .execute(&mut *writes)
            .await?;
        writes.commit().await?;
        if let Some(shared) = &self.shared {
            shared.forget(&key(&new.phone)).await;
        }
        Ok((id, true))
    }
}

impl Store {
    /// Forgets what is kept of a customer for a while: it has changed.
    pub(super) async fn forget_customer(&self, id: CustomerId) -> Result<(), Fault> {
        let Some(shared) = &self.shared else { return Ok(()) };
        let phones: Vec<String> =
            sqlx::query_scalar("SELECT phone_e164 FROM customer_phone WHERE customer_id = $1")
                .bind(id.to_string())
                .fetch_all(&self.reader)
                .await?;
        for phone in phones.iter().filter_map(|phone| Phone::parse(phone)) {
            shared.forget(&key(&phone)).await;
        }
        Ok(())
    }
}

/// Under what customers are kept.
fn key(phone: &Phone) -> String {
    format!("customers:{}", phone.as_str())
}

impl Customer {
    fn read(
        (id, first_name, last_name, language): (String, String, String, String),
    ) -> Result<Self, Fault> {
        Ok(Self { id: CustomerId::stored(&id)?, first_name, last_name, language })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        shared::Shared,
        store::tests::{customer, friday},
    };

    #[tokio::test]
    async fn customers_are_kept_for_five_minutes_unless_they_change_and_nobody_is_not() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let store = store.sharing(Shared::local());
        let names = async |number: &str| {
            let phone = Phone::parse(number).unwrap();
            let found = store.customers_by_phone(&phone).await.unwrap();
            found.into_iter().map(|one| one.first_name).collect::<Vec<_>>()
        };
        assert_eq!(names("+16305550111").await, ["Ana"]);
        // Another program writes past us, which shows what is kept.
        store.run("UPDATE customer SET first_name = 'Eve' WHERE first_name = 'Ana'").await;
        assert_eq!(names("+16305550111").await, ["Ana"]);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(301)).await;
        tokio::time::resume();
        assert_eq!(names("+16305550111").await, ["Eve"]);
        let id = store.customers_named("Eve Morales").await.unwrap()[0].id;
        let patch = serde_json::json!({ "preferred_name": "Evie" });
        store.update_profile(id, patch.as_object().unwrap(), friday()).await.unwrap();
        assert_eq!(names("+16305550111").await, ["Evie"], "what we change is forgotten at once");
        assert!(names("+16305550199").await.is_empty());
        customer(&store, "Zoe").await;
        assert_eq!(names("+16305550199").await, ["Zoe"], "nobody is kept who was not there");
    }
}
