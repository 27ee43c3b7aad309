//! The page on requirements: nothing is left out, and what it names is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// How many requirements each of the five systems has.
const SYSTEMS: [(char, u32); 5] = [('A', 53), ('B', 45), ('C', 100), ('D', 40), ('E', 39)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page, cut at its headings: what is shown, what is begun, what is open.
fn parts() -> [String; 3] {
    let page = fs::read_to_string(root().join("docs/requirements.md"));
    let page = page.expect("the page is there");
    let mut parts = page.split("\n## ").skip(1).map(str::to_owned);
    std::array::from_fn(|_| parts.next().expect("the page has three parts"))
}

/// Whether a word is the number of a requirement, such as `C07` or `C100`.
fn is_number(word: &str) -> bool {
    let digits = word.get(1..).unwrap_or_default();
    word.starts_with(|c: char| SYSTEMS.iter().any(|(system, _)| *system == c))
        && (2..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn numbers(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_number(word)).collect()
}

/// The rows of a table, as their cells.
fn rows(part: &str) -> Vec<[&str; 3]> {
    let cells = part.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let row: [&str; 3] = std::array::from_fn(|_| cells.next().unwrap_or_default());
        (!row[0].starts_with("Id")).then_some(row)
    });
    cells.collect()
}

#[test]
fn each_requirement_stands_on_the_page_once() {
    let [shown, begun, open] = parts();
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for [ids, ..] in rows(&shown).into_iter().chain(rows(&begun)) {
        for id in numbers(ids) {
            *found.entry(id.to_owned()).or_default() += 1;
        }
    }
    let (shown, begun) = (rows(&shown), rows(&begun));
    let count =
        |rows: &[[&str; 3]]| -> usize { rows.iter().map(|[ids, ..]| numbers(ids).len()).sum() };
    let told = format!("{} are shown and {} begun.", count(&shown), count(&begun));
    assert!(open.trim_end().ends_with(&told), "the last line says: {told}");
    for line in open.lines().filter(|line| line.starts_with("- ")) {
        let (head, list) = line.split_once(':').unwrap();
        let listed = numbers(list);
        assert!(head.ends_with(&format!("({})", listed.len())), "{head}");
        for id in listed {
            *found.entry(id.to_owned()).or_default() += 1;
        }
    }
    for (system, count) in SYSTEMS {
        for number in 1..=count {
            let id = format!("{system}{number:02}");
            assert_eq!(found.remove(&id), Some(1), "{id}");
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_test_that_the_page_names_exists() {
    let [shown, begun, _] = parts();
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    for [ids, _, tests] in rows(&shown).into_iter().chain(rows(&begun)) {
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{ids} names no test");
        for name in named {
            // Commands stand in `.ci/run`, or are it.
            if name.contains([' ', '/']) {
                let run = fs::read_to_string(root().join(".ci/run")).unwrap();
                let command = name.rsplit(' ').next().unwrap();
                assert!(name == ".ci/run" || run.contains(command), "{ids}: {name}");
                continue;
            }
            let (package, test) = name.split_once("::").unwrap_or(("dealership", name));
            let source = sources.entry(package).or_insert_with(|| source(package));
            assert!(source.contains(&format!("fn {test}(")), "{ids}: {name}");
        }
    }
}

/// All Rust of a package.
fn source(package: &str) -> String {
    let folder = match package {
        "dealership" => "examples/dealership",
        "voiceagent-benches" => "benches",
        package => package,
    };
    let mut all = String::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the package is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&fs::read_to_string(path).expect("sources are text"));
            }
        }
    }
    all
}
