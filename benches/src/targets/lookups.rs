use std::{
    error::Error,
    time::{Duration, Instant},
};

use dealership::{
    phone::Phone,
    shared::{Health, Shared},
};
use tokio::time::{sleep, timeout};
use voiceagent_core::Secret;

use super::{
    database::{Database, number},
    row::Row,
};

/// Customers that are asked for, each once.
const ASKED: u32 = 1_000;

/// Far from one to the next, so that none is found because their neighbour was.
const STEP: u64 = 7_919;

/// What was said in a call of some length, in characters.
const TALK: usize = 2_000;

/// How long a server may take to be found.
const START: Duration = Duration::from_secs(10);

/// Times what a call asks of the database, and of what programs share.
pub(super) async fn measure(
    database: &Database,
    redis: Option<&str>,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let shared = match redis {
        None => Shared::local(),
        Some(address) => Shared::at(&Secret::new(address))?,
    };
    let watched = shared.clone();
    let watch = tokio::spawn(async move { watched.watch().await });
    let is_found = async {
        while shared.health() == Health::Down {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(START, is_found).await.map_err(|_| "the Redis server does not answer")?;
    let store = database.open().await?;
    let sharing = store.clone().sharing(shared.clone());
    let (mut uncached, mut cached, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    let talk = "x".repeat(TALK);
    for nth in 0..u64::from(ASKED.min(database.customers)) {
        let customer = u32::try_from(nth * STEP % u64::from(database.customers))?;
        let phone = Phone::parse(&number(customer)).ok_or("that is no number")?;
        let begun = Instant::now();
        let found = store.customers_by_phone(&phone).await?;
        uncached.push(millis(begun));
        // Who is asked for again was kept by then.
        sharing.customers_by_phone(&phone).await?;
        let begun = Instant::now();
        let kept = sharing.customers_by_phone(&phone).await?;
        cached.push(millis(begun));
        let is_them = |name: &str| name == format!("Number{customer}");
        if ![&found, &kept].iter().all(|found| found.len() == 1 && is_them(&found[0].last_name)) {
            return Err(format!("customer {customer} was not found").into());
        }
        let begun = Instant::now();
        let is_written = shared.update("session:1", (nth + 1, &talk), START).await;
        let read = shared.version("session:1").await;
        sessions.push(millis(begun) / 2.0);
        if !is_written || read.is_none_or(|(version, _)| version != nth + 1) {
            return Err("what was said is not kept".into());
        }
    }
    watch.abort();
    store.close().await;
    Ok(vec![
        Row::time("cached lookup", 2.0, cached),
        Row::time("uncached lookup", 30.0, uncached),
        Row::time("session operation", 5.0, sessions),
    ])
}

/// Milliseconds since then.
pub(super) fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}
