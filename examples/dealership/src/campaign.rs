//! The steps by which a campaign reaches people, as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use voiceagent_core::{Error, Result};

/// The steps of a campaign, in order. Whoever answers, books, or wants no more of it leaves it,
/// wherever they are.
///
/// ```
/// use dealership::campaign::Steps;
///
/// let steps = Steps::read(r#"[
///     { "do": "call", "most": 2, "again_minutes": 1680, "when": { "machine": "text" } },
///     { "do": "wait", "minutes": 60 },
///     { "do": "sms", "id": "text", "text": "{name}: please call us at {phone}." }
/// ]"#).unwrap();
/// assert_eq!(steps.len(), 3);
/// let error = Steps::read(r#"[{ "do": "wait", "minutes": 0 }]"#).unwrap_err();
/// assert!(error.message().starts_with("step 1: field `minutes`"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Steps(Vec<Step>);

/// One step.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::exhaustive_enums, reason = "what a campaign can do")]
pub enum Step {
    /// Calls until somebody answers.
    Call {
        /// By which other steps lead here.
        #[serde(default)]
        id: Option<String>,
        /// How often at most.
        most: i64,
        /// How long it is until the next call.
        again_minutes: i64,
        /// Where it goes on after a call with this outcome, rather than with the next call.
        #[serde(default)]
        when: BTreeMap<Missed, String>,
    },
    /// Writes an e-mail.
    Email {
        /// As for a call.
        #[serde(default)]
        id: Option<String>,
        /// What it is about.
        subject: String,
        /// What it says.
        text: String,
    },
    /// Writes an SMS.
    Sms {
        /// As for a call.
        #[serde(default)]
        id: Option<String>,
        /// What it says.
        text: String,
    },
    /// Does nothing for a while.
    Wait {
        /// As for a call.
        #[serde(default)]
        id: Option<String>,
        /// How long.
        minutes: i64,
    },
    /// Writes a message on `WhatsApp`: free text within a day of what somebody wrote there, and the
    /// template at any other time.
    Whatsapp {
        /// As for a call.
        #[serde(default)]
        id: Option<String>,
        /// What it says; the template's own words are the vendor's.
        text: String,
        /// The template's name at the vendor; without one, nothing is sent outside of a day.
        #[serde(default)]
        template: Option<String>,
        /// What the places of the template are filled with, by their names.
        #[serde(default)]
        variables: BTreeMap<String, String>,
    },
}

/// How a call reached nobody.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "how calls end that reach nobody")]
pub enum Missed {
    /// The line was busy.
    Busy,
    /// It could not be made.
    Failed,
    /// A machine took it, with or without a message.
    Machine,
    /// Nobody took it.
    NoAnswer,
}

/// The most steps. A campaign with more is a mistake, and an annoyance.
const MOST: usize = 20;
/// The most calls of one step.
const MOST_CALLS: i64 = 10;
/// The longest wait: a quarter of a year.
const LONGEST_WAIT: i64 = 90 * 24 * 60;
/// The longest text of a message.
const LONGEST_TEXT: usize = 1_600;
/// What may stand for something in a text.
const PLACES: [&str; 3] = ["first_name", "name", "phone"];

impl Steps {
    /// Reads steps.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) naming the step and the field that is wrong,
    /// and what it accepts.
    pub fn read(text: &str) -> Result<Self> {
        let values: Vec<Value> = serde_json::from_str(text)
            .map_err(|cause| Error::config(format!("the steps are no list in JSON: {cause}")))?;
        if values.is_empty() || values.len() > MOST {
            return Err(Error::config(format!("a campaign has 1 to {MOST} steps")));
        }
        let mut steps = Vec::new();
        for (number, value) in (1..).zip(values) {
            let step: Step = serde_json::from_value(value)
                .map_err(|cause| Error::config(format!("step {number}: {cause}")))?;
            step.check().map_err(|why| Error::config(format!("step {number}: {why}")))?;
            steps.push(step);
        }
        let steps = Self(steps);
        steps.check_ways().map_err(Error::config)?;
        Ok(steps)
    }

    /// The step at a place; `None` behind the last.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Step> {
        self.0.get(place)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, which is never so for steps that were read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a call with this outcome leads at once; `None` if it is tried again.
    #[must_use]
    pub fn after(&self, place: usize, missed: Missed) -> Option<usize> {
        let Step::Call { when, .. } = self.get(place)? else { return None };
        let target = when.get(&missed)?;
        self.0.iter().position(|step| step.id() == Some(target))
    }

