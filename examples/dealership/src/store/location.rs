use jiff::{Span, Timestamp, ToSpan, civil::Time, tz::TimeZone};
use sqlx::AssertSqlSafe;
use voiceagent_core::{Error, ErrorKind};

use super::{Fault, LocationId, Refusal, Store, fault, minutes};
use crate::phone::Phone;

/// A place of business and its booking rules.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Location {
    /// The identifier.
    pub id: LocationId,
    /// The name, as it is spoken.
    pub name: String,
    /// The number that people call, E.164.
    pub phone: String,
    /// The time zone of its clocks.
    pub zone: TimeZone,
    /// Appointments start every so many minutes from opening time.
    pub step: Span,
    /// An appointment starts at least so long from now.
    pub lead: Span,
    /// Bookings are taken so many days ahead.
    pub horizon_days: i32,
    /// When people are reminded of what they have on the next day.
    pub remind_at: Time,
}

/// A row of the table.
type Row = (String, String, String, String, i64, i64, i32, String);

const SELECT: &str = "SELECT id, name, phone_e164, tz, step_minutes, lead_minutes, horizon_days,
                             remind_at
                      FROM location";

/// Somebody who receives customers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Advisor {
    /// The number in the claims.
    pub no: i64,
    /// The opaque identifier.
    pub id: String,
    /// The name, as it is spoken.
    pub name: String,
}

impl Location {
    fn read(
        (id, name, phone, zone, step, lead, horizon_days, remind_at): Row,
    ) -> Result<Self, Fault> {
        let zone = TimeZone::get(&zone).map_err(|cause| {
            Error::new(ErrorKind::Config, "store", "the location's time zone is unknown")
                .with_source(cause)
        })?;
        let (step, lead) = (minutes("location", step)?, minutes("location", lead)?);
        let remind_at = remind_at.parse().map_err(|cause| {
            fault::strange("location", "a `remind_at` that is none").with_source(cause)
        })?;
        let id = LocationId::stored(&id)?;
        Ok(Self { id, name, phone, zone, step, lead, horizon_days, remind_at })
    }

    /// The last moment at which an appointment may start.
    #[must_use]
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        now.to_zoned(self.zone.clone()).saturating_add(self.horizon_days.days()).timestamp()
    }
}

impl Store {
    /// The first place of business, whose name is that of the house.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, holds no location, or its time zone is unknown.
    pub async fn location(&self) -> Result<Location, Fault> {
        let first = self.locations().await?.into_iter().next();
        let none = || Error::new(ErrorKind::Config, "store", "there is no location");
        Ok(first.ok_or_else(none)?)
    }

    /// All places of business, the first one first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or a time zone is unknown.
    pub async fn locations(&self) -> Result<Vec<Location>, Fault> {
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} ORDER BY id")))
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Location::read).collect()
    }

    /// One place of business; `None` is the first.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn location_at(&self, id: Option<LocationId>) -> Result<Location, Fault> {
        let Some(id) = id else { return self.location().await };
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE id = $1")))
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        Location::read(row.ok_or(Refusal::NotFound)?)
    }

    /// The place of business with this number, if it has one of its own.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn location_called(&self, phone: &Phone) -> Result<Option<Location>, Fault> {
        let sql = format!("{SELECT} WHERE phone_e164 = $1");
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(phone.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.map(Location::read).transpose()
    }

    /// The number of the advisor whom whoever has this phone number prefers, if they are one
    /// customer, or agree.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn preferred_advisor(&self, phone: &Phone) -> Result<Option<i64>, Fault> {
        let preferred: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT resource.no FROM customer_phone
             JOIN customer ON customer.id = customer_id
             JOIN resource ON resource.id = preferred_advisor_id
             WHERE phone_e164 = $1 AND resource.active = 1",
        )
        .bind(phone.as_str())
        .fetch_all(&self.reader)
        .await?;
        Ok(match preferred.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
    }

    /// Those who receive customers, by name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn advisors(&self, location: LocationId) -> Result<Vec<Advisor>, Fault> {
        let rows: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT no, id, name FROM resource
             WHERE location_id = $1 AND kind = 'advisor' AND active = 1 ORDER BY name",
        )
        .bind(location.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(fault::error)?;
        Ok(rows.into_iter().map(|(no, id, name)| Advisor { no, id, name }).collect())
    }
}
