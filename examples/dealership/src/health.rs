//! Whether the program lives, and whether it can take calls.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{config::Roles, lobby::Lobby, store::Store, strain::Strain, tools::word};

/// `/livez` for whoever restarts the program, `/readyz` for whoever sends it calls, and `/health`,
/// which is the same as `/readyz`.
pub(crate) fn routes(store: Store, lobby: Lobby, roles: Roles) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/health", get(ready))
        .with_state((store, lobby, roles))
}

async fn ready(State((store, lobby, roles)): State<(Store, Lobby, Roles)>) -> Response {
    let database = store.ping().await.is_ok();
    let is_ready = database && lobby.is_open() && lobby.has_room();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": is_ready,
        "database": database,
        "takes_calls": roles.media && lobby.is_open() && !lobby.is_full(),
        "has_room": lobby.has_room(),
        "short_of": lobby.strained().map(Strain::word),
        "calls": lobby.calls(),
        "replica": store.replica(),
        "roles": roles.names(),
        "shared": store.health().map(|health| word(&health)),
    });
    (status, Json(body)).into_response()
}
