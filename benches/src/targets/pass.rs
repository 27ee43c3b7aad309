use std::{error::Error, ops::Range, sync::Arc, time::Instant};

use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Duration, sleep},
};

use super::{
    database::Database,
    house::{House, Program},
    row::Row,
    script::SCRIPT,
    stages::Stages,
};
use crate::e2e_latency::{
    call::{self, CallRecord},
    log::Log,
    vendors::Vendors,
};

/// Between the beginnings of two calls, and between the first and the last.
const STAGGER: Duration = Duration::from_millis(130);
const RAMP: Duration = Duration::from_secs(15);

/// What came of calls at once.
#[derive(Debug)]
pub(super) struct Pass {
    calls: usize,
    /// Those that were heard to their end.
    ended: usize,
    /// Those whose visit stands in the database.
    booked: usize,
    /// How long the webhook took, in milliseconds.
    webhook: Vec<f64>,
    stages: Stages,
    /// The most memory that the program had, in mebibytes.
    memory: Option<f64>,
}

impl Pass {
    /// Starts vendors and the dealership, and plays calls by these customers.
    pub(super) async fn play(
        callers: Range<u32>,
        program: &Program,
        (database, redis): (&Database, Option<&str>),
    ) -> Result<Self, Box<dyn Error>> {
        let log = Arc::new(Log::default());
        let vendors = Vendors::start(Arc::clone(&log), SCRIPT).await?;
        let house = Arc::new(House::open(program, &vendors, (database, redis)).await?);
        let begun = Timestamp::now();
        let calls = callers.len();
        let stagger = STAGGER.min(RAMP / u32::try_from(calls)?.max(1));
        let mut lines = JoinSet::new();
        for (place, call) in (0..).zip(callers) {
            let house = Arc::clone(&house);
            lines.spawn(async move {
                sleep(stagger * place).await;
                ring_and_talk(&house, call).await
            });
        }
        let (mut stages, mut webhook, mut ended) = (Stages::default(), Vec::new(), 0);
        while let Some(line) = lines.join_next().await {
            match line? {
                Ok((record, rang)) => {
                    webhook.push(rang);
                    stages.add(SCRIPT.utterances, &record, &log.of(record.call));
                    ended += 1;
                }
                Err(error) => eprintln!("a call was lost: {error}"),
            }
        }
        let (memory, booked) = (house.memory(), database.booked(begun).await?);
        Ok(Self { calls, ended, booked, webhook, stages, memory })
    }

    /// Each target of calls.
    pub(super) fn rows(self) -> Vec<Row> {
        let Self { calls, ended, booked, webhook, stages, memory } = self;
        let name = |what: &str| format!("{what}, {calls} at once");
        vec![
            Row::all(name("calls that were not lost"), calls, ended),
            Row::all(name("calls that booked"), calls, booked),
            Row::time(name("webhook"), 200.0, webhook),
            Row::time(name("first sound"), 500.0, stages.greeted),
            Row::time(name("STT"), 300.0, stages.heard),
            Row::time(name("STT -> LLM"), 800.0, stages.to_model),
            Row::time(name("tool"), 200.0, stages.tools),
            Row::time(name("LLM -> TTS"), 500.0, stages.to_voice),
            Row::time(name("end to end"), 2_000.0, stages.end_to_end),
            Row::time(name("barge-in noticed"), 100.0, stages.noticed),
            Row::time(name("barge-in"), 200.0, stages.cleared),
            Row::memory(name("memory"), 200.0, memory),
        ]
    }
}

async fn ring_and_talk(
    house: &House,
    call: u32,
) -> Result<(CallRecord, f64), Box<dyn Error + Send + Sync>> {
    let dialled = Instant::now();
    let (dial, rang) = house.ring(call).await?;
    Ok((call::play(SCRIPT, dial, dialled, call).await?, rang))
}
