use jiff::Timestamp;
use sqlx::Row;

use super::{CustomerId, Fault, Store, VehicleId};

/// A customer's vehicle.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vehicle {
    /// The identifier.
    pub id: VehicleId,
    /// Year, make and model, as they are spoken.
    pub label: String,
}

impl Store {
    /// The vehicles of a customer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn vehicles_of(&self, customer: CustomerId) -> Result<Vec<Vehicle>, Fault> {
        let rows = sqlx::query(
            "SELECT id, year, make, model FROM vehicle
             WHERE customer_id = ?1 AND active = 1 ORDER BY no",
        )
        .bind(customer.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let label =
                    label(row.try_get("year")?, row.try_get("make")?, row.try_get("model")?);
                Ok(Vehicle { id: VehicleId::stored(row.try_get("id")?)?, label })
            })
            .collect()
    }

    /// Adds a vehicle to a customer.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn add_vehicle(
        &self,
        customer: CustomerId,
        vin: Option<&str>,
        (year, make, model): (i64, &str, &str),
        now: Timestamp,
    ) -> Result<VehicleId, Fault> {
        let id = VehicleId::new(now);
        let mut writes = self.begin().await?;
        let no: i64 = sqlx::query_scalar("INSERT INTO claimable DEFAULT VALUES RETURNING no")
            .fetch_one(&mut *writes)
            .await?;
        sqlx::query(
            "INSERT INTO vehicle (id, no, customer_id, vin, year, make, model)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(id.to_string())
        .bind(no)
        .bind(customer.to_string())
        .bind(vin)
        .bind(year)
        .bind(make)
        .bind(model)
        .execute(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(id)
    }
}

pub(super) fn label(year: Option<i64>, make: Option<&str>, model: Option<&str>) -> String {
    let year = year.map(|year| year.to_string());
    let parts: Vec<&str> = [year.as_deref(), make, model].into_iter().flatten().collect();
    if parts.is_empty() { "vehicle".to_owned() } else { parts.join(" ") }
}
