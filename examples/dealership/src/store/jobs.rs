use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, time},
};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use super::{
    AppointmentId, Fault, Location, Store, claims::Booked, fault::strange, ids::version_7, instant,
};

/// Something that is to be done at some time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Job {
    /// The identifier.
    pub id: String,
    /// What it is.
    pub kind: JobKind,
    /// The appointment, call, callback or enrollment that it is about.
    pub about: String,
    /// How it stands: `ready`, `running`, `done`, `cancelled` or `dead`.
    pub state: String,
    /// When it is due.
    pub run_at: Timestamp,
    /// Runs that ended in a fault.
    pub faults: i64,
    /// What became of it last.
    pub note: Option<String>,
    /// Whose turn it is: every lease has a higher one, and who has an older one writes nothing.
    pub(super) fence: i64,
}

/// The kinds of jobs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JobKind {
    /// Somebody who asked for it is called back.
    Callback,
    /// The next step of a campaign for a lead.
    CampaignStep,
    /// A text to somebody whose call broke off.
    RecoveryText,
    /// A text of what was booked, or moved.
    ConfirmationText,
    /// Scenarios are played against a template.
    EvalRun,
    /// A text after a call.
    FollowUp,
    /// A call on the evening before a visit.
    Reminder,
    /// A text in place of that call.
    ReminderText,
}

/// How a run of a job ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JobEnd {
    /// It is done, or there is nothing to be done.
    Done(&'static str),
    /// It could not be done, for a reason that may pass.
    Fault(Timestamp, String),
    /// It is not time yet.
    Later(Timestamp, &'static str),
}

impl JobKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Callback,
        Self::CampaignStep,
        Self::ConfirmationText,
        Self::EvalRun,
        Self::FollowUp,
        Self::RecoveryText,
        Self::Reminder,
        Self::ReminderText,
    ];

    /// How it is written: `reminder_text`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::CampaignStep => "campaign_step",
            Self::ConfirmationText => "confirmation_text",
            Self::EvalRun => "eval_run",
            Self::FollowUp => "follow_up",
            Self::RecoveryText => "recovery_text",
            Self::Reminder => "reminder",
            Self::ReminderText => "reminder_text",
        }
    }

    /// Reads it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A job that fails so often is given up.
const MOST_FAULTS: i64 = 10;

impl Store {
    /// Takes a job that is due, or whose holder has not come back in time: the one with this
    /// identifier, due or not, else the one that has waited longest. Nobody else has it for the
    /// length of the lease.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn claim_job(
        &self,
        id: Option<&str>,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Job>, Fault> {
        self.claim((id, false), lease, now).await
    }

    /// Takes a job; of those without an identifier, a run of scenarios or anything else.
    pub(super) async fn claim(
        &self,
        (id, plays): (Option<&str>, bool),
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Job>, Fault> {
        let mut writes = self.begin().await?;
        let (columns, kinds) = (Job::COLUMNS, kinds());
        let row = sqlx::query(AssertSqlSafe(format!(
            "UPDATE job SET state = 'running', lease_until = $3, fence = fence + 1, updated_at = $2
             WHERE id = (
                 SELECT id FROM job
                 WHERE (state = 'ready' AND (run_at <= $2 OR id = $1)
                        OR state = 'running' AND lease_until <= $2)
                   AND id = coalesce($1, id) AND kind IN ({kinds})
                   AND (id = $1 OR CASE kind WHEN 'eval_run' THEN 1 ELSE 0 END = $4)
                 ORDER BY run_at, id LIMIT 1)
             RETURNING {columns}"
        )))
        .bind(id)
        .bind(now.as_millisecond())
        .bind(after(now, lease).as_millisecond())
        .bind(i64::from(plays))
        .fetch_optional(&mut *writes)
        .await?;
        writes.commit().await?;
        row.as_ref().map(Job::read).transpose()
    }

    /// Lets go of a job. Returns whether it was still this holder's; if not, nothing is changed.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn end_job(&self, job: &Job, end: &JobEnd, now: Timestamp) -> Result<bool, Fault> {
        let (run_at, faults) = match end {
            JobEnd::Done(_) => (None, 0),
            JobEnd::Fault(at, _) => (Some(at), job.faults + 1),
            JobEnd::Later(at, _) => (Some(at), job.faults),
        };
        let state = match end {
            JobEnd::Done(_) => "done",
            JobEnd::Fault(..) if faults >= MOST_FAULTS => "dead",
            JobEnd::Fault(..) | JobEnd::Later(..) => "ready",
        };
        let note = match end {
            JobEnd::Done(note) | JobEnd::Later(_, note) => note,
            JobEnd::Fault(_, note) => note.as_str(),
        };
        // Where the same is ready anew, that one counts.
        let ended = self
            .write(
                sqlx::query(
                    "UPDATE job SET lease_until = NULL, run_at = coalesce($4, run_at), faults = $5,
                    note = $6, updated_at = $7,
                    state = CASE WHEN $3 = 'ready' AND EXISTS (
                        SELECT 1 FROM job AS other WHERE other.state = 'ready'
                          AND other.kind = job.kind AND other.ref_id = job.ref_id)
                        THEN 'cancelled' ELSE $3 END
             WHERE id = $1 AND fence = $2 AND state = 'running'",
                )
                .bind(&job.id)
                .bind(job.fence)
                .bind(state)
                .bind(run_at.map(|at| at.as_millisecond()))
                .bind(faults)
                .bind(note)
                .bind(now.as_millisecond()),
            )
            .await?;
        Ok(ended > 0)
    }

