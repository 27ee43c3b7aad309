use jiff::Timestamp;

use crate::phone::Phone;

use super::{BrokerId, Fault, LeadId, Refusal, Store, ids::version_7};

impl Store {
    /// Notes that a text message was sent, by the carrier's name for it, or could not be. `template`
    /// says what kind it is; the words are not kept.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_message(
        &self,
        to: &Phone,
        (template, provider): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(sqlx::query(
            "INSERT INTO message (id, channel, to_addr, template, status, provider_id, created_at)
             VALUES ($1, 'sms', $2, $3, CASE WHEN $4 IS NULL THEN 'failed' ELSE 'sent' END, $4, $5)",
        )
        .bind(version_7(now).to_string())
        .bind(to.as_str())
        .bind(template)
        .bind(provider)
        .bind(now.as_millisecond())).await?;
        Ok(())
    }

    /// Gives a lead a number by which they reach their broker, or finds the one that they have.
    /// Tells which.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a lead or broker that is none, [`Refusal::NoneLeft`] when all
    /// numbers are given away, or when the store cannot be written.
    pub async fn assign_number(
        &self,
        lead: LeadId,
        broker: BrokerId,
        now: Timestamp,
    ) -> Result<(Phone, bool), Fault> {
        let mut writes = self.begin().await?;
        let known: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM lead WHERE id = $1)
                  + (SELECT count(*) FROM broker WHERE id = $2)",
        )
        .bind(lead.to_string())
        .bind(broker.to_string())
        .fetch_one(&mut *writes)
        .await?;
        if known < 2 {
            return Err(Refusal::NotFound.into());
        }
        let number = |number: String| {
            Phone::parse(&number)
                .ok_or_else(|| super::fault::strange("tracking_number", "a number that is none"))
        };
        let own: Option<String> = sqlx::query_scalar(
            "UPDATE tracking_number SET broker_id = $2
             WHERE lead_id = $1 AND state = 'assigned' RETURNING phone_e164",
        )
        .bind(lead.to_string())
        .bind(broker.to_string())
        .fetch_optional(&mut *writes)
        .await?;
        if let Some(own) = own {
            writes.commit().await?;
            return Ok((number(own)?, true));
        }
        let taken: Option<String> = sqlx::query_scalar(
            "UPDATE tracking_number
             SET state = 'assigned', lead_id = $1, broker_id = $2, changed_at = $3
             WHERE phone_e164 = (SELECT phone_e164 FROM tracking_number WHERE state = 'free'
                                 ORDER BY changed_at, phone_e164 LIMIT 1)
             RETURNING phone_e164",
        )
        .bind(lead.to_string())
        .bind(broker.to_string())
        .bind(now.as_millisecond())
        .fetch_optional(&mut *writes)
        .await?;
        let taken = number(taken.ok_or(Refusal::NoneLeft)?)?;
        writes.commit().await?;
        Ok((taken, false))
    }
}
