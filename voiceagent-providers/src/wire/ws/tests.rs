use std::sync::atomic::{AtomicU64, Ordering};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, pause},
};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;

fn dial() -> Dial {
    let key = ("authorization", Secret::new("Token sk-12345"));
    let url = "ws://127.0.0.1:1/x".to_owned();
    let mut dial = Dial::new("vendor", url, key, Duration::from_secs(5));
    dial.reason_header = Some("dg-error");
    dial
}

fn refusal(status: u16, headers: &[(&'static str, &str)]) -> Error {
    let mut response = Response::new(None);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    dial().http_refusal(&response)
}

#[test]
fn a_refusal_carries_the_vendors_reason_but_no_key() {
    let error = refusal(401, &[("dg-error", "key sk-12345 is unknown")]);
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(error.message(), "refused with status 401: key [secret] is unknown");
}

#[tokio::test]
async fn a_reason_to_close_repeats_neither_the_key_nor_a_header_of_the_users_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut dial = dial();
    dial.url = format!("ws://{}/x", listener.local_addr().unwrap());
    dial.own_headers.insert("x-gateway", HeaderValue::from_static("Basic gw-67890"));
    let accepted = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    let (socket, mut vendor) = tokio::join!(dial.connect(), accepted);
    let reason = "neither sk-12345 nor gw-67890 may".into();
    vendor.close(Some(CloseFrame { code: 1008.into(), reason })).await.unwrap();
    let error = socket.unwrap().recv().await.unwrap_err();
    assert_eq!(error.message(), "closed with code 1008: neither [secret] nor [secret] may");
    let mut refused = Response::new(None);
    *refused.status_mut() = StatusCode::UNAUTHORIZED;
    refused.headers_mut().insert("dg-error", HeaderValue::from_static("gw-67890?"));
    let refusal = dial.http_refusal(&refused);
    assert_eq!(refusal.message(), "refused with status 401: [secret]?");
}

#[test]
fn a_rate_limit_says_when_to_come_back() {
    let date = ("date", "Sun, 22 Nov 2026 01:00:00 GMT");
    for told in [
        &[("retry-after", "7")][..],
        &[("retry-after-ms", "7000")],
        &[("retry-after", "Sun, 22 Nov 2026 01:00:07 GMT"), date],
        &[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "7s")],
    ] {
        let error = refusal(429, told);
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{told:?}");
    }
}

#[test]
fn each_connection_has_a_name_of_its_own() {
    static NEXT: AtomicU64 = AtomicU64::new(10);
    let mut dial = dial();
    dial.naming = Some(("x-name", || NEXT.fetch_add(1, Ordering::Relaxed).into()));
    let named = [10, 11].map(|number| format!("{number:032x}"));
    assert_eq!([(); 2].map(|()| dial.request().unwrap().headers()["x-name"].clone()), named);
}

#[test]
fn the_key_is_not_in_debug() {
    assert!(!format!("{:?}", dial()).contains("12345"));
}

#[tokio::test]
async fn an_unreachable_vendor_is_disconnected() {
    let error = dial().connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn tls_is_configured_with_an_explicit_provider() {
    assert!(!TLS.alpn_protocols.iter().any(|protocol| protocol == b"h2"));
    assert!(!TLS.crypto_provider().cipher_suites.is_empty());
}

/// A connection, and its vendor's side.
async fn connection() -> (Socket, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut dial = dial();
    dial.url = format!("ws://{}/x", listener.local_addr().unwrap());
    let accepted = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    let (socket, vendor) = tokio::join!(dial.connect(), accepted);
    (socket.unwrap(), vendor)
}

/// More than one message may wait for, and less than a vendor would refuse.
const PIECE: usize = 64 << 10;

/// How a write fails in the end, and how long the one that did had waited.
async fn written(mut write: impl AsyncFnMut() -> Result<()>) -> (Error, Duration) {
    loop {
        let begun = Instant::now();
        if let Err(error) = write().await {
            return (error, begun.elapsed());
        }
    }
}

#[tokio::test]
async fn a_vendor_that_does_not_read_has_stalled_and_no_more_is_lined_up_for_it() {
    for how in ["send", "feed", "feed and flush"] {
        let (mut socket, _deaf) = connection().await;
        // From here on the clock goes on where nothing else does.
        pause();
        let mut written_bytes = 0;
        let (error, waited) = written(async || {
            written_bytes += PIECE;
            match how {
                "send" => socket.send_text("x".repeat(PIECE)).await,
                "feed" => socket.feed(Frame::Binary(vec![0; PIECE].into())).await,
                _ => {
                    socket.feed_text("x".repeat(PIECE)).await?;
                    socket.flush().await
                }
            }
        })
        .await;
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Stalled, "write"), "{how}");
        assert_eq!(error.provider(), Some("vendor"));
        let late = waited.checked_sub(WRITE_DEADLINE).expect("it was given its time");
        assert!(late < Duration::from_millis(10), "{how}: {waited:?}");
        assert!(written_bytes > PIECE, "{how}: what the kernel takes is no stall");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_goodbye_to_a_vendor_that_does_not_read_takes_no_longer_than_it_may() {
    let (mut socket, _deaf) = connection().await;
    pause();
    written(async || socket.send_text("x".repeat(PIECE)).await).await;
    let begun = Instant::now();
    let patience = Duration::from_millis(60);
    socket.close(Some(r#"{"type":"CloseStream"}"#.into()), patience).await;
    assert!(begun.elapsed() <= 3 * patience, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn messages_that_hold_nothing_are_passed_over() {
    let (mut socket, mut vendor) = connection().await;
    for message in [
        Message::text(""),
        Message::binary(Bytes::new()),
        Message::Ping(Bytes::new()),
        Message::Pong(Bytes::new()),
        Message::binary(Bytes::from_static(b"a")),
        Message::text(""),
        Message::text("b"),
    ] {
        vendor.send(message).await.unwrap();
    }
    assert!(matches!(socket.recv().await.unwrap(), Received::Binary(it) if it == "a"));
    assert!(matches!(socket.recv().await.unwrap(), Received::Text(it) if &*it == "b"));
}
