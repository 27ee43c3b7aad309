use jiff::{Timestamp, ToSpan};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::phone::Phone;

use super::{
    Fault, Job, Objection, Store,
    contact::{opens_next, permission},
    fault::strange,
    ids::version_7,
    instant, jobs, letters,
    slots::later,
};

/// A call or a message that is to be made.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct ContactPlan {
    /// Who is reached.
    pub phone: Phone,
    /// How.
    pub channel: Channel,
    /// What for.
    pub purpose: Purpose,
    /// The appointment, call, callback or enrollment that it is about.
    pub about: String,
    /// What makes it the same contact: a visit that is moved is another occasion.
    pub occasion: String,
    /// How often it is tried on this occasion.
    pub most: i64,
    /// Whether somebody who may be reached at all may be reached for this.
    pub allowed: Allowed,
    /// Whether it is free text on `WhatsApp`, which is taken within a day of theirs only.
    pub is_free_text: bool,
}

/// Whom the configuration lets be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "this person or not, with consent or asked for")]
pub enum Allowed {
    /// This one may, if they have agreed to it.
    IfAgreed,
    /// This one has asked for it.
    Asked,
    /// This one may not.
    Never,
}

/// How people are reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Channel {
    /// By a letter to their e-mail address.
    Email,
    /// By a text message.
    Sms,
    /// By a call.
    Voice,
    /// By a message on `WhatsApp`.
    WhatsApp,
}

/// What people are reached for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// They asked to be called back.
    Callback,
    /// They may buy something.
    Campaign,
    /// They have booked a visit, or moved it.
    Confirmation,
    /// They were in a call.
    FollowUp,
    /// Their call broke off.
    Recovery,
    /// They have a visit.
    Reminder,
}

/// A contact, as it was noted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The identifier.
    pub id: String,
    /// Who is reached.
    pub phone: Phone,
    /// How.
    pub channel: Channel,
    /// What for.
    pub purpose: Purpose,
    /// What it is about.
    pub about: String,
    /// `intent`, `placed`, `answered`, `completed`, `skipped`, `failed`, `unknown` and others.
    pub state: String,
    /// The carrier's name for it, once it is known.
    pub provider: Option<String>,
    /// When it was noted.
    pub noted_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Whether a contact may be made now.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "yes, not now, never, and already")]
pub enum Intent {
    /// The intent is written down: it may be made, once.
    Free(Attempt),
    /// It was tried before, and it is not known yet whether it was made.
    Open(Attempt),
    /// It was made, or was tried as often as it may be.
    Over {
        /// Whether somebody was reached by it, or may be yet.
        reached: bool,
    },
    /// Not before this moment, for this reason.
    Later(Timestamp, Objection),
    /// Not at all; that is written down.
    Refused(Objection),
    /// The job is somebody else's by now.
    Lost,
}

/// Calls to one person within a day, whatever they are about.
const MOST_CALLS: i64 = 3;
/// When a phone that rings, or is in a call, is tried next.
const BUSY: i64 = 2;

impl Channel {
    /// How it is written: `voice_ai`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Voice => "voice_ai",
            Self::WhatsApp => "whatsapp",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Email, Self::Sms, Self::Voice, Self::WhatsApp];
        all.into_iter().find(|one| one.word() == word)
    }
}

impl Purpose {
    /// How it is written: `reminder`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Campaign => "campaign",
            Self::Confirmation => "confirmation",
            Self::FollowUp => "follow_up",
            Self::Recovery => "recovery",
            Self::Reminder => "reminder",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Callback,
            Self::Campaign,
            Self::Confirmation,
            Self::FollowUp,
            Self::Recovery,
            Self::Reminder,
        ];
        all.into_iter().find(|one| one.word() == word)
    }

    /// What people agree to when they agree to it.
    const fn consent(self) -> &'static str {
        match self {
            Self::Campaign => "marketing",
            Self::Callback
            | Self::Confirmation
            | Self::FollowUp
            | Self::Recovery
            | Self::Reminder => "transactional",
        }
    }
}

