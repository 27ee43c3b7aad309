use jiff::{
    Timestamp, Zoned,
    civil::{Date, Time},
    tz::TimeZone,
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};
use voiceagent_core::{Error, ErrorKind};

use super::{
    Appointment, AppointmentId, BrokerId, Fault, LeadId, Refusal, Store,
    appointments::{by_key, confirmation_code, find},
    claims::{Booked, claim_whole},
    conversation,
    ids::version_7,
    jobs, list, mirrors, outcomes, services,
    slots::later,
};

/// The code of the service that brokers give.
pub const CONSULTATION: &str = "broker_consult";

/// Somebody who arranges financing and leases, by phone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broker {
    /// The identifier.
    pub id: BrokerId,
    /// The number in the claims.
    pub no: i64,
    /// The name, as it is spoken.
    pub name: String,
    /// The time zone in which they work.
    pub zone: TimeZone,
    /// What they speak, BCP 47 tags.
    pub languages: Vec<String>,
    hours: (Time, Time),
}

/// The broker of an area, and how they were found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Assignment {
    /// Who.
    pub broker: Broker,
    /// The name of the territory; `None` for the desk that has all the rest.
    pub territory: Option<String>,
    /// `zip`, `city` or `fallback`.
    pub matched_by: &'static str,
}

/// What is to be booked with a broker.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct ConsultRequest {
    /// With whom.
    pub broker: BrokerId,
    /// For whom.
    pub lead: LeadId,
    /// The start.
    pub start: Timestamp,
    /// The lead's words about it.
    pub notes: Option<String>,
    /// The call in which it is booked.
    pub call: String,
    /// A repeat with the same key returns the first booking.
    pub key: String,
}

