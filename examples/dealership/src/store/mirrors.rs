use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::calendar::{Busy, Written};

use super::{
    Appointment, AppointmentId, AppointmentStatus, Fault, Refusal, Store, claims::Booked,
    jobs::after,
};

/// Whose busy times are those of the whole house.
pub(crate) const HOUSE: i64 = 0;

/// An appointment that its calendar does not show as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MirrorTask {
    /// The appointment, as it is.
    pub visit: Appointment,
    /// For whom it is, as they are called.
    pub person: Option<String>,
    /// The number of the broker with whom it is.
    pub broker: Option<i64>,
    /// In which calendar it was written, and how it was left there.
    pub written: Option<(String, Written)>,
    /// How often it could not be written.
    pub faults: i64,
    wanted: i64,
    fence: i64,
}

/// What became of a task.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "written, taken out, or neither")]
pub enum MirrorEnd {
    /// It stands in this calendar.
    Written(String, Written),
    /// It is in no calendar any more.
    Removed,
    /// It is tried again at this time, and this is why.
    Fault(Timestamp, String),
}

/// An event that was written, and is looked after.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mirrored {
    /// Which appointment it is.
    pub appointment: AppointmentId,
    /// In which calendar.
    pub calendar: String,
    /// How it was left there.
    pub written: Written,
}

impl MirrorTask {
    /// Whether there is to be an event.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.visit.status != AppointmentStatus::Cancelled
    }
}

impl Store {
    /// Takes an appointment that its calendar does not show as it is, and that is to come, or whose
    /// person was erased: the one that has waited longest. Nobody else has it for the length of the lease.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn claim_mirror(
        &self,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<MirrorTask>, Fault> {
        let mut writes = self.begin().await?;
        let id: Option<String> = sqlx::query_scalar(
            "UPDATE calendar_entry SET lease_until = $2, fence = fence + 1
             WHERE appointment_id = (
                 SELECT appointment_id FROM calendar_entry
                 JOIN appointment ON appointment.id = appointment_id
                 WHERE wanted > done AND run_at <= $1 AND coalesce(lease_until, 0) <= $1
                   AND (appointment.ends_at > $1 OR even_past = 1)
                 ORDER BY run_at, appointment_id LIMIT 1)
             RETURNING appointment_id",
        )
        .bind(now.as_millisecond())
        .bind(after(now, lease).as_millisecond())
        .fetch_optional(&mut *writes)
        .await?;
        let Some(id) = id else { return Ok(None) };
        let task = find(&mut writes, &id).await?;
        writes.commit().await?;
        Ok(Some(task))
    }

    /// The same appointment once more, as it is now.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when somebody else has it by now, or when the store cannot be read.
    pub async fn mirror_again(&self, task: &MirrorTask) -> Result<MirrorTask, Fault> {
        let mut connection = self.reader.acquire().await?;
        let again = find(&mut connection, &task.visit.id.to_string()).await?;
        if again.fence == task.fence { Ok(again) } else { Err(Refusal::NotFound.into()) }
    }

