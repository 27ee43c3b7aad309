//! Floods of sockets that never say whose call they are.

use std::{future::pending, time::Duration};

use axum::Router;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use voiceagent_telephony::{
    audio_socket::AudioSocket,
    media_stream::{MediaSocket, RelaySocket, TokenCheck},
};
use voiceagent_testkit::phone::AudioSocketPhone;

use crate::{
    log::Log,
    server::{SOON, Server},
};

type Peer = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens more sockets than may wait, and then a caller's.
async fn besiege(router: Router, first_word: &str, calls: &mut mpsc::Receiver<()>) -> Vec<Peer> {
    let (log, _guard) = Log::start();
    let server = Server::start(Server::listen(), router);
    let mut flood = Vec::new();
    for opened in 0..80 {
        let peer = connect_async(server.url("ws", "/calls")).await;
        let (peer, _) = peer.unwrap_or_else(|refused| panic!("{opened}: {refused}"));
        flood.push(peer);
    }
    let (mut caller, _) = connect_async(server.url("ws", "/calls")).await.unwrap();
    caller.send(Message::text(first_word)).await.unwrap();
    timeout(SOON, calls.recv()).await.expect("the caller gets in").unwrap();
    let told = log.ours().matches("too many sockets without a call").count();
    assert_eq!(told, 1, "once, and not for each: {}", log.ours());
    flood
}

#[tokio::test]
async fn sockets_that_say_nothing_keep_no_caller_out_and_the_oldest_make_room() {
    let (sender, mut calls) = mpsc::channel(4);
    let socket = MediaSocket::twilio(TokenCheck::Off)
        .start_deadline(Duration::from_secs(60))
        .on_call(move |_stream| {
            let sender = sender.clone();
            async move {
                sender.send(()).await.unwrap();
                pending().await
            }
        });
    let router = socket.build().unwrap().route("/calls");
    let start = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
    let mut flood = besiege(router, start, &mut calls).await;
    // 64 wait at most, and one of them was the caller.
    for (opened, peer) in flood.iter_mut().enumerate().take(17) {
        let end = timeout(SOON, peer.next()).await.unwrap_or_else(|_| panic!("{opened} is open"));
        assert!(!matches!(end, Some(Ok(_))), "{opened}: {end:?}");
    }
    for (opened, peer) in flood.iter_mut().enumerate().skip(17) {
        assert!(peer.next().now_or_never().is_none(), "{opened} was closed");
    }
}

#[tokio::test]
async fn relay_sockets_that_say_nothing_keep_no_caller_out() {
    let (sender, mut calls) = mpsc::channel(4);
    let socket = RelaySocket::new(TokenCheck::Off, move |_call| {
        let sender = sender.clone();
        async move { sender.send(()).await.unwrap() }
    });
    let setup = r#"{"type":"setup","sessionId":"VX1","callSid":"CA1"}"#;
    besiege(socket.route("/calls"), setup, &mut calls).await;
}

#[tokio::test]
async fn asterisks_connections_that_say_nothing_keep_no_caller_out() {
    let (log, _guard) = Log::start();
    let (sender, mut calls) = mpsc::channel(4);
    let socket = AudioSocket::new(TokenCheck::Off, move |_call| {
        let sender = sender.clone();
        async move { sender.send(()).await.unwrap() }
    });
    let listener = Server::listen();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(socket.serve(listener));
    let mut flood = Vec::new();
    for _ in 0..80 {
        flood.push(TcpStream::connect(&address).await.unwrap());
    }
    let _caller = AudioSocketPhone::connect(&address, [7; 16]).await;
    timeout(SOON, calls.recv()).await.expect("the caller gets in").unwrap();
    let told = log.ours();
    assert!(
        told.contains("too many sockets without a call") && !told.contains("in time"),
        "{told}"
    );
    server.abort();
}
