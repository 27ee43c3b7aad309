//! What a frame of audio allocates on its way through the framework.
//!
//! `docs/latency.md` says which ways are counted, and what stands at their ends.

mod codec;
mod process;
mod rig;

use std::{env, error::Error, fmt::Write as _, process::ExitCode};

use stats_alloc::{INSTRUMENTED_SYSTEM, Stats};
use tokio::runtime::Builder;

/// What was counted on one way.
#[derive(Clone, Debug)]
struct Count {
    way: &'static str,
    frames: u64,
    allocations: usize,
    bytes: usize,
    /// Whether the framework promises that there are none.
    promised: bool,
}

impl Count {
    /// What happened between two looks at the allocator.
    fn between(way: &'static str, frames: u64, before: Stats, after: Stats) -> Self {
        let made = after - before;
        Self {
            way,
            frames,
            allocations: made.allocations + made.reallocations,
            bytes: made.bytes_allocated,
            promised: true,
        }
    }
}

fn now() -> Stats {
    INSTRUMENTED_SYSTEM.stats()
}

/// Counts on all ways and prints a table. Fails when a way allocates that must not.
///
/// # Errors
///
/// When a call cannot be played.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [serve, speech, model] = &*arguments
        && serve == "serve"
    {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(process::serve(speech, model))?;
        return Ok(ExitCode::SUCCESS);
    }
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build();
    let mut counts = codec::count();
    counts.push(paused()?.block_on(rig::inbound())?);
    counts.push(paused()?.block_on(rig::outbound())?);
    counts.push(paused()?.block_on(rig::outbound_with_background())?);
    counts.push(paused()?.block_on(rig::recorded())?);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    counts.extend(runtime.block_on(process::count())?);
    println!("{}", table(&counts));
    let kept = |count: &Count| count.frames > 0 && count.allocations == 0;
    let broken = counts.iter().any(|count| count.promised && !kept(count));
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(counts: &[Count]) -> String {
    let mut table = format!(
        "{:<58} {:>8} {:>12} {:>12} {:>12}\n",
        "way", "frames", "allocations", "per frame", "bytes/frame"
    );
    for count in counts {
        let frames = count.frames.max(1) as f64;
        writeln!(
            table,
            "{:<58} {:>8} {:>12} {:>12.3} {:>12.1}{}",
            count.way,
            count.frames,
            count.allocations,
            count.allocations as f64 / frames,
            count.bytes as f64 / frames,
            if count.promised { "" } else { "  (told, not promised)" }
        )
        .expect("a String takes everything");
    }
    table
}
