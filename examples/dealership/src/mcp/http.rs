use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService,
    streamable_http_server::session::local::LocalSessionManager,
};
use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::server;

use super::Counter;
use crate::bearer::{bearer, is_same};

/// The desk of each token.
type Desks = Arc<[(Secret, StreamableHttpService<Counter, LocalSessionManager>)]>;

/// Serves the tools at `/mcp` until `stop` ends, to whoever brings a token. Pages of browsers are
/// refused, and so is who addresses the server by a name that is not its own.
pub(super) async fn serve(
    desks: Vec<(Secret, Counter)>,
    address: SocketAddr,
    names: Vec<String>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let listener = server::bind(address)
        .map_err(|error| Error::config(format!("--http: {address}: {error}")).with_source(error))?;
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let settings = StreamableHttpServerConfig::default()
        .with_allowed_hosts(names.into_iter().chain(local))
        .enforce_origin_validation();
    let cut_off = settings.cancellation_token.clone();
    let open = |(token, counter): (Secret, Counter)| {
        let sessions = Arc::new(LocalSessionManager::default());
        let desk = move || Ok(counter.clone());
        (token, StreamableHttpService::new(desk, sessions, settings.clone()))
    };
    let desks: Desks = desks.into_iter().map(open).collect();
    let router = Router::new().route("/mcp", axum::routing::any(at_own_desk)).with_state(desks);
    // Where a port is chosen by the system, it is told here.
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "serving the tools at /mcp");
    tokio::select! {
        served = server::serve(listener, router) => {
            served.map_err(|error| Error::config("nobody listens any more").with_source(error))?;
        }
        () = stop => cut_off.cancel(),
    }
    Ok(())
}

/// Hands a request to the desk of the token that it brings.
async fn at_own_desk(State(desks): State<Desks>, request: Request) -> Response {
    let brought = bearer(request.headers()).unwrap_or_default();
    match desks.iter().find(|(token, _)| is_same(token, brought)) {
        Some((_, desk)) => desk.handle(request).await.map(Body::new),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
