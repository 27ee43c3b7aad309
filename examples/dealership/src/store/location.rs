use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};

use super::{Fault, LocationId, Store, fault, minutes};
use voiceagent_core::{Error, ErrorKind};

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
}

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
    /// The last moment at which an appointment may start.
    #[must_use]
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        now.to_zoned(self.zone.clone()).saturating_add(self.horizon_days.days()).timestamp()
    }
}

impl Store {
    /// The place of business. There is one.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, holds no location, or its time zone is unknown.
    pub async fn location(&self) -> Result<Location, Fault> {
        let row: Option<(String, String, String, String, i64, i64, i32)> = sqlx::query_as(
            "SELECT id, name, phone_e164, tz, step_minutes, lead_minutes, horizon_days
             FROM location ORDER BY id LIMIT 1",
        )
        .fetch_optional(&self.reader)
        .await?;
        let (id, name, phone, zone, step, lead, horizon_days) =
            row.ok_or_else(|| Error::new(ErrorKind::Config, "store", "there is no location"))?;
        let zone = TimeZone::get(&zone).map_err(|cause| {
            Error::new(ErrorKind::Config, "store", "the location's time zone is unknown")
                .with_source(cause)
        })?;
        let (step, lead) = (minutes("location", step)?, minutes("location", lead)?);
        Ok(Location { id: LocationId::stored(&id)?, name, phone, zone, step, lead, horizon_days })
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
