use std::fmt::Write as _;

use super::{
    by_contract,
    report::{Outcome, Report},
};

/// A table for each contract: its checks, and how each implementation did.
pub(super) fn matrix(reports: &[Report]) -> String {
    let mut matrix = String::new();
    for (contract, reports) in by_contract(reports) {
        let checks = checks(&reports);
        let width = checks.iter().map(|check| check.chars().count()).max().unwrap_or(0);
        let _ = write!(matrix, "{contract:<width$}");
        for number in 1..=reports.len() {
            let _ = write!(matrix, " {number:>3}");
        }
        matrix.push('\n');
        for check in checks {
            let _ = write!(matrix, "{check:<width$}");
            for report in &reports {
                let shown = match outcome(report, check) {
                    None if report.skipped.is_some() => "!!",
                    None => "?",
                    Some(Outcome::Failed) => "NO",
                    Some(Outcome::NotClaimed) => "-",
                    Some(Outcome::Passed) => "yes",
                };
                let _ = write!(matrix, " {shown:>3}");
            }
            matrix.push('\n');
        }
        for (number, report) in (1..).zip(&reports) {
            let _ = write!(matrix, "{number:>3} {}", report.subject);
            if let Some(why) = &report.skipped {
                let _ = write!(matrix, " !! SKIPPED: {why}");
            }
            matrix.push('\n');
        }
        matrix.push('\n');
    }
    matrix
}

/// Checks that failed, and those that a suite has not made of one of its subjects, unless it said
/// that it could not make any.
pub(super) fn findings(reports: &[Report]) -> Vec<String> {
    let mut findings = Vec::new();
    for (contract, reports) in by_contract(reports) {
        for check in checks(&reports) {
            for report in &reports {
                let what = match outcome(report, check) {
                    None if report.skipped.is_some() => continue,
                    None => "was not asked",
                    Some(Outcome::Failed) => "failed",
                    Some(Outcome::NotClaimed | Outcome::Passed) => continue,
                };
                findings.push(format!("{contract} {}: {check}: {what}", report.subject));
            }
        }
    }
    findings
}

/// Every check that is made of any of them, once and in order.
fn checks<'a>(reports: &[&'a Report]) -> Vec<&'a str> {
    let mut checks: Vec<&str> = Vec::new();
    for (check, _) in reports.iter().flat_map(|report| &report.checks) {
        if !checks.contains(&check.as_str()) {
            checks.push(check);
        }
    }
    checks
}

fn outcome(report: &Report, check: &str) -> Option<Outcome> {
    report.checks.iter().find(|(name, _)| name == check).map(|(_, outcome)| *outcome)
}

#[cfg(test)]
mod tests {
    use super::{super::report, *};

    #[test]
    fn what_failed_and_what_was_not_asked_are_found() {
        let reports = report::read(
            "voice: a\n  passed       opens\n  passed       closes\nvoice: b\n  FAILED       \
             opens: no\nvoice: c\n  not claimed  opens\n  passed       closes\n",
        );
        let expected = ["voice b: opens: failed", "voice b: closes: was not asked"];
        assert_eq!(findings(&reports), expected);
        let shown = matrix(&reports);
        assert!(shown.starts_with("voice    1   2   3\nopens  yes  NO   -\n"), "{shown}");
        assert!(shown.contains("closes yes   ? yes\n  1 a\n  2 b\n  3 c\n"), "{shown}");
    }

    #[test]
    fn what_could_not_be_checked_here_is_shown_and_no_finding() {
        let reports =
            report::read("voice: a\n  passed       opens\nvoice: b\n  SKIPPED      no program\n");
        assert_eq!(findings(&reports), [""; 0]);
        let shown = matrix(&reports);
        assert!(shown.contains("opens yes  !!\n  1 a\n  2 b !! SKIPPED: no program\n"), "{shown}");
    }
}