impl Store {
    /// The broker with this identifier who takes appointments.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn broker(&self, id: BrokerId) -> Result<Broker, Fault> {
        let found =
            self.brokers("broker WHERE id = $1 AND active = 1", &id.to_string()).await?.pop();
        found.ok_or_else(|| Refusal::NotFound.into())
    }

    /// The broker for an area: by ZIP code, else by city and state, else the desk that has all the
    /// rest. Of several the one who speaks the language, else the first in the territory's order.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when there is not even such a desk, or when the store cannot be read.
    pub async fn broker_for(
        &self,
        postal_code: Option<&str>,
        city: Option<(&str, &str)>,
        language: Option<&str>,
    ) -> Result<Assignment, Fault> {
        let by_zip = "SELECT territory.id, name FROM territory_zip
             JOIN territory ON territory.id = territory_id WHERE zip = $1 AND $2 IS NULL";
        let by_city = "SELECT territory.id, name FROM territory_city
             JOIN territory ON territory.id = territory_id
             WHERE lower(city) = lower($1) AND lower(state) = lower($2)";
        let places = [
            ("zip", by_zip, postal_code.map(|zip| (zip, None))),
            ("city", by_city, city.map(|(city, state)| (city, Some(state)))),
        ];
        for (matched_by, sql, (place, state)) in
            places.into_iter().filter_map(|(by, sql, place)| Some((by, sql, place?)))
        {
            let territory: Option<(String, String)> = sqlx::query_as(sql)
                .bind(place.trim())
                .bind(state.map(str::trim))
                .fetch_optional(&self.reader)
                .await?;
            let Some((territory, name)) = territory else { continue };
            let brokers = self
                .brokers(
                    "broker JOIN broker_territory ON broker_id = broker.id
                     WHERE territory_id = $1 AND active = 1 ORDER BY priority, broker.no",
                    &territory,
                )
                .await?;
            if let Some(broker) = speaking(brokers, language) {
                return Ok(Assignment { broker, territory: Some(name), matched_by });
            }
        }
        let desks = "broker WHERE is_fallback = CAST($1 AS BIGINT) AND active = 1
                     ORDER BY no";
        let broker =
            speaking(self.brokers(desks, "1").await?, language).ok_or(Refusal::NotFound)?;
        Ok(Assignment { broker, territory: None, matched_by: "fallback" })
    }

    /// The broker with this number in the claims.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn broker_numbered(&self, no: i64) -> Result<Broker, Fault> {
        let one = "broker WHERE no = CAST($1 AS BIGINT) AND active = 1";
        let found = self.brokers(one, &no.to_string()).await?.pop();
        found.ok_or_else(|| Refusal::NotFound.into())
    }

    async fn brokers(&self, which: &'static str, value: &str) -> Result<Vec<Broker>, Fault> {
        let columns = Broker::COLUMNS;
        // What is chosen is a word of this program.
        let sql = format!("SELECT {columns} FROM {which}");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(value).fetch_all(&self.reader).await?;
        rows.iter().map(Broker::read).collect()
    }

    /// What all brokers owe for their appointments together, in cents.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn owed(&self) -> Result<i64, Fault> {
        let cents = sqlx::query_scalar(
            "SELECT CAST(coalesce(sum(amount_cents), 0) AS BIGINT) FROM billing_event",
        )
        .fetch_one(&self.reader)
        .await?;
        Ok(cents)
    }

    /// Notes who looks after a lead.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    pub async fn give_lead(
        &self,
        lead: LeadId,
        broker: BrokerId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let given = self
            .write(
                sqlx::query("UPDATE lead SET broker_id = $2, updated_at = $3 WHERE id = $1")
                    .bind(lead.to_string())
                    .bind(broker.to_string())
                    .bind(now.as_millisecond()),
            )
            .await?;
        if given == 0 { Err(Refusal::NotFound.into()) } else { Ok(()) }
    }

    /// The free consultation times of a broker on these dates of the broker's own calendar, Monday
    /// to Friday.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutsideHorizon`], [`Refusal::UnknownService`] where the house has no
    /// consultations, or when the store cannot be read.
    pub async fn broker_times(
        &self,
        broker: &Broker,
        (from, to): (Date, Date),
        now: Timestamp,
    ) -> Result<Vec<Zoned>, Fault> {
        let location = self.location().await?;
        let (earliest, latest) = (later(now, location.lead), location.horizon(now));
        let zone = &broker.zone;
        if from > latest.to_zoned(zone.clone()).date() {
            return Err(Refusal::OutsideHorizon.into());
        }
        let duration = self.service(CONSULTATION).await?.duration;
        let busy: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT starts_at, ends_at FROM claim
             WHERE claimable_no = $1 AND active = 1 AND ends_at > $2
             UNION ALL SELECT starts_at, ends_at FROM calendar_busy
             WHERE claimable_no = $1 AND ends_at > $2",
        )
        .bind(broker.no)
        .bind(now.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let is_free = |start: &Timestamp| {
            let (from, to) = (start.as_millisecond(), later(*start, duration).as_millisecond());
            *start >= earliest
                && *start <= latest
                && !busy.iter().any(|(starts, ends)| *starts < to && *ends > from)
        };
        let mut free = Vec::new();
        let days = from.max(now.to_zoned(zone.clone()).date()).series(jiff::ToSpan::day(1));
        let is_work_day = |date: &Date| date.weekday().to_monday_one_offset() <= 5;
        for date in days.take_while(|date| *date <= to).take(60).filter(is_work_day) {
            let instant = |time: Time| zone.to_timestamp(date.to_datetime(time));
            let (Ok(opens), Ok(closes)) = (instant(broker.hours.0), instant(broker.hours.1)) else {
                continue;
            };
            let steps = std::iter::successors(Some(opens), |at| Some(later(*at, duration)));
            let starts = steps.take_while(|at| later(*at, duration) <= closes).filter(is_free);
            free.extend(starts.map(|start| start.to_zoned(zone.clone())));
        }
        Ok(free)
    }

    /// Books a consultation: the broker's time, what the broker owes for it, and the lead's status,
    /// or nothing of that.
    ///
    /// # Errors
    ///
    /// [`Refusal::SlotTaken`], [`Refusal::InPast`], [`Refusal::NotFound`] for a broker or lead
    /// that is none, [`Refusal::UnknownService`], [`Refusal::AlreadyCancelled`] for a repeat
    /// after it was cancelled, or when the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future books nothing, or all.
    pub async fn book_broker(
        &self,
        request: &ConsultRequest,
        now: Timestamp,
    ) -> Result<Appointment, Fault> {
        let location = self.location().await?;
        let broker = self.broker(request.broker).await?;
        let mut writes = self.begin().await?;
        if let Some(first) = by_key(&mut writes, &request.key).await? {
            return first.standing();
        }
        if request.start <= now {
            return Err(Refusal::InPast.into());
        }
        let service = services::find(&mut writes, CONSULTATION).await?;
        let span = Booked {
            id: AppointmentId::new(now),
            location: location.id,
            zone: broker.zone,
            start: request.start,
            end: later(request.start, service.duration),
        };
        let given = sqlx::query(
            "UPDATE lead SET status = 'appointment_set', broker_id = $2, updated_at = $3
             WHERE id = $1",
        )
        .bind(request.lead.to_string())
        .bind(request.broker.to_string())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        if given.rows_affected() == 0 {
            return Err(Refusal::NotFound.into());
        }
        sqlx::query(
            "INSERT INTO appointment (id, location_id, type_code, lead_id, broker_id, starts_at,
                                      ends_at, tz, local_start, confirmation_code, notes,
                                      source_call, idempotency_key, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
        )
        .bind(span.id.to_string())
        .bind(span.location.to_string())
        .bind(&service.code)
        .bind(request.lead.to_string())
        .bind(request.broker.to_string())
        .bind(span.start.as_millisecond())
        .bind(span.end.as_millisecond())
        .bind(span.zone.iana_name().unwrap_or("UTC"))
        .bind(span.local_start())
        .bind(confirmation_code(now))
        .bind(&request.notes)
        .bind(&request.call)
        .bind(&request.key)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        if !claim_whole(&mut writes, &span, broker.no).await? {
            return Err(Refusal::SlotTaken.into());
        }
        sqlx::query(
            "INSERT INTO billing_event (id, appointment_id, broker_id, kind, amount_cents,
                                        created_at)
             SELECT $1, $2, id, 'appointment', fee_cents, $4 FROM broker WHERE id = $3",
        )
        .bind(version_7(now).to_string())
        .bind(span.id.to_string())
        .bind(request.broker.to_string())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        outcomes::leave_campaigns(&mut writes, request.lead, now).await?;
        jobs::remind(&mut writes, &span, now).await?;
        conversation::note_booked(&mut writes, Some(&request.call)).await?;
        mirrors::want(&mut writes, span.id, now).await?;
        let booked = find(&mut writes, span.id).await?.ok_or(Refusal::NotFound)?;
        writes.commit().await?;
        Ok(booked)
    }
}

