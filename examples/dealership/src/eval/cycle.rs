//! Versions of templates against scenarios: what one passes, and what another does better or worse.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use voiceagent_core::llm::LanguageModel;

use super::{Scenario, play, score};

/// Who answers in scenarios.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a template and a model is all that it takes")]
pub struct Cast {
    /// The template, in JSON.
    pub template: String,
    /// The model that answers, for which the rules stand in; `None` is the rules alone.
    pub model: Option<Arc<dyn LanguageModel>>,
}

impl Default for Cast {
    /// The rules, with a template that says what the agent is and asks for facts.
    fn default() -> Self {
        Self { template: play::TEMPLATE.to_owned(), model: None }
    }
}

/// What a version of a template did in scenarios.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// The template.
    pub slug: String,
    /// Its version.
    pub version: i64,
    /// When they were played.
    pub at: Timestamp,
    /// What was wrong in each, by the scenario's identifier; nothing where it passed.
    pub failures: BTreeMap<String, Vec<String>>,
}

/// What differs between two runs, in the scenarios that both have played.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Those that pass, and did not.
    pub mended: Vec<String>,
    /// Those that fail, and did not, each with what is wrong first.
    pub broken: Vec<(String, String)>,
}

impl Run {
    /// A run with this outcome.
    #[must_use]
    pub fn new(
        (slug, version): (&str, i64),
        at: Timestamp,
        failures: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self { slug: slug.to_owned(), version, at, failures }
    }

    /// How many scenarios passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.failures.values().filter(|failures| failures.is_empty()).count()
    }

    /// What differs from a run before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Change {
        let mut change = Change::default();
        for (id, failures) in &self.failures {
            match (before.failures.get(id), failures.first()) {
                (Some(then), None) if !then.is_empty() => change.mended.push(id.clone()),
                (Some(then), Some(first)) if then.is_empty() => {
                    change.broken.push((id.clone(), first.clone()));
                }
                _ => {}
            }
        }
        change
    }
}

impl Change {
    /// Whether anything that passed does not any more. How many others pass now does not make it up.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        !self.broken.is_empty()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slug, version, at, .. } = self;
        let (passed, all) = (self.passed(), self.failures.len());
        writeln!(f, "{at}  {slug} version {version}: {passed} of {all} passed")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in &self.mended {
            writeln!(f, "  + {id} passes now")?;
        }
        for (id, why) in &self.broken {
            writeln!(f, "  - {id} fails now: {why}")?;
        }
        if *self == Self::default() {
            writeln!(f, "  no difference")?;
        }
        Ok(())
    }
}

/// Plays a scenario by this cast in a database in memory, and says what was wrong.
pub(crate) fn failures<'a>(scenario: &'a Scenario, cast: &'a Cast) -> BoxFuture<'a, Vec<String>> {
    async move {
        match play::play(scenario, (None, cast)).await {
            Ok(played) => {
                let mut failures = score::score(scenario, &played.trace, &played.tables);
                failures.extend(played.notes);
                failures
            }
            Err(error) => vec![error.message().to_owned()],
        }
    }
    .boxed()
}
