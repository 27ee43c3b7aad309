use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::{Fault, Refusal, Store, fault};

/// A version of a template and how often it is taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Arm {
    /// The version.
    pub version: i64,
    /// Its share, in relation to the weights of the other arms.
    pub weight: u32,
}

/// A version of a template.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredTemplate {
    /// The version, from 1.
    pub version: i64,
    /// What it says, as JSON.
    pub config: String,
    /// What it is for.
    pub note: String,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Store {
    /// Writes a new version of a template, and returns its number. It answers nothing yet.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn push_template(
        &self,
        slug: &str,
        (config, note): (&str, &str),
        now: Timestamp,
    ) -> Result<i64, Fault> {
        let mut writes = self.begin().await?;
        let version = sqlx::query_scalar(
            "INSERT INTO template (slug, version, config, note, created_at)
             SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM template WHERE slug = $1
             RETURNING version",
        )
        .bind(slug)
        .bind(config)
        .bind(note)
        .bind(now.as_millisecond())
        .fetch_one(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(version)
    }

    /// Lets calls that begin from now on be answered by these versions, by weight.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a version that is none, or when no arm has a weight; or when the
    /// store cannot be written.
    pub async fn activate_template(
        &self,
        slug: &str,
        arms: &[Arm],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        for arm in arms {
            let known: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM template WHERE slug = $1 AND version = $2",
            )
            .bind(slug)
            .bind(arm.version)
            .fetch_one(&mut *writes)
            .await?;
            if known == 0 {
                return Err(Refusal::NotFound.into());
            }
        }
        if arms.iter().all(|arm| arm.weight == 0) {
            return Err(Refusal::NotFound.into());
        }
        let written = serde_json::json!(arms).to_string();
        note(&mut writes, slug, (&written, None), now).await?;
        writes.commit().await?;
        Ok(())
    }

    /// Goes back to what answered before, and returns it. Again goes back further.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when nothing did, or when the store cannot be written.
    pub async fn roll_back_template(&self, slug: &str, now: Timestamp) -> Result<Vec<Arm>, Fault> {
        let mut writes = self.begin().await?;
        let (id, arms): (i64, String) = sqlx::query_as(
            "SELECT id, arms FROM template_activation
             WHERE id = (SELECT follows FROM template_activation WHERE id = (
                 SELECT coalesce(restores, id) FROM template_activation
                 WHERE slug = $1 ORDER BY id DESC LIMIT 1))",
        )
        .bind(slug)
        .fetch_optional(&mut *writes)
        .await?
        .ok_or(Refusal::NotFound)?;
        note(&mut writes, slug, (&arms, Some(id)), now).await?;
        writes.commit().await?;
        read(&arms)
    }

    /// The versions that answer now; none if nobody activated any.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn active_template(&self, slug: &str) -> Result<Vec<Arm>, Fault> {
        let arms: Option<String> = sqlx::query_scalar(
            "SELECT arms FROM template_activation WHERE slug = $1 ORDER BY id DESC LIMIT 1",
        )
        .bind(slug)
        .fetch_optional(&self.reader)
        .await?;
        arms.as_deref().map_or(Ok(Vec::new()), read)
    }

    /// All versions of a template, the newest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn templates(&self, slug: &str) -> Result<Vec<StoredTemplate>, Fault> {
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
            "SELECT version, config, note, created_at FROM template
             WHERE slug = $1 ORDER BY version DESC",
        )
        .bind(slug)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter()
            .map(|(version, config, note, created_at)| {
                let created_at = super::instant(created_at)?;
                Ok(StoredTemplate { version, config, note, created_at })
            })
            .collect()
    }
}

async fn note(
    writes: &mut AnyConnection,
    slug: &str,
    (arms, restores): (&str, Option<i64>),
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO template_activation (slug, arms, restores, follows, activated_at)
         VALUES ($1, $2, $3, (SELECT coalesce(restores, id) FROM template_activation
                              WHERE slug = $1 AND $3 IS NULL ORDER BY id DESC LIMIT 1), $4)",
    )
    .bind(slug)
    .bind(arms)
    .bind(restores)
    .bind(now.as_millisecond())
    .execute(writes)
    .await?;
    Ok(())
}

fn read(arms: &str) -> Result<Vec<Arm>, Fault> {
    let arms = serde_json::from_str(arms).map_err(|cause| {
        fault::strange("template_activation", "`arms` that are none").with_source(cause)
    })?;
    Ok(arms)
}
