use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Row, any::AnyRow};

use super::{Fault, Job, JobKind, Store, fault::strange, ids::version_7, instant, jobs};
use crate::eval::Run;

impl Store {
    /// Has the version of a template that answers played against scenarios: when another one answers
    /// than at the last run, and else so long after it. Returns whether there is something to be done.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn plan_evaluation(
        &self,
        (slug, version): (&str, i64),
        every: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let since = now.saturating_sub(every).unwrap_or(Timestamp::MIN);
        let mut writes = self.begin().await?;
        let done: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM job
                     WHERE kind = 'eval_run' AND ref_id = $1 AND state IN ('ready', 'running'))
                  + (SELECT count(*) FROM eval_run AS last
                     WHERE slug = $1 AND version = $2 AND played_at > $3
                       AND played_at = (SELECT max(played_at) FROM eval_run WHERE slug = $1))",
        )
        .bind(slug)
        .bind(version)
        .bind(since.as_millisecond())
        .fetch_one(&mut *writes)
        .await?;
        if done == 0 {
            jobs::schedule(&mut writes, (JobKind::EvalRun, slug), now, now).await?;
            writes.commit().await?;
        }
        Ok(done == 0)
    }

    /// Takes a run of scenarios that is due, as [`claim_job`](Self::claim_job) takes other jobs: one
    /// takes minutes with a model, and no reminder waits for it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn claim_evaluation(
        &self,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Job>, Fault> {
        self.claim((None, true), lease, now).await
    }

    /// Keeps a job for another lease. Returns whether it was still this holder's.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn keep_job(
        &self,
        job: &Job,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let kept = sqlx::query(
            "UPDATE job SET lease_until = $3 WHERE id = $1 AND fence = $2 AND state = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .bind(jobs::after(now, lease).as_millisecond());
        Ok(self.write(kept).await? > 0)
    }

    /// Notes what a version did in scenarios.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_run(&self, run: &Run) -> Result<(), Fault> {
        let failures = serde_json::json!(run.failures).to_string();
        self.write(
            sqlx::query(
                "INSERT INTO eval_run (id, slug, version, played_at, failures)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(version_7(run.at).to_string())
            .bind(&run.slug)
            .bind(run.version)
            .bind(run.at.as_millisecond())
            .bind(failures),
        )
        .await?;
        Ok(())
    }

    /// The last runs of a template, the latest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn runs(&self, slug: &str, most: u32) -> Result<Vec<Run>, Fault> {
        let rows = sqlx::query(
            "SELECT slug, version, played_at, failures FROM eval_run
             WHERE slug = $1 ORDER BY played_at DESC, id DESC LIMIT $2",
        )
        .bind(slug)
        .bind(i64::from(most))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Run, Fault> {
    let failures: &str = row.try_get("failures")?;
    let failures: BTreeMap<String, Vec<String>> = serde_json::from_str(failures)
        .map_err(|cause| strange("eval_run", "`failures` that are none").with_source(cause))?;
    let slug: &str = row.try_get("slug")?;
    Ok(Run::new((slug, row.try_get("version")?), instant(row.try_get("played_at")?)?, failures))
}
