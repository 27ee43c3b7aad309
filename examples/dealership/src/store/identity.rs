use jiff::{Timestamp, ToSpan};
use sqlx::{AnyConnection, Row};

use crate::phone::Phone;

use super::{CustomerId, Fault, Refusal, Store, conversation, profile::phrase_hash, slots::later};

/// What a person says of themselves to show who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the facts that the tables hold")]
pub enum Fact {
    /// The date of birth, YYYY-MM-DD.
    Dob,
    /// The family name.
    LastName,
    /// The phrase that they have agreed on with the house.
    Phrase,
    /// The licence plate of one of their vehicles.
    Plate,
    /// The ZIP code.
    PostalCode,
    /// The number of the house.
    StreetNumber,
    /// The last four characters of the VIN of one of their vehicles.
    VinLast4,
}

/// How a check of who calls came out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Verdict {
    /// Too many checks failed; it was not made.
    Locked,
    /// Something is wrong or too little; it may be tried so many times more.
    Mismatch {
        /// Attempts that are left.
        left: i64,
    },
    /// All is right. Level 1 is one fact from a number of the customer, level 2 are two facts.
    Verified {
        /// 1 or 2.
        level: u8,
    },
}

/// After so many failures nobody may try again for a while, neither for that customer nor from that
/// number.
const ATTEMPTS: i64 = 2;
pub(super) const LOCKED_MINUTES: i64 = 30;

impl Store {
    /// Compares what a caller says with what is known of a customer, and notes it if it is wrong.
    /// What is known is not told, nor which fact is wrong.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read or written.
    pub async fn verify(
        &self,
        id: CustomerId,
        facts: &[(Fact, String)],
        (caller, call): (Option<&Phone>, &str),
        now: Timestamp,
    ) -> Result<Verdict, Fault> {
        let mut writes = self.begin().await?;
        let (of_customer, of_caller): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE customer_id = $1), count(*) FILTER (WHERE caller = $2)
             FROM identity_failure
             WHERE (customer_id = $1 OR caller = $2) AND failed_at > $3",
        )
        .bind(id.to_string())
        .bind(caller.map(Phone::as_str))
        .bind(later(now, (-LOCKED_MINUTES).minutes()).as_millisecond())
        .fetch_one(&mut *writes)
        .await?;
        let failed = of_customer.max(of_caller);
        let row = sqlx::query(
            "SELECT last_name, dob, postal_code, street_number, phrase_hash,
                    (SELECT count(*) FROM customer_phone
                     WHERE customer_id = customer.id AND phone_e164 = $2) AS own
             FROM customer WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(caller.map(Phone::as_str))
        .fetch_optional(&mut *writes)
        .await?
        .ok_or(Refusal::NotFound)?;
        let cars: Vec<(Option<String>, Option<String>)> =
            sqlx::query_as("SELECT vin, plate FROM vehicle WHERE customer_id = $1 AND active = 1")
                .bind(id.to_string())
                .fetch_all(&mut *writes)
                .await?;
        let known = |fact: Fact| -> Result<Vec<String>, sqlx::Error> {
            let column = |name| row.try_get::<Option<String>, _>(name);
            Ok(match fact {
                Fact::Dob => column("dob")?.into_iter().collect(),
                Fact::LastName => column("last_name")?.into_iter().collect(),
                Fact::Phrase => column("phrase_hash")?.into_iter().collect(),
                Fact::PostalCode => column("postal_code")?.into_iter().collect(),
                Fact::StreetNumber => column("street_number")?.into_iter().collect(),
                Fact::Plate => cars.iter().filter_map(|(_, plate)| plate.clone()).collect(),
                Fact::VinLast4 => {
                    let ends = cars.iter().filter_map(|(vin, _)| vin.as_deref()?.get(13..));
                    ends.map(str::to_owned).collect()
                }
            })
        };
        let mut kinds: Vec<Fact> = Vec::new();
        let mut is_right = failed < ATTEMPTS;
        for (fact, said) in facts {
            is_right &= known(*fact)?.iter().any(|known| match fact {
                Fact::Phrase => *known == phrase_hash(id, said),
                _ => plain(known) == plain(said),
            });
            if !kinds.contains(fact) {
                kinds.push(*fact);
            }
        }
        let own: i64 = row.try_get("own")?;
        let level = match (kinds.len(), own > 0) {
            (2.., _) => 2,
            (1, true) => 1,
            _ => 0,
        };
        if is_right && level > 0 {
            conversation::note_verified(&mut writes, call).await?;
            writes.commit().await?;
            return Ok(Verdict::Verified { level });
        }
        note_failure(&mut writes, id, (caller, call), now).await?;
        writes.commit().await?;
        if failed >= ATTEMPTS {
            return Ok(Verdict::Locked);
        }
        Ok(Verdict::Mismatch { left: ATTEMPTS - failed - 1 })
    }
}

async fn note_failure(
    writes: &mut AnyConnection,
    id: CustomerId,
    (caller, call): (Option<&Phone>, &str),
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO identity_failure (customer_id, caller, call, failed_at)
         VALUES ($1, $2, $3, $4)",
    )
    .bind(id.to_string())
    .bind(caller.map(Phone::as_str))
    .bind(call)
    .bind(now.as_millisecond())
    .execute(writes)
    .await?;
    Ok(())
}

/// Until when nobody may try again, by the failures of the last half hour, the newest first.
pub(super) fn locked_until(failures: &[i64]) -> Option<i64> {
    let attempts = usize::try_from(ATTEMPTS).unwrap_or(usize::MAX);
    let decisive = failures.get(attempts.checked_sub(1)?)?;
    Some(decisive + LOCKED_MINUTES * 60_000)
}

/// A fact without what people say or write differently.
pub(super) fn plain(fact: &str) -> String {
    fact.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
