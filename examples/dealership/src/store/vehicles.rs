use jiff::Timestamp;
use sqlx::Row;

use super::{CustomerId, Fault, Store, VehicleDetails, VehicleId, claims, garage};

/// A customer's vehicle.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vehicle {
    /// The identifier.
    pub id: VehicleId,
    /// Year, make and model, as they are spoken.
    pub label: String,
}

/// What is noted of a new vehicle.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct NewVehicle {
    /// The identification number, and whether somebody decoded it.
    pub vin: Option<(String, bool)>,
    /// The model year.
    pub year: Option<i64>,
    /// The make.
    pub make: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What the odometer shows, in miles.
    pub mileage: Option<i64>,
    /// The licence plate.
    pub plate: Option<String>,
    /// What else is known of it.
    pub details: VehicleDetails,
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
             WHERE customer_id = $1 AND active = 1 ORDER BY no",
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

    /// Adds a vehicle to a customer, or finds the one that they have with that number, or without
    /// a number of that year, make and model.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn add_vehicle(
        &self,
        customer: CustomerId,
        new: &NewVehicle,
        now: Timestamp,
    ) -> Result<Vehicle, Fault> {
        let label = label(new.year, new.make.as_deref(), new.model.as_deref());
        let vin = new.vin.as_ref().map(|(vin, _)| vin);
        let mut writes = self.begin().await?;
        let known: Option<String> = sqlx::query_scalar(
            "SELECT id FROM vehicle WHERE customer_id = $1 AND active = 1 AND (vin = $2 OR
                 ($2 IS NULL AND year IS NOT DISTINCT FROM $3
                             AND lower(make) IS NOT DISTINCT FROM lower($4)
                             AND lower(model) IS NOT DISTINCT FROM lower($5)))
             ORDER BY no LIMIT 1",
        )
        .bind(customer.to_string())
        .bind(vin)
        .bind(new.year)
        .bind(&new.make)
        .bind(&new.model)
        .fetch_optional(&mut *writes)
        .await?;
        if let Some(known) = known {
            let id = VehicleId::stored(&known)?;
            if let Some(miles) = new.mileage {
                garage::read_odometer(&mut writes, id, miles, now).await?;
                writes.commit().await?;
            }
            return Ok(Vehicle { id, label });
        }
        let id = VehicleId::new(now);
        let no: i64 = claims::number(&mut writes).await?;
        let status = match &new.vin {
            None => "none",
            Some((_, true)) => "decoded",
            Some((_, false)) => "unverified",
        };
        sqlx::query(
            "INSERT INTO vehicle (id, no, customer_id, vin, year, make, model, plate, vin_status,
                                  vin_decoded_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(id.to_string())
        .bind(no)
        .bind(customer.to_string())
        .bind(vin)
        .bind(new.year)
        .bind(&new.make)
        .bind(&new.model)
        .bind(&new.plate)
        .bind(status)
        .bind((status == "decoded").then(|| now.as_millisecond()))
        .execute(&mut *writes)
        .await?;
        garage::describe(&mut writes, id, &new.details).await?;
        if let Some(miles) = new.mileage {
            garage::read_odometer(&mut writes, id, miles, now).await?;
        }
        writes.commit().await?;
        Ok(Vehicle { id, label })
    }
}

pub(super) fn label(year: Option<i64>, make: Option<&str>, model: Option<&str>) -> String {
    let year = year.map(|year| year.to_string());
    let parts: Vec<&str> = [year.as_deref(), make, model].into_iter().flatten().collect();
    if parts.is_empty() { "vehicle".to_owned() } else { parts.join(" ") }
}
