//! What is kept, and for how long.

use std::{future::Future, path::PathBuf, pin::pin, time::Duration};

use tokio::time::sleep;
use tracing::{info, warn};
use voiceagent_core::Error;

use crate::{
    analysis,
    call_files::CallFiles,
    clock::Clock,
    config::{Config, RetentionConfig},
    recordings::Recordings,
    store::{Keep, Store},
    trace::Spans,
};

/// How often it is looked for what is too old.
const PACE: Duration = Duration::from_secs(60 * 60);

/// Deletes what has been kept for long enough.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    store: Store,
    clock: Clock,
    keep: RetentionConfig,
    journals: Option<PathBuf>,
    pub(crate) recordings: Option<Recordings>,
    spans: Option<Spans>,
}

impl Housekeeping {
    /// What the configuration asks for.
    pub(crate) fn of(
        config: &Config,
        (store, clock): (Store, Clock),
        (recordings, spans): (Option<Recordings>, Option<Spans>),
    ) -> Self {
        let (keep, journals) = (config.retention, config.journals().cloned());
        Self { store, clock, keep, journals, recordings, spans }
    }

    /// Does it at once, and each hour until `stop` ends.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            self.round().await;
            tokio::select! {
                () = &mut stop => return,
                () = sleep(PACE) => {}
            }
        }
    }

    async fn round(&self) {
        let RetentionConfig { transcript_days, journal_days, recording_days, identity_days } =
            self.keep;
        let keep = Keep { transcripts: transcript_days, failures: identity_days };
        let journals = match &self.journals {
            Some(folder) => CallFiles::journals(folder).remove_older(days(journal_days)).await,
            None => 0,
        };
        let now = self.clock.now();
        if let Err(error) = analysis::catch_up(&self.store, self.spans.as_ref(), now).await {
            warn!(%error, "calls are not analysed");
        }
        let recordings = match &self.recordings {
            Some(all) => all.look_after(&self.store, days(recording_days), now).await,
            None => 0,
        };
        match self.store.forget(keep, now).await {
            Ok(forgotten) if forgotten.is_nothing() && journals + recordings == 0 => {}
            Ok(forgotten) => info!(
                turns = forgotten.turns,
                notes = forgotten.notes,
                codes = forgotten.codes,
                failures = forgotten.failures,
                journals,
                recordings,
                "retention.forgotten"
            ),
            Err(fault) => warn!(error = %Error::from(fault), "what is old is still there"),
        }
    }
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}
