//! What an adapter takes from a vendor's byte to the session's input.
//!
//! A vendor on loopback writes one message after the other; the clock runs from before each write
//! until the event is out of the link, or of the stream, that the session reads. Both ends and the
//! adapter share one thread, so that the kernel's socket, the runtime and the vendor's own write
//! are inside of every figure: the first row has nothing else.

mod far;
mod messages;
mod near;

use std::{
    error::Error,
    fmt::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::{runtime::Builder, time::sleep};
use voiceagent_core::registry::Registry;

use self::{far::Far, messages::Message, near::Near};
use crate::e2e_latency::statistics::Summary;

/// What the median of every adapter stays below.
const TARGET: Duration = Duration::from_micros(50);

const SAMPLES: usize = 500;
const WARM_UP: usize = 100;
/// Messages of vendors are no flood: between two of them the runtime falls asleep.
const PAUSE: Duration = Duration::from_millis(2);

/// Measures every adapter and prints a table. Fails when a median is not below the target.
///
/// # Errors
///
/// When an adapter and its vendor do not understand each other.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let costs = runtime.block_on(all())?;
    println!("{}", table(&costs));
    let target = TARGET.as_secs_f64() * 1e6;
    let slow = costs.iter().any(|(_, cost)| cost.p50 >= target);
    Ok(if slow { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn all() -> Result<Vec<(String, Summary)>, Box<dyn Error + Send + Sync>> {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let registry = &registry;
    let mut costs = Vec::new();
    let (near, far) = near::floor().await?;
    costs.push((
        "no adapter: a socket and a channel".to_owned(),
        cost(near, far, messages::floor).await?,
    ));
    for case in messages::RECOGNIZERS {
        let (near, far) = near::recognizer(registry, case).await?;
        costs.push((format!("recognizer {}", case.name), cost(near, far, case.message).await?));
    }
    for case in messages::MODELS.into_iter().chain([messages::SOCKET_MODEL]) {
        let (near, far) = near::model(registry, case).await?;
        costs.push((format!("model {}", case.name), cost(near, far, case.message).await?));
    }
    for case in messages::VOICES {
        let (near, far) = near::voice(registry, case).await?;
        costs.push((format!("voice {}", case.name), cost(near, far, case.message).await?));
    }
    Ok(costs)
}

/// Plays one message after the other.
async fn cost(
    mut near: Near,
    mut far: Far,
    message: fn(usize, &str) -> Message,
) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    let mut times = Vec::with_capacity(SAMPLES);
    for number in 0..WARM_UP + SAMPLES {
        let message = message(number, far.context());
        sleep(PAUSE).await;
        near.drain();
        let begin = Instant::now();
        far.write(message).await?;
        near.next().await?;
        let took = begin.elapsed();
        if number >= WARM_UP {
            times.push(took.as_secs_f64() * 1e6);
        }
    }
    Summary::of(times).ok_or_else(|| "nothing was measured".into())
}

fn table(costs: &[(String, Summary)]) -> String {
    let mut table = format!("{:<52} {:>8} {:>8} {:>8}\n", "microseconds", "min", "p50", "p95");
    for (name, cost) in costs {
        writeln!(table, "{name:<52} {:>8.1} {:>8.1} {:>8.1}", cost.min, cost.p50, cost.p95)
            .expect("a String takes everything");
    }
    table
}
