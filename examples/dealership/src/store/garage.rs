use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::{CustomerId, Fault, Refusal, Store, VehicleId, fault::strange, rows::object};

/// All that is known of a vehicle.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct VehicleRecord {
    /// The identifier.
    pub id: VehicleId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The identification number.
    pub vin: Option<String>,
    /// `none`, `decoded` or `unverified`.
    pub vin_status: String,
    /// When the number was decoded.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub vin_decoded_at: Option<Timestamp>,
    /// The model year.
    pub year: Option<i64>,
    /// The make.
    pub make: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The trim.
    pub trim: Option<String>,
    /// The kind of body.
    pub body_class: Option<String>,
    /// The engine.
    pub engine: Option<String>,
    /// Which wheels are driven.
    pub drive_type: Option<String>,
    /// What it runs on.
    pub fuel_type: Option<String>,
    /// The color.
    pub color: Option<String>,
    /// The licence plate. It is compared, and never spoken.
    pub plate: Option<String>,
    /// The state of the plate.
    pub plate_state: Option<String>,
    /// What the odometer showed last, in miles.
    pub mileage: Option<i64>,
    /// When it did.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub mileage_at: Option<Timestamp>,
    /// When it was last in the workshop.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub last_service_at: Option<Timestamp>,
    /// When it should be there next, as far as anybody has reckoned it.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub next_service_due_at: Option<Timestamp>,
    /// Whether they still have it: 1 or 0.
    pub active: i64,
}

/// What of a vehicle its number does not tell a caller, but a decoder or a person.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers state what they know")]
pub struct VehicleDetails {
    /// The trim.
    pub trim: Option<String>,
    /// The kind of body.
    pub body_class: Option<String>,
    /// The engine.
    pub engine: Option<String>,
    /// Which wheels are driven.
    pub drive_type: Option<String>,
    /// What it runs on.
    pub fuel_type: Option<String>,
    /// The color.
    pub color: Option<String>,
    /// The state of the plate.
    pub plate_state: Option<String>,
}

impl Store {
    /// All that is known of a vehicle. It was last in the workshop when it says so, or when the
    /// last visit with it was over.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn vehicle_record(
        &self,
        id: VehicleId,
        now: Timestamp,
    ) -> Result<VehicleRecord, Fault> {
        let row = sqlx::query(
            "SELECT id, customer_id, vin, vin_status, vin_decoded_at, year, make, model, trim,
                    body_class, engine, drive_type, fuel_type, color, plate, plate_state, mileage,
                    mileage_at, next_service_due_at, active,
                    coalesce((SELECT max(appointment.ends_at) FROM appointment
                              WHERE vehicle_id = vehicle.id AND status <> 'cancelled'
                                AND appointment.ends_at <= $2
                                AND appointment.ends_at > coalesce(last_service_at, 0)),
                             last_service_at) AS last_service_at
             FROM vehicle WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(now.as_millisecond())
        .fetch_optional(&self.reader)
        .await?
        .ok_or(Refusal::NotFound)?;
        let read = serde_json::from_value(object(&row)?);
        Ok(read.map_err(|cause| strange("vehicle", "what is no vehicle").with_source(cause))?)
    }

    /// Fills in what is known of a vehicle; what is not stays as it is.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    pub async fn describe_vehicle(
        &self,
        id: VehicleId,
        details: &VehicleDetails,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        let done = describe(&mut writes, id, details).await?;
        writes.commit().await?;
        if done { Ok(()) } else { Err(Refusal::NotFound.into()) }
    }

    /// Notes what the odometer shows. It does not run backwards: what is less than was said before
    /// counts as a correction, and takes the place of what was more.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    pub async fn note_mileage(
        &self,
        id: VehicleId,
        miles: i64,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        read_odometer(&mut writes, id, miles, now).await?;
        writes.commit().await?;
        Ok(())
    }

    /// What the odometer of a vehicle showed, the oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn odometer(&self, id: VehicleId) -> Result<Vec<(Timestamp, i64)>, Fault> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT read_at, miles FROM odometer WHERE vehicle_id = $1 ORDER BY read_at",
        )
        .bind(id.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(|(at, miles)| Ok((super::instant(at)?, miles))).collect()
    }
}

