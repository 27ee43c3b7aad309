use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, Time},
};
use serde_json::json;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::{Closure, Fault, LocationId, Store, claims, ids::version_7};
use crate::phone::Phone;

/// A place of business as it is to be: the whole of it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Premises {
    /// The number that people call, by which the place is known.
    pub phone: Phone,
    /// The name, as it is spoken.
    pub name: String,
    /// The time zone of its clocks, by IANA name.
    pub zone: String,
    /// Street and number, city, state and ZIP code.
    pub address: [Option<String>; 4],
    /// When people are reminded of what they have on the next day; `None` is 6 PM.
    pub remind_at: Option<Time>,
    /// The hours of each ISO weekday, Monday 1.
    pub hours: Vec<(i8, Time, Time)>,
    /// The dates on which other hours hold, or none.
    pub closures: BTreeMap<Date, Closure>,
    /// Its bays and people.
    pub resources: Vec<Capacity>,
}

/// A bay or a person.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Capacity {
    /// `bay`, `advisor` or `salesperson`.
    pub kind: &'static str,
    /// The name, by which it is known at its place.
    pub name: String,
    /// The services that it is good for; `None` is all.
    pub skills: Option<Vec<String>>,
    /// How much time around a visit is better kept free, in minutes.
    pub buffer_minutes: i64,
}

impl Store {
    /// Writes a place of business: a new one, or the one with that number, whose hours and closures
    /// are replaced. Bays and people that are not named take no visits any more; those that they
    /// have stand. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future writes all of it, or nothing.
    pub async fn put_location(
        &self,
        place: &Premises,
        now: Timestamp,
    ) -> Result<(LocationId, bool), Fault> {
        let mut writes = self.begin().await?;
        let known: Option<String> =
            sqlx::query_scalar("SELECT id FROM location WHERE phone_e164 = $1")
                .bind(place.phone.as_str())
                .fetch_optional(&mut *writes)
                .await?;
        let id = match &known {
            Some(known) => LocationId::stored(known)?,
            None => LocationId::new(after_all(&mut writes, now).await?),
        };
        let [address, city, state, postal_code] = &place.address;
        sqlx::query(
            "INSERT INTO location (id, name, tz, phone_e164, address, city, state, postal_code,
                                   remind_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '18:00'))
             ON CONFLICT (id) DO UPDATE
             SET name = excluded.name, tz = excluded.tz, address = excluded.address,
                 city = excluded.city, state = excluded.state,
                 postal_code = excluded.postal_code, remind_at = excluded.remind_at",
        )
        .bind(id.to_string())
        .bind(&place.name)
        .bind(&place.zone)
        .bind(place.phone.as_str())
        .bind(address)
        .bind(city)
        .bind(state)
        .bind(postal_code)
        .bind(place.remind_at.map(clock))
        .execute(&mut *writes)
        .await?;
        let place_id = id.to_string();
        open(&mut writes, &place_id, place).await?;
        equip(&mut writes, &place_id, &place.resources, now).await?;
        writes.commit().await?;
        Ok((id, known.is_none()))
    }

    /// Sets when people are reminded of their visits at a place; `None` is the first. What is planned
    /// already stays.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn set_remind_at(&self, place: Option<LocationId>, at: Time) -> Result<(), Fault> {
        let place = self.location_at(place).await?.id;
        let set = sqlx::query("UPDATE location SET remind_at = $2 WHERE id = $1");
        self.write(set.bind(place.to_string()).bind(clock(at))).await?;
        Ok(())
    }
}

/// Now, or behind the moment at which the last place was made: the first place is known by the lowest
/// identifier, whatever the clocks of the programs say that write them.
async fn after_all(writes: &mut AnyConnection, now: Timestamp) -> Result<Timestamp, Fault> {
    let last: Option<String> =
        sqlx::query_scalar("SELECT max(id) FROM location").fetch_one(writes).await?;
    let made = last.and_then(|last| Uuid::try_parse(&last).ok()?.get_timestamp());
    let Some((seconds, _)) = made.map(|made| made.to_unix()) else { return Ok(now) };
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let behind = Timestamp::from_second(seconds.saturating_add(1)).unwrap_or(now);
    Ok(now.max(behind))
}

/// Replaces the hours and the closures of a place.
async fn open(writes: &mut AnyConnection, id: &str, place: &Premises) -> Result<(), Fault> {
    for clear in [
        "DELETE FROM business_hours WHERE location_id = $1",
        "DELETE FROM closure WHERE location_id = $1",
    ] {
        sqlx::query(clear).bind(id).execute(&mut *writes).await?;
    }
    for (weekday, opens, closes) in &place.hours {
        sqlx::query(
            "INSERT INTO business_hours (location_id, weekday, opens, closes)
                 VALUES ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(i32::from(*weekday))
        .bind(clock(*opens))
        .bind(clock(*closes))
        .execute(&mut *writes)
        .await?;
    }
    for (date, Closure { reason, open }) in &place.closures {
        sqlx::query(
            "INSERT INTO closure (location_id, local_date, reason, opens, closes)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(date.to_string())
        .bind(reason)
        .bind(open.map(|(opens, _)| clock(opens)))
        .bind(open.map(|(_, closes)| clock(closes)))
        .execute(&mut *writes)
        .await?;
    }
    Ok(())
}

/// Makes the bays and people of a place those that are named.
async fn equip(
    writes: &mut AnyConnection,
    id: &str,
    resources: &[Capacity],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("UPDATE resource SET active = 0 WHERE location_id = $1")
        .bind(id)
        .execute(&mut *writes)
        .await?;
    for Capacity { kind, name, skills, buffer_minutes } in resources {
        let skills = skills.as_ref().map(|skills| json!(skills).to_string());
        let known = sqlx::query(
            "UPDATE resource SET active = 1, skills = $4, buffer_minutes = $5
             WHERE location_id = $1 AND kind = $2 AND name = $3",
        )
        .bind(id)
        .bind(*kind)
        .bind(name)
        .bind(&skills)
        .bind(buffer_minutes)
        .execute(&mut *writes)
        .await?;
        if known.rows_affected() > 0 {
            continue;
        }
        let no = claims::number(writes).await?;
        sqlx::query(
            "INSERT INTO resource (id, no, location_id, kind, name, skills, buffer_minutes)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(version_7(now).to_string())
        .bind(no)
        .bind(id)
        .bind(*kind)
        .bind(name)
        .bind(&skills)
        .bind(buffer_minutes)
        .execute(&mut *writes)
        .await?;
    }
    Ok(())
}

/// As the tables have it: HH:MM.
fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}
