//! What people make of calls, and how far they agree: with each other, with the rules, and with what
//! the agent noted.

use std::collections::BTreeMap;

use serde::Serialize;
use voiceagent_core::Result;

use crate::{
    eval::Confusion,
    store::{Label, Store},
    trace::Trace,
};

/// What can come of a call, as `save_interaction` says it.
pub(crate) const OUTCOMES: [&str; 16] = [
    "abandoned",
    "booked",
    "callback_scheduled",
    "cancelled",
    "confirmed",
    "failed",
    "identity_failed",
    "info_given",
    "no_input",
    "not_qualified",
    "opted_out",
    "qualified_no_booking",
    "rescheduled",
    "transferred",
    "voicemail_left",
    "wrong_number",
];

/// How far people agree on the calls that they have labelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    /// Outcomes, by each two people who have labelled the same call.
    pub(crate) people: Confusion,
    /// Outcomes: people, and the rules.
    pub(crate) rules: Confusion,
    /// Outcomes: people, and what the agent noted.
    pub(crate) agent: Confusion,
    /// Whether who called is worth a consultation: people, and what is stored of the lead.
    pub(crate) qualified: Confusion,
}

/// A call with what is made of it, as a line for programs. Nothing that was said stands there.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The trace, by which those who may see the call find it.
    call: String,
    agent: Option<String>,
    rules: Option<String>,
    rules_qualified: Option<bool>,
    labels: Vec<Given<'a>>,
}

#[derive(Debug, Serialize)]
struct Given<'a> {
    labeller: &'a str,
    outcome: &'a str,
    qualified: Option<bool>,
}

/// How far everybody agrees.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn agreement(store: &Store) -> Result<Agreement> {
    let mut agreement = Agreement::default();
    for (call, labels) in by_call(store.labels(None).await?) {
        let rules = store.analysis(&call).await?;
        let agent = store.call(&call).await?.and_then(|call| call.disposition);
        for (nth, label) in labels.iter().enumerate() {
            for other in &labels[nth + 1..] {
                agreement.people.add(&label.outcome, &other.outcome);
            }
            if let Some(rules) = &rules {
                agreement.rules.add(&label.outcome, &rules.outcome);
                agreement.qualified.add(known(label.qualified), known(rules.qualified));
            }
            if let Some(agent) = &agent {
                agreement.agent.add(&label.outcome, agent);
            }
        }
    }
    Ok(agreement)
}

/// Every call that somebody has labelled, as a line of JSON.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn lines(store: &Store) -> Result<String> {
    let mut text = String::new();
    for (call, labels) in by_call(store.labels(None).await?) {
        let rules = store.analysis(&call).await?;
        let line = Line {
            call: Trace::of(&call.as_str().into()).id().to_owned(),
            agent: store.call(&call).await?.and_then(|call| call.disposition),
            rules: rules.as_ref().map(|rules| rules.outcome.clone()),
            rules_qualified: rules.and_then(|rules| rules.qualified),
            labels: labels
                .iter()
                .map(|label| Given {
                    labeller: &label.labeller,
                    outcome: &label.outcome,
                    qualified: label.qualified,
                })
                .collect(),
        };
        // A struct of texts is JSON.
        text.push_str(&serde_json::to_string(&line).unwrap_or_default());
        text.push('\n');
    }
    Ok(text)
}

fn by_call(labels: Vec<Label>) -> BTreeMap<String, Vec<Label>> {
    let mut calls: BTreeMap<String, Vec<Label>> = BTreeMap::new();
    for label in labels {
        calls.entry(label.call.clone()).or_default().push(label);
    }
    calls
}

const fn known(qualified: Option<bool>) -> &'static str {
    match qualified {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