impl Store {
    /// Writes down that a contact is about to be made, if it may be: the job is still this holder's,
    /// it was not made before, and at this moment nothing stands against it. All that is looked at
    /// and written is one transaction, so that no other program decides the same in between.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future writes it down or does not. What is written down is found again.
    pub async fn intend(
        &self,
        job: &Job,
        plan: &ContactPlan,
        now: Timestamp,
    ) -> Result<Intent, Fault> {
        let mut writes = self.begin().await?;
        if !jobs::is_held(&mut writes, job).await? {
            return Ok(Intent::Lost);
        }
        let tried = tries(&mut writes, plan).await?;
        if let Some(open) = tried.open {
            return Ok(Intent::Open(open));
        }
        if tried.reached || tried.made >= plan.most {
            return Ok(Intent::Over { reached: tried.reached });
        }
        let id = version_7(now).to_string();
        let note = |state, reason| Note { id: &id, no: tried.count + 1, job, plan, state, reason };
        match objection(&mut writes, plan, now).await? {
            None => {}
            Some((objection, Some(at))) => return Ok(Intent::Later(at, objection)),
            Some((objection, None)) => {
                note("skipped", Some(objection)).write(&mut writes, now).await?;
                writes.commit().await?;
                return Ok(Intent::Refused(objection));
            }
        }
        if !note("intent", None).write(&mut writes, now).await? {
            let soon = later(now, BUSY.minutes());
            return Ok(Intent::Later(soon, Objection::InFlight));
        }
        let noted = find(&mut writes, "id = $1", &id).await?;
        writes.commit().await?;
        noted.map(Intent::Free).ok_or_else(|| lost().into())
    }
}

/// How a contact went so far.
struct Tries {
    /// All that were noted.
    count: i64,
    /// Those that were made, or may have been.
    made: i64,
    /// Whether one reached somebody, or may do so yet.
    reached: bool,
    /// The one of which nobody knows whether it was made.
    open: Option<Attempt>,
}

async fn tries(connection: &mut AnyConnection, plan: &ContactPlan) -> Result<Tries, Fault> {
    let occasion = plan.occasion();
    let (count, made, reached): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE state IN ('completed', 'unknown')),
                count(*) FILTER (WHERE state IN ('placed', 'answered', 'unknown')
                                 OR outcome IN ('answered', 'sent')
                                 OR outcome = 'voicemail' AND purpose = 'reminder')
         FROM contact_attempt WHERE substr(dedupe_key, 1, length($1)) = $1",
    )
    .bind(&occasion)
    .fetch_one(&mut *connection)
    .await?;
    let open =
        find(connection, "state = 'intent' AND substr(dedupe_key, 1, length($1)) = $1", &occasion)
            .await?;
    Ok(Tries { count, made, reached: reached > 0, open })
}

/// What stands against a contact at this moment, and when it will not, if that is known.
async fn objection(
    connection: &mut AnyConnection,
    plan: &ContactPlan,
    now: Timestamp,
) -> Result<Option<(Objection, Option<Timestamp>)>, Fault> {
    let never = |objection| Ok(Some((objection, None)));
    if plan.allowed == Allowed::Never {
        return never(Objection::TestNumberSafety);
    }
    let stops: i64 =
        sqlx::query_scalar("SELECT count(*) FROM contact_stop").fetch_one(&mut *connection).await?;
    if stops > 0 {
        return Ok(Some((Objection::Stopped, Some(later(now, 15.minutes())))));
    }
    let asked = (plan.channel.word(), plan.purpose.consent());
    let mut reasons = permission(connection, &plan.phone, asked, now).await?.reasons;
    if plan.allowed == Allowed::Asked {
        reasons.retain(|reason| *reason != Objection::NoConsent);
    }
    for reason in [Objection::DoNotCall, Objection::NoConsent] {
        if reasons.contains(&reason) {
            return never(reason);
        }
    }
    if plan.channel == Channel::WhatsApp
        && plan.is_free_text
        && !letters::wrote_lately(connection, &plan.phone, plan.channel, now).await?
    {
        return never(Objection::NoWindow);
    }
    if plan.channel == Channel::Voice {
        let since = later(now, (-24).hours());
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT created_at FROM contact_attempt
             WHERE phone_e164 = $1 AND channel = 'voice_ai' AND created_at > $2
               AND state IN ('intent', 'placed', 'answered', 'completed', 'unknown')
             ORDER BY created_at DESC LIMIT 1 OFFSET $3",
        )
        .bind(plan.phone.as_str())
        .bind(since.as_millisecond())
        .bind(MOST_CALLS - 1)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(oldest) = oldest {
            let at = later(instant(oldest)?, 24.hours());
            return Ok(Some((Objection::Frequency, Some(at))));
        }
    }
    if reasons.contains(&Objection::OutsideHours) {
        let next = opens_next(connection, &plan.phone, now).await?;
        return Ok(Some((Objection::OutsideHours, next)));
    }
    Ok(None)
}

