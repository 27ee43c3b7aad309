use jiff::{Timestamp, ToSpan, Zoned, civil::Time, tz::TimeZone};
use sqlx::AnyConnection;
use voiceagent_core::{Error, ErrorKind};

use crate::phone::Phone;

use super::{Fault, Store, ids::version_7};

/// Whether somebody may be contacted, and why not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Permission {
    /// What stands against it; nothing does if it is empty.
    pub reasons: Vec<Objection>,
    /// The latest consent of the person for this channel and purpose: whether it was given, and
    /// when.
    pub consent: Option<(bool, Timestamp)>,
    /// When people with this number may be called today, for every zone in which they may be.
    pub windows: Vec<Window>,
}

/// What stands against a contact.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Objection {
    /// They asked not to be contacted.
    DoNotCall,
    /// They were called so often of late that it is enough.
    Frequency,
    /// Their phone rings already, or they are in a call.
    InFlight,
    /// They never agreed, or took it back.
    NoConsent,
    /// They have not written within a day, and free text is taken within one only.
    NoWindow,
    /// It is not the time of day, or the day, where they may be.
    OutsideHours,
    /// All contact is stopped for now.
    Stopped,
    /// They are not among those who may be called while this is tried out.
    TestNumberSafety,
}

/// The hours of one day in which people may be called.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Where.
    pub zone: TimeZone,
    /// From.
    pub opens: Time,
    /// Until, and not then.
    pub closes: Time,
}

impl Window {
    fn is_open(&self, now: Timestamp) -> bool {
        let time = now.to_zoned(self.zone.clone()).time();
        self.opens <= time && time < self.closes
    }
}

/// Where a number may be, if its first digits tell nothing: anywhere in the country.
const ANYWHERE: [(&str, &str); 4] = [
    ("America/New_York", ""),
    ("America/Chicago", ""),
    ("America/Denver", ""),
    ("America/Los_Angeles", ""),
];

/// The rules that hold everywhere.
const FEDERAL: &str = "US";