    /// The jobs that are to be done, soonest first; with `all`, those that are over too.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn jobs(&self, all: bool) -> Result<Vec<Job>, Fault> {
        let (columns, kinds) = (Job::COLUMNS, kinds());
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns} FROM job
             WHERE ($1 = 1 OR state IN ('ready', 'running')) AND kind IN ({kinds})
             ORDER BY run_at, id"
        )))
        .bind(i64::from(all))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Job::read).collect()
    }

    /// How many jobs stand how.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn job_states(&self) -> Result<Vec<(String, i64)>, Fault> {
        let counted = "SELECT state, count(*) FROM job GROUP BY state ORDER BY state";
        Ok(sqlx::query_as(counted).fetch_all(&self.reader).await?)
    }

    /// How many jobs were due so long ago, and nobody has taken them.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn late_jobs(&self, by: SignedDuration, now: Timestamp) -> Result<i64, Fault> {
        let latest = after(now, -by);
        let counted = "SELECT count(*) FROM job WHERE state = 'ready' AND run_at < $1";
        let query = sqlx::query_scalar(counted).bind(latest.as_millisecond());
        Ok(query.fetch_one(&self.reader).await?)
    }

    /// Has something done at a time; where it is to be done already, then at this time. Returns the
    /// job's identifier.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn schedule_job(
        &self,
        (kind, about): (JobKind, &str),
        at: Timestamp,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = self.begin().await?;
        let id = schedule(&mut writes, (kind, about), at, now).await?;
        writes.commit().await?;
        Ok(id)
    }

    /// Has the visits of tomorrow reminded of this evening that nobody reminds of yet, such as those
    /// that another program has written. What was booked or moved this evening is fresh in people's
    /// minds. Returns how many there are.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn plan_reminders(&self, now: Timestamp) -> Result<usize, Fault> {
        let mut planned = 0;
        for location in self.locations().await? {
            planned += self.plan_reminders_at(&location, now).await?;
        }
        Ok(planned)
    }

    async fn plan_reminders_at(&self, place: &Location, now: Timestamp) -> Result<usize, Fault> {
        let zone = &place.zone;
        let today = now.to_zoned(zone.clone()).date();
        let midnight = |date: Date| zone.to_timestamp(date.to_datetime(time(0, 0, 0, 0)));
        let tomorrow = today.saturating_add(1.day());
        let bounds = (midnight(tomorrow), midnight(tomorrow.saturating_add(1.day())));
        let evening = zone.to_timestamp(today.to_datetime(place.remind_at));
        let ((Ok(from), Ok(to)), Ok(evening)) = (bounds, evening) else { return Ok(0) };
        let mut writes = self.begin().await?;
        let visits: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM appointment
             WHERE status <> 'cancelled' AND starts_at >= $1 AND starts_at < $2
               AND updated_at < $3 AND location_id = $4
               AND NOT EXISTS (SELECT 1 FROM job WHERE kind IN ('reminder', 'reminder_text')
                               AND ref_id = appointment.id AND state IN ('ready', 'running'))
               AND NOT EXISTS (SELECT 1 FROM contact_attempt
                               WHERE purpose = 'reminder' AND about_id = appointment.id
                                 AND dedupe_key LIKE '%:' || appointment.starts_at || ':%')
             ORDER BY starts_at, id",
        )
        .bind(from.as_millisecond())
        .bind(to.as_millisecond())
        .bind(evening.as_millisecond())
        .bind(place.id.to_string())
        .fetch_all(&mut *writes)
        .await?;
        for visit in &visits {
            schedule(&mut writes, (JobKind::Reminder, visit), evening.max(now), now).await?;
        }
        writes.commit().await?;
        Ok(visits.len())
    }
}

