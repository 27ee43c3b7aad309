//! Connections over TLS that we have made, used again and again.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use voiceagent_core::{Secret, transport::Outbound};
use voiceagent_telephony::sip::{SipAccount, SipConfig, SipServer, SipTls, SipTransport, SipTrunk};

use crate::{
    dial::{dial, open},
    registration::localhost,
    server::{SOON, Server},
    streams::{Peer, file},
};

const OFTEN: Duration = Duration::from_secs(1);

/// A host that is connected to by TLS.
struct Host(TcpListener);

type Connection = Peer<TlsStream<TcpStream>>;

impl Host {
    async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self(listener), address)
    }

    async fn accept(&self) -> Connection {
        let (socket, _) = timeout(SOON, self.0.accept()).await.unwrap().unwrap();
        Peer::new(localhost().accept(socket).await.unwrap(), "TLS", "")
    }
}

fn config() -> SipConfig {
    let mut config = Server::config();
    config.media_timeout = Duration::from_secs(600);
    config.tls = Some(SipTls::default().with_authorities(file("authority.crt")));
    config
}

/// Takes the next request of this method, which must come by this connection.
async fn take(peer: &mut Connection, method: &str, headers: &str, body: &str) -> String {
    let request = peer.message(&format!("{method} ")).await;
    let copied = request.lines().filter(|line| {
        ["Via: ", "From: ", "Call-ID: ", "CSeq: "].iter().any(|name| line.starts_with(name))
    });
    let copied: String = copied.map(|line| format!("{line}\r\n")).collect();
    let to = request.lines().find(|line| line.starts_with("To: ")).unwrap();
    let tag = if to.contains(";tag=") { "" } else { ";tag=trunk" };
    let length = body.len();
    let answer = format!(
        "SIP/2.0 200 OK\r\n{copied}{to}{tag}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    peer.send(&answer).await;
    request
}

#[tokio::test]
async fn a_trunk_over_tls_is_asked_and_called_again_and_again_by_one_connection() {
    let (host, at) = Host::start().await;
    let mut config = config();
    let trunk = SipTrunk::new(format!("sip:localhost:{};transport=tls", at.port()));
    config.trunk = Some(trunk.with_user("+14155550199").with_keep_alive(OFTEN));
    config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
    let server = SipServer::bind(config).await.unwrap();
    let caller = server.caller();
    let serving = tokio::spawn(server.serve(|call| async move { drop(call) }));
    let mut trunk = host.accept().await;
    for _ in 0..2 {
        take(&mut trunk, "OPTIONS", "", "").await;
    }
    let described = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 9 RTP/AVP 0\r\n";
    let contact =
        format!("Contact: <sip:ann@{at};transport=TLS>\r\nContent-Type: application/sdp\r\n");
    for _ in 0..2 {
        let opening = open(dial(&caller));
        take(&mut trunk, "INVITE", &contact, described).await;
        trunk.message("ACK ").await;
        let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
        take(&mut trunk, "OPTIONS", "", "").await;
        link.try_send(Outbound::HangUp).unwrap();
        take(&mut trunk, "BYE", "", "").await;
    }
    serving.abort();
}

#[tokio::test]
async fn two_names_of_a_host_have_a_connection_each_and_both_last() {
    let (host, at) = Host::start().await;
    let mut config = config();
    for domain in ["localhost", "127.0.0.1"] {
        let account = SipAccount::new(at, "agent", Secret::new("secret"));
        let account = account.with_domain(domain).with_transport(SipTransport::Tls);
        config.accounts.push(account.with_keep_alive(Duration::ZERO));
    }
    let _server = Server::start(config).await;
    let (mut one, mut other) = (host.accept().await, host.accept().await);
    let mut lines = Vec::new();
    for _ in 0..4 {
        for peer in [&mut one, &mut other] {
            // Renewed after three quarters of this second.
            let request = take(peer, "REGISTER", "Expires: 1\r\n", "").await;
            lines.push(request.lines().next().unwrap().to_owned());
        }
    }
    let [first, second] = &lines[..2] else { panic!("{lines:?}") };
    assert_ne!(first, second);
    assert!(lines.chunks(2).all(|pair| pair == [first.clone(), second.clone()]), "{lines:?}");
}
