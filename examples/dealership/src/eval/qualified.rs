use std::{fs::File, path::Path};

use jiff::Timestamp;
use serde::Deserialize;
use voiceagent_core::{Error, Result};

use super::Confusion;
use crate::{
    phone::Phone,
    store::{Lead, LeadId},
    templates::{Qualification, Verdict},
};

/// A lead as somebody has judged it: a row of a file with comma-separated values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    budget_monthly_usd: Option<i64>,
    state: Option<String>,
    timeframe: Option<String>,
    vehicle_interest: Option<String>,
    /// `yes`, `no` or `unknown`.
    qualified: String,
}

/// How a rule judges leads that people have judged. What is true are the people; the answers are
/// `yes`, `no` and `unknown`.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the file cannot be read; the message names it,
/// and the row that is wrong.
pub fn judge_leads(rule: &Qualification, file: &Path) -> Result<Confusion> {
    let told = |why: String| Error::config(format!("{}: {why}", file.display()));
    let content = File::open(file).map_err(|cause| told(cause.to_string()))?;
    let mut confusion = Confusion::default();
    for (row, labelled) in (2..).zip(csv::Reader::from_reader(content).deserialize()) {
        // What stands in a row may be personal; its kind of fault is not.
        let labelled: Labelled =
            labelled.map_err(|_| told(format!("row {row} is no labelled lead")))?;
        let truth = labelled.qualified.trim().to_lowercase();
        if !["yes", "no", "unknown"].contains(&truth.as_str()) {
            return Err(told(format!("row {row}: write `yes`, `no` or `unknown` for `qualified`")));
        }
        let judged = match rule.judge(&labelled.lead()) {
            Verdict::Yes => "yes",
            Verdict::No(_) => "no",
            Verdict::Unknown => "unknown",
        };
        confusion.add(&truth, judged);
    }
    Ok(confusion)
}

impl Labelled {
    fn lead(self) -> Lead {
        let some = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Lead {
            id: LeadId::new(Timestamp::UNIX_EPOCH),
            phone: Phone::parse("+16305550100").expect("it is a number"),
            first_name: None,
            status: "new".to_owned(),
            qualified: None,
            budget_monthly_usd: self.budget_monthly_usd,
            state: some(self.state),
            vehicle_interest: some(self.vehicle_interest),
            timeframe: some(self.timeframe),
            objections: Vec::new(),
            broker: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/eval/leads.csv");

    #[test]
    fn a_rule_is_scored_against_leads_that_people_have_judged() {
        let rule: Qualification = serde_json::from_str(
            r#"{ "budget_at_least": 300, "states": ["IL", "WI"], "needs": ["timeframe"] }"#,
        )
        .unwrap();
        let scored = judge_leads(&rule, Path::new(LEADS)).unwrap();
        assert_eq!(scored.total(), 30, "{scored}");
        // Two whom people took although they have less than the rule asks for; one whom the rule
        // takes and people did not; and where little is known people guess.
        assert_eq!((scored.count("yes", "yes"), scored.count("yes", "no")), (11, 2), "{scored}");
        assert_eq!((scored.count("no", "no"), scored.count("no", "yes")), (9, 1), "{scored}");
        assert_eq!(scored.count("unknown", "unknown"), 6, "{scored}");
        assert_eq!(scored.count("yes", "unknown"), 1, "{scored}");
        let nobody = Qualification { budget_at_least: Some(100_000), ..Default::default() };
        let worse = judge_leads(&nobody, Path::new(LEADS)).unwrap();
        assert!(worse.kappa() < scored.kappa(), "{worse}");
    }

    #[test]
    fn a_row_that_is_wrong_is_named_without_what_it_says() {
        let file = std::env::temp_dir().join(format!("labelled-{}.csv", std::process::id()));
        let head = "budget_monthly_usd,state,timeframe,vehicle_interest,qualified\n";
        for (row, why) in [("much,IL,soon,suv,yes", "row 2 is"), ("1,IL,,,maybe", "row 2: write")] {
            std::fs::write(&file, format!("{head}{row}\n")).unwrap();
            let error = judge_leads(&Qualification::default(), &file).unwrap_err();
            assert!(error.message().contains(why), "{}", error.message());
            assert!(!error.message().contains("much"));
        }
        std::fs::remove_file(&file).unwrap();
    }
}
