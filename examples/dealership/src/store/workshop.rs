use sqlx::{Row, any::AnyRow};

use super::{CustomerId, Fault, Store, vehicles::label};

/// Work that was begun and is not done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ticket {
    /// The identifier.
    pub id: String,
    /// The vehicle, as it is spoken.
    pub vehicle: Option<String>,
    /// `open` or `waiting`.
    pub status: String,
    /// The date, YYYY-MM-DD.
    pub opened_on: String,
    /// When it was promised to be done, as somebody wrote it.
    pub promised_at: Option<String>,
    /// What was written about it last.
    pub last_note: Option<String>,
}

impl Store {
    /// The tickets of a customer that are not closed, oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn tickets_of(&self, customer: CustomerId) -> Result<Vec<Ticket>, Fault> {
        let rows = sqlx::query(
            "SELECT ticket.id, vehicle_id, status, opened_on, promised_at, last_note, year, make, model
             FROM ticket LEFT JOIN vehicle ON vehicle.id = vehicle_id
             WHERE ticket.customer_id = $1 AND status <> 'closed' ORDER BY opened_on, ticket.id",
        )
        .bind(customer.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Ticket::read).collect()
    }
}

impl Ticket {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let vehicle: Option<&str> = row.try_get("vehicle_id")?;
        let words = label(row.try_get("year")?, row.try_get("make")?, row.try_get("model")?);
        Ok(Self {
            id: row.try_get("id")?,
            vehicle: vehicle.map(|_| words),
            status: row.try_get("status")?,
            opened_on: row.try_get("opened_on")?,
            promised_at: row.try_get("promised_at")?,
            last_note: row.try_get("last_note")?,
        })
    }
}
