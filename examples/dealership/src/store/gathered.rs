use jiff::Timestamp;

use super::{Fault, Store, fault::strange};

/// Something that a call has gathered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Gathered {
    /// What: the name of a tool's argument, such as `service_type`.
    pub field: String,
    /// Where it is from.
    pub source: Source,
    /// Whether the caller has agreed to it, as it stands.
    pub agreed: bool,
}

/// Where something is from that a call has gathered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the tables hold these")]
pub enum Source {
    /// The caller said it.
    Caller,
    /// It is what we call about.
    Errand,
    /// The last call of the number was about it, and broke off.
    LastCall,
    /// The number of the call tells it.
    Number,
    /// The house has offered it.
    Offer,
    /// The house has it on record.
    Records,
}

impl Source {
    const ALL: [Self; 6] =
        [Self::Caller, Self::Errand, Self::LastCall, Self::Number, Self::Offer, Self::Records];

    /// How it is written: `last_call`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Errand => "errand",
            Self::LastCall => "last_call",
            Self::Number => "number",
            Self::Offer => "offer",
            Self::Records => "records",
        }
    }
}

impl Store {
    /// Notes what a call has gathered, and where it is from. What was gathered before under the same
    /// name is corrected by it, and has to be agreed to anew.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future notes all of it, or nothing.
    pub async fn note_gathered(
        &self,
        call: &str,
        gathered: &[(String, Source)],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        for (field, source) in gathered {
            sqlx::query(
                "INSERT INTO gathered (call, field, source, at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (call, field)
                 DO UPDATE SET source = excluded.source, agreed = 0, at = excluded.at",
            )
            .bind(call)
            .bind(field)
            .bind(source.word())
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
        }
        writes.commit().await?;
        Ok(())
    }

    /// Notes that the caller has agreed to all that a call has gathered so far.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_agreed(&self, call: &str) -> Result<(), Fault> {
        self.write(sqlx::query("UPDATE gathered SET agreed = 1 WHERE call = $1").bind(call))
            .await?;
        Ok(())
    }

    /// What a call has gathered, by name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn gathered(&self, call: &str) -> Result<Vec<Gathered>, Fault> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT field, source, agreed FROM gathered WHERE call = $1 ORDER BY field",
        )
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter()
            .map(|(field, source, agreed)| {
                let source = Source::ALL.into_iter().find(|one| one.word() == source);
                let source = source.ok_or_else(|| strange("gathered", "a source that is none"))?;
                Ok(Gathered { field, source, agreed: agreed != 0 })
            })
            .collect()
    }
}
