use jiff::Timestamp;
use sqlx::{AnyConnection, Row};
use voiceagent_core::Error;

use crate::{
    campaign::{Missed, Step, Steps},
    phone::Phone,
};

use super::{
    Fault, Job, JobKind, LeadId, Outcome, Refusal, Store, fault::strange, ids::version_7, jobs,
    leads,
};

/// A lead's place in a campaign.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Enrollment {
    /// Who.
    pub lead: LeadId,
    /// The number to reach them at.
    pub phone: Phone,
    /// The given name, if it is known.
    pub first_name: Option<String>,
    /// The address of their letters, if it is known.
    pub email: Option<String>,
    /// `call`, `message`, `booked`, `talked` or `ended`.
    pub node: String,
    /// Whether the campaign runs.
    pub is_running: bool,
    /// Calls at most, in a campaign without steps.
    pub most_calls: i64,
    /// The steps; `None` for a campaign that calls and then sends one text.
    pub steps: Option<Steps>,
    /// At which of them they are.
    pub place: usize,
}

impl Enrollment {
    /// Whether they are still in the campaign.
    #[must_use]
    pub fn is_in(&self) -> bool {
        matches!(self.node.as_str(), "call" | "message")
    }
}

impl Store {
    /// The place of a lead in a campaign.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn enrollment(&self, id: &str) -> Result<Enrollment, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, id).await
    }

    /// Sets the steps of a campaign, which is made if there is none of the name. Who is in it
    /// already goes on with the steps that they have.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn set_steps(
        &self,
        campaign: &str,
        steps: &Steps,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO campaign (id, name, steps, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET steps = excluded.steps",
            )
            .bind(version_7(now).to_string())
            .bind(campaign)
            .bind(steps.to_json())
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// Takes a lead into a campaign, which is made if there is none of the name; the first step is
    /// due at once. Who is in it already stays where they are.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a number that no lead has, or when the store cannot be written.
    pub async fn enroll(
        &self,
        campaign: &str,
        phone: &Phone,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = self.begin().await?;
        let lead = leads::find(&mut writes, "lead.phone_e164 = $1", phone.as_str()).await?;
        sqlx::query(
            "INSERT INTO campaign (id, name, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(version_7(now).to_string())
        .bind(campaign)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        let steps: Option<String> =
            sqlx::query_scalar("SELECT steps FROM campaign WHERE name = $1")
                .bind(campaign)
                .fetch_one(&mut *writes)
                .await?;
        let steps = steps.map(|steps| Steps::read(&steps)).transpose().map_err(unreadable)?;
        let first = steps.as_ref().and_then(|steps| steps.get(0)).map_or("call", node);
        let id = version_7(now).to_string();
        let place: String = sqlx::query_scalar(
            "INSERT INTO enrollment (id, campaign_id, lead_id, node, steps, created_at, updated_at)
             SELECT $1, campaign.id, $3, $5, campaign.steps, $4, $4 FROM campaign WHERE name = $2
             ON CONFLICT (campaign_id, lead_id) DO UPDATE SET lead_id = excluded.lead_id
             RETURNING id",
        )
        .bind(&id)
        .bind(campaign)
        .bind(lead.id.to_string())
        .bind(now.as_millisecond())
        .bind(first)
        .fetch_one(&mut *writes)
        .await?;
        if place == id {
            jobs::schedule(&mut writes, (JobKind::CampaignStep, &id), now, now).await?;
        }
        writes.commit().await?;
        Ok(place)
    }

    /// Lets a lead go on with the next step of a campaign, at this time, or leave it behind the last
    /// one. Who is not at this place any more, or has left it, stays where they are, and so does
    /// whoever another holder of the job takes care of.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn go_on(
        &self,
        job: &Job,
        from: usize,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        if !jobs::is_held(&mut writes, job).await? {
            return Ok(());
        }
        let enrollment = find(&mut writes, &job.about).await?;
        if enrollment.is_in() && enrollment.place == from {
            let next = (from + 1, "unreachable");
            move_to(&mut writes, (&job.about, &enrollment), next, now).await?;
            if at > now {
                jobs::schedule(&mut writes, (JobKind::CampaignStep, &job.about), at, now).await?;
            }
        }
        writes.commit().await?;
        Ok(())
    }
}

/// Notes that a message of a campaign was sent: the next step is due, or it was the last.
pub(super) async fn message_sent(
    connection: &mut AnyConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let enrollment = find(connection, id).await?;
    if !enrollment.is_in() {
        return Ok(());
    }
    let next = (enrollment.place + 1, "messaged");
    if move_to(connection, (id, &enrollment), next, now).await? {
        jobs::schedule(connection, (JobKind::CampaignStep, id), now, now).await?;
    }
    Ok(())
}

