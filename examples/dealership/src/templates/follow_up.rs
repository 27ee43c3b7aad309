use std::collections::BTreeSet;

use serde::Deserialize;
use voiceagent_core::Result;

use super::sections::fits;

/// What is sent where a template asks for a rating and words nothing.
const ASKS: &str = "{name}: thank you for calling. How was it? Answer with a number from 1 (bad) to \
                    5 (very good), or with STOP.";
/// The longest text, by characters: carriers take 1,600 of what is filled in.
const LONGEST: usize = 1_000;
/// Nobody remembers a call after a week.
const LATEST: u32 = 7 * 24 * 60;
/// After these nobody is written to, unless a template says so: nothing came of the call, or they
/// want no more of it, or it was somebody else.
const NOT_AFTER: [&str; 7] = [
    "abandoned",
    "failed",
    "identity_failed",
    "no_input",
    "opted_out",
    "voicemail_left",
    "wrong_number",
];

/// A message after a call, to those who have agreed to texts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FollowUp {
    /// So long after the end of the call.
    pub after_minutes: u32,
    /// What it says; `{name}` stands for the name of the house. Without, it asks for a rating.
    pub text: Option<String>,
    /// Whether a number from 1 to 5 that is answered is a rating of the call.
    pub rating: bool,
    /// After which outcomes of calls; empty for all of which something came.
    pub outcomes: BTreeSet<String>,
}

impl Default for FollowUp {
    fn default() -> Self {
        Self { after_minutes: 10, text: None, rating: false, outcomes: BTreeSet::new() }
    }
}

impl FollowUp {
    pub(super) fn check(&self) -> Result<()> {
        fits("follow_up.after_minutes", self.after_minutes <= LATEST)?;
        let says = |text: &String| {
            let bare = text.replace("{name}", "");
            !text.trim().is_empty() && text.chars().count() <= LONGEST && !bare.contains(['{', '}'])
        };
        let has_words = self.text.as_ref().map_or(self.rating, says);
        fits("follow_up.text", has_words)
    }

    /// The words, for a house of this name.
    pub(crate) fn words(&self, house: &str) -> String {
        self.text.as_deref().unwrap_or(ASKS).replace("{name}", house)
    }

    /// Whether somebody is written to after a call of which this came.
    pub(crate) fn is_for(&self, outcome: &str) -> bool {
        match self.outcomes.is_empty() {
            true => !NOT_AFTER.contains(&outcome),
            false => self.outcomes.contains(outcome),
        }
    }
}
