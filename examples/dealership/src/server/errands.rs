use std::sync::Arc;

use tokio::task::JoinSet;
use voiceagent_core::Result;

use super::{mirror, sheet, worker};
use crate::{
    calendar::Mirror,
    clock::Clock,
    config::Config,
    examiner::Examiner,
    jobs::{Pace, Worker},
    leads::GoogleSheet,
    lobby::Lobby,
    reception::Reception,
    replicas::Replica,
    store::Store,
    trace::Spans,
};

/// What the program does beside answering calls.
#[derive(Debug)]
pub(super) struct Errands {
    worker: Arc<Worker>,
    /// Without a number or an address of ours there is nothing that the worker could do by itself.
    reaches: bool,
    mirror: Option<Mirror>,
    sheet: Option<GoogleSheet>,
    examiner: Option<Examiner>,
    clock: Clock,
}

impl Errands {
    /// What a configuration has the program do.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is missing or wrong.
    pub(super) async fn of(
        config: &Config,
        replica: &Replica,
        (reception, spans): (&Arc<Reception>, Option<Spans>),
    ) -> Result<Self> {
        let Replica { store, clock, shared, .. } = replica;
        let mut worker = worker(config, store.clone(), *clock)?.with_metrics(reception.metrics());
        if let Some(most) = config.outbound.most_per_second {
            worker = worker.with_pace(Pace::new(shared.clone(), most));
        }
        if let Some(spans) = spans {
            worker = worker.with_spans(spans);
        }
        Ok(Self {
            worker: Arc::new(worker),
            reaches: config.outbound.from.is_some() || config.email.smtp.is_some(),
            mirror: mirror(&config.calendar, store.clone(), *clock).await?,
            sheet: sheet(&config.leads)?,
            examiner: match config.server.roles.jobs {
                true => Examiner::of(&config.evaluation, (store.clone(), *clock), reception)?,
                false => None,
            },
            clock: *clock,
        })
    }

    /// What does the jobs.
    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Does it, each on a task of its own, until the lobby closes.
    pub(super) fn begin(self, tasks: &mut JoinSet<()>, lobby: &Lobby, store: &Store) {
        let Self { worker, reaches, mirror, sheet, examiner, clock } = self;
        if reaches {
            let closing = lobby.clone();
            tasks.spawn(async move { worker.run(closing.closes()).await });
        }
        if let Some(mirror) = mirror {
            let closing = lobby.clone();
            tasks.spawn(async move { mirror.run(closing.closes()).await });
        }
        if let Some(examiner) = examiner {
            let closing = lobby.clone();
            tasks.spawn(async move { examiner.run(closing.closes()).await });
        }
        if let Some(sheet) = sheet {
            let store = store.clone();
            tasks.spawn(async move { sheet.run(&store, clock).await });
        }
    }
}
