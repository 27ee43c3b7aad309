/// How a check of a suite went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Failed,
    NotClaimed,
    Passed,
}

/// What a suite printed of one implementation.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Report {
    pub(crate) contract: String,
    /// The registered name, and what is special about the configuration.
    pub(crate) subject: String,
    pub(crate) claims: Vec<(String, String)>,
    pub(crate) checks: Vec<(String, Outcome)>,
    /// Why nothing could be checked on this machine.
    pub(crate) skipped: Option<String>,
}

/// The reports in what tests have printed, by contract and subject.
pub(crate) fn read(printed: &str) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    for line in printed.lines() {
        if let Some((contract, subject)) = heading(line) {
            let (contract, subject) = (contract.to_owned(), subject.to_owned());
            let (claims, checks) = (Vec::new(), Vec::new());
            reports.push(Report { contract, subject, claims, checks, skipped: None });
        } else if let Some(report) = reports.last_mut() {
            note(report, line);
        }
    }
    reports.retain(|report| !report.checks.is_empty() || report.skipped.is_some());
    reports.sort_by(|one, two| (&one.contract, &one.subject).cmp(&(&two.contract, &two.subject)));
    reports
}

fn heading(line: &str) -> Option<(&str, &str)> {
    let (contract, subject) = line.split_once(": ")?;
    (!contract.starts_with([' ', '-'])).then_some((contract, subject))
}

fn note(report: &mut Report, line: &str) {
    let kinds = [
        ("  FAILED       ", Outcome::Failed),
        ("  not claimed  ", Outcome::NotClaimed),
        ("  passed       ", Outcome::Passed),
    ];
    for (mark, outcome) in kinds {
        let Some(check) = line.strip_prefix(mark) else { continue };
        let name = match outcome {
            Outcome::Failed => check.split(": ").next().unwrap_or(check),
            Outcome::NotClaimed | Outcome::Passed => check,
        };
        report.checks.push((name.to_owned(), outcome));
    }
    if let Some(why) = line.strip_prefix("  SKIPPED      ") {
        report.skipped = Some(why.to_owned());
    }
    if let Some((what, how)) =
        line.strip_prefix("  claims       ").and_then(|claim| claim.split_once(':'))
    {
        report.claims.push((what.to_owned(), how.trim().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_found_among_what_tests_print() {
        let printed = "running 2 tests\n\n---- b stdout ----\n\nvoice: own with words\n  \
            claims       formats: PCM\n  claims       cancel: \n  passed       opens\n  \
            FAILED       closes: it: did not\n\nthread 'b' panicked at x: y\n\n\
            ---- a stdout ----\n\nvoice: another\n  not claimed  opens\n";
        let reports = read(printed);
        let [another, own] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((&*another.contract, &*another.subject), ("voice", "another"));
        assert_eq!(another.checks, [("opens".to_owned(), Outcome::NotClaimed)]);
        let claims = [("formats", "PCM"), ("cancel", "")];
        assert_eq!(own.claims, claims.map(|(what, how)| (what.to_owned(), how.to_owned())));
        let checks = [("opens", Outcome::Passed), ("closes", Outcome::Failed)];
        assert_eq!(own.checks, checks.map(|(what, how)| (what.to_owned(), how)));
        assert_eq!(own.skipped, None);
    }

    #[test]
    fn what_could_not_be_checked_is_kept_with_the_reason() {
        let reports = read("voice: own\n  claims       cancel: yes\n  SKIPPED      no program\n");
        let [own] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((own.skipped.as_deref(), own.claims.len()), (Some("no program"), 1));
    }
}
