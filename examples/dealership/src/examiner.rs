//! Plays scenarios against the template that answers: week by week, and whenever another one does.

use std::{collections::BTreeMap, future::Future, pin::pin, sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::time::sleep;
use tracing::{info, warn};
use voiceagent_core::{Error, Result};

use crate::{
    clock::Clock,
    config::EvaluationConfig,
    eval::{self, Cast, Change, Run, Scenario, cycle},
    reception::Reception,
    store::{Job, JobEnd, Store},
    templates::{INBOUND, Template},
};

/// How often it is looked whether there is something to be played.
const PACE: Duration = Duration::from_secs(60);
/// How long a run is somebody's: longer than one scenario, before each of which it is kept.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// A run that could not be made is tried again so much later.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Plays scenarios against the template that answers.
#[derive(Debug)]
pub(crate) struct Examiner {
    store: Store,
    clock: Clock,
    reception: Arc<Reception>,
    scenarios: Vec<Scenario>,
    every: SignedDuration,
    rolls_back: bool,
}

impl Examiner {
    /// The one of a configuration, if it names scenarios.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when they cannot be read; the message names the
    /// field, and the file.
    pub(crate) fn of(
        config: &EvaluationConfig,
        (store, clock): (Store, Clock),
        reception: &Arc<Reception>,
    ) -> Result<Option<Self>> {
        let Some(folder) = &config.folder else { return Ok(None) };
        let wrong = |why: &str| Error::config(format!("field `evaluation.folder`: {why}"));
        let scenarios =
            eval::scenarios(folder).map_err(|error| wrong(error.message()).with_source(error))?;
        if scenarios.is_empty() {
            return Err(wrong(&format!("{}: there is no *.yaml in it", folder.display())));
        }
        Ok(Some(Self {
            store,
            clock,
            reception: Arc::clone(reception),
            scenarios,
            every: SignedDuration::from_hours(24 * i64::from(config.every_days)),
            rolls_back: config.roll_back,
        }))
    }

    /// Plays what is due until `stop` ends. What is under way is begun anew by whoever comes next.
    pub(crate) async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let round = async {
                if let Err(error) = self.round().await {
                    warn!(%error, "no scenarios are played");
                }
                sleep(PACE).await;
            };
            tokio::select! {
                () = &mut stop => return,
                () = round => {}
            }
        }
    }

    /// Plays the scenarios if it is time to. Returns what became of it.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    pub(crate) async fn round(&self) -> Result<Option<JobEnd>> {
        let (version, _) = self.answering().await?;
        self.store.plan_evaluation((INBOUND, version), self.every, self.clock.now()).await?;
        let Some(job) = self.store.claim_evaluation(LEASE, self.clock.now()).await? else {
            return Ok(None);
        };
        let end = self.examine(&job).await.unwrap_or_else(|error| {
            let now = self.clock.now();
            JobEnd::Fault(now.saturating_add(AGAIN).unwrap_or(now), error.to_string())
        });
        self.store.end_job(&job, &end, self.clock.now()).await?;
        Ok(Some(end))
    }

    /// The version that answers most calls, and what it says; 0 where none does.
    async fn answering(&self) -> Result<(i64, Cast)> {
        let arms = self.store.active_template(INBOUND).await?;
        let most = arms.iter().max_by_key(|arm| arm.weight).map(|arm| arm.version);
        let Some(version) = most else {
            let model = self.reception.model_of(&Template::default())?;
            return Ok((0, Cast { model, ..Cast::default() }));
        };
        let all = self.store.templates(INBOUND).await?;
        let stored = all.into_iter().find(|one| one.version == version);
        let template =
            stored.ok_or_else(|| Error::config("the version that answers is gone"))?.config;
        let model = self.reception.model_of(&Template::read(&template)?)?;
        Ok((version, Cast { template, model }))
    }

    async fn examine(&self, job: &Job) -> Result<JobEnd> {
        let (version, cast) = self.answering().await?;
        let before = self.store.runs(INBOUND, 1).await?.pop();
        let mut failures = BTreeMap::new();
        for scenario in &self.scenarios {
            if !self.store.keep_job(job, LEASE, self.clock.now()).await? {
                return Ok(JobEnd::Done("somebody else does it"));
            }
            failures.insert(scenario.id.clone(), cycle::failures(scenario, &cast).await);
        }
        let run = Run::new((INBOUND, version), self.clock.now(), failures);
        self.store.note_run(&run).await?;
        let change = before.as_ref().map(|before| run.since(before)).unwrap_or_default();
        self.tell(&run, &change);
        if !change.is_worse() {
            return Ok(JobEnd::Done("all that passed before passes"));
        }
        let is_other = before.is_some_and(|before| before.version != version);
        if self.rolls_back && is_other && self.answering().await?.0 == version {
            let arms = self.store.roll_back_template(INBOUND, self.clock.now()).await?;
            warn!(version, back_to = arms.first().map(|arm| arm.version), "eval.rolled_back");
            return Ok(JobEnd::Done("what passed before fails; the version was taken back"));
        }
        Ok(JobEnd::Done("what passed before fails"))
    }

    fn tell(&self, run: &Run, change: &Change) {
        let (version, passed, all) = (run.version, run.passed(), run.failures.len());
        if change.is_worse() {
            warn!(version, passed, all, change = %change, "eval.run");
        } else {
            info!(version, passed, all, change = %change, "eval.run");
        }
    }
}

#[cfg(test)]
mod tests;
