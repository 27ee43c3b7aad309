mod mutants;

use std::path::{Path, PathBuf};

use super::*;
use crate::store::Store;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/eval").join(name)
}

/// The scenarios of a folder that pass, and a report of all.
async fn passed(name: &str) -> (Vec<String>, String) {
    let mut verdicts = Vec::new();
    for scenario in scenarios(&folder(name)).unwrap() {
        verdicts.push(judge(&scenario, Store::test_server().as_ref()).await);
    }
    let passed = verdicts.iter().filter(|one| one.failures.is_empty());
    (passed.map(|one| one.id.clone()).collect(), render(&verdicts, true))
}

/// All that were given.
const PASS: [&str; 12] =
    ["s01", "s03", "s05", "s06", "s08", "s10", "s12", "s14", "s17", "s18", "s21", "s23"];

#[tokio::test]
async fn scenarios_pass_by_what_is_stored_and_said() {
    let (passed, report) = passed("scenarios").await;
    assert_eq!(passed, PASS, "{report}");
}

#[tokio::test]
async fn scenarios_that_the_rules_were_not_written_for_pass_too() {
    let (passed, report) = passed("more").await;
    assert!(passed.len() >= 13, "{report}");
    assert_eq!(passed.len(), scenarios(&folder("more")).unwrap().len(), "{report}");
}

#[tokio::test]
async fn the_same_call_in_other_words_passes() {
    for scenario in scenarios(&folder("scenarios")).unwrap() {
        for other in scenario.in_other_words() {
            let verdict = judge(&other, Store::test_server().as_ref()).await;
            assert!(verdict.failures.is_empty(), "{}", render(&[verdict], true));
        }
    }
}

/// The files of the rules, without their tests.
fn rules(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            rules(&path, found);
        } else if !path.is_dir() && !is_test {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(text.split("#[cfg(test)]").next().unwrap().to_lowercase());
        }
    }
}

#[test]
fn no_rule_knows_a_line_of_a_scenario() {
    let mut files = Vec::new();
    rules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/brain"), &mut files);
    assert!(files.len() > 20);
    let plain = |line: &str| line.to_lowercase().trim_end_matches(['.', '!', '?']).to_owned();
    for name in ["scenarios", "more"] {
        for scenario in scenarios(&folder(name)).unwrap() {
            let script = scenario.caller.script.iter();
            let said = script.flat_map(|beat| beat.say.iter().chain(&beat.alt));
            let lines = said.chain(scenario.caller.answers.values());
            // Shorter ones are common words: "yes, please".
            for line in lines.map(|line| plain(line)).filter(|line| line.split(' ').count() > 4) {
                assert!(files.iter().all(|file| !file.contains(&line)), "{line}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_by_its_field() {
    let text =
        std::fs::read_to_string(folder("scenarios/s01_new_customer_oil_change.yaml")).unwrap();
    for (from, to, told) in [
        ("limits:", "limit:", "limit"),
        ("act: reads_back}", "act: sings}", "there is no act `sings`"),
        ("from: \"+16305550141\"", "frm: \"+16305550141\"", "frm"),
        ("2026-03-03T10:12:00-06:00", "yesterday", "line 4"),
    ] {
        let error = Scenario::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.message().contains(told), "{told}: {}", error.message());
    }
}

#[tokio::test]
async fn the_rules_find_out_from_the_record_what_came_of_every_scenario() {
    let mut confusion = Confusion::default();
    let mut wrong = Vec::new();
    for name in ["scenarios", "more"] {
        for scenario in scenarios(&folder(name)).unwrap() {
            let played = play::play(&scenario, (Store::test_server().as_ref(), &Cast::default()))
                .await
                .unwrap();
            let analysis = played.analysis.expect("the call is over");
            let wanted = &scenario.expect.call["disposition"];
            let truth = wanted.as_str().unwrap_or(&analysis.outcome);
            if !matching::fits(wanted, &analysis.outcome.as_str().into()) {
                wrong.push(format!("{}: {analysis:?}, not {wanted}", scenario.id));
            }
            confusion.add(truth, &analysis.outcome);
            let part = analysis.engagement.expect("it is worked out with the rest");
            let commits = ["booked", "rescheduled", "callback_scheduled"];
            if commits.contains(&analysis.outcome.as_str()) {
                assert!(part.commitments > 0 && part.percent > 33, "{}: {part:?}", scenario.id);
            }
        }
    }
    assert_eq!(confusion.total(), 27, "{confusion}");
    let report = format!("{confusion}\n{}", wrong.join("\n"));
    assert!(confusion.kappa().is_some_and(|kappa| kappa > 0.9), "{report}");
    assert!(wrong.len() <= 1, "{report}");
}

#[tokio::test]
async fn a_call_becomes_a_scenario_that_passes_and_catches_what_is_changed() {
    let path = folder("more/s33_opt_out.yaml");
    let original = Scenario::read(&path).unwrap();
    let scratch = crate::store::Scratch::open(None).await.unwrap();
    play::play_over(scratch.store.clone(), &original, &Cast::default()).await.unwrap();
    let text = draft(&scratch.store, "s33-1").await.unwrap();
    for part in ["- {id: u1, when: {}, say:", "hangup: true", "disposition: opted_out"] {
        assert!(text.contains(part), "{text}");
    }
    let again = Scenario::parse(&text).unwrap();
    let verdict = judge(&again, None).await;
    assert!(verdict.failures.is_empty(), "{text}\n{}", render(&[verdict], true));
    let other = text.replace("disposition: opted_out", "disposition: booked");
    let verdict = judge(&Scenario::parse(&other).unwrap(), None).await;
    assert!(verdict.failures.iter().any(|failure| failure.contains("disposition")));
    let refused = draft(&scratch.store, "nobody's").await.unwrap_err();
    assert_eq!(refused.message(), "there is no such call");
    scratch.remove().await.unwrap();
}
