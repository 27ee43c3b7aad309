use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, future::BoxFuture, stream};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tracing::debug;

use super::{Shared, refusal::Refusal};

/// Calls of other programs on the same database are seen so late.
const PACE: Duration = Duration::from_secs(2);
/// Changes of so long a time are told together.
const BREATH: Duration = Duration::from_millis(250);

/// What is told.
pub(super) type Tell = fn(Shared) -> BoxFuture<'static, Result<String, Refusal>>;

struct Watching {
    desk: Shared,
    tell: Tell,
    told: Option<String>,
    _place: OwnedSemaphorePermit,
}

/// Tells of the calls that go on as events named `calls`: at once, and then each time that what is to
/// be told is not as it was.
///
/// # Errors
///
/// When too many watch already.
pub(super) fn stream(desk: Shared, tell: Tell) -> Result<Response, Refusal> {
    let place = Arc::clone(&desk.watchers).try_acquire_owned().map_err(|_| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many watch; close another page")
    })?;
    let events = changes(Watching { desk, tell, told: None, _place: place });
    Ok(Sse::new(events).keep_alive(KeepAlive::new()).into_response())
}

fn changes(watching: Watching) -> impl Stream<Item = Result<Event, Infallible>> {
    let calls = watching.desk.office.reception.watch();
    stream::unfold((watching, calls), |(mut watching, mut calls)| async move {
        loop {
            if watching.told.is_some() {
                // A sender that is gone leaves the pace.
                let _ = timeout(PACE, calls.changed()).await;
                tokio::time::sleep(BREATH).await;
            }
            calls.mark_unchanged();
            let told = match (watching.tell)(Arc::clone(&watching.desk)).await {
                Ok(told) => told,
                Err(refusal) => {
                    debug!(why = refusal.why(), "whoever watches is told nothing");
                    watching.told.get_or_insert_default();
                    continue;
                }
            };
            if watching.told.as_ref() != Some(&told) {
                let event = Event::default().event("calls").data(&told);
                watching.told = Some(told);
                return Some((Ok(event), (watching, calls)));
            }
        }
    })
}