impl Store {
    /// Whether a person may be contacted now, on this channel (`voice_ai`, `sms`, `whatsapp`,
    /// `email`) for this purpose (`transactional`, `marketing`). A consent to marketing covers
    /// transactional messages; nobody writes e-mails at a wrong time of day.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn permission(
        &self,
        phone: &Phone,
        (channel, purpose): (&str, &str),
        now: Timestamp,
    ) -> Result<Permission, Fault> {
        let mut connection = self.reader.acquire().await?;
        permission(&mut connection, phone, (channel, purpose), now).await
    }

    /// Whether a person has asked not to be contacted on this channel.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn is_blocked(&self, phone: &Phone, channel: &str) -> Result<bool, Fault> {
        let mut connection = self.reader.acquire().await?;
        is_blocked(&mut connection, phone, channel).await
    }

    /// Notes that a person agreed to a contact, or took that back.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_consent(
        &self,
        phone: &Phone,
        (channel, purpose): (&str, &str),
        (granted, evidence): (bool, &str),
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO consent (phone_e164, channel, purpose, status, evidence, captured_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(phone.as_str())
            .bind(channel)
            .bind(purpose)
            .bind(if granted { "granted" } else { "revoked" })
            .bind(evidence)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// Stops all contact with a person on these channels (`all` for every one): takes back what
    /// they agreed to, and cancels what is planned. Returns an identifier, and how many contacts
    /// were cancelled.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops all of it, or nothing.
    pub async fn opt_out(
        &self,
        phone: &Phone,
        channels: &[&str],
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(String, u64), Fault> {
        let mut writes = self.begin().await?;
        let done = stop(&mut writes, phone, channels, ("call", reason), now).await?;
        writes.commit().await?;
        Ok(done)
    }
}

/// [`Store::opt_out`], as a part of a transaction, with where it was said.
pub(super) async fn stop(
    connection: &mut AnyConnection,
    phone: &Phone,
    channels: &[&str],
    (source, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(String, u64), Fault> {
    let (mut cancelled, mut first) = (0, None);
    for channel in channels {
        let id = block(connection, (phone, channel), (source, reason), now).await?;
        first.get_or_insert(id);
        sqlx::query(
            "INSERT INTO consent (phone_e164, channel, purpose, status, evidence, captured_at)
             SELECT DISTINCT phone_e164, channel, purpose, 'revoked', 'opt-out', $3
             FROM consent WHERE phone_e164 = $1 AND (channel = $2 OR $2 = 'all')",
        )
        .bind(phone.as_str())
        .bind(channel)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
        cancelled += sqlx::query(
            "UPDATE contact_attempt SET state = 'cancelled', reason = 'opt_out',
                    updated_at = $3
             WHERE phone_e164 = $1 AND state = 'planned' AND (channel = $2 OR $2 = 'all')",
        )
        .bind(phone.as_str())
        .bind(channel)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    }
    sqlx::query(
        "UPDATE enrollment SET node = 'ended', reason = 'opt_out', updated_at = $2
         WHERE node IN ('call', 'message')
           AND lead_id IN (SELECT id FROM lead WHERE phone_e164 = $1)",
    )
    .bind(phone.as_str())
    .bind(now.as_millisecond())
    .execute(&mut *connection)
    .await?;
    if channels.iter().any(|channel| *channel != "email") {
        sqlx::query("UPDATE lead SET status = 'dnc', updated_at = $2 WHERE phone_e164 = $1")
            .bind(phone.as_str())
            .bind(now.as_millisecond())
            .execute(&mut *connection)
            .await?;
    }
    Ok((first.unwrap_or_default(), cancelled))
}

/// Lets nobody be contacted by a channel any more. Returns an identifier.
pub(super) async fn block(
    connection: &mut AnyConnection,
    (phone, channel): (&Phone, &str),
    (source, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<String, Fault> {
    let id = version_7(now).to_string();
    sqlx::query(
        "INSERT INTO dnc_entry (id, phone_e164, channel, source, reason, added_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&id)
    .bind(phone.as_str())
    .bind(channel)
    .bind(source)
    .bind(reason)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(id)
}

/// [`Store::permission`], as one reading of what a transaction sees.
pub(super) async fn permission(
    connection: &mut AnyConnection,
    phone: &Phone,
    (channel, purpose): (&str, &str),
    now: Timestamp,
) -> Result<Permission, Fault> {
    let mut reasons = Vec::new();
    if is_blocked(connection, phone, channel).await? {
        reasons.push(Objection::DoNotCall);
    }
    let consent: Option<(String, i64)> = sqlx::query_as(
        "SELECT status, captured_at FROM consent
         WHERE phone_e164 = $1 AND channel = $2 AND purpose IN ($3, 'marketing')
         ORDER BY captured_at DESC, id DESC LIMIT 1",
    )
    .bind(phone.as_str())
    .bind(channel)
    .bind(purpose)
    .fetch_optional(&mut *connection)
    .await?;
    let consent = match consent {
        Some((status, at)) => Some((status == "granted", super::instant(at)?)),
        None => None,
    };
    if !consent.is_some_and(|(granted, _)| granted) {
        reasons.push(Objection::NoConsent);
    }
    let windows = windows(connection, phone, now).await?;
    if channel != "email" && !windows.iter().all(|window| window.is_open(now)) {
        reasons.push(Objection::OutsideHours);
    }
    Ok(Permission { reasons, consent, windows })
}

/// When people with this number may be called next, if they may within a week.
pub(super) async fn opens_next(
    connection: &mut AnyConnection,
    phone: &Phone,
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    const DAYS: i64 = 8;
    let mut openings = Vec::new();
    for day in 0..DAYS {
        let then = super::slots::later(now, (24 * day).hours());
        for window in windows(connection, phone, then).await? {
            let date = then.to_zoned(window.zone.clone()).date();
            openings.extend(window.zone.to_timestamp(date.to_datetime(window.opens)).ok());
        }
    }
    openings.retain(|opening| *opening > now);
    openings.sort_unstable();
    for opening in openings {
        let windows = windows(connection, phone, opening).await?;
        if windows.iter().all(|window| window.is_open(opening)) {
            return Ok(Some(opening));
        }
    }
    Ok(None)
}

async fn is_blocked(
    connection: &mut AnyConnection,
    phone: &Phone,
    channel: &str,
) -> Result<bool, Fault> {
    let blocked: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM dnc_entry
         WHERE phone_e164 = $1 AND channel IN ($2, 'all')",
    )
    .bind(phone.as_str())
    .bind(channel)
    .fetch_one(connection)
    .await?;
    Ok(blocked > 0)
}

/// The hours of today of each zone in which a number may be: there, those of all rules.
async fn windows(
    connection: &mut AnyConnection,
    phone: &Phone,
    now: Timestamp,
) -> Result<Vec<Window>, Fault> {
    let mut places: Vec<(String, String)> = sqlx::query_as(
        "SELECT tz, state FROM area_zone
         WHERE substr($1, 1, length(prefix)) = prefix AND length(prefix) = (
             SELECT max(length(prefix)) FROM area_zone
             WHERE substr($1, 1, length(prefix)) = prefix)",
    )
    .bind(phone.as_str())
    .fetch_all(&mut *connection)
    .await?;
    if places.is_empty() {
        places = ANYWHERE.map(|(zone, state)| (zone.to_owned(), state.to_owned())).into();
    }
    let mut windows = Vec::new();
    for (zone, state) in places {
        let zone = TimeZone::get(&zone).map_err(|cause| unreadable("no time zone", cause))?;
        let today = now.to_zoned(zone.clone());
        windows.push(window(connection, zone, &state, &today).await?);
    }
    Ok(windows)
}

async fn window(
    connection: &mut AnyConnection,
    zone: TimeZone,
    state: &str,
    today: &Zoned,
) -> Result<Window, Fault> {
    let rules: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT jurisdiction, weekdays, opens, closes FROM calling_rule
         WHERE jurisdiction IN ($1, $2)",
    )
    .bind(FEDERAL)
    .bind(state)
    .fetch_all(&mut *connection)
    .await?;
    let weekday = today.weekday().to_monday_one_offset().to_string();
    let time = |text: &str| {
        text.parse::<Time>().map_err(|cause| unreadable("an hour that is none", cause))
    };
    let (mut opens, mut closes) = (Time::midnight(), Time::MAX);
    for place in [FEDERAL, state] {
        let of_place = rules.iter().filter(|(jurisdiction, ..)| jurisdiction == place);
        let today = of_place.clone().find(|(_, weekdays, ..)| weekdays.contains(&weekday));
        match today {
            Some((_, _, from, until)) => {
                (opens, closes) = (opens.max(time(from)?), closes.min(time(until)?));
            }
            // Where there are rules, but none for today, nobody is called today.
            None if of_place.count() > 0 => closes = Time::midnight(),
            None => {}
        }
    }
    Ok(Window { zone, opens, closes })
}

fn unreadable(what: &str, cause: jiff::Error) -> Fault {
    let message = format!("the calling rules hold {what}");
    Error::new(ErrorKind::Config, "store", message).with_source(cause).into()
}
