//! Plays simulated calls, and tells what did not hold.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Parser, builder::RangedU64ValueParser};
use voiceagent_testkit::simulator::{
    Legs, Lines, Outcome, Settings, Tally, compare, endpointing, play, record,
};

/// Plays simulated calls, and tells what did not hold.
#[derive(Debug, Parser)]
struct Args {
    /// How many calls; their seeds follow each other.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many are played at once; as many as the machine has cores, unless given.
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    jobs: Option<usize>,
    /// Tells what happens in each call.
    #[arg(long)]
    trace: bool,
    /// Plays one call in so many twice, compares the journals, and replays them; 0 leaves it out.
    #[arg(long, default_value_t = 20)]
    journals: u64,
    /// The longest silence while a reply is owed, in milliseconds.
    #[arg(long, default_value_t = 4_000)]
    owed_within: u64,
    /// Holds that against calls with failing vendors and slow tools, too.
    #[arg(long)]
    owed_always: bool,
    /// Which legs the calls have; each seed draws its own, unless given. `--legs cascade` without
    /// `--flow` plays nothing else.
    #[arg(long, value_enum, default_value = "all")]
    legs: Legs,
    /// Whether a flow decides what turns are answered with, where it can; each seed draws it, unless
    /// given.
    #[arg(long)]
    flow: Option<bool>,
    /// Instead: measures how quickly callers are answered against how often they are cut off, and
    /// writes the curves to this folder.
    #[arg(long)]
    endpointing: Option<PathBuf>,
    /// Instead: writes the journal of each call to this folder.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Lets callers say the lines that settings are chosen on, and not those held back.
    #[arg(long)]
    tuning: bool,
}

/// What all threads have found.
#[derive(Default)]
struct Found {
    tally: Tally,
    failed: Vec<Outcome>,
}

#[expect(clippy::print_stdout, reason = "a simulation reports on stdout")]
fn main() -> ExitCode {
    let args = Args::parse();
    if args.seed.checked_add(args.calls).is_none() {
        eprintln!(
            "--seed {}: the last seed is {}, so there are not so many",
            args.seed,
            u64::MAX - 1
        );
        return ExitCode::from(2);
    }
    if let Some(folder) = &args.endpointing {
        return measure(&args, folder);
    }
    if let Some(folder) = &args.record {
        return write_journals(&args, folder);
    }
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into));
    let (next, found) = (AtomicU64::new(0), Mutex::new(Found::default()));
    let begun = Instant::now();
    thread::scope(|scope| {
        for job in 0..jobs {
            let (args, next, found) = (&args, &next, &found);
            scope.spawn(move || work(args, job, next, found, begun));
        }
    });
    let Found { tally, mut failed } = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|outcome| outcome.seed);
    for outcome in &failed {
        print!("{}", findings(outcome));
    }
    println!("{tally}");
    println!("{:.1} s on {jobs} threads", begun.elapsed().as_secs_f64());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What did not hold of a call, line by line.
fn findings(outcome: &Outcome) -> String {
    let lines = outcome
        .violations
        .iter()
        .map(|violation| format!("seed {}: {}: {}\n", outcome.seed, violation.law, violation.seen));
    lines.collect()
}

fn settings(args: &Args) -> Settings {
    let mut settings = Settings::default();
    settings.owed_within = Duration::from_millis(args.owed_within);
    settings.owed_always = args.owed_always;
    settings.trace = args.trace;
    settings.legs = args.legs;
    settings.flow = args.flow;
    settings
}

fn write_journals(args: &Args, folder: &Path) -> ExitCode {
    let settings = settings(args);
    let mut seeds = args.seed..args.seed + args.calls;
    let written = fs::create_dir_all(folder)
        .and_then(|()| seeds.try_for_each(|seed| record(seed, &settings, folder)));
    report(folder, &written)
}

#[expect(clippy::print_stdout, reason = "a simulation reports on stdout")]
fn measure(args: &Args, folder: &Path) -> ExitCode {
    let lines = if args.tuning { Lines::Tuning } else { Lines::HeldBack };
    let trade_off = endpointing(args.calls, args.seed, lines);
    for curve in &trade_off.curves {
        for point in &curve.points {
            println!("{:<28} {point}", curve.rule);
        }
    }
    println!("{:<28} {}", "at the rate of the rule", trade_off.equal);
    println!(
        "against 500 ms of silence: heard {:.0} ms sooner, decided {:.0} ms sooner",
        trade_off.saved_ms(),
        trade_off.decided_sooner_ms()
    );
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join("endpointing.svg"), trade_off.svg()))
        .and_then(|()| {
            let json = serde_json::to_vec_pretty(&trade_off).map_err(io::Error::from)?;
            fs::write(folder.join("endpointing.json"), json)
        });
    report(folder, &written)
}

fn report(folder: &Path, written: &io::Result<()>) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} cannot be written: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a simulation reports on stdout")]
fn work(args: &Args, job: usize, next: &AtomicU64, found: &Mutex<Found>, begun: Instant) {
    let settings = settings(args);
    let folder = env::temp_dir().join(format!("simulate-{}-{job}", std::process::id()));
    if args.journals > 0 {
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
    }
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= args.calls {
            break;
        }
        let seed = args.seed + number;
        let mut outcome = play(seed, &settings);
        if args.journals > 0 && number.is_multiple_of(args.journals) {
            let differences = compare(seed, &settings, &folder);
            outcome.tally.violations += differences.len() as u64;
            outcome.violations.extend(differences);
        }
        if args.trace {
            println!("seed {seed}\n{}", outcome.trace);
        }
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.tally.add(&outcome.tally);
        if found.tally.calls.is_multiple_of(500) {
            let (calls, failed) = (found.tally.calls, found.failed.len());
            eprintln!("{calls} calls, {failed} failed, {:.0} s", begun.elapsed().as_secs_f64());
        }
        if !outcome.violations.is_empty() {
            // A run that is stopped tells no summary.
            eprint!("{}", findings(&outcome));
            found.failed.push(outcome);
        }
    }
    // What is left of it is in a folder for such things.
    let _ = fs::remove_dir_all(&folder);
}