    /// Notes what became of a task. Where the appointment has changed meanwhile, it is to be written
    /// once more. Returns whether it was still this holder's; if not, nothing is changed.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn end_mirror(
        &self,
        task: &MirrorTask,
        end: &MirrorEnd,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (calendar, written, is_done) = match end {
            MirrorEnd::Written(calendar, written) => (Some(calendar), Some(written), true),
            MirrorEnd::Removed => (None, None, true),
            MirrorEnd::Fault(..) => {
                (task.written.as_ref().map(|(calendar, _)| calendar), None, false)
            }
        };
        let last = task.written.as_ref().map(|(_, written)| written);
        let kept = if is_done { written } else { last };
        let (run_at, note) = match end {
            MirrorEnd::Fault(at, why) => (Some(*at), Some(why.as_str())),
            MirrorEnd::Written(..) | MirrorEnd::Removed => (None, None),
        };
        let changed = self
            .write(
                sqlx::query(
                    "UPDATE calendar_entry
             SET lease_until = NULL, calendar = $3, name = $4, tag = $5, note = $6,
                 done = CASE WHEN $7 = 1 THEN $8 ELSE done END,
                 starts_at = CASE WHEN $7 = 1 THEN $9 ELSE starts_at END,
                 ends_at = CASE WHEN $7 = 1 THEN $10 ELSE ends_at END,
                 faults = CASE WHEN $7 = 1 THEN 0 ELSE faults + 1 END,
                 even_past = CASE WHEN $7 = 1 THEN 0 ELSE even_past END,
                 run_at = coalesce($11, run_at),
                 checked_at = CASE WHEN $7 = 1 THEN $12 ELSE checked_at END, updated_at = $12
             WHERE appointment_id = $1 AND fence = $2",
                )
                .bind(task.visit.id.to_string())
                .bind(task.fence)
                .bind(calendar)
                .bind(kept.map(|kept| kept.name.as_str()))
                .bind(kept.and_then(|kept| kept.tag.as_deref()))
                .bind(note)
                .bind(i64::from(is_done))
                .bind(task.wanted)
                .bind(task.visit.start.timestamp().as_millisecond())
                .bind(task.visit.end.timestamp().as_millisecond())
                .bind(run_at.map(|at| at.as_millisecond()))
                .bind(now.as_millisecond()),
            )
            .await?;
        Ok(changed > 0)
    }

    /// Events to come that nobody has looked at since then, the longest unseen first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn unseen_events(
        &self,
        since: Timestamp,
        most: i64,
        now: Timestamp,
    ) -> Result<Vec<Mirrored>, Fault> {
        let rows = sqlx::query(
            "SELECT appointment_id, calendar, name, tag FROM calendar_entry
             WHERE name IS NOT NULL AND wanted = done AND ends_at > $2 AND checked_at <= $1
             ORDER BY checked_at, appointment_id LIMIT $3",
        )
        .bind(since.as_millisecond())
        .bind(now.as_millisecond())
        .bind(most)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Mirrored::read).collect()
    }

    /// Notes that an event was looked at. If it was not as it was left, it is written anew.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_seen(
        &self,
        event: &Mirrored,
        is_same: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "UPDATE calendar_entry
             SET checked_at = $2, wanted = CASE WHEN $3 = 1 THEN wanted ELSE wanted + 1 END,
                 tag = CASE WHEN $3 = 1 THEN tag END, run_at = $2
             WHERE appointment_id = $1 AND wanted = done",
            )
            .bind(event.appointment.to_string())
            .bind(now.as_millisecond())
            .bind(i64::from(is_same)),
        )
        .await?;
        Ok(())
    }

    /// Whether it is this program's turn to read something outside, which is read once in a while.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn claim_reading(
        &self,
        source: &str,
        pace: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let claimed = self
            .write(
                sqlx::query(
                    "INSERT INTO reading (source, read_at) VALUES ($1, $2)
             ON CONFLICT (source) DO UPDATE SET read_at = excluded.read_at
             WHERE reading.read_at <= $3",
                )
                .bind(source)
                .bind(now.as_millisecond())
                .bind(after(now, -pace).as_millisecond()),
            )
            .await?;
        Ok(claimed > 0)
    }

    /// Replaces the busy times that a calendar told of whoever has this number, or of the house, 0.
    /// What of them are our own events is left out: an appointment that is moved or cancelled is not
    /// in its own way.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn keep_busy(
        &self,
        (calendar, no): (&str, i64),
        busy: Vec<Busy>,
    ) -> Result<usize, Fault> {
        let mut writes = self.begin().await?;
        let own: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT starts_at, ends_at FROM calendar_entry
             WHERE calendar = $1 AND name IS NOT NULL ORDER BY starts_at",
        )
        .bind(calendar)
        .fetch_all(&mut *writes)
        .await?;
        sqlx::query("DELETE FROM calendar_busy WHERE calendar = $1")
            .bind(calendar)
            .execute(&mut *writes)
            .await?;
        let times = busy.iter().map(|(from, to)| (from.as_millisecond(), to.as_millisecond()));
        // The house is shown as free during its visits.
        let times: Vec<_> =
            if no == HOUSE { times.collect() } else { without(times.collect(), &own) };
        let times: Vec<_> = times.into_iter().filter(|(from, to)| from < to).collect();
        for (from, to) in &times {
            sqlx::query(
                "INSERT INTO calendar_busy (calendar, claimable_no, starts_at, ends_at)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(calendar)
            .bind(no)
            .bind(from)
            .bind(to)
            .execute(&mut *writes)
            .await?;
        }
        writes.commit().await?;
        Ok(times.len())
    }

    /// The number of an advisor, a salesperson or a broker by their name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn number_named(&self, name: &str) -> Result<Option<i64>, Fault> {
        let no = sqlx::query_scalar(
            "SELECT no FROM (SELECT no, name FROM resource WHERE active = 1
                             UNION ALL SELECT no, name FROM broker WHERE active = 1) AS people
             WHERE lower(name) = lower($1) ORDER BY no LIMIT 1",
        )
        .bind(name)
        .fetch_optional(&self.reader)
        .await?;
        Ok(no)
    }

    /// The busy times after a moment by all calendars: whose, from when, to when.
    pub(super) async fn busy_times(&self, from: Timestamp) -> Result<Vec<(i64, i64, i64)>, Fault> {
        let times = sqlx::query_as(
            "SELECT claimable_no, starts_at, ends_at FROM calendar_busy WHERE ends_at > $1",
        )
        .bind(from.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        Ok(times)
    }
}

