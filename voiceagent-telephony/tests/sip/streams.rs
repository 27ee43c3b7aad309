use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use voiceagent_core::transport::{Inbound, Transport as _};
use voiceagent_telephony::sip::{SipConfig, SipTls, SipTransport};

use crate::server::{SOON, Server, told};

pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/sip").join(name)
}

fn config() -> SipConfig {
    let mut config = Server::config();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    config.listen_tcp = Some(any);
    config.tls = Some(SipTls::listening(any, file("host.crt"), file("host.key")));
    config
}

/// A side that speaks SIP over a stream, byte by byte.
pub(crate) struct Peer<S> {
    socket: S,
    heard: Vec<u8>,
    protocol: &'static str,
    call: String,
}

async fn by_tcp(server: &Server, call: &str) -> Peer<TcpStream> {
    let at = server.address_of(SipTransport::Tcp);
    let socket = TcpStream::connect(at).await.unwrap();
    Peer::new(socket, "TCP", call)
}

async fn by_tls(server: &Server, call: &str) -> Peer<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("authority.crt")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let at = server.address_of(SipTransport::Tls);
    let socket = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    Peer::new(socket, "TLS", call)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(socket: S, protocol: &'static str, call: &str) -> Self {
        Self { socket, heard: Vec::new(), protocol, call: call.to_owned() }
    }

    fn request(&self, method: &str, sequence: u32, tag: &str, body: &str) -> String {
        let Self { protocol, call, .. } = self;
        format!(
            "{method} sip:agent@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/{protocol} 127.0.0.1:9;branch=z9hG4bK{call}{method}{sequence}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:ann@127.0.0.1>;tag=peer\r\n\
             To: <sip:agent@127.0.0.1>{tag}\r\nCall-ID: {call}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:ann@127.0.0.1:9;transport={protocol}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    async fn invite(&mut self) {
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 9 RTP/AVP 0\r\n";
        self.send(&self.request("INVITE", 1, "", offer)).await;
    }

    /// The next message that begins so, and those before are dropped.
    pub(crate) async fn message(&mut self, begin: &str) -> String {
        let reading = async {
            loop {
                let text = String::from_utf8_lossy(&self.heard).into_owned();
                if let Some(head) = text.find("\r\n\r\n") {
                    let length = text[..head].split("Content-Length: ").nth(1).unwrap();
                    let length: usize = length.lines().next().unwrap().parse().unwrap();
                    let end = head + 4 + length;
                    if self.heard.len() >= end {
                        self.heard.drain(..end);
                        if text.starts_with(begin) {
                            return text[..end].to_owned();
                        }
                        continue;
                    }
                }
                assert_ne!(self.socket.read_buf(&mut self.heard).await.unwrap(), 0, "closed");
            }
        };
        timeout(SOON, reading).await.unwrap_or_else(|_| panic!("no {begin}"))
    }

    /// Until the other side closes the connection.
    async fn closes(&mut self) {
        let mut buffer = [0; 512];
        let reading =
            async { while !matches!(self.socket.read(&mut buffer).await, Ok(0) | Err(_)) {} };
        timeout(SOON * 2, reading).await.unwrap();
    }
}

