use jiff::{Timestamp, Zoned};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::{departments::Department, phone::Phone};

use super::{
    AppointmentId, CustomerId, Fault, LeadId, Purpose, Refusal, Store, appointments,
    attempts::Attempt, fault::strange, leads,
};

/// What somebody is called about.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "what a call can be about")]
pub enum Errand {
    /// They asked to be called back.
    Callback {
        /// With whom they want to talk.
        department: Department,
    },
    /// They may want to buy something.
    Lead {
        /// Who it is.
        lead: LeadId,
        /// The given name, if it is known.
        first_name: Option<String>,
    },
    /// They have a visit.
    Reminder {
        /// Which.
        appointment: AppointmentId,
        /// Who comes.
        customer: CustomerId,
        /// The given name.
        first_name: String,
        /// When it begins.
        start: Zoned,
    },
}

/// A wish to be called back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Callback {
    /// The number to call.
    pub phone: Phone,
    /// With whom they want to talk.
    pub department: Department,
    /// Whether it still stands.
    pub is_open: bool,
}

impl Store {
    /// Notes that a call that we made is answered, and tells what it is about. It is known by the
    /// carrier's name for it, or by the number that it goes to: a phone rings for one thing at a
    /// time. `None` if nobody here has made it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn take_up(
        &self,
        call: &str,
        phone: Option<&Phone>,
        now: Timestamp,
    ) -> Result<Option<Errand>, Fault> {
        let mut writes = self.begin().await?;
        let columns = Attempt::COLUMNS;
        let row = sqlx::query(AssertSqlSafe(format!(
            "UPDATE contact_attempt SET state = 'answered', provider_id = $1, updated_at = $3
             WHERE id = (
                 SELECT id FROM contact_attempt
                 WHERE channel = 'voice_ai' AND state IN ('intent', 'placed', 'answered')
                   AND (provider_id = $1 OR provider_id IS NULL AND phone_e164 = $2)
                 ORDER BY provider_id IS NULL LIMIT 1)
             RETURNING {columns}"
        )))
        .bind(call)
        .bind(phone.map(Phone::as_str))
        .bind(now.as_millisecond())
        .fetch_optional(&mut *writes)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let attempt = Attempt::read(&row)?;
        let errand = errand(&mut writes, &attempt).await?;
        writes.commit().await?;
        Ok(errand)
    }

    /// The wish to be called back with this identifier.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn callback(&self, id: &str) -> Result<Callback, Fault> {
        let mut connection = self.reader.acquire().await?;
        callback(&mut connection, id).await
    }

    /// Stops all calls and messages of the house's own accord, or lets them go on.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn stop_contacts(&self, reason: Option<&str>, now: Timestamp) -> Result<(), Fault> {
        let query = match reason {
            Some(reason) => sqlx::query(
                "INSERT INTO contact_stop (id, reason, since) VALUES (1, $1, $2)
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(reason.to_owned())
            .bind(now.as_millisecond()),
            None => sqlx::query("DELETE FROM contact_stop"),
        };
        self.write(query).await?;
        Ok(())
    }
}

async fn callback(connection: &mut AnyConnection, id: &str) -> Result<Callback, Fault> {
    let (phone, department, state): (String, String, String) =
        sqlx::query_as("SELECT phone_e164, department, state FROM callback WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?
            .ok_or(Refusal::NotFound)?;
    let unreadable = |what| strange("callback", what);
    Ok(Callback {
        phone: Phone::parse(&phone).ok_or_else(|| unreadable("a number that is none"))?,
        department: serde_json::from_value(department.into())
            .map_err(|cause| unreadable("an unknown department").with_source(cause))?,
        is_open: state == "open",
    })
}

/// What a call is about. What is not there any more is no errand.
async fn errand(
    connection: &mut AnyConnection,
    attempt: &Attempt,
) -> Result<Option<Errand>, Fault> {
    match attempt.purpose {
        Purpose::Callback => match callback(connection, &attempt.about).await {
            Ok(Callback { department, .. }) => Ok(Some(Errand::Callback { department })),
            Err(Fault::Refused(Refusal::NotFound)) => Ok(None),
            Err(fault) => Err(fault),
        },
        Purpose::Campaign => {
            let lead: Option<String> =
                sqlx::query_scalar("SELECT lead_id FROM enrollment WHERE id = $1")
                    .bind(&attempt.about)
                    .fetch_optional(&mut *connection)
                    .await?;
            let Some(lead) = lead else { return Ok(None) };
            let lead = leads::find(connection, "lead.id = $1", &lead).await?;
            Ok(Some(Errand::Lead { lead: lead.id, first_name: lead.first_name }))
        }
        // Nobody is called about a call.
        Purpose::Confirmation | Purpose::FollowUp | Purpose::Recovery => Ok(None),
        Purpose::Reminder => {
            let Some(id) = AppointmentId::parse(&attempt.about) else { return Ok(None) };
            let visit = appointments::find(connection, id).await?;
            let Some((visit, customer)) = visit.and_then(|visit| {
                let customer = visit.customer?;
                Some((visit, customer))
            }) else {
                return Ok(None);
            };
            let first_name = sqlx::query_scalar("SELECT first_name FROM customer WHERE id = $1")
                .bind(customer.to_string())
                .fetch_one(connection)
                .await?;
            Ok(Some(Errand::Reminder { appointment: id, customer, first_name, start: visit.start }))
        }
    }
}
