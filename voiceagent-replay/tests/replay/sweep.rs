use std::fs;

use serde_json::Value;

use crate::call::{Folder, small_call, tool};

#[test]
fn a_sweep_finds_what_each_value_finds_alone() {
    let folder = Folder::new("tool-sweep");
    folder.put("a.journal", small_call());
    folder.put("b.journal", small_call());
    folder.put("c.journal", "broken\n");
    folder.put("notes.txt", "no journal");
    let (path, out) = (folder.0.display().to_string(), folder.0.join("out"));
    let sweep = "endpointing.min_delay=300ms..600ms/300ms";
    let args = [path.as_str(), "--sweep", sweep, "--out", &out.display().to_string()];
    let (_, table, progress) = tool(&args).unwrap();
    assert!(progress.contains("left out: ") && progress.contains("c.journal"), "{progress}");
    assert!(table.contains("endpointing.min_delay over 2 journals: 8 turns, 0 more"), "{table}");
    let row = |value: &str| table.lines().find(|line| line.trim().starts_with(value)).unwrap();
    let cells = |value: &str| row(value).split_whitespace().collect::<Vec<_>>().join(" ");
    // Of four decisions in each call one cuts the caller off; six are right in both calls.
    assert_eq!(cells("300 ms"), "300 ms 600 ms 300 ms 25.0 % 2 2 0 0 0 as recorded");
    assert_eq!(cells("600 ms"), "600 ms 900 ms 600 ms 0.0 % 0 2 0 0 0");

    let written: Vec<_> =
        fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(written, ["sweep.svg"], "nothing else is written");
    let (_, json, _) = tool(&[&args[..], &["--json"]].concat()).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["journals"], 2);
    assert_eq!(json["unreadable"], 1);
    let point = &json["points"][0];
    assert_eq!(point["cut_rate"], 0.25);
    assert_eq!(point["right"], 6);
    assert_eq!(point["median_response_ms"], 600.0);

    let svg = fs::read_to_string(out.join("sweep.svg")).unwrap();
    assert_eq!(svg.matches("<circle class=\"point\"").count(), 2, "a point for each value");
    for part in
        ["300 ms</text>", "600 ms</text>", "percent", "milliseconds", "prefers-color-scheme"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert_eq!(svg.matches("<circle class=\"kept\"").count(), 1);
    assert!(!svg.contains("<circle class=\"point beyond\""), "everything was seen");
}

#[test]
fn a_list_is_swept_and_other_settings_are_held() {
    let folder = Folder::new("tool-list");
    folder.put("a.journal", small_call());
    let path = folder.0.display().to_string();
    let sweep = ["--sweep", "barge_in.enabled=true,false", "--json", "--out", &path];
    let held = ["--set", "endpointing.min_delay=600ms"];
    let (_, out, _) = tool(&[&[path.as_str()], &sweep[..], &held[..]].concat()).unwrap();
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["points"][0]["interruptions"], 1);
    assert_eq!(json["points"][1]["interruptions"], 0);
    assert_eq!(json["points"][0]["median_response_ms"], 900.0);
    assert_eq!(json["points"][0]["recorded"], true);
}

#[test]
fn a_sweep_counts_the_turns_of_which_nothing_comes() {
    let folder = Folder::new("tool-lost");
    folder.put("a.journal", small_call());
    let path = folder.0.display().to_string();
    let row = |sweep: &str| {
        let (_, table, _) = tool(&[&path, "--sweep", sweep, "--out", &path]).unwrap();
        let row = table.lines().nth(3).expect("the second value").to_owned();
        row.split_whitespace().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("barge_in.min_words=0,4"), ["0", "1"], "one is dropped, and none undecided");
    assert_eq!(row("endpointing.manual=false,true"), ["3", "0"]);
}

#[test]
fn many_journals_tell_how_far_they_are() {
    let folder = Folder::new("tool-many");
    for number in 0..20 {
        folder.put(&format!("{number}.journal"), small_call());
    }
    let path = folder.0.display().to_string();
    let args = [&path, "--sweep", "endpointing.min_delay=300ms,2s", "--out", &path];
    assert!(tool(&args).unwrap().2.contains("20 of 20 journals"));
    let svg = fs::read_to_string(folder.0.join("sweep.svg")).unwrap();
    assert_eq!(svg.matches("<circle class=\"point beyond\"").count(), 1, "2 s: after answers");
}

#[test]
fn a_value_outside_the_limits_is_named_before_what_is_wrong_with_it() {
    let folder = Folder::new("tool-limits");
    folder.put("a.journal", small_call());
    let path = folder.0.display().to_string();
    let args = [&path, "--sweep", "barge_in.softer=6,90", "--out", &path];
    let message = tool(&args).unwrap_err();
    assert!(message.starts_with("barge_in.softer=90: "), "{message}");
}

#[test]
fn a_folder_without_journals_is_refused() {
    let folder = Folder::new("tool-none");
    let path = folder.0.display().to_string();
    let sweep = "endpointing.min_delay=300ms";
    let message = tool(&[&path, "--sweep", sweep]).unwrap_err();
    assert!(message.contains(".journal"), "{message}");
    folder.put("a.journal", "broken\n");
    assert!(tool(&[&path, "--sweep", sweep]).unwrap_err().contains("no journal can be read"));
    let message = tool(&["/nowhere/at/all", "--sweep", sweep]).unwrap_err();
    assert!(message.contains("is no folder"), "{message}");
    folder.put("a.journal", small_call());
    let message = tool(&[&path, "--sweep", "endpointing.min=1s"]).unwrap_err();
    assert!(message.contains("endpointing.min_delay"), "{message}");
}
