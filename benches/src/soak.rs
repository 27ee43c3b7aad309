//! Calls without end against one agent: does its memory grow, and what does it hold when they are
//! over?
//!
//! The calls are those of [`e2e_latency`](crate::e2e_latency); whoever hangs up calls again.
//! `docs/benchmarks.md` says how the slope is found.

mod held;
mod slope;

use std::{
    error::Error,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use self::{held::Held, slope::Slope};
use crate::e2e_latency::{
    agent::{Agent, Program},
    call::{self, CallRecord},
    log::{Log, What},
    measure,
    pass::{Folders, Plan},
    script::SCRIPT,
    statistics::Summary,
    vendors::Vendors,
};

/// Between the beginnings of the first calls, all of which are under way after this time.
const RAMP: Duration = Duration::from_secs(30);

/// After a call, for the agent to let go of it.
const LET_GO: Duration = Duration::from_secs(2);

/// A call has one to the recognizer, and one to the voice.
const LINES: usize = 2;

/// The part of the run, at its beginning, in which memory may still grow: 1 of so many.
const WARM_UP: usize = 4;

/// More growth than this in an hour is one, in percent.
const MOST: f64 = 0.5;

/// A shorter run is still warming up, and tells its slope without judging it. In minutes.
const SHORTEST: f64 = 30.0;

/// Plays calls for a long time and watches the agent's memory.
#[derive(Debug, Parser)]
struct Args {
    /// Calls at once.
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// For how long; less than half an hour tells the slope without judging it.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The agent; built when not given.
    #[arg(long)]
    agent: Option<PathBuf>,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    calls_at_once: u32,
    minutes: f64,
    calls: u32,
    failed: u32,
    /// How often an answer fell silent and went on.
    gaps: usize,
    /// Milliseconds from the phone's goodbye until the agent has let go of its lines to vendors.
    let_go: Option<Summary>,
    /// Calls with a line that was still there after [`LET_GO`].
    kept: u32,
    idle: Held,
    after: Held,
    /// Of what is held afterwards, connections to the model that wait for the next call.
    pooled: usize,
    /// `None` where the run was too short for one.
    slope: Option<Slope>,
    /// Seconds, and kibibytes.
    samples: Vec<(f64, u64)>,
}

impl Report {
    fn line(&self) -> String {
        let slope = self.slope.map_or("no slope, too short".to_owned(), |it| it.to_string());
        let let_go = self.let_go.map_or("no call ended".to_owned(), |it| {
            format!("let go of after {:.1} ms, p99 {:.1}, max {:.1}", it.p50, it.p99, it.max)
        });
        format!(
            "soak: {} calls, {} at once, {:.0} min: {slope}; {} failed, {} gaps; {let_go}; \
             files and sockets {} before, {} after, {} of them to the model; threads {}, {}",
            self.calls,
            self.calls_at_once,
            self.minutes,
            self.failed,
            self.gaps,
            self.idle.descriptors,
            self.after.descriptors,
            self.pooled,
            self.idle.threads,
            self.after.threads,
        )
    }

    /// What must not be.
    fn faults(&self) -> Vec<&'static str> {
        let mut faults = Vec::new();
        if self.failed > 0 {
            faults.push("calls failed");
        }
        if self.after.descriptors > self.idle.descriptors + self.pooled {
            faults.push("files or sockets are left open");
        }
        if self.kept > 0 {
            faults.push("calls kept a line to a vendor");
        }
        let grows = |slope: Slope| slope.low > 0.0 && slope.percent_per_hour > MOST;
        if self.minutes >= SHORTEST && self.slope.is_some_and(grows) {
            faults.push("memory grows");
        }
        faults
    }
}

/// What the calls came to so far.
#[derive(Debug, Default)]
struct Tally {
    next: AtomicU32,
    done: AtomicU32,
    failed: AtomicU32,
    gaps: AtomicUsize,
    kept: AtomicU32,
    let_go: Mutex<Vec<f64>>,
}

