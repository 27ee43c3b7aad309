use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::{
    leads::{self, Row as KnownLead},
    phone::Phone,
};

use super::{BrokerId, Fault, LeadId, Refusal, Store};

/// Somebody who may become a customer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lead {
    /// The identifier.
    pub id: LeadId,
    /// The number to reach them at, E.164.
    pub phone: Phone,
    /// The given name.
    pub first_name: Option<String>,
    /// `new`, `contacted`, `qualified`, `appointment_set`, `not_qualified` or `dnc`.
    pub status: String,
    /// Whether they are worth a consultation; `None` while nobody knows.
    pub qualified: Option<bool>,
    /// What they can spend a month, in dollars.
    pub budget_monthly_usd: Option<i64>,
    /// In which state they live.
    pub state: Option<String>,
    /// What they look for.
    pub vehicle_interest: Option<String>,
    /// By when.
    pub timeframe: Option<String>,
    /// What they have objected.
    pub objections: Vec<String>,
    /// Who looks after them, and the name.
    pub broker: Option<(BrokerId, String)>,
}

/// The columns that a call may fill in; each is text, but for those of [`Kind`].
const COLUMNS: [(&str, Kind); 17] = [
    ("best_time", Kind::Text),
    ("budget_monthly_usd", Kind::Whole),
    ("city", Kind::Text),
    ("disqualify_reason", Kind::Text),
    ("email", Kind::Text),
    ("financing", Kind::Text),
    ("first_name", Kind::Text),
    ("language", Kind::Text),
    ("last_name", Kind::Text),
    ("notes", Kind::Text),
    ("objections", Kind::List),
    ("postal_code", Kind::Text),
    ("qualified", Kind::Flag),
    ("state", Kind::Text),
    ("timeframe", Kind::Text),
    ("trade_in", Kind::Text),
    ("vehicle_interest", Kind::Text),
];

#[derive(Clone, Copy)]
enum Kind {
    Flag,
    /// Added to what is there, each item once.
    List,
    Text,
    Whole,
}

impl Store {
    /// The lead with this identifier.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn lead(&self, id: LeadId) -> Result<Lead, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, "lead.id = $1", &id.to_string()).await
    }

    /// The lead with this number.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn lead_by_phone(&self, phone: &Phone) -> Result<Lead, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, "lead.phone_e164 = $1", phone.as_str()).await
    }

    /// All leads with what is known of them, by their numbers, as tables have them.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn known_leads(&self) -> Result<Vec<KnownLead>, Fault> {
        let columns = leads::COLUMNS.map(|(column, _)| column).join(", ");
        let sql = format!("SELECT phone_e164, {columns} FROM lead ORDER BY phone_e164");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.reader).await?;
        let mut leads = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(phone) = Phone::parse(row.try_get("phone_e164")?) else { continue };
            let mut known = Map::new();
            for (column, _) in leads::COLUMNS {
                if let Some(words) = row.try_get::<Option<String>, _>(column)? {
                    known.insert(column.to_owned(), Value::String(words));
                }
            }
            leads.push(KnownLead { phone, known, consent: Vec::new() });
        }
        Ok(leads)
    }

    /// Notes a lead with nothing but its number, or finds the one that has it. Tells which.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn meet_lead(&self, phone: &Phone, now: Timestamp) -> Result<(LeadId, bool), Fault> {
        let id = LeadId::new(now);
        let made = self.write(sqlx::query(
            "INSERT INTO lead (id, phone_e164, created_at, updated_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (phone_e164) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(phone.as_str())
        .bind(now.as_millisecond())).await?;
        let lead = self.lead_by_phone(phone).await?;
        Ok((lead.id, made > 0))
    }

    /// Fills in what was learnt of a lead; null leaves a field as it is. Returns the fields that
    /// were changed. Who is qualified, or is not, changes status.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    ///
    /// # Panics
    ///
    /// When the patch holds a field that no lead has.
    pub async fn update_lead(
        &self,
        id: LeadId,
        patch: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Vec<&'static str>, Fault> {
        let mut writes = self.begin().await?;
        let known = find(&mut writes, "lead.id = $1", &id.to_string()).await?;
        let changed = fill(&mut writes, (id, &known), patch, now).await?;
        sqlx::query(
            "UPDATE lead SET status = CASE qualified WHEN 1 THEN 'qualified' WHEN 0 THEN
                 'not_qualified' ELSE 'contacted' END,
                 disqualify_reason = CASE qualified WHEN 1 THEN NULL ELSE disqualify_reason END
             WHERE id = $1 AND status IN ('new', 'contacted', 'qualified', 'not_qualified')",
        )
        .bind(id.to_string())
        .execute(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(changed)
    }

    /// Fills in what a table has of a lead that is new, and which table.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be written.
    ///
    /// # Panics
    ///
    /// As [`update_lead`](Self::update_lead).
    pub async fn fill_in_lead(
        &self,
        id: LeadId,
        (patch, source): (&Map<String, Value>, &str),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        let known = find(&mut writes, "lead.id = $1", &id.to_string()).await?;
        fill(&mut writes, (id, &known), patch, now).await?;
        sqlx::query("UPDATE lead SET source = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(source)
            .execute(&mut *writes)
            .await?;
        writes.commit().await?;
        Ok(())
    }

    /// What became of the lead with a number: its status, and where its last campaign stands. `None`
    /// if there is no such lead.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn lead_outcome(
        &self,
        phone: &Phone,
    ) -> Result<Option<(String, Option<String>)>, Fault> {
        let outcome = sqlx::query_as(
            "SELECT status, (SELECT node FROM enrollment WHERE lead_id = lead.id
                             ORDER BY created_at DESC, id DESC LIMIT 1)
             FROM lead WHERE phone_e164 = $1",
        )
        .bind(phone.as_str())
        .fetch_optional(&self.reader)
        .await?;
        Ok(outcome)
    }

    /// How many calls were noted for the number of a lead, and how the last of them went.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn history_of(&self, phone: &Phone) -> Result<(i64, Option<String>), Fault> {
        let row: (i64, Option<String>) = sqlx::query_as(
            "SELECT count(*), (SELECT summary FROM interaction WHERE phone_e164 = $1
                               ORDER BY created_at DESC, id DESC LIMIT 1)
             FROM interaction WHERE phone_e164 = $1",
        )
        .bind(phone.as_str())
        .fetch_one(&self.reader)
        .await?;
        Ok(row)
    }
}

