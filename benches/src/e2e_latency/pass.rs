use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use super::{
    agent::{Agent, Program, Usage},
    call::{self, CallRecord},
    journal,
    log::Log,
    measure::{self, Figures},
    script::SCRIPT,
    vendors::Vendors,
};

/// Between the beginnings of two calls that go on at once, and between the first and the last.
const STAGGER: Duration = Duration::from_millis(130);
const RAMP: Duration = Duration::from_secs(15);

/// After the last call, for the agent to let go of it.
const SETTLE: Duration = Duration::from_millis(500);

/// What a pass does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) at_once: u32,
    pub(crate) repeat: u32,
    pub(crate) speculation: bool,
    pub(crate) journals: bool,
    pub(crate) recordings: bool,
    /// Whether the agent has ears of its own beside the recognizer's.
    pub(crate) detector: bool,
}

impl Default for Plan {
    /// One call.
    fn default() -> Self {
        Self {
            at_once: 1,
            repeat: 1,
            speculation: false,
            journals: false,
            recordings: false,
            detector: true,
        }
    }
}

/// Calls to one agent, and what came out.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
    pub(crate) calls: Vec<Figures>,
    pub(crate) failed: usize,
    pub(crate) cost: Cost,
}

/// Where an agent writes what it is asked to keep.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) journals: PathBuf,
    pub(crate) recordings: PathBuf,
}

/// What the agent's process used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) call_minutes: f64,
    pub(crate) idle_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Cost {
    pub(crate) fn cpu_per_call_minute(&self) -> f64 {
        self.cpu_seconds / self.call_minutes.max(f64::EPSILON)
    }
}

impl Pass {
    /// Starts vendors and agent, and plays all calls.
    pub(crate) async fn run(
        name: &'static str,
        plan: Plan,
        program: &Program,
        out: &Path,
    ) -> io::Result<Self> {
        let folders =
            Folders { journals: out.join("journals"), recordings: out.join("recordings") };
        for (folder, is_used) in
            [(&folders.journals, plan.journals), (&folders.recordings, plan.recordings)]
        {
            if is_used {
                empty(folder)?;
            }
        }
        let log = Arc::new(Log::default());
        let vendors = Vendors::start(Arc::clone(&log), SCRIPT).await?;
        let agent = Agent::start(program, &vendors, &plan, &folders).await?;
        let idle = agent.usage()?;
        let mut records = Vec::new();
        let mut failed = 0;
        let mut peak = idle;
        for round in 0..plan.repeat {
            let numbers = round * plan.at_once..(round + 1) * plan.at_once;
            let (done, lost, most) = play(&agent, numbers).await?;
            records.extend(done);
            failed += lost;
            peak = if most.resident_kib > peak.resident_kib { most } else { peak };
        }
        sleep(SETTLE).await;
        let used = agent.usage()?;
        drop(agent);
        let mut calls = Vec::with_capacity(records.len());
        for record in &records {
            let notes = log.of(record.call);
            let mut figures =
                measure::figures(SCRIPT.utterances, (record, &notes), plan.speculation);
            if plan.journals {
                journal::complete(&mut figures, &folders.journals, record, &notes)?;
            }
            calls.push(figures);
        }
        let minutes: f64 = calls.iter().map(|call| call.length.as_secs_f64() / 60.0).sum();
        let cost = Cost {
            cpu_seconds: used.cpu_seconds - idle.cpu_seconds,
            call_minutes: minutes,
            idle_kib: idle.resident_kib,
            peak_kib: peak.resident_kib,
        };
        Ok(Self { name, plan, calls, failed, cost })
    }
}

/// Makes a folder anew: files of an earlier run have the same names, and are not replaced.
fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(folder)
}

/// Plays calls at once; how many were lost, and the most memory that the agent took.
async fn play(
    agent: &Agent,
    numbers: std::ops::Range<u32>,
) -> io::Result<(Vec<CallRecord>, usize, Usage)> {
    let mut calls = JoinSet::new();
    let stagger = STAGGER.min(RAMP / u32::try_from(numbers.len()).unwrap_or(u32::MAX).max(1));
    for (place, number) in (0..).zip(numbers) {
        let url = agent.url().to_owned();
        calls.spawn(async move {
            sleep(stagger * place).await;
            call::run(&url, number).await
        });
    }
    let began = Instant::now();
    let mut peak = agent.usage()?;
    let (mut done, mut lost) = (Vec::new(), 0);
    let mut watch = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            call = calls.join_next() => match call {
                Some(Ok(Ok(record))) => done.push(record),
                Some(Ok(Err(error))) => {
                    eprintln!("after {:.1} s a call failed: {error}", began.elapsed().as_secs_f64());
                    lost += 1;
                }
                Some(Err(_panicked)) => lost += 1,
                None => return Ok((done, lost, peak)),
            },
            _ = watch.tick() => {
                let usage = agent.usage()?;
                if usage.resident_kib > peak.resident_kib {
                    peak = usage;
                }
            }
        }
    }
}
