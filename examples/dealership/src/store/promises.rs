use jiff::Timestamp;

use super::{
    Appointment, AppointmentId, Fault, Refusal, Store,
    appointments::{self, AppointmentStatus},
};

impl Store {
    /// Notes that whoever has an appointment has said that they will come. Again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::AlreadyCancelled`], [`Refusal::InPast`], or when the store
    /// cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future confirms it or does not.
    pub async fn confirm(&self, id: AppointmentId, now: Timestamp) -> Result<Appointment, Fault> {
        let mut writes = self.begin().await?;
        let found = appointments::find(&mut writes, id).await?.ok_or(Refusal::NotFound)?;
        let found = found.standing()?;
        if found.start.timestamp() <= now {
            return Err(Refusal::InPast.into());
        }
        if found.status == AppointmentStatus::Confirmed {
            return Ok(found);
        }
        sqlx::query(
            "UPDATE appointment SET status = 'confirmed', confirmed_at = $2,
                    confirmation_method = 'person', version = version + 1, updated_at = $2
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        let confirmed = appointments::find(&mut writes, id).await?.ok_or(Refusal::NotFound)?;
        writes.commit().await?;
        Ok(confirmed)
    }
}