impl Broker {
    /// What [`read`](Self::read) reads.
    const COLUMNS: &str = "broker.id, broker.no, broker.name, broker.tz, broker.languages,
        broker.opens, broker.closes";

    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let zone: &str = row.try_get("tz")?;
        let time = |column| -> Result<Time, Fault> {
            let time: &str = row.try_get(column)?;
            time.parse().map_err(|cause| unreadable("works at hours that are none", cause))
        };
        Ok(Self {
            id: BrokerId::stored(row.try_get("id")?)?,
            no: row.try_get("no")?,
            name: row.try_get("name")?,
            zone: TimeZone::get(zone).map_err(|cause| unreadable("is in no time zone", cause))?,
            languages: list("broker", row.try_get("languages")?)?,
            hours: (time("opens")?, time("closes")?),
        })
    }
}

fn unreadable(what: &str, cause: jiff::Error) -> Fault {
    let message = format!("a broker {what}");
    Error::new(ErrorKind::Config, "store", message).with_source(cause).into()
}

fn speaking(brokers: Vec<Broker>, language: Option<&str>) -> Option<Broker> {
    let speaks = |broker: &&Broker| {
        language.is_some_and(|asked| broker.languages.iter().any(|spoken| spoken == asked))
    };
    brokers.iter().find(speaks).or(brokers.first()).cloned()
}