/// An attempt that is to be noted.
struct Note<'a> {
    id: &'a str,
    no: i64,
    job: &'a Job,
    plan: &'a ContactPlan,
    state: &'static str,
    reason: Option<Objection>,
}

impl Note<'_> {
    /// Returns whether it was noted: a phone rings for one thing at a time.
    async fn write(self, connection: &mut AnyConnection, now: Timestamp) -> Result<bool, Fault> {
        let Self { id, no, job, plan, state, reason } = self;
        let noted = sqlx::query(
            "INSERT INTO contact_attempt (id, phone_e164, channel, purpose, about_id, dedupe_key,
                                          attempt_no, job_id, state, reason, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
             ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(plan.phone.as_str())
        .bind(plan.channel.word())
        .bind(plan.purpose.word())
        .bind(&plan.about)
        .bind(format!("{}{no}", plan.occasion()))
        .bind(no)
        .bind(&job.id)
        .bind(state)
        .bind(reason.map(|reason| crate::tools::word(&reason)))
        .bind(now.as_millisecond())
        .execute(connection)
        .await?;
        Ok(noted.rows_affected() > 0)
    }
}

impl ContactPlan {
    /// What the keys of all attempts on one occasion begin with.
    fn occasion(&self) -> String {
        let Self { purpose, about, occasion, channel, .. } = self;
        occasion_key(*purpose, about, occasion, *channel)
    }
}

/// What the keys of all attempts on one occasion begin with; the number of the attempt follows.
pub(crate) fn occasion_key(
    purpose: Purpose,
    about: &str,
    occasion: &str,
    channel: Channel,
) -> String {
    format!("{}:{about}:{occasion}:{}:", purpose.word(), channel.word())
}

impl Attempt {
    /// What [`read`](Self::read) reads, in `contact_attempt`.
    pub(super) const COLUMNS: &str =
        "id, phone_e164, channel, purpose, about_id, state, provider_id,
        created_at, updated_at";

    pub(super) fn read(row: &AnyRow) -> Result<Self, Fault> {
        let unreadable = |what| strange("contact_attempt", what);
        let phone: &str = row.try_get("phone_e164")?;
        let (channel, purpose): (&str, &str) = (row.try_get("channel")?, row.try_get("purpose")?);
        Ok(Self {
            id: row.try_get("id")?,
            phone: Phone::parse(phone).ok_or_else(|| unreadable("a number that is none"))?,
            channel: Channel::parse(channel).ok_or_else(|| unreadable("an unknown channel"))?,
            purpose: Purpose::parse(purpose).ok_or_else(|| unreadable("an unknown purpose"))?,
            about: row.try_get("about_id")?,
            state: row.try_get("state")?,
            provider: row.try_get("provider_id")?,
            noted_at: instant(row.try_get("created_at")?)?,
            changed_at: instant(row.try_get("updated_at")?)?,
        })
    }
}

async fn find(
    connection: &mut AnyConnection,
    filter: &'static str,
    value: &str,
) -> Result<Option<Attempt>, Fault> {
    let columns = Attempt::COLUMNS;
    // The filter is a word of this program.
    let sql = format!("SELECT {columns} FROM contact_attempt WHERE {filter}");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(value).fetch_optional(connection).await?;
    row.as_ref().map(Attempt::read).transpose()
}

fn lost() -> voiceagent_core::Error {
    strange("contact_attempt", "no row that was written a moment ago")
}
