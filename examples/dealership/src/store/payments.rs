use jiff::Timestamp;
use sqlx::Row;

use super::{AppointmentId, Fault, Refusal, Store, ids::version_7, instant};

/// Something that somebody is asked to pay.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Payment {
    /// By what it is known, to us and to those who take payments.
    pub id: String,
    /// What it is for: `deposit` or `invoice`.
    pub purpose: String,
    /// How much, in cents.
    pub amount_cents: i64,
    /// Where it is paid, if that is known.
    pub url: Option<String>,
    /// Until when it can be paid there.
    pub url_until: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
}

impl Store {
    /// Makes a payment, or finds the one that was made for the same request. Returns its identifier.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn make_payment(
        &self,
        appointment: AppointmentId,
        (cents, purpose): (i64, &str),
        now: Timestamp,
    ) -> Result<String, Fault> {
        let id = version_7(now).to_string();
        self.write(
            sqlx::query(
                "INSERT INTO payment_link (id, appointment_id, amount_cents, purpose, created_at)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&id)
            .bind(appointment.to_string())
            .bind(cents)
            .bind(purpose)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(id)
    }

    /// Notes where a payment is made, and by what whoever takes it knows it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    pub async fn note_payment_page(
        &self,
        id: &str,
        (provider, reference): (&str, &str),
        (url, until): (&str, Timestamp),
    ) -> Result<(), Fault> {
        let noted = self
            .write(
                sqlx::query(
                    "UPDATE payment_link SET provider = $2, reference = $3, url = $4,
                                             url_until = $5
                     WHERE id = $1",
                )
                .bind(id)
                .bind(provider)
                .bind(reference)
                .bind(url)
                .bind(until.as_millisecond()),
            )
            .await?;
        if noted == 0 { Err(Refusal::NotFound.into()) } else { Ok(()) }
    }

    /// A payment; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn payment(&self, id: &str) -> Result<Option<Payment>, Fault> {
        let row = sqlx::query(
            "SELECT id, purpose, amount_cents, url, url_until, paid_at FROM payment_link
             WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.reader)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let moment = |column| -> Result<Option<Timestamp>, Fault> {
            let millis: Option<i64> = row.try_get(column)?;
            Ok(millis.map(instant).transpose()?)
        };
        Ok(Some(Payment {
            id: row.try_get("id")?,
            purpose: row.try_get("purpose")?,
            amount_cents: row.try_get("amount_cents")?,
            url: row.try_get("url")?,
            url_until: moment("url_until")?,
            paid_at: moment("paid_at")?,
        }))
    }

    /// Notes that a payment was made, by what whoever takes it knows it. Told twice counts once.
    /// Returns whether it was news.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a payment of somebody else, [`Refusal::Unfit`] for another amount
    /// than was asked for, or when the store cannot be written.
    pub async fn note_paid(
        &self,
        (provider, reference): (&str, &str),
        cents: i64,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let found: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT id, amount_cents, state FROM payment_link
             WHERE provider = $1 AND reference = $2",
        )
        .bind(provider)
        .bind(reference)
        .fetch_optional(&mut *writes)
        .await?;
        let (id, asked, state) = found.ok_or(Refusal::NotFound)?;
        if asked != cents {
            return Err(Refusal::Unfit.into());
        }
        if state == "paid" {
            return Ok(false);
        }
        sqlx::query("UPDATE payment_link SET state = 'paid', paid_at = $2 WHERE id = $1")
            .bind(&id)
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
        writes.commit().await?;
        Ok(true)
    }
}