    /// As they are stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("steps have names for keys")
    }

    /// Ways lead on, never back: so every campaign comes to its end.
    fn check_ways(&self) -> std::result::Result<(), String> {
        let mut seen = BTreeSet::new();
        for (number, step) in (1..).zip(&self.0) {
            if let Some(id) = step.id()
                && !seen.insert(id)
            {
                return Err(format!("step {number}: `{id}` is the id of another step too"));
            }
        }
        for (place, step) in self.0.iter().enumerate() {
            let Step::Call { when, .. } = step else { continue };
            for target in when.values() {
                let later = self.0[place + 1..].iter().any(|step| step.id() == Some(target));
                if !later {
                    return Err(format!(
                        "step {}: field `when`: `{target}` is the id of no later step",
                        place + 1
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Step {
    fn id(&self) -> Option<&str> {
        match self {
            Self::Call { id, .. }
            | Self::Email { id, .. }
            | Self::Sms { id, .. }
            | Self::Wait { id, .. }
            | Self::Whatsapp { id, .. } => id.as_deref(),
        }
    }

    /// Whether every field makes sense; if not, which does not, and what it accepts.
    fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::Call { most, again_minutes, .. } => {
                fits("most", (1..=MOST_CALLS).contains(most), "1 to 10")?;
                let is_wait = (1..=LONGEST_WAIT).contains(again_minutes);
                fits("again_minutes", is_wait, "1 to 129600")
            }
            Self::Email { subject, text, .. } => {
                let is_line = !subject.trim().is_empty() && !subject.contains(['\r', '\n']);
                fits("subject", is_line && is_filled(subject), "one line")?;
                fits("text", !text.trim().is_empty() && is_filled(text), PLACED)
            }
            Self::Sms { text, .. } => fits("text", is_message(text), PLACED),
            Self::Wait { minutes, .. } => {
                fits("minutes", (1..=LONGEST_WAIT).contains(minutes), "1 to 129600")
            }
            Self::Whatsapp { text, template, variables, .. } => {
                fits("text", is_message(text), PLACED)?;
                let is_named = template.as_deref().is_none_or(|name| !name.trim().is_empty());
                fits("template", is_named, "the template's name")?;
                fits("variables", variables.values().all(|text| is_filled(text)), PLACED)
            }
        }
    }
}

const PLACED: &str = "words, with `{name}`, `{first_name}` and `{phone}` at most";

fn fits(field: &str, is_fit: bool, accepted: &str) -> std::result::Result<(), String> {
    if is_fit { Ok(()) } else { Err(format!("field `{field}`: expected {accepted}")) }
}

fn is_message(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT && is_filled(text)
}

/// Whether all that stands for something is known.
fn is_filled(text: &str) -> bool {
    let mut bare = text.to_owned();
    for place in PLACES {
        bare = bare.replace(&format!("{{{place}}}"), "");
    }
    !bare.contains(['{', '}'])
}

/// A text with what stands for something in its places.
pub(crate) fn filled(text: &str, house: &str, first_name: Option<&str>, phone: &str) -> String {
    text.replace("{name}", house)
        .replace("{phone}", phone)
        .replace("{first_name}", first_name.unwrap_or("there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        Steps::read(text).unwrap_err().message().to_owned()
    }

    #[test]
    fn what_is_wrong_with_a_step_is_told_by_its_number_and_its_field() {
        for (steps, told) in [
            ("[]", "a campaign has 1 to 20 steps"),
            ("{}", "the steps are no list in JSON"),
            (r#"[{"do": "dance"}]"#, "step 1: unknown variant `dance`"),
            (r#"[{"do": "sms"}]"#, "step 1: missing field `text`"),
            (r#"[{"do": "sms", "text": "Hi {who}"}]"#, "step 1: field `text`: expected words"),
            (
                r#"[{"do": "wait", "minutes": 5}, {"do": "call", "most": 11, "again_minutes": 9}]"#,
                "step 2: field `most`: expected 1 to 10",
            ),
            (
                r#"[{"do": "email", "subject": "a\nb", "text": "x"}]"#,
                "step 1: field `subject`: expected one line",
            ),
            (
                r#"[{"do": "sms", "id": "a", "text": "x"}, {"do": "sms", "id": "a", "text": "y"}]"#,
                "step 2: `a` is the id of another step too",
            ),
            (
                r#"[{"do": "sms", "id": "a", "text": "x"},
                    {"do": "call", "most": 1, "again_minutes": 9, "when": {"busy": "a"}}]"#,
                "step 2: field `when`: `a` is the id of no later step",
            ),
        ] {
            let complaint = complaint(steps);
            assert!(complaint.starts_with(told), "{steps}: {complaint}");
        }
    }

    #[test]
    fn steps_are_read_as_they_were_stored_and_lead_on_by_the_outcome() {
        let text = r#"[{"do": "call", "most": 2, "again_minutes": 60, "when": {"machine": "mail"}},
                       {"do": "whatsapp", "text": "Hello {first_name}", "template": "HX1",
                        "variables": {"1": "{first_name}"}},
                       {"do": "email", "id": "mail", "subject": "Your car", "text": "Hello"}]"#;
        let steps = Steps::read(text).unwrap();
        assert_eq!(Steps::read(&steps.to_json()).unwrap(), steps);
        assert_eq!(steps.after(0, Missed::Machine), Some(2));
        assert_eq!(steps.after(0, Missed::Busy), None);
        assert_eq!(steps.get(3), None);
        assert_eq!(
            filled("{name}: Hi {first_name}", "Nair Motors", None, ""),
            "Nair Motors: Hi there"
        );
    }
}
