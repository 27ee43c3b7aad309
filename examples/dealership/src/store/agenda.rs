use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{Appointment, Fault, Store};

/// An appointment and whose it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AgendaEntry {
    /// The appointment.
    pub appointment: Appointment,
    /// First and last name of the customer or lead.
    pub customer: String,
}

impl Store {
    /// The appointments that stand and have not begun, soonest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn agenda(&self, now: Timestamp) -> Result<Vec<AgendaEntry>, Fault> {
        self.entries(
            "appointment_detail.status <> 'cancelled' AND starts_at > $1
             ORDER BY starts_at, confirmation_code",
            now,
        )
        .await
    }

    /// The appointments that were booked, moved or cancelled after `since`, in that order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn changed_after(&self, since: Timestamp) -> Result<Vec<AgendaEntry>, Fault> {
        self.entries(
            "appointment_detail.updated_at > $1 ORDER BY appointment_detail.updated_at",
            since,
        )
        .await
    }

    async fn entries(&self, which: &str, than: Timestamp) -> Result<Vec<AgendaEntry>, Fault> {
        let columns = Appointment::COLUMNS;
        // What is chosen is a word of this program.
        sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns}, coalesce(customer.first_name, lead.first_name) AS first_name,
                    coalesce(customer.last_name, lead.last_name) AS last_name
             FROM appointment_detail LEFT JOIN customer ON customer.id = customer_id
             LEFT JOIN lead ON lead.id = lead_id
             WHERE {which}"
        )))
        .bind(than.as_millisecond())
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(AgendaEntry::read)
        .collect()
    }
}

impl AgendaEntry {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let first: Option<&str> = row.try_get("first_name")?;
        let last: Option<&str> = row.try_get("last_name")?;
        let customer = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Ok(Self { appointment: Appointment::read(row)?, customer })
    }
}
