use serde::Deserialize;
use voiceagent_core::Result;

use super::sections::fits;
use crate::store::Lead;

/// When a lead is worth a consultation: whether they are is decided by what is stored of them, and by
/// no model.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Qualification {
    /// The least that they can spend a month, in dollars.
    pub budget_at_least: Option<i64>,
    /// The states in which they may live, two letters each; all of them if it is empty.
    pub states: Vec<String>,
    /// What must be known of them besides: `timeframe`, `vehicle_interest`.
    pub needs: Vec<String>,
}

/// What a rule says of a lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// They are not, for this reason.
    No(&'static str),
    /// Not enough is known of them.
    Unknown,
    /// They are.
    Yes,
}

/// What a rule may ask for.
const KNOWN: [&str; 2] = ["timeframe", "vehicle_interest"];

impl Qualification {
    /// What the rule says. One thing that does not fit is enough; all must be known to fit.
    pub(crate) fn judge(&self, lead: &Lead) -> Verdict {
        let is_in = |state: &String| {
            self.states.is_empty() || self.states.iter().any(|one| one.eq_ignore_ascii_case(state))
        };
        let budget = (self.budget_at_least, lead.budget_monthly_usd);
        if let (Some(least), Some(budget)) = budget
            && budget < least
        {
            return Verdict::No("budget");
        }
        if lead.state.as_ref().is_some_and(|state| !is_in(state)) {
            return Verdict::No("area");
        }
        let lacks = |name: &String| match name.as_str() {
            "timeframe" => lead.timeframe.is_none(),
            _ => lead.vehicle_interest.is_none(),
        };
        let is_open = matches!(budget, (Some(_), None))
            || !self.states.is_empty() && lead.state.is_none()
            || self.needs.iter().any(lacks);
        if is_open { Verdict::Unknown } else { Verdict::Yes }
    }

    pub(super) fn check(&self) -> Result<()> {
        let is_state = |state: &String| {
            state.len() == 2 && state.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        fits("qualification.budget_at_least", self.budget_at_least.is_none_or(|least| least >= 0))?;
        fits("qualification.states", self.states.iter().all(is_state))?;
        fits("qualification.needs", self.needs.iter().all(|need| KNOWN.contains(&need.as_str())))
    }
}
