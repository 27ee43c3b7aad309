use std::fmt::Write as _;

use super::{by_contract, report::Report};
use crate::Failure;

/// Between these lines stands what is written here.
const BEGIN: &str = "<!-- begin: written by `cargo xtask conformance write` -->\n";
const END: &str = "<!-- end -->\n";

/// A chain of vendors is no vendor.
const CHAIN: &str = "fallback";

/// The text with the capabilities that these reports found to hold.
pub(super) fn renewed(text: &str, reports: &[Report]) -> Result<String, Failure> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("the lines that enclose the table are missing")?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", tables(reports)))
}

fn tables(reports: &[Report]) -> String {
    let mut tables = String::new();
    for (contract, mut reports) in by_contract(reports) {
        reports.retain(|it| !it.claims.is_empty() && it.subject != CHAIN);
        if reports.is_empty() {
            continue;
        }
        let mut columns = Vec::new();
        for (what, _) in reports.iter().flat_map(|it| &it.claims) {
            if !columns.contains(&what.as_str()) {
                columns.push(what.as_str());
            }
        }
        let _ = writeln!(tables, "\n| {contract} | {} |", columns.join(" | "));
        let _ = writeln!(tables, "|---{}|", "|---".repeat(columns.len()));
        for report in reports {
            let (name, rest) = report.subject.split_once(' ').unwrap_or((&report.subject, ""));
            let _ = write!(tables, "| {} |", format!("`{name}` {rest}").trim_end());
            for column in &columns {
                let claim = report.claims.iter().find(|(what, _)| what == column);
                let claim = claim.map_or("", |(_, how)| how);
                let _ = if claim.is_empty() {
                    write!(tables, " |")
                } else {
                    write!(tables, " {claim} |")
                };
            }
            tables.push('\n');
        }
    }
    tables.push('\n');
    tables
}

#[cfg(test)]
mod tests {
    use super::{super::report, *};

    #[test]
    fn a_table_takes_the_place_of_the_old_one() {
        let reports = report::read(
            "voice: a with words\n  claims       formats: PCM\n  claims       cancel: \n  passed       \
             opens\nvoice: b\n  claims       formats: PCM\n  claims       phonemes: IPA\n  \
             passed       opens\nvoice: fallback\n  claims       formats: PCM\n  passed       \
             opens\n",
        );
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let table = "\n| voice | formats | cancel | phonemes |\n|---|---|---|---|\n\
                     | `a` with words | PCM | | |\n| `b` | PCM | | IPA |\n\n";
        let renewed = renewed(&text, &reports).unwrap();
        assert_eq!(renewed, format!("before\n{BEGIN}{table}{END}after\n"));
        assert!(super::renewed("nothing", &reports).is_err());
    }
}
