use std::future::{self, Future};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{Opened, service::Service};
use crate::{
    Result,
    stt::{SttEvent, SttInput},
};

/// Who listens.
pub(super) enum Stage {
    Opening { index: usize, opening: BoxFuture<'static, Result<Opened>> },
    Resting { until: Instant },
    Serving(Box<Service>),
}

/// What a stream of recognition waits for.
pub(super) enum Step {
    Heard(Option<Result<SttEvent>>),
    Input(Option<SttInput>),
    Look,
    Opened(usize, Result<Opened>),
}

impl Stage {
    /// What happens next; never, while it rests.
    pub(super) async fn next(&mut self) -> Step {
        match self {
            Self::Opening { index, opening } => Step::Opened(*index, opening.await),
            Self::Resting { .. } => future::pending().await,
            Self::Serving(service) => Step::Heard(service.recv().await),
        }
    }
}

pub(super) async fn or_never(ready: Option<impl Future<Output = ()>>) {
    match ready {
        Some(ready) => ready.await,
        None => future::pending().await,
    }
}