/// Notes that a call of a campaign reached nobody, and when the lead is tried next. How often it is
/// tried is decided then.
pub(super) async fn call_missed(
    connection: &mut AnyConnection,
    id: &str,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("UPDATE enrollment SET attempts = attempts + 1, updated_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
    let enrollment = find(connection, id).await?;
    let (steps, place) = (enrollment.steps.as_ref(), enrollment.place);
    let elsewhere = steps.zip(missed(outcome)).and_then(|(steps, how)| steps.after(place, how));
    if let Some(next) = elsewhere.filter(|_| enrollment.is_in()) {
        move_to(connection, (id, &enrollment), (next, "unreachable"), now).await?;
        jobs::schedule(connection, (JobKind::CampaignStep, id), now, now).await?;
        return Ok(());
    }
    let minutes = match steps.and_then(|steps| steps.get(place)) {
        Some(Step::Call { again_minutes, .. }) => *again_minutes,
        Some(_) | None => {
            sqlx::query_scalar(
                "SELECT retry_minutes FROM campaign
                 WHERE id = (SELECT campaign_id FROM enrollment WHERE id = $1)",
            )
            .bind(id)
            .fetch_one(&mut *connection)
            .await?
        }
    };
    let at = jobs::after(now, jiff::SignedDuration::from_mins(minutes));
    jobs::schedule(connection, (JobKind::CampaignStep, id), at, now).await?;
    Ok(())
}

fn missed(outcome: Outcome) -> Option<Missed> {
    match outcome {
        Outcome::Answered => None,
        Outcome::Busy => Some(Missed::Busy),
        Outcome::Failed => Some(Missed::Failed),
        Outcome::Machine | Outcome::Voicemail => Some(Missed::Machine),
        Outcome::NoAnswer => Some(Missed::NoAnswer),
    }
}

/// Moves a lead to another step, or out of the campaign if there is none at that place. Returns
/// whether there is one.
async fn move_to(
    connection: &mut AnyConnection,
    (id, from): (&str, &Enrollment),
    (place, otherwise): (usize, &str),
    now: Timestamp,
) -> Result<bool, Fault> {
    let node = match &from.steps {
        // Calls, and then a text.
        None => (place < 2).then_some("message"),
        Some(steps) => steps.get(place).map(node),
    };
    sqlx::query(
        "UPDATE enrollment SET node = $2, step = $3, reason = $4, updated_at = $5
         WHERE id = $1 AND node IN ('call', 'message')",
    )
    .bind(id)
    .bind(node.unwrap_or("ended"))
    .bind(place as i64)
    .bind(if node.is_some() { None } else { Some(otherwise) })
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(node.is_some())
}

fn node(step: &Step) -> &'static str {
    match step {
        Step::Call { .. } => "call",
        Step::Email { .. } | Step::Sms { .. } | Step::Wait { .. } | Step::Whatsapp { .. } => {
            "message"
        }
    }
}

fn unreadable(cause: Error) -> Error {
    strange("enrollment", "steps that cannot be read").with_source(cause)
}

async fn find(connection: &mut AnyConnection, id: &str) -> Result<Enrollment, Fault> {
    let row = sqlx::query(
        "SELECT enrollment.lead_id, enrollment.node, enrollment.steps, enrollment.step,
                campaign.status, campaign.most_calls, lead.email
         FROM enrollment JOIN campaign ON campaign.id = campaign_id
         JOIN lead ON lead.id = enrollment.lead_id WHERE enrollment.id = $1",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?
    .ok_or(Refusal::NotFound)?;
    let (node, steps): (String, Option<String>) = (row.try_get("node")?, row.try_get("steps")?);
    let status: String = row.try_get("status")?;
    let steps = steps.map(|steps| Steps::read(&steps)).transpose().map_err(unreadable)?;
    let step: i64 = row.try_get("step")?;
    // Without steps the node is the place.
    let place = match &steps {
        None => usize::from(node != "call"),
        Some(_) => usize::try_from(step).unwrap_or_default(),
    };
    let lead: String = row.try_get("lead_id")?;
    let (most_calls, email) = (row.try_get("most_calls")?, row.try_get("email")?);
    let lead = leads::find(connection, "lead.id = $1", &lead).await?;
    Ok(Enrollment {
        lead: lead.id,
        phone: lead.phone,
        first_name: lead.first_name,
        email,
        node,
        is_running: status == "running",
        most_calls,
        steps,
        place,
    })
}
