use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    extract::ConnectInfo,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::*;

const HALF: &[u8] = b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\n";
const WHOLE: &[u8] = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

/// A street in virtual time, on which peers come to a server.
struct Street {
    peers: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    tried: Arc<AtomicUsize>,
    server: JoinHandle<io::Result<()>>,
}

struct Door {
    peers: mpsc::UnboundedReceiver<io::Result<DuplexStream>>,
    tried: Arc<AtomicUsize>,
}

impl Arrivals for Door {
    type Io = DuplexStream;

    async fn next(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        let next = self.peers.recv().await.expect("the street stays");
        self.tried.fetch_add(1, Ordering::Relaxed);
        next.map(|peer| (peer, SocketAddr::from(([192, 0, 2, 1], 7))))
    }
}

impl Street {
    fn to(limits: ServerLimits) -> Self {
        let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
        let router =
            Router::new().route("/health", get(who)).route("/body", post(|_: String| async {}));
        let (peers, arriving) = mpsc::unbounded_channel();
        let tried = Arc::new(AtomicUsize::new(0));
        let door = Door { peers: arriving, tried: tried.clone() };
        let server = tokio::spawn(receive(limits, door, router));
        Self { peers, tried, server }
    }

    async fn come(&self, saying: &[u8]) -> DuplexStream {
        let (mut near, far) = duplex(4_096);
        near.write_all(saying).await.unwrap();
        self.peers.send(Ok(far)).unwrap();
        near
    }
}

/// What a peer hears until the server has nothing more to say.
async fn heard(peer: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 1_024];
    while let Ok(Ok(length)) = timeout(Duration::from_millis(1), peer.read(&mut piece)).await {
        if length == 0 {
            text.extend_from_slice(b"(closed)");
            break;
        }
        text.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_knows_its_peer_and_its_connection_stays_open() {
    let street = Street::to(ServerLimits::default());
    let mut peer = street.come(WHOLE).await;
    for _ in 0..2 {
        let answer = heard(&mut peer).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("192.0.2.1:7"), "{answer}");
        peer.write_all(WHOLE).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_nothing_is_closed_after_ten_seconds() {
    let street = Street::to(ServerLimits::default());
    for says in [b"", HALF, WHOLE] {
        let mut peer = street.come(says).await;
        assert!(!heard(&mut peer).await.contains("(closed)"));
        let begun = Instant::now();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        let waited = begun.elapsed();
        assert!((9_990..=10_010).contains(&waited.as_millis()), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_half_requests_keeps_nobody_out() {
    let street = Street::to(ServerLimits::default().with_connections(4));
    let mut flood = Vec::new();
    for _ in 0..400 {
        flood.push(street.come(HALF).await);
    }
    let mut caller = street.come(WHOLE).await;
    assert!(heard(&mut caller).await.starts_with("HTTP/1.1 200 OK"));
    let mut open = 0;
    for peer in &mut flood {
        open += usize::from(heard(peer).await.is_empty());
    }
    assert_eq!(open, 3, "as many as the limit allows beside the caller");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_being_answered_makes_room_last() {
    let street = Street::to(ServerLimits::default().with_connections(2));
    let body = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    let mut busy = street.come(body).await;
    assert_eq!(heard(&mut busy).await, "");
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut idle = street.come(HALF).await;
        assert_eq!(heard(&mut idle).await, "");
        others.push(idle);
    }
    busy.write_all(b" more").await.unwrap();
    assert!(heard(&mut busy).await.starts_with("HTTP/1.1 200 OK"));
    let mut slow = street.come(body).await;
    assert_eq!(heard(&mut slow).await, "");
    for _ in 0..2 {
        let mut other = street.come(body).await;
        assert_eq!(heard(&mut other).await, "");
        others.push(other);
    }
    assert_eq!(heard(&mut slow).await, "(closed)", "bodies that never come hold no place for ever");
}

#[tokio::test(start_paused = true)]
async fn a_system_without_files_is_asked_again_and_idle_connections_make_room() {
    let street = Street::to(ServerLimits::default());
    let mut idle = street.come(HALF).await;
    assert_eq!(heard(&mut idle).await, "");
    let begun = Instant::now();
    for _ in 0..5 {
        // EMFILE, as Linux numbers it.
        street.peers.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    }
    street.peers.send(Err(io::ErrorKind::ConnectionAborted.into())).unwrap();
    let mut caller = street.come(WHOLE).await;
    let mut answer = [0; 15];
    caller.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(heard(&mut idle).await, "(closed)");
    assert_eq!(street.tried.load(Ordering::Relaxed), 8);
    assert!(begun.elapsed() >= 5 * BREATH, "the processor is not kept busy meanwhile");
}

#[tokio::test(start_paused = true)]
async fn the_older_half_makes_room_where_the_system_allows_less_than_the_limit() {
    let street = Street::to(ServerLimits::default());
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut peer = street.come(HALF).await;
        assert_eq!(heard(&mut peer).await, "");
        idle.push(peer);
    }
    street.peers.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    let mut left = Vec::new();
    for peer in &mut idle {
        left.push(heard(peer).await);
    }
    let expected = ["(closed)", "(closed)", "(closed)", "(closed)", "", "", "", ""];
    assert_eq!(left, expected);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_ends_its_connections() {
    let street = Street::to(ServerLimits::default());
    let mut peer = street.come(HALF).await;
    assert_eq!(heard(&mut peer).await, "");
    street.server.abort();
    let mut rest = Vec::new();
    assert_eq!(peer.read_to_end(&mut rest).await.unwrap(), 0);
}
