use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{Fault, Refusal, Store, VehicleId};

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
    /// When the vehicle will have driven that far, or its time is over.
    pub due_on: Date,
    /// Whether it is the time that is over, rather than the miles.
    pub is_by_time: bool,
    /// Where that is written.
    pub source_doc: String,
}

/// What is due within so many miles is worth a visit.
const SOON_MILES: f64 = 1_000.0;
/// And what is due within so many days.
const SOON_DAYS: f64 = 30.0;
/// What a car is driven in a year, where nobody knows better.
const MILES_A_YEAR: i64 = 12_000;
const DAYS_A_YEAR: f64 = 365.25;
/// The odometer tells how much a car is driven when it was read at least so many days apart.
const TREND_DAYS: f64 = 21.0;
/// And not longer ago than so many days: people move, and drive less.
const LATE_DAYS: f64 = 2.0 * DAYS_A_YEAR;

/// A row of the schedule, and when that was last done to the vehicle.
type Entry = (String, String, i64, i64, String, Option<i64>);

impl Store {
    /// What a vehicle of a customer needs within the next thousand miles or the next month: by the
    /// mileage that is told or known, by how much it is driven, as its odometer was read, and by
    /// when the work was last done; else by its age.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a vehicle that is none, [`Refusal::NoneLeft`] when no schedule
    /// fits it, or when the store cannot be read.
    pub async fn upkeep_of(
        &self,
        vehicle: VehicleId,
        told: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<DueWork>, Fault> {
        let row: Option<(Option<i64>, Option<String>, Option<i64>)> =
            sqlx::query_as("SELECT year, make, mileage FROM vehicle WHERE id = $1")
                .bind(vehicle.to_string())
                .fetch_optional(&self.reader)
                .await?;
        let (year, make, known) = row.ok_or(Refusal::NotFound)?;
        let schedule: Vec<Entry> = sqlx::query_as(
            "SELECT type_code, name, every_miles, every_months, source_doc,
                    (SELECT max(appointment.ends_at) FROM appointment
                     WHERE vehicle_id = $2 AND appointment.type_code = upkeep.type_code
                       AND status <> 'cancelled' AND appointment.ends_at <= $3)
             FROM upkeep JOIN appointment_type ON code = type_code
             WHERE make = $1 OR (make = '' AND NOT EXISTS (
                 SELECT 1 FROM upkeep AS own
                 WHERE own.type_code = upkeep.type_code AND own.make = $1))
             ORDER BY every_miles, type_code",
        )
        .bind(make.unwrap_or_default())
        .bind(vehicle.to_string())
        .bind(now.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let readings = self.odometer(vehicle).await?;
        let this_year = i64::from(now.to_zoned(TimeZone::UTC).year());
        let by_age = year.map(|year| (this_year - year).max(0) * MILES_A_YEAR);
        let miles = told
            .map(|miles| miles as f64)
            .or_else(|| by_trend(&readings, now))
            .or(known.map(|miles| miles as f64))
            .or(by_age.map(|miles| miles as f64))
            .filter(|_| !schedule.is_empty())
            .ok_or(Refusal::NoneLeft)?;
        let a_day = miles_a_day(&readings, now).unwrap_or(MILES_A_YEAR as f64 / DAYS_A_YEAR);
        let driven = Driven { now, miles, a_day };
        schedule.into_iter().filter_map(|entry| driven.due(entry).transpose()).collect()
    }
}

/// How far a vehicle was driven, and how much it is driven.
struct Driven {
    now: Timestamp,
    miles: f64,
    a_day: f64,
}

impl Driven {
    /// What of the schedule is due; `None` if it is not yet.
    fn due(
        &self,
        (service, name, every_miles, every_months, source_doc, last): Entry,
    ) -> Result<Option<DueWork>, Fault> {
        let every = every_miles as f64;
        let (at_miles, time_left) = match last {
            // It is due that far behind the last time, or that long.
            Some(last) => {
                let ago = days(self.now, super::instant(last)?);
                let months = every_months as f64 * DAYS_A_YEAR / 12.0;
                (self.miles - ago * self.a_day + every, months - ago)
            }
            // Who knows when it was last done; it is due at each multiple.
            None => {
                let since = self.miles % every;
                let is_missed = self.miles >= every && since <= SOON_MILES;
                (self.miles - since + if is_missed { 0.0 } else { every }, f64::INFINITY)
            }
        };
        let miles_left = at_miles - self.miles;
        let days_left = miles_left / self.a_day;
        if miles_left > SOON_MILES && time_left > SOON_DAYS {
            return Ok(None);
        }
        let left = days_left.min(time_left).max(0.0);
        let due = self.now.saturating_add(SignedDuration::from_secs_f64(left * 86_400.0));
        let due_on = due.unwrap_or(self.now).to_zoned(TimeZone::UTC).date();
        Ok(Some(DueWork {
            service,
            name,
            at_miles: at_miles.round() as i64,
            every_miles,
            due_on,
            is_by_time: time_left < days_left,
            source_doc,
        }))
    }
}

/// How much a vehicle is driven in a day, by what its odometer showed; `None` if that tells too
/// little.
fn miles_a_day(readings: &[(Timestamp, i64)], now: Timestamp) -> Option<f64> {
    let late: Vec<_> = readings.iter().filter(|(at, _)| days(now, *at) <= LATE_DAYS).collect();
    let ((first, from), (last, to)) = (late.first()?, late.last()?);
    let between = days(*last, *first);
    (between >= TREND_DAYS && to > from).then(|| (to - from) as f64 / between)
}

/// How far a vehicle will have been driven by now.
fn by_trend(readings: &[(Timestamp, i64)], now: Timestamp) -> Option<f64> {
    let (last, miles) = readings.last()?;
    Some(*miles as f64 + miles_a_day(readings, now)? * days(now, *last).max(0.0))
}

fn days(later: Timestamp, earlier: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64() / 86_400.0
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::store::{
        NewVehicle,
        tests::{customer, friday},
    };

    fn day(days: i64) -> Timestamp {
        friday() + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn how_much_a_car_is_driven_is_told_by_readings_that_are_apart_and_not_old() {
        let read = |readings: &[(i64, i64)]| {
            let readings: Vec<_> = readings.iter().map(|(at, miles)| (day(*at), *miles)).collect();
            miles_a_day(&readings, day(0))
        };
        assert_eq!(read(&[(-60, 30_000), (-30, 31_500), (0, 33_000)]), Some(50.0));
        assert_eq!(read(&[(-20, 30_000), (0, 31_000)]), None, "three weeks at least");
        assert_eq!(read(&[(-2_000, 1_000), (-40, 30_000), (0, 30_400)]), Some(10.0));
        assert_eq!(read(&[(0, 30_000)]), None);
        assert_eq!(read(&[]), None);
    }

    async fn car(store: &Store, readings: &[(i64, i64)]) -> VehicleId {
        let owner = customer(store, "Zoe").await;
        let new =
            NewVehicle { year: Some(2024), make: Some("Honda".into()), ..NewVehicle::default() };
        let id = store.add_vehicle(owner, &new, friday()).await.unwrap().id;
        for (at, miles) in readings {
            store.note_mileage(id, *miles, day(*at)).await.unwrap();
        }
        id
    }

    fn oil(due: &[DueWork]) -> Option<&DueWork> {
        due.iter().find(|work| work.service == "oil_change")
    }

    #[tokio::test]
    async fn what_a_car_needs_is_foreseen_by_how_much_it_is_driven() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        // 50 miles a day; every 7,500 miles the oil is changed.
        let id = car(&store, &[(-60, 3_000), (0, 6_000)]).await;
        let now = store.upkeep_of(id, None, day(0)).await.unwrap();
        assert!(oil(&now).is_none(), "1,500 miles are left: {now:?}");
        let later = store.upkeep_of(id, None, day(12)).await.unwrap();
        let due = oil(&later).unwrap();
        assert_eq!((due.at_miles, due.is_by_time), (7_500, false), "900 miles are left");
        assert_eq!(due.due_on, date(2026, 12, 20), "18 days at 50 miles a day");
        let told = store.upkeep_of(id, Some(6_100), day(12)).await.unwrap();
        assert!(oil(&told).is_none(), "what somebody says counts: {told:?}");
    }

    #[tokio::test]
    async fn what_was_done_is_due_again_after_its_miles_or_its_months() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let id = car(&store, &[(-60, 29_400), (0, 30_000)]).await;
        assert!(oil(&store.upkeep_of(id, None, day(0)).await.unwrap()).is_some(), "4 times 7,500");
        let done = crate::store::BookingRequest {
            service: "oil_change".to_owned(),
            vehicle: Some(id),
            ..crate::store::tests::request(
                customer(&store, "Zoe").await,
                "2026-11-23T16:00:00Z".parse().unwrap(),
                "oil",
            )
        };
        store.book(&done, friday()).await.unwrap();
        assert!(oil(&store.upkeep_of(id, None, day(10)).await.unwrap()).is_none(), "it was done");
        // 10 miles a day are 3,400 in eleven months, and twelve months are the limit.
        let due = store.upkeep_of(id, None, day(345)).await.unwrap();
        let due = oil(&due).unwrap();
        assert!(due.is_by_time, "{due:?}");
        assert_eq!(due.due_on, date(2027, 11, 23));
    }
}