impl Lead {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let phone: &str = row.try_get("phone_e164")?;
        let broker: Option<&str> = row.try_get("broker_id")?;
        let name: Option<String> = row.try_get("broker_name")?;
        let broker = broker.map(BrokerId::stored).transpose()?;
        let qualified: Option<i64> = row.try_get("qualified")?;
        Ok(Self {
            id: LeadId::stored(row.try_get("id")?)?,
            phone: Phone::parse(phone)
                .ok_or_else(|| super::fault::strange("lead", "a number that is none"))?,
            first_name: row.try_get("first_name")?,
            status: row.try_get("status")?,
            qualified: qualified.map(|qualified| qualified != 0),
            budget_monthly_usd: row.try_get("budget_monthly_usd")?,
            state: row.try_get("state")?,
            vehicle_interest: row.try_get("vehicle_interest")?,
            timeframe: row.try_get("timeframe")?,
            objections: super::list("lead", row.try_get("objections")?)?,
            broker: broker.zip(name),
        })
    }
}

pub(super) async fn find(
    connection: &mut AnyConnection,
    filter: &'static str,
    value: &str,
) -> Result<Lead, Fault> {
    let sql = format!(
        "SELECT lead.id, lead.phone_e164, lead.first_name, lead.status, lead.qualified,
                lead.budget_monthly_usd, lead.state, lead.vehicle_interest, lead.timeframe,
                lead.objections, lead.broker_id, broker.name AS broker_name
         FROM lead
         LEFT JOIN broker ON broker.id = lead.broker_id WHERE {filter}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(value)
        .fetch_optional(connection)
        .await?
        .ok_or(Refusal::NotFound)?;
    Lead::read(&row)
}

/// Fills in columns of a lead; null leaves one as it is. Returns those that were changed.
async fn fill(
    connection: &mut AnyConnection,
    (id, known): (LeadId, &Lead),
    patch: &Map<String, Value>,
    now: Timestamp,
) -> Result<Vec<&'static str>, Fault> {
    let mut changed = Vec::new();
    for (field, value) in patch.iter().filter(|(_, value)| !value.is_null()) {
        let (column, kind) = *COLUMNS
            .iter()
            .find(|(column, _)| column == field)
            .expect("whoever fills in a lead names the columns");
        // The name of a column cannot be bound; it is one of those above.
        let sql = format!("UPDATE lead SET {column} = $2, updated_at = $3 WHERE id = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id.to_string());
        let query = match kind {
            Kind::Flag => query.bind(value.as_bool().map(i64::from)),
            Kind::List => query.bind(joined(&known.objections, value)),
            Kind::Text => query.bind(value.as_str().map(str::to_owned)),
            Kind::Whole => query.bind(value.as_i64()),
        };
        query.bind(now.as_millisecond()).execute(&mut *connection).await?;
        changed.push(column);
    }
    Ok(changed)
}

fn joined(known: &[String], more: &Value) -> String {
    let mut all = known.to_vec();
    for item in more.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !all.iter().any(|known| known == item) {
            all.push(item.to_owned());
        }
    }
    serde_json::json!(all).to_string()
}
