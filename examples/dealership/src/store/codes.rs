use jiff::{Timestamp, ToSpan};

use crate::phone::Phone;

use super::{
    Appointment, AppointmentId, Channel, CodeId, Fault, Refusal, Store, appointments, slots::later,
};

/// How long a code is good.
const GOOD_MINUTES: i64 = 10;
/// Between two codes for one appointment.
const PAUSE_SECONDS: i64 = 60;
/// Codes for one appointment in an hour.
const MOST: usize = 3;
const TRIES: i64 = 3;

/// A code that was sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SentCode {
    /// The identifier.
    pub id: CodeId,
    /// When it is good no more.
    pub expires_at: Timestamp,
    /// When another may be sent.
    pub again_at: Timestamp,
}

/// How a code compares.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the states of a code, and a wrong one")]
pub enum CodeVerdict {
    /// It is another one; so many tries are left.
    Mismatch {
        /// Tries that are left.
        left: i64,
    },
    /// It is too old.
    Expired,
    /// Too many were wrong.
    Locked,
    /// It is right, and the appointment is confirmed.
    Verified(Box<Appointment>),
}

impl Store {
    /// The number to which a code for this appointment goes: of its customer, or its lead.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn number_of(&self, id: AppointmentId) -> Result<Option<Phone>, Fault> {
        let number: Option<String> = sqlx::query_scalar(
            "SELECT coalesce(lead.phone_e164, (
                 SELECT min(phone_e164) FROM customer_phone
                 WHERE customer_phone.customer_id = appointment.customer_id))
             FROM appointment LEFT JOIN lead ON lead.id = lead_id WHERE appointment.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?
        .flatten();
        Ok(number.and_then(|number| Phone::parse(&number)))
    }

    /// Whether whom an appointment is for wants to be reached so.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn prefers(&self, id: AppointmentId, channel: Channel) -> Result<bool, Fault> {
        let preferred: Option<Option<String>> = sqlx::query_scalar(
            "SELECT preferred_channel FROM appointment
             JOIN customer ON customer.id = customer_id WHERE appointment.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        Ok(preferred.flatten().as_deref() == Some(channel.word()))
    }

    /// Notes a code, as its hash, before it is sent.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooSoon`] when one was sent within a minute or three within an hour, or when the
    /// store cannot be written.
    pub async fn note_code(
        &self,
        (appointment, phone): (AppointmentId, &Phone),
        hash: impl FnOnce(CodeId) -> String,
        now: Timestamp,
    ) -> Result<SentCode, Fault> {
        let mut writes = self.begin().await?;
        let sent: Vec<i64> = sqlx::query_scalar(
            "SELECT created_at FROM verification_code
             WHERE appointment_id = $1 AND created_at > $2 ORDER BY created_at DESC",
        )
        .bind(appointment.to_string())
        .bind(later(now, (-60).minutes()).as_millisecond())
        .fetch_all(&mut *writes)
        .await?;
        let pause = later(now, (-PAUSE_SECONDS).seconds()).as_millisecond();
        if sent.len() >= MOST || sent.first().is_some_and(|last| *last > pause) {
            return Err(Refusal::TooSoon.into());
        }
        let id = CodeId::new(now);
        let expires_at = later(now, GOOD_MINUTES.minutes());
        sqlx::query(
            "INSERT INTO verification_code (id, appointment_id, phone_e164, code_hash, created_at,
                                            expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.to_string())
        .bind(appointment.to_string())
        .bind(phone.as_str())
        .bind(hash(id))
        .bind(now.as_millisecond())
        .bind(expires_at.as_millisecond())
        .execute(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(SentCode { id, expires_at, again_at: later(now, PAUSE_SECONDS.seconds()) })
    }

    /// Compares a code by its hash, and confirms the appointment if it is right.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    pub async fn try_code(
        &self,
        id: CodeId,
        hash: &str,
        now: Timestamp,
    ) -> Result<CodeVerdict, Fault> {
        let mut writes = self.begin().await?;
        let row: Option<(String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT appointment_id, code_hash, state, attempts, expires_at FROM verification_code
             WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *writes)
        .await?;
        let (appointment, known, state, attempts, expires) = row.ok_or(Refusal::NotFound)?;
        let appointment = AppointmentId::stored(&appointment)?;
        if state == "locked" {
            return Ok(CodeVerdict::Locked);
        }
        if state == "sent" && now.as_millisecond() > expires {
            return Ok(CodeVerdict::Expired);
        }
        let is_right = known == hash;
        let attempts = attempts + i64::from(!is_right);
        let state = match is_right {
            true => "verified",
            false if attempts >= TRIES => "locked",
            false => "sent",
        };
        sqlx::query("UPDATE verification_code SET state = $2, attempts = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(state)
            .bind(attempts.min(TRIES))
            .execute(&mut *writes)
            .await?;
        if is_right {
            sqlx::query(
                "UPDATE appointment SET status = 'confirmed', confirmed_at = $2,
                        confirmation_method = 'code', version = version + 1, updated_at = $2
                 WHERE id = $1 AND status = 'booked'",
            )
            .bind(appointment.to_string())
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
        }
        let found = appointments::find(&mut writes, appointment).await?;
        writes.commit().await?;
        Ok(match (state, found) {
            ("verified", Some(found)) => CodeVerdict::Verified(Box::new(found)),
            ("locked", _) => CodeVerdict::Locked,
            _ => CodeVerdict::Mismatch { left: TRIES - attempts },
        })
    }
}
