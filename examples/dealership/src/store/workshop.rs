use jiff::{Timestamp, tz::TimeZone};

use sqlx::{Row, any::AnyRow};

use super::{CustomerId, Fault, Refusal, Store, VehicleId, vehicles::label};

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

/// Maintenance that is due.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DueWork {
    /// The code of the service.
    pub service: String,
    /// The name of the service, as it is spoken.
    pub name: String,
    /// The mileage at which it is due next; it was due at most one interval before.
    pub at_miles: i64,
    /// How often, in miles.
    pub every_miles: i64,
    /// Where that is written.
    pub source_doc: String,
}

impl Store {
    /// The tickets of a customer that are not closed, oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn tickets_of(&self, customer: CustomerId) -> Result<Vec<Ticket>, Fault> {
        let rows = sqlx::query(
            "SELECT ticket.*, year, make, model
             FROM ticket LEFT JOIN vehicle ON vehicle.id = vehicle_id
             WHERE ticket.customer_id = $1 AND status <> 'closed' ORDER BY opened_on, ticket.id",
        )
        .bind(customer.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Ticket::read).collect()
    }

    /// What a vehicle of a customer needs within the next thousand miles, by the mileage that is
    /// told or known, or by its age.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a vehicle that is none, [`Refusal::NoneLeft`] when no schedule
    /// fits it, or when the store cannot be read.
    pub async fn upkeep_of(
        &self,
        vehicle: VehicleId,
        mileage: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<DueWork>, Fault> {
        /// What is due within so many miles is worth a visit.
        const SOON: i64 = 1_000;
        /// What a car is driven in a year, where its mileage is not known.
        const MILES_A_YEAR: i64 = 12_000;
        let row: Option<(Option<i64>, Option<String>, Option<i64>)> =
            sqlx::query_as("SELECT year, make, coalesce($2, mileage) FROM vehicle WHERE id = $1")
                .bind(vehicle.to_string())
                .bind(mileage)
                .fetch_optional(&self.reader)
                .await?;
        let (year, make, known) = row.ok_or(Refusal::NotFound)?;
        let this_year = i64::from(now.to_zoned(TimeZone::UTC).year());
        let by_age = year.map(|year| (this_year - year).max(0) * MILES_A_YEAR);
        let schedule: Vec<(String, String, i64, String)> = sqlx::query_as(
            "SELECT type_code, name, every_miles, source_doc FROM upkeep
             JOIN appointment_type ON code = type_code
             WHERE make = $1 OR (make = '' AND NOT EXISTS (
                 SELECT 1 FROM upkeep AS own
                 WHERE own.type_code = upkeep.type_code AND own.make = $1))
             ORDER BY every_miles, type_code",
        )
        .bind(make.unwrap_or_default())
        .fetch_all(&self.reader)
        .await?;
        let miles = known.or(by_age).filter(|_| !schedule.is_empty()).ok_or(Refusal::NoneLeft)?;
        let due = schedule.into_iter().filter_map(|(service, name, every_miles, source_doc)| {
            let since = miles % every_miles;
            let missed = miles >= every_miles && since <= SOON;
            let at_miles = if missed { miles - since } else { miles - since + every_miles };
            (missed || at_miles - miles <= SOON).then_some(DueWork {
                service,
                name,
                at_miles,
                every_miles,
                source_doc,
            })
        });
        Ok(due.collect())
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
