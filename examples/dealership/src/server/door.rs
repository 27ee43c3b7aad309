//! What the carrier asks for.

use std::{num::NonZeroUsize, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
};
use tokio::sync::mpsc;
use tracing::warn;
use voiceagent_core::{CallId, Result};
use voiceagent_telephony::{
    document::{Say, Verb},
    front_door::{FrontDoor, StatusEvent},
};

use super::{Account, NOBODY_ANSWERS, STATUS, VOICE, answer, replies};
use crate::{
    call_context::CallContext,
    config::Config,
    lobby::Lobby,
    metrics::{Metrics, Rejection},
    reception::Reception,
    replicas::{Heirs, Paths, Replica},
    trace::{TRACEPARENT, Trace},
};

/// Where calls begin too, beside [`VOICE`]: addresses that numbers had before, at which they are
/// answered alike.
pub(crate) const ALIASES: [&str; 3] =
    ["/webhook", "/api/v1/webhooks/inbound-call", "/api/v1/webhooks/outbound-reminder"];
/// The same for media sockets; they bring the token that a webhook was answered with here too.
const STREAM: &str = "/stream";

/// In the carrier's own voice, while there is no room.
const NO_ROOM: &str = "Thank you for calling. All our lines are busy at the moment. Please call \
    again in a few minutes. Goodbye.";

/// Where the carrier's calls come in.
pub(super) fn front_door(
    (public_url, Account { auth_token, control }): (String, Account),
    (paths, most): (Paths, Option<NonZeroUsize>),
    statuses: mpsc::Sender<StatusEvent>,
    (reception, lobby): (&Arc<Reception>, &Lobby),
) -> Result<Router> {
    let (host, room, desk) = (lobby.clone(), lobby.clone(), Arc::clone(reception));
    let mut door = FrontDoor::twilio()
        .auth_token(auth_token)
        .public_url(public_url)
        .voice_path(VOICE)
        .status_path(STATUS)
        .media_path(paths.media)
        .after_path(paths.after)
        .media_alias(STREAM)
        .with_room(move || room.strained().is_none())
        .when_full([Say::new(NO_ROOM).into(), Verb::Hangup])
        .machine_detection(true)
        .parameters(|webhook| {
            let trace = Trace::of(&CallId::new(webhook.call()));
            let mut parameters = CallContext::carried(webhook);
            parameters.insert(TRACEPARENT.to_owned(), trace.parent());
            parameters
        })
        .when_unheard([Say::new(NOBODY_ANSWERS).into(), Verb::Hangup])
        .statuses(statuses)
        .on_call(move |stream| {
            let (host, desk) = (host.clone(), Arc::clone(&desk));
            async move { host.host(Box::pin(answer(&desk, stream, &host))).await }
        });
    for path in ALIASES {
        door = door.voice_alias(path);
    }
    if let Some(most) = most {
        door = door.max_calls(most.get());
    }
    if let Some(control) = control {
        door = door.control(control);
    }
    Ok(noted(door.build()?, reception))
}

/// What else the carrier asks for: calls of programs that are gone, and what people write.
pub(super) fn carried(
    (public_url, account): &(String, Account),
    config: &Config,
    (reception, replica): (&Arc<Reception>, &Replica),
) -> Result<Router> {
    let token = &account.auth_token;
    let mut router = Router::new();
    if config.server.roles.media {
        let heirs = Heirs::new(replica, (token.clone(), public_url), VOICE, NOBODY_ANSWERS)?;
        router = router.merge(heirs.on_fly(config.server.on_fly).router());
    }
    if config.server.roles.web {
        let desk = (public_url.as_str(), token);
        router = router.merge(replies::routes(replica.store.clone(), replica.clock, desk)?);
    }
    Ok(noted(router, reception))
}

fn noted(routes: Router, reception: &Arc<Reception>) -> Router {
    routes.layer(middleware::from_fn_with_state(reception.metrics(), note_rejections))
}

/// Counts who asks in the carrier's name, and is not the carrier.
async fn note_rejections(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if response.status() == StatusCode::FORBIDDEN {
        metrics.rejected(Rejection::Signature);
        warn!(reason = Rejection::Signature.word(), path, "security.rejected");
    }
    response
}
