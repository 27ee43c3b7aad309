//! Simulated calls hold to the laws, and are the same each time.

use std::{env, fs, thread};

use voiceagent_testkit::simulator::{Settings, Tally, compare, play};

const CALLS: u64 = 1_000;

/// Plays calls on all cores, and tells what did not hold, with the seed that shows it.
fn all(calls: u64, check: impl Fn(u64) -> Vec<String> + Sync) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, Into::into) as u64;
    let check = &check;
    thread::scope(|scope| {
        let work = |first: u64| {
            let seeds = (first..=calls).step_by(usize::try_from(threads).expect("threads are few"));
            scope.spawn(move || seeds.flat_map(check).collect::<Vec<String>>())
        };
        let handles: Vec<_> = (1..=threads).map(work).collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().expect("a call does not panic"))
            .collect()
    })
}

#[test]
fn a_thousand_calls_hold_to_the_laws() {
    let settings = Settings::default();
    let failed = all(CALLS, |seed| {
        let outcome = play(seed, &settings);
        outcome.violations.iter().map(|violation| format!("seed {seed}: {violation:?}")).collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn two_runs_of_one_seed_give_the_same_journal_and_it_replays() {
    let settings = Settings::default();
    let failed = all(40, |seed| {
        let folder =
            env::temp_dir().join(format!("voiceagent-simulator-{}-{seed}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let differences = compare(seed, &settings, &folder);
        fs::remove_dir_all(&folder).unwrap();
        differences.iter().map(|difference| format!("seed {seed}: {difference:?}")).collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_world_holds_everything_that_it_is_made_for() {
    let settings = Settings::default();
    let mut tally = Tally::default();
    for seed in 1..=60 {
        tally.add(&play(seed, &settings).tally);
    }
    assert!(tally.turns > 100 && tally.barge_ins > 25 && tally.tools > 20, "{tally}");
    assert!(tally.injected.len() > 15, "{tally}");
}

#[test]
fn a_trace_tells_what_happened_and_when() {
    let mut settings = Settings::default();
    settings.trace = true;
    let outcome = play(3, &settings);
    assert!(outcome.trace.contains("caller: u1"), "{}", outcome.trace);
    assert!(outcome.trace.contains("UserTurn"), "{}", outcome.trace);
    settings.trace = false;
    assert_eq!(play(3, &settings).trace, "");
}
