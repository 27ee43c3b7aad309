use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Appointment, Fault, Store};

/// An appointment and whose it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AgendaEntry {
    /// The appointment.
    pub appointment: Appointment,
    /// First and last name of the customer.
    pub customer: String,
}

impl Store {
    /// The appointments that stand and have not begun, soonest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn agenda(&self, now: Timestamp) -> Result<Vec<AgendaEntry>, Fault> {
        sqlx::query(
            "SELECT appointment_detail.*, first_name, last_name
             FROM appointment_detail JOIN customer ON customer.id = customer_id
             WHERE status = 'booked' AND starts_at > ?1 ORDER BY starts_at, confirmation_code",
        )
        .bind(now.as_millisecond())
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(AgendaEntry::read)
        .collect()
    }

    /// The appointments that were booked, moved or cancelled after `since`, in that order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn changed_after(&self, since: Timestamp) -> Result<Vec<AgendaEntry>, Fault> {
        sqlx::query(
            "SELECT appointment_detail.*, first_name, last_name
             FROM appointment_detail JOIN customer ON customer.id = customer_id
             WHERE appointment_detail.updated_at > ?1 ORDER BY appointment_detail.updated_at",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(AgendaEntry::read)
        .collect()
    }
}

impl AgendaEntry {
    fn read(row: &SqliteRow) -> Result<Self, Fault> {
        let first: &str = row.try_get("first_name")?;
        let last: &str = row.try_get("last_name")?;
        Ok(Self { appointment: Appointment::read(row)?, customer: format!("{first} {last}") })
    }
}