impl Mirrored {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        Ok(Self {
            appointment: AppointmentId::stored(row.try_get("appointment_id")?)?,
            calendar: row.try_get("calendar")?,
            written: Written { name: row.try_get("name")?, tag: row.try_get("tag")? },
        })
    }
}

/// Notes that the calendar of an appointment is to show it as it is.
pub(super) async fn want(
    connection: &mut AnyConnection,
    appointment: AppointmentId,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO calendar_entry (appointment_id, run_at, updated_at) VALUES ($1, $2, $2)
         ON CONFLICT (appointment_id) DO UPDATE
         SET wanted = calendar_entry.wanted + 1, run_at = excluded.run_at, faults = 0,
             updated_at = excluded.updated_at",
    )
    .bind(appointment.to_string())
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a calendar says that the whole house is busy during an appointment.
pub(super) async fn is_closed(
    connection: &mut AnyConnection,
    span: &Booked,
) -> Result<bool, Fault> {
    let times: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM calendar_busy
         WHERE claimable_no = $1 AND starts_at < $3 AND ends_at > $2",
    )
    .bind(HOUSE)
    .bind(span.start.as_millisecond())
    .bind(span.end.as_millisecond())
    .fetch_one(connection)
    .await?;
    Ok(times > 0)
}

async fn find(connection: &mut AnyConnection, id: &str) -> Result<MirrorTask, Fault> {
    let columns = Appointment::COLUMNS;
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT {columns}, calendar_entry.wanted, calendar_entry.fence,
                calendar_entry.faults, calendar_entry.calendar, calendar_entry.name,
                calendar_entry.tag, broker.no AS broker_no,
                coalesce(customer.first_name, lead.first_name) AS person_first,
                coalesce(customer.last_name, lead.last_name) AS person_last
         FROM calendar_entry
         JOIN appointment_detail ON appointment_detail.id = calendar_entry.appointment_id
         LEFT JOIN customer ON customer.id = appointment_detail.customer_id
         LEFT JOIN lead ON lead.id = appointment_detail.lead_id
         LEFT JOIN broker ON broker.id = appointment_detail.broker_id
         WHERE calendar_entry.appointment_id = $1"
    )))
    .bind(id)
    .fetch_optional(connection)
    .await?
    .ok_or(Refusal::NotFound)?;
    let names: [Option<String>; 2] = [row.try_get("person_first")?, row.try_get("person_last")?];
    let person = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let calendar: Option<String> = row.try_get("calendar")?;
    let name: Option<String> = row.try_get("name")?;
    let tag = row.try_get("tag")?;
    Ok(MirrorTask {
        visit: Appointment::read(&row)?,
        person: Some(person).filter(|person| !person.is_empty()),
        broker: row.try_get("broker_no")?,
        written: calendar.zip(name.map(|name| Written { name, tag })),
        faults: row.try_get("faults")?,
        wanted: row.try_get("wanted")?,
        fence: row.try_get("fence")?,
    })
}

/// The periods without what of them lies in others.
fn without(periods: Vec<(i64, i64)>, others: &[(i64, i64)]) -> Vec<(i64, i64)> {
    others.iter().fold(periods, |left, (from, to)| {
        let cut = |(starts, ends): (i64, i64)| {
            if ends <= *from || *to <= starts {
                vec![(starts, ends)]
            } else {
                vec![(starts, ends.min(*from)), (starts.max(*to), ends)]
            }
        };
        left.into_iter().flat_map(cut).filter(|(starts, ends)| starts < ends).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_others_is_cut_out() {
        let cut = without(vec![(0, 10), (20, 30), (40, 50)], &[(3, 5), (8, 22), (35, 60)]);
        assert_eq!(cut, [(0, 3), (5, 8), (22, 30)]);
    }
}
