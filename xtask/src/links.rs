use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{Failure, tree};

/// The page from which every page of the documentation is found.
const INDEX: &str = "docs/README.md";

/// Checks that every link of every page leads somewhere, to a file and to a heading of it, and that
/// the index leads to each page below `docs`. Addresses of other hosts are not asked.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut pages = BTreeMap::new();
    for path in tree::files(root)? {
        if path.extension().is_some_and(|end| end == "md") {
            pages.insert(path.clone(), fs::read_to_string(root.join(&path))?);
        }
    }
    let mut findings = Vec::new();
    for (page, text) in &pages {
        for (line, link) in links(text) {
            if let Some(why) = wrong(root, &pages, page, link) {
                findings.push(format!("{}:{line}: `{link}`: {why}", page.display()));
            }
        }
    }
    findings.extend(unlisted(&pages));
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

/// Links with their lines, without those in blocks of code and those to other hosts.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // What stands between backticks is shown, not followed.
        let told = line.split('`').step_by(2);
        for part in told.flat_map(|part| part.split("](").skip(1)) {
            let link = part.split([')', ' ']).next().unwrap_or_default();
            if !link.contains("://") && !link.starts_with("mailto:") {
                found.push((number + 1, link));
            }
        }
    }
    found
}

/// Why a link leads nowhere, if it does.
fn wrong(
    root: &Path,
    pages: &BTreeMap<PathBuf, String>,
    page: &Path,
    link: &str,
) -> Option<&'static str> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => plain(&page.parent().unwrap_or(Path::new("")).join(file)),
    };
    if !root.join(&target).exists() {
        return Some("there is no such file");
    }
    let headings = pages.get(&target).map(|text| headings(text));
    let is_there = anchor.is_empty() || headings.is_none_or(|all| all.contains(anchor));
    (!is_there).then_some("there is no such heading")
}

/// A path without `..` and `.`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// The anchors of a page, as code hosts make them of its headings.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code || !line.starts_with('#') {
            continue;
        }
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().replace(' ', "-");
        // The second of two alike has a number.
        let twins = (0..).map(|twin| match twin {
            0 => anchor.clone(),
            twin => format!("{anchor}-{twin}"),
        });
        if let Some(free) = { twins }.find(|anchor| !anchors.contains(anchor)) {
            anchors.insert(free);
        }
    }
    anchors
}

/// Pages to which the index does not lead.
fn unlisted(pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let index = Path::new(INDEX);
    let Some(text) = pages.get(index) else { return vec![format!("there is no {INDEX}")] };
    let listed: BTreeSet<PathBuf> = links(text)
        .into_iter()
        .map(|(_, link)| plain(&Path::new("docs").join(link.split('#').next().unwrap_or(link))))
        .collect();
    let is_listed = |page: &Path| page == index || page.ancestors().any(|at| listed.contains(at));
    let left_out = pages.keys().filter(|page| page.starts_with("docs") && !is_listed(page));
    left_out.map(|page| format!("{}: {INDEX} does not lead there", page.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(all: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        all.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect()
    }

    #[test]
    fn links_are_found_outside_of_code_and_not_those_to_other_hosts() {
        let text = "[a](b.md) `[no](c.md)` [x](https://x.test/)\n```\n[no](d.md)\n```\n[e](#f)";
        assert_eq!(links(text), [(1, "b.md"), (5, "#f")]);
    }

    #[test]
    fn a_link_to_no_file_or_no_heading_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let pages = pages(&[("docs/sip.md", "# SIP and more\n## A word\n## A word\n")]);
        let told = |link| wrong(root, &pages, Path::new("docs/audio.md"), link);
        assert_eq!(told("no-such.md"), Some("there is no such file"));
        assert_eq!(told("sip.md#a-word-1"), None);
        assert_eq!(told("sip.md#sip-and-more"), None);
        assert_eq!(told("sip.md#another"), Some("there is no such heading"));
        assert_eq!(told("../xtask"), None);
    }

    #[test]
    fn a_page_that_the_index_leaves_out_is_told() {
        let all = [
            ("docs/README.md", "[a](a.md) [all of these](decisions)"),
            ("docs/a.md", ""),
            ("docs/b.md", ""),
            ("docs/decisions/0001.md", ""),
            ("README.md", ""),
        ];
        let told = unlisted(&pages(&all));
        assert_eq!(told, ["docs/b.md: docs/README.md does not lead there"]);
    }
}