impl Job {
    /// What [`read`](Self::read) reads, in `job`.
    const COLUMNS: &str = "id, kind, ref_id, state, run_at, faults, note, fence";

    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let kind: &str = row.try_get("kind")?;
        Ok(Self {
            id: row.try_get("id")?,
            kind: JobKind::parse(kind).ok_or_else(|| strange("job", "a kind that is none"))?,
            about: row.try_get("ref_id")?,
            state: row.try_get("state")?,
            run_at: instant(row.try_get("run_at")?)?,
            faults: row.try_get("faults")?,
            note: row.try_get("note")?,
            fence: row.try_get("fence")?,
        })
    }
}

/// The kinds of jobs that this program knows, as a list in a statement. A newer program may have left
/// others, and does them.
fn kinds() -> String {
    JobKind::ALL.map(|kind| format!("'{}'", kind.word())).join(", ")
}

/// Notes that something is to be done; once, however often it is noted.
pub(super) async fn schedule(
    connection: &mut AnyConnection,
    (kind, about): (JobKind, &str),
    at: Timestamp,
    now: Timestamp,
) -> Result<String, Fault> {
    let id = sqlx::query_scalar(
        "INSERT INTO job (id, kind, ref_id, run_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (kind, ref_id) WHERE state = 'ready'
         DO UPDATE SET run_at = excluded.run_at, updated_at = excluded.updated_at
         RETURNING id",
    )
    .bind(version_7(now).to_string())
    .bind(kind.word())
    .bind(about)
    .bind(at.as_millisecond())
    .bind(now.as_millisecond())
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// Whether the job is still whose it was when it was claimed.
pub(super) async fn is_held(connection: &mut AnyConnection, job: &Job) -> Result<bool, Fault> {
    let held: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM job WHERE id = $1 AND fence = $2 AND state = 'running'",
    )
    .bind(&job.id)
    .bind(job.fence)
    .fetch_one(connection)
    .await?;
    Ok(held > 0)
}

/// Notes that somebody is to be reminded of a visit: on the day before, at the hour of its place and
/// by the clocks of the visit; and that it is confirmed in writing, if they have agreed to that. A
/// visit that was moved is reminded of anew, one of this evening or tomorrow's early hours not at all.
pub(super) async fn remind(
    connection: &mut AnyConnection,
    span: &Booked,
    now: Timestamp,
) -> Result<(), Fault> {
    forget(connection, span.id, now).await?;
    let id = span.id.to_string();
    if wants_texts(connection, &id).await? {
        schedule(connection, (JobKind::ConfirmationText, &id), now, now).await?;
    }
    let hour: String = sqlx::query_scalar("SELECT remind_at FROM location WHERE id = $1")
        .bind(span.location.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let hour: Time = hour
        .parse()
        .map_err(|cause| strange("location", "a `remind_at` that is none").with_source(cause))?;
    let day = span.start.to_zoned(span.zone.clone()).date().saturating_sub(1.day());
    let evening = day.to_datetime(hour).to_zoned(span.zone.clone());
    let Some(at) = evening.ok().map(|evening| evening.timestamp()).filter(|at| *at > now) else {
        return Ok(());
    };
    schedule(connection, (JobKind::Reminder, &id), at, now).await?;
    Ok(())
}

/// Whether whom an appointment is for has agreed to texts about it.
async fn wants_texts(connection: &mut AnyConnection, appointment: &str) -> Result<bool, Fault> {
    let granted: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM consent
         WHERE channel IN ('sms', 'whatsapp') AND status = 'granted'
           AND phone_e164 IN (
               SELECT lead.phone_e164 FROM appointment JOIN lead ON lead.id = lead_id
               WHERE appointment.id = $1
               UNION SELECT customer_phone.phone_e164 FROM appointment
               JOIN customer_phone ON customer_phone.customer_id = appointment.customer_id
               WHERE appointment.id = $1)",
    )
    .bind(appointment)
    .fetch_one(connection)
    .await?;
    Ok(granted > 0)
}

/// Reminds nobody of a visit any more.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    appointment: AppointmentId,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE job SET state = 'cancelled', updated_at = $2 WHERE ref_id = $1 AND state = 'ready'",
    )
    .bind(appointment.to_string())
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// The moment so long after another.
pub(super) fn after(moment: Timestamp, period: SignedDuration) -> Timestamp {
    moment.saturating_add(period).expect("a duration has no unit of the calendar")
}
