//! Sends every message of a WebSocket back, with the server and the settings of the sockets of
//! calls, at the address that it prints. `.ci/autobahn` holds it to the protocol.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::io;

use axum::{
    Router,
    extract::ws::{Message, WebSocket},
    routing::any,
};
use voiceagent_telephony::server;

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // The library answers pings and goodbyes by itself.
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = server::bind(([127, 0, 0, 1], 0).into())?;
    println!("ws://{}", listener.local_addr()?);
    let upgrade = |upgrade| async { server::websocket(upgrade).on_upgrade(echo) };
    server::serve(listener, Router::new().fallback(any(upgrade))).await
}
