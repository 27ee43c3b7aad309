//! Whether the program lives, and whether it can take calls.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{lobby::Lobby, store::Store, tools::word};

/// `/livez` for whoever restarts the program, `/readyz` for whoever sends it calls, and `/health`,
/// which is the same as `/readyz`.
pub(crate) fn routes(store: Store, lobby: Lobby) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/health", get(ready))
        .with_state((store, lobby))
}

async fn ready(State((store, lobby)): State<(Store, Lobby)>) -> Response {
    let database = store.ping().await.is_ok();
    let is_ready = database && lobby.is_open();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": is_ready,
        "database": database,
        "takes_calls": lobby.is_open(),
        "calls": lobby.calls(),
        "replica": store.replica(),
        "shared": store.health().map(|health| word(&health)),
    });
    (status, Json(body)).into_response()
}
