use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;

use super::{
    Appointment, Fault, Store,
    calls::{self, Ending},
    ids::version_7,
    jobs::after,
};

/// A program of which so long nothing was seen is gone. Clocks of machines may differ by less.
const GONE: SignedDuration = SignedDuration::from_secs(10);

/// How a call ends whose program is gone.
const BROKEN: Ending =
    Ending { failed: true, by_machine: false, message_left: false, quality: None };

/// The life of one program that answers calls, from its start to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Life {
    name: Arc<str>,
    id: Arc<str>,
}

impl Life {
    /// A new life of the program of this name. No two that live at once may have one name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, now: Timestamp) -> Self {
        Self { name: name.into(), id: version_7(now).simple().to_string().into() }
    }

    /// The name of the program, which outlives it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of this life alone.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Store {
    /// The same database, with which calls are answered in this life.
    #[must_use]
    pub fn living(mut self, life: Life) -> Self {
        self.life = Some(life);
        self
    }

    /// The name of the program with whose life calls are answered, if one was told.
    pub(crate) fn replica(&self) -> Option<&str> {
        self.life.as_ref().map(Life::name)
    }

    /// Says that a life goes on, and notes the calls that go on in none as broken off. Returns them.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does all of it, or nothing.
    pub async fn keep_alive(&self, life: &Life, now: Timestamp) -> Result<Vec<String>, Fault> {
        let mut writes = self.begin().await?;
        sqlx::query(
            "INSERT INTO replica (name, life, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET life = $2, seen_at = $3",
        )
        .bind(life.name())
        .bind(life.id())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        let left_behind: Vec<String> = sqlx::query_scalar(
            "SELECT call FROM call_record
             WHERE status = 'live' AND life IS NOT NULL
               AND life NOT IN (SELECT life FROM replica WHERE seen_at > $1)
             ORDER BY call",
        )
        .bind(after(now, -GONE).as_millisecond())
        .fetch_all(&mut *writes)
        .await?;
        for call in &left_behind {
            calls::end(&mut writes, call, BROKEN, now).await?;
        }
        writes.commit().await?;
        Ok(left_behind)
    }

    /// Says that a life is over.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn end_life(&self, life: &Life) -> Result<(), Fault> {
        self.write(sqlx::query("DELETE FROM replica WHERE life = $1").bind(life.id())).await?;
        Ok(())
    }

    /// Whether a call goes on in a life, as far as anybody knows.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn goes_on(&self, (call, life): (&str, &str)) -> Result<bool, Fault> {
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM call_record WHERE call = $1 AND life = $2 AND status = 'live'",
        )
        .bind(call)
        .bind(life)
        .fetch_one(&self.reader)
        .await?;
        Ok(live > 0)
    }

    /// Takes a call from a life that does not have it any more. Returns whether it broke off there,
    /// no earlier than `since`, so that somebody may go on with it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn take_from(
        &self,
        (call, life): (&str, &str),
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let row: Option<(String, Option<i64>, Option<String>)> =
            sqlx::query_as("SELECT status, ended_at, life FROM call_record WHERE call = $1")
                .bind(call)
                .fetch_optional(&mut *writes)
                .await?;
        // It broke off before anybody could note that it had begun.
        let Some((status, ended_at, of)) = row else { return Ok(true) };
        if status == "live" {
            if of.as_deref() != Some(life) {
                return Ok(false);
            }
            calls::end(&mut writes, call, BROKEN, now).await?;
            writes.commit().await?;
            return Ok(true);
        }
        // In whose life it broke off does not matter: the last one may have died before it began.
        Ok(status == "failed" && ended_at.is_some_and(|at| at > since.as_millisecond()))
    }

    /// What was booked in a call that broke off and is back; `None` for one that did not.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn back(&self, call: &str) -> Result<Option<Vec<Appointment>>, Fault> {
        let failed: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM call_record WHERE call = $1 AND status = 'failed'",
        )
        .bind(call)
        .fetch_one(&self.reader)
        .await?;
        if failed == 0 {
            return Ok(None);
        }
        let columns = Appointment::COLUMNS;
        let booked = sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns} FROM appointment_detail
             WHERE source_call = $1 AND status <> 'cancelled' ORDER BY starts_at"
        )))
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        booked.iter().map(Appointment::read).collect::<Result<_, _>>().map(Some)
    }
}