/// [`Store::describe_vehicle`], as a part of a transaction. Returns whether there is such a vehicle.
pub(super) async fn describe(
    connection: &mut AnyConnection,
    id: VehicleId,
    details: &VehicleDetails,
) -> Result<bool, Fault> {
    let done = sqlx::query(
        "UPDATE vehicle SET trim = coalesce($2, trim), body_class = coalesce($3, body_class),
                engine = coalesce($4, engine), drive_type = coalesce($5, drive_type),
                fuel_type = coalesce($6, fuel_type), color = coalesce($7, color),
                plate_state = coalesce($8, plate_state)
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(&details.trim)
    .bind(&details.body_class)
    .bind(&details.engine)
    .bind(&details.drive_type)
    .bind(&details.fuel_type)
    .bind(&details.color)
    .bind(&details.plate_state)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// [`Store::note_mileage`], as a part of a transaction.
pub(super) async fn read_odometer(
    connection: &mut AnyConnection,
    id: VehicleId,
    miles: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    let known = sqlx::query("UPDATE vehicle SET mileage = $2, mileage_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(miles)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
    if known.rows_affected() == 0 {
        return Err(Refusal::NotFound.into());
    }
    sqlx::query("DELETE FROM odometer WHERE vehicle_id = $1 AND (miles > $2 OR read_at >= $3)")
        .bind(id.to_string())
        .bind(miles)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO odometer (vehicle_id, read_at, miles) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(now.as_millisecond())
        .bind(miles)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::store::{
        NewVehicle,
        tests::{customer, friday},
    };

    const FIELDS: [&str; 21] = [
        "active",
        "body_class",
        "color",
        "customer_id",
        "drive_type",
        "engine",
        "fuel_type",
        "id",
        "last_service_at",
        "make",
        "mileage",
        "mileage_at",
        "model",
        "next_service_due_at",
        "plate",
        "plate_state",
        "trim",
        "vin",
        "vin_decoded_at",
        "vin_status",
        "year",
    ];

    #[tokio::test]
    async fn a_vehicle_has_21_fields_and_those_of_its_number_are_noted_when_that_is_decoded() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let owner = customer(&store, "Zoe").await;
        let new = NewVehicle {
            vin: Some(("1M8GDM9AXKP042788".to_owned(), true)),
            year: Some(1989),
            make: Some("MCI".to_owned()),
            model: Some("Coach".to_owned()),
            mileage: Some(41_000),
            plate: Some("ABC 123".to_owned()),
            details: VehicleDetails {
                body_class: Some("Bus".to_owned()),
                engine: Some("Detroit".to_owned()),
                ..VehicleDetails::default()
            },
        };
        let id = store.add_vehicle(owner, &new, friday()).await.unwrap().id;
        let color = VehicleDetails { color: Some("red".to_owned()), ..VehicleDetails::default() };
        store.describe_vehicle(id, &color).await.unwrap();
        let record = store.vehicle_record(id, friday()).await.unwrap();
        let known = json!(record);
        assert_eq!(known.as_object().unwrap().keys().collect::<Vec<_>>(), FIELDS);
        assert_eq!((record.vin_decoded_at, record.mileage_at), (Some(friday()), Some(friday())));
        assert_eq!(
            (known["body_class"].as_str(), known["color"].as_str()),
            (Some("Bus"), Some("red"))
        );
        assert_eq!(record.last_service_at, None);

        // The second visit to come counts when it is over.
        let week = friday() + SignedDuration::from_hours(7 * 24);
        let seeded = store.export("SELECT vehicle_id, ends_at FROM appointment").await.unwrap();
        let visit = &seeded[0];
        let id = VehicleId::parse(visit["vehicle_id"].as_str().unwrap()).unwrap();
        let before = store.vehicle_record(id, friday()).await.unwrap();
        let after = store.vehicle_record(id, week).await.unwrap();
        assert_eq!(before.last_service_at, None);
        let ended = after.last_service_at.unwrap().as_millisecond();
        assert_eq!(Some(ended), visit["ends_at"].as_i64());
    }

    #[tokio::test]
    async fn an_odometer_is_read_again_and_corrected() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let owner = customer(&store, "Zoe").await;
        let new = NewVehicle { mileage: Some(30_000), ..NewVehicle::default() };
        let id = store.add_vehicle(owner, &new, friday()).await.unwrap().id;
        let day = |days: i64| friday() + SignedDuration::from_hours(24 * days);
        store.note_mileage(id, 300_600, day(30)).await.unwrap();
        store.note_mileage(id, 30_600, day(30)).await.unwrap();
        store.note_mileage(id, 31_200, day(60)).await.unwrap();
        let read = store.odometer(id).await.unwrap();
        assert_eq!(read, [(day(0), 30_000), (day(30), 30_600), (day(60), 31_200)]);
        assert_eq!(store.vehicle_record(id, day(60)).await.unwrap().mileage, Some(31_200));
    }
}
