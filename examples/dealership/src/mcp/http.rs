use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService,
    streamable_http_server::session::local::LocalSessionManager,
};
use sha2::Sha256;
use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::server;

use super::Counter;

/// Serves the tools at `/mcp` until `stop` ends, to whoever brings the token. Pages of browsers are
/// refused, and so is who addresses the server by a name that is not its own.
pub(super) async fn serve(
    counter: Counter,
    address: SocketAddr,
    (token, names): (Secret, Vec<String>),
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let listener = server::bind(address)
        .map_err(|error| Error::config(format!("--http: {address}: {error}")).with_source(error))?;
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let settings = StreamableHttpServerConfig::default()
        .with_allowed_hosts(names.into_iter().chain(local))
        .enforce_origin_validation();
    let cut_off = settings.cancellation_token.clone();
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(counter.clone()), sessions, settings);
    let router = Router::new()
        .nest_service("/mcp", service)
        .layer(middleware::from_fn_with_state(Arc::new(token), only_with_token));
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

async fn only_with_token(
    State(token): State<Arc<Secret>>,
    request: Request,
    next: Next,
) -> Response {
    let brought = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let brought = brought.and_then(|value| value.strip_prefix("Bearer "));
    if !brought.is_some_and(|brought| is_same(brought, &token)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

/// Compares digests, so that the time it takes tells nothing of the token.
fn is_same(brought: &str, token: &Secret) -> bool {
    let digest = |text: &str| {
        Hmac::<Sha256>::new_from_slice(b"token").map(|mac| mac.chain_update(text.as_bytes()))
    };
    match (digest(brought), digest(token.expose())) {
        (Ok(brought), Ok(token)) => brought.verify(&token.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Secret::new("a".repeat(32));
        assert!(is_same(&"a".repeat(32), &token));
        for other in ["", "a", &"a".repeat(31), &"a".repeat(33), &"A".repeat(32)] {
            assert!(!is_same(other, &token), "{other}");
        }
    }
}