/// Plays the calls, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When the agent cannot be built or started, the report cannot be written, calls failed, something
/// is left open, or memory grows.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub async fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let program = Program::agent(args.agent.clone()).await?;
    let report = soak(&args, &program).await?;
    println!("{}", report.line());
    fs::write(args.out.join("soak.json"), serde_json::to_string_pretty(&report)?)?;
    println!("written to {}", args.out.display());
    let faults = report.faults();
    if faults.is_empty() { Ok(()) } else { Err(faults.join(", ").into()) }
}

async fn soak(args: &Args, program: &Program) -> Result<Report, Box<dyn Error>> {
    let folders =
        Folders { journals: args.out.join("journals"), recordings: args.out.join("recordings") };
    let log = Arc::new(Log::default());
    let vendors = Vendors::start(Arc::clone(&log), SCRIPT).await?;
    let agent = Agent::start(program, &vendors, &Plan::default(), &folders).await?;
    let idle = Held::of(&agent)?;
    let began = Instant::now();
    let ends = began + Duration::from_secs_f64(args.minutes * 60.0);
    let tally = Arc::new(Tally::default());
    let mut callers = JoinSet::new();
    for place in 0..args.calls {
        let (url, log, tally) = (agent.url().to_owned(), Arc::clone(&log), Arc::clone(&tally));
        let first = RAMP * place / args.calls.max(1);
        callers.spawn(async move {
            sleep(first).await;
            while Instant::now() < ends {
                one(&url, &log, &tally).await;
            }
        });
    }
    let mut samples = Vec::new();
    let mut watch = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            over = callers.join_next() => if over.is_none() { break },
            _ = watch.tick() => {
                // While the last calls end, there are fewer of them.
                if Instant::now() < ends {
                    samples.push((began.elapsed().as_secs_f64(), agent.usage()?.resident_kib));
                }
                if samples.len().is_multiple_of(60) {
                    let (done, failed) = (tally.done.load(Relaxed), tally.failed.load(Relaxed));
                    eprintln!("{:>4} min: {done} calls, {failed} failed", samples.len() / 60);
                }
            }
        }
    }
    sleep(LET_GO).await;
    let after = Held::of(&agent)?;
    let let_go = std::mem::take(&mut *tally.let_go.lock().unwrap_or_else(PoisonError::into_inner));
    let settled = samples.get(samples.len() / WARM_UP..).unwrap_or_default();
    Ok(Report {
        calls_at_once: args.calls,
        minutes: args.minutes,
        calls: tally.done.load(Relaxed),
        failed: tally.failed.load(Relaxed),
        gaps: tally.gaps.load(Relaxed),
        let_go: Summary::of(let_go),
        kept: tally.kept.load(Relaxed),
        idle,
        after,
        pooled: vendors.open_models(),
        slope: Slope::of(settled),
        samples,
    })
}

async fn one(url: &str, log: &Log, tally: &Tally) {
    let number = tally.next.fetch_add(1, Relaxed);
    match call::run(url, number).await {
        Ok(record) => {
            let figures = measure::figures(SCRIPT.utterances, (&record, &log.of(number)), false);
            tally.done.fetch_add(1, Relaxed);
            tally.gaps.fetch_add(figures.gaps, Relaxed);
            sleep(LET_GO).await;
            match let_go(&record, log) {
                Some(after) => {
                    let after = after.as_secs_f64() * 1_000.0;
                    tally.let_go.lock().unwrap_or_else(PoisonError::into_inner).push(after);
                }
                None => drop(tally.kept.fetch_add(1, Relaxed)),
            }
        }
        Err(error) => {
            eprintln!("call {number} failed: {error}");
            tally.failed.fetch_add(1, Relaxed);
            // Whoever cannot get through does not dial without a pause.
            sleep(Duration::from_secs(1)).await;
        }
    }
    log.forget(number);
}

/// How long after the phone's goodbye the agent had let go of its lines to vendors; `None` when it
/// has not.
fn let_go(record: &CallRecord, log: &Log) -> Option<Duration> {
    let notes = log.of(record.call);
    let ended = notes.iter().filter(|note| matches!(note.what, What::LineEnded));
    let ended: Vec<Instant> = ended.map(|note| note.at).collect();
    let last = ended.iter().max().filter(|_| ended.len() >= LINES)?;
    Some(last.saturating_duration_since(record.hung_up))
}
