//! Simulated calls hold to the laws, and are the same each time.

use std::{env, fs, process::Command, thread};

use voiceagent_testkit::simulator::{Legs, Settings, Tally, compare, play};

const CALLS: u64 = 1_000;
/// Calls, most of them from further on, that have shown faults of the session, or of the laws.
const FOUND: [u64; 16] = [
    7_009,
    31_001_533,
    47_003_218,
    47_006_730,
    63_004_104,
    63_004_959,
    99_002_308,
    120_001_516,
    120_009_888,
    131_002_336,
    153_004_865,
    153_005_403,
    153_005_971,
    153_007_772,
    274_006_861,
    274_009_315,
];

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
fn calls_that_have_shown_faults_hold_to_the_laws() {
    for seed in FOUND {
        let outcome = play(seed, &Settings::default());
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

#[test]
fn two_runs_of_one_seed_give_the_same_journal_and_it_replays_on_every_leg() {
    for (legs, calls) in [
        (Legs::Cascade, 16),
        (Legs::Realtime, 8),
        (Legs::Duplex, 8),
        (Legs::Text, 8),
        (Legs::All, 8),
    ] {
        let settings = on(legs);
        let failed = all(calls, |seed| {
            let name = format!("voiceagent-simulator-{}-{legs:?}-{seed}", std::process::id());
            let folder = env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            let differences = compare(seed, &settings, &folder);
            fs::remove_dir_all(&folder).unwrap();
            differences.iter().map(|difference| format!("seed {seed}: {difference:?}")).collect()
        });
        assert!(failed.is_empty(), "{legs:?}: {failed:#?}");
    }
}

#[test]
fn a_seed_draws_its_leg_and_the_mix_has_all_of_them() {
    let mut tally = Tally::default();
    for seed in 1..=80 {
        let (one, two) = (play(seed, &Settings::default()), play(seed, &Settings::default()));
        assert_eq!(one.tally.legs, two.tally.legs);
        tally.add(&one.tally);
    }
    for leg in ["cascade", "realtime", "duplex", "text"] {
        assert!(tally.legs.get(leg).is_some_and(|calls| *calls > 3), "{leg}: {tally}");
    }
    assert!(tally.legs["cascade"] > 35, "{tally}");
    assert!(tally.flows > 5, "{tally}");
}

#[test]
fn each_leg_has_turns_interruptions_tools_and_failures() {
    for legs in [Legs::Realtime, Legs::Duplex, Legs::Text] {
        let mut tally = Tally::default();
        for seed in 1..=40 {
            tally.add(&play(seed, &on(legs)).tally);
        }
        assert!(tally.turns > 40 && tally.barge_ins > 8 && tally.tools > 8, "{legs:?}: {tally}");
        assert!(tally.injected.len() > 5, "{legs:?}: {tally}");
    }
}

#[test]
fn a_flow_decides_what_turns_are_answered_with() {
    let mut settings = on(Legs::Cascade);
    settings.flow = Some(true);
    let mut tally = Tally::default();
    for seed in 1..=30 {
        let outcome = play(seed, &settings);
        assert_eq!(outcome.violations, [], "seed {seed}");
        tally.add(&outcome.tally);
    }
    assert_eq!(tally.flows, 30, "{tally}");
    assert!(tally.plans > 40, "{tally}");
}

/// Calls on one kind of leg.
fn on(legs: Legs) -> Settings {
    let mut settings = Settings::default();
    settings.legs = legs;
    settings
}

#[test]
fn the_world_holds_everything_that_it_is_made_for() {
    let settings = on(Legs::Cascade);
    let mut tally = Tally::default();
    for seed in 1..=60 {
        tally.add(&play(seed, &settings).tally);
    }
    assert!(tally.turns > 100 && tally.barge_ins > 25 && tally.tools > 20, "{tally}");
    assert!(tally.injected.len() > 15, "{tally}");
}

#[test]
fn a_model_that_gives_way_between_its_last_sound_and_its_words_has_told_none() {
    assert_eq!(play(813_881, &Settings::default()).violations, []);
}

#[test]
fn a_call_of_a_dropped_draft_is_no_goodbye_though_a_later_one_has_its_id() {
    assert_eq!(play(908_818, &Settings::default()).violations, []);
}

#[test]
fn a_turn_that_waits_for_an_announcement_does_not_wait_for_the_older_answer() {
    assert_eq!(play(77_006_985, &Settings::default()).violations, []);
}

#[test]
fn the_program_refuses_numbers_of_which_there_are_no_calls() {
    let run = |args: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_simulate")).args(args).output().unwrap();
        (program.status.code(), String::from_utf8_lossy(&program.stderr).into_owned())
    };
    for (args, named) in [
        (&["--calls", "0"][..], "--calls"),
        (&["--calls", "1", "--jobs", "0"], "--jobs"),
        (&["--seed", "18446744073709551615", "--calls", "3"], "--seed"),
    ] {
        let (code, told) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {told}");
        assert!(told.contains(named) && !told.contains("panicked"), "{args:?}: {told}");
    }
}

#[test]
fn a_trace_tells_what_happened_and_when() {
    let mut settings = on(Legs::Cascade);
    settings.trace = true;
    let outcome = play(3, &settings);
    assert!(outcome.trace.contains("caller: u1"), "{}", outcome.trace);
    assert!(outcome.trace.contains("UserTurn"), "{}", outcome.trace);
    settings.trace = false;
    assert_eq!(play(3, &settings).trace, "");
}
