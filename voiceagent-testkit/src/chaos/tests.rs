use std::time::Instant;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A client and a server, and what is between.
async fn connected() -> (ChaosProxy, TcpStream, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = ChaosProxy::to(server.local_addr().unwrap()).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (accepted, _) = server.accept().await.unwrap();
    (proxy, client, accepted)
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    let mut heard = vec![0; bytes.len()];
    timeout(SOON, to.read_exact(&mut heard)).await.expect("it arrives in time").unwrap();
    assert_eq!(heard, bytes);
}

#[tokio::test]
async fn everything_passes_both_ways_in_order_in_any_weather_that_lets_it() {
    let bytes: Vec<u8> = (0..=255).cycle().take(4_000).collect();
    let (proxy, mut client, mut server) = connected().await;
    let slow = NonZeroU32::new(100_000).unwrap();
    for weather in [
        Weather::fair(),
        Weather::fair().pieces(1),
        Weather::fair().delay(Duration::from_millis(20)).pieces(7),
        Weather::fair().throttle(slow),
    ] {
        proxy.set(weather);
        passes(&mut client, &mut server, &bytes).await;
        passes(&mut server, &mut client, &bytes).await;
    }
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_delay_and_a_throttle_take_their_time() {
    let (proxy, mut client, mut server) = connected().await;
    passes(&mut client, &mut server, b"hello").await;
    let began = Instant::now();
    proxy.set(Weather::fair().delay(Duration::from_millis(50)));
    passes(&mut client, &mut server, b"hello").await;
    assert!(began.elapsed() >= Duration::from_millis(50), "it was delayed");
    let began = Instant::now();
    proxy.set(Weather::fair().throttle(NonZeroU32::new(1_000).unwrap()).pieces(10));
    passes(&mut client, &mut server, &[7; 100]).await;
    assert!(began.elapsed() >= Duration::from_millis(90), "the last 90 bytes took their time");
}

#[tokio::test]
async fn a_goodbye_passes_and_a_cut_is_none() {
    let (_proxy, mut client, mut server) = connected().await;
    client.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, server.read(&mut [0])).await.unwrap().unwrap(), 0);

    let (proxy, mut client, mut server) = connected().await;
    proxy.cut();
    for end in [&mut client, &mut server] {
        let lost = timeout(SOON, end.read(&mut [0])).await.unwrap().unwrap_err();
        assert_eq!(lost.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn what_is_swallowed_never_arrives_and_what_is_stuck_arrives_later() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.set(Weather::fair().stuck());
    client.write_all(b"later").await.unwrap();
    proxy.set(Weather::fair());
    let mut heard = [0; 5];
    timeout(SOON, server.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"later");

    proxy.set(Weather::fair().swallowed());
    client.write_all(b"never").await.unwrap();
    // Time that passes only while nothing happens: the proxy has taken it, and nothing arrives.
    tokio::time::pause();
    assert!(timeout(SOON, server.read(&mut heard)).await.is_err(), "nothing arrives");
    tokio::time::resume();
    proxy.set(Weather::fair());
    passes(&mut client, &mut server, b"again").await;
}

#[tokio::test]
async fn a_proxy_that_is_dropped_takes_its_connections_with_it() {
    let (proxy, mut client, _server) = connected().await;
    drop(proxy);
    let end = timeout(SOON, client.read(&mut [0])).await.expect("it ends");
    assert!(matches!(end, Ok(0) | Err(_)));
}