async fn whole_call<S: AsyncRead + AsyncWrite + Unpin>(server: &mut Server, mut peer: Peer<S>) {
    peer.invite().await;
    peer.message("SIP/2.0 180").await;
    let mut link = Box::new(server.call().await).open().await.unwrap();
    let answer = peer.message("SIP/2.0 200").await;
    let contact = answer.lines().find(|line| line.starts_with("Contact: ")).unwrap();
    assert!(contact.ends_with(&format!(";transport={}>", peer.protocol)), "{contact}");
    let to = answer.lines().find(|line| line.starts_with("To: ")).unwrap();
    let tag = format!(";tag={}", to.split_once(";tag=").unwrap().1);
    peer.send(&peer.request("ACK", 1, &tag, "")).await;
    // In pieces, and two in one.
    let options = peer.request("OPTIONS", 2, &tag, "");
    let (one, other) = options.split_at(100);
    peer.send(one).await;
    tokio::task::yield_now().await;
    peer.send(&format!("{other}\r\n\r\n{}", peer.request("OPTIONS", 3, &tag, ""))).await;
    // A ping between them is answered by an empty line, and requests in any order.
    let answers = [peer.message("").await, peer.message("").await].concat();
    assert_eq!(answers.matches("SIP/2.0 200").count(), 2, "{answers}");
    assert!(answers.contains("CSeq: 2 OPTIONS") && answers.contains("CSeq: 3 OPTIONS"));
    assert!(answers.starts_with("\r\n") || answers.contains("\r\n\r\n\r\nSIP/2.0"), "{answers}");
    drop(link.try_send(voiceagent_core::transport::Outbound::HangUp));
    let bye = peer.message("BYE ").await;
    assert!(bye.contains(&format!("Via: SIP/2.0/{} ", peer.protocol)), "{bye}");
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn a_call_over_tcp_has_all_its_signalling_on_one_connection() {
    let mut server = Server::start(config()).await;
    let peer = by_tcp(&server, "tcp1").await;
    whole_call(&mut server, peer).await;
}

#[tokio::test]
async fn a_call_over_tls_has_all_its_signalling_on_one_connection() {
    let mut server = Server::start(config()).await;
    let peer = by_tls(&server, "tls1").await;
    whole_call(&mut server, peer).await;
}

#[tokio::test]
async fn a_stream_says_the_address_that_it_listens_at_and_media_has_that_of_datagrams() {
    let mut config = config();
    config.listen_tcp = Some(([127, 0, 0, 2], 0).into());
    let mut server = Server::start(config).await;
    let at = server.address_of(SipTransport::Tcp);
    let mut peer = by_tcp(&server, "elsewhere").await;
    peer.invite().await;
    let link = server.open().await;
    let answer = peer.message("SIP/2.0 200").await;
    assert!(answer.contains(&format!("Contact: <sip:{at};transport=TCP>\r\n")), "{answer}");
    assert!(answer.contains("c=IN IP4 127.0.0.1\r\n"), "{answer}");
    let to = answer.lines().find(|line| line.starts_with("To: ")).unwrap();
    let tag = format!(";tag={}", to.split_once(";tag=").unwrap().1);
    peer.send(&peer.request("ACK", 1, &tag, "")).await;
    drop(link);
    let bye = peer.message("BYE ").await;
    assert!(bye.contains(&format!("Via: SIP/2.0/TCP {at};")), "{bye}");
}

#[tokio::test]
async fn a_stranger_who_connects_is_sent_away_before_a_word() {
    let mut config = config();
    config.peers = vec!["192.0.2.0/24".parse().unwrap()];
    let server = Server::start(config).await;
    by_tcp(&server, "stranger").await.closes().await;
}

#[tokio::test]
async fn a_stream_that_makes_no_sense_is_closed_and_the_others_go_on() {
    let server = Server::start(config()).await;
    let (mut bad, mut good) = (by_tcp(&server, "bad").await, by_tcp(&server, "good").await);
    bad.send("OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n").await;
    bad.closes().await;
    // A message that is none is skipped: where the next begins is known.
    good.send("OPTIONS\r\nContent-Length: 2\r\n\r\nxx").await;
    good.send(&good.request("OPTIONS", 1, "", "")).await;
    good.message("SIP/2.0 200").await;
}

#[tokio::test]
async fn calls_beyond_what_is_allowed_are_refused_on_a_stream_where_nobody_repeats_them() {
    let mut config = config();
    config.calls_per_second = 1;
    let server = Server::start(config).await;
    let mut peer = by_tcp(&server, "many").await;
    peer.invite().await;
    peer.message("SIP/2.0 180").await;
    peer.call = "more".to_owned();
    peer.invite().await;
    let refusal = peer.message("SIP/2.0 503").await;
    assert!(refusal.contains("Call-ID: more\r\n") && refusal.contains("Retry-After: 5\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_side_that_says_nothing_is_sent_away_and_one_that_has_spoken_is_kept() {
    let server = Server::start(config()).await;
    let (mut silent, mut speaking) = (by_tcp(&server, "s").await, by_tcp(&server, "t").await);
    speaking.send(&speaking.request("OPTIONS", 1, "", "")).await;
    speaking.message("SIP/2.0 200").await;
    silent.closes().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    speaking.send(&speaking.request("OPTIONS", 2, "", "")).await;
    speaking.message("SIP/2.0 200").await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once_and_the_others_stay() {
    let server = Server::start(config()).await;
    let at = server.address_of(SipTransport::Tcp);
    let mut taken = Vec::with_capacity(256);
    for _ in 0..256 {
        taken.push(TcpStream::connect(at).await.unwrap());
    }
    let mut beyond = TcpStream::connect(at).await.unwrap();
    let closed = timeout(SOON, beyond.read(&mut [0; 1])).await.expect("it stays open");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    // The last one that was let in is served.
    let socket = taken.pop().unwrap();
    let mut peer = Peer::new(socket, "TCP", "last");
    peer.socket.write_all(peer.request("OPTIONS", 1, "", "").as_bytes()).await.unwrap();
    let mut answer = [0; 11];
    timeout(SOON, peer.socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"SIP/2.0 200");
}
