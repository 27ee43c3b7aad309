use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use voiceagent_core::Secret;
use voiceagent_telephony::sip::{SipAccount, SipConfig, SipServer, SipTls, SipTransport, SipTrunk};

use crate::{
    dial,
    phone::Phone,
    server::{SOON, Server},
};

/// A registrar whose answers are the test's.
struct Registrar(UdpSocket);

/// What it was asked, and by whom.
struct Asked {
    text: String,
    from: SocketAddr,
}

impl Registrar {
    async fn start() -> (Self, Server) {
        let registrar = Self(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = registrar.0.local_addr().unwrap();
        let account =
            SipAccount::new(address, "agent", Secret::new("secret")).with_domain("pbx.example");
        let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), vec![]);
        config.accounts.push(account);
        (registrar, Server::start(config).await)
    }

    /// The next request; repetitions of the one before are passed over.
    async fn next(&self, before: Option<&Asked>) -> Asked {
        let mut buffer = [0; 4_096];
        loop {
            let (length, from) =
                timeout(SOON, self.0.recv_from(&mut buffer)).await.unwrap().unwrap();
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            assert!(text.starts_with("REGISTER sip:pbx.example SIP/2.0\r\n"), "{text}");
            let asked = Asked { text, from };
            if before.is_none_or(|before| before.header("CSeq") != asked.header("CSeq")) {
                return asked;
            }
        }
    }

    async fn answer(&self, asked: &Asked, status: &str, headers: &str) {
        let copied = ["Via", "From", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", asked.header(name)));
        let to = asked.header("To");
        let answer = format!(
            "SIP/2.0 {status}\r\n{}To: {to};tag=r1\r\n{headers}Content-Length: 0\r\n\r\n",
            copied.concat()
        );
        self.0.send_to(answer.as_bytes(), asked.from).await.unwrap();
    }
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        let line = self.text.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// A part of the proof.
    fn proof(&self, name: &str) -> &str {
        let parts = self.header("Authorization").trim_start_matches("Digest ").split(',');
        let mut parts = parts.filter_map(|part| part.trim().split_once('='));
        parts.find(|(known, _)| *known == name).unwrap().1.trim_matches('"')
    }

    fn number(&self) -> u32 {
        self.header("CSeq").split(' ').next().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn an_account_proves_itself_by_md5_without_a_quality_and_is_called() {
    let (registrar, server) = Registrar::start().await;
    let first = registrar.next(None).await;
    assert!(!first.text.contains("Authorization"));
    assert_eq!(first.header("Expires"), "300");
    assert!(first.header("To").contains("<sip:agent@pbx.example>"), "{}", first.text);
    let contact = format!("sip:agent@{}", server.address);
    assert!(first.header("Contact").contains(&contact), "{}", first.text);

    let challenge = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"\r\n";
    registrar.answer(&first, "401 Unauthorized", challenge).await;
    let second = registrar.next(Some(&first)).await;
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    assert_eq!(second.number(), first.number() + 1);
    assert_eq!((second.proof("username"), second.proof("nonce")), ("agent", "n1"));
    // By RFC 2069, with Python's hashlib.
    assert_eq!(second.proof("response"), "bf88c0a1cb36d303509d5e21ce6229d4");
    assert!(!second.text.contains("secret"));
    registrar.answer(&second, "200 OK", &format!("Contact: <{contact}>;expires=60\r\n")).await;
    drop(server);
}

#[tokio::test]
async fn a_time_that_is_too_short_is_made_longer_and_what_was_granted_is_renewed() {
    let (registrar, _server) = Registrar::start().await;
    let first = registrar.next(None).await;
    registrar.answer(&first, "423 Interval Too Brief", "Min-Expires: 600\r\n").await;
    let second = registrar.next(Some(&first)).await;
    assert_eq!(second.header("Expires"), "600");
    let contact = second.header("Contact").to_owned();
    registrar.answer(&second, "200 OK", &format!("Contact: {contact};expires=1\r\n")).await;
    let renewed = registrar.next(Some(&second)).await;
    assert_eq!(renewed.header("Call-ID"), first.header("Call-ID"));
}

#[tokio::test]
async fn a_registrar_that_refuses_is_asked_again_later_and_a_wrong_password_is_not_tried_in_a_loop()
{
    let (registrar, _server) = Registrar::start().await;
    let challenge = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", algorithm=MD5\r\n";
    let first = registrar.next(None).await;
    registrar.answer(&first, "401 Unauthorized", challenge).await;
    let second = registrar.next(Some(&first)).await;
    // The same challenge again says that the proof is wrong.
    registrar.answer(&second, "401 Unauthorized", challenge).await;
    let later = registrar.next(Some(&second)).await;
    assert!(!later.text.contains("Authorization"), "a new attempt: {}", later.text);
}

#[tokio::test]
async fn an_account_proves_itself_by_what_the_registrar_likes_best() {
    let (registrar, _server) = Registrar::start().await;
    let first = registrar.next(None).await;
    let challenges = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", algorithm=SHA3-512\r\n\
        WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\", opaque=\"o\", algorithm=SHA-256, \
        qop=\"auth,auth-int\"\r\n\
        WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n3\", algorithm=MD5\r\n";
    registrar.answer(&first, "401 Unauthorized", challenges).await;
    let second = registrar.next(Some(&first)).await;
    let proven = |asked: &Asked, nonce: &str| {
        let hash = |text: String| hex(&Sha256::digest(text));
        let what = hash("REGISTER:sip:pbx.example".to_owned());
        let (secret, cnonce) = (hash("agent:pbx:secret".to_owned()), asked.proof("cnonce"));
        let expected = hash(format!("{secret}:{nonce}:00000001:{cnonce}:auth:{what}"));
        assert_eq!(asked.proof("response"), expected);
    };
    proven(&second, "n2");
    assert_eq!((second.proof("qop"), second.proof("opaque")), ("auth", "o"));
    // A nonce that is too old is no wrong password.
    let stale = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n4\", algorithm=SHA-256, \
                 qop=\"auth\", stale=true\r\n";
    registrar.answer(&second, "401 Unauthorized", stale).await;
    let third = registrar.next(Some(&second)).await;
    proven(&third, "n4");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sip").join(name)
}

/// A host that proves to be `localhost`.
pub(crate) fn localhost() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(file("host.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("host.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_connection_to_one_name_is_not_used_for_another_name_of_the_same_host() {
    let (acceptor, listener) = (localhost(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let registrar = listener.local_addr().unwrap();
    let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), vec![]);
    for domain in ["localhost", "pbx.example"] {
        let account = SipAccount::new(registrar, "agent", Secret::new("secret"));
        config.accounts.push(account.with_domain(domain).with_transport(SipTransport::Tls));
    }
    config.tls = Some(SipTls::default().with_authorities(file("authority.crt")));
    let _server = Server::start(config).await;
    let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
    // One of the two is refused by us, and tried again: three connections show that it has been.
    let (mut readers, mut connections) = (tokio::task::JoinSet::new(), 0);
    while connections < 3 {
        let (socket, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        connections += 1;
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        readers.spawn(async move {
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            let mut text = [0; 4_096];
            while let Ok(length @ 1..) = socket.read(&mut text).await {
                drop(sender.send(String::from_utf8_lossy(&text[..length]).into_owned()));
            }
        });
    }
    let mut all = String::new();
    while let Ok(text) = said.try_recv() {
        all += &text;
    }
    assert!(all.contains("REGISTER sip:localhost SIP/2.0\r\n"), "{all}");
    assert!(!all.contains("pbx.example"), "its certificate is of another name: {all}");
}

#[tokio::test]
async fn an_account_registers_over_tls_with_nobody_but_its_domain() {
    let acceptor = localhost();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (domain, is_trusted) in [("localhost", true), ("pbx.example", false)] {
        let registrar = listener.local_addr().unwrap();
        let account = SipAccount::new(registrar, "agent", Secret::new("secret"))
            .with_domain(domain)
            .with_transport(SipTransport::Tls);
        let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), vec![]);
        config.accounts.push(account);
        config.tls = Some(SipTls::default().with_authorities(file("authority.crt")));
        let _server = Server::start(config).await;
        let (socket, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        let accepted = acceptor.accept(socket).await;
        if !is_trusted {
            let refused = match accepted {
                Ok(mut socket) => !matches!(socket.read(&mut [0; 64]).await, Ok(1..)),
                Err(_) => true,
            };
            assert!(refused, "nothing is said to somebody else");
            continue;
        }
        let mut text = [0; 4_096];
        let length = timeout(SOON, accepted.unwrap().read(&mut text)).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&text[..length]);
        assert!(text.starts_with("REGISTER sip:localhost SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Via: SIP/2.0/TLS "), "{text}");
        assert!(text.contains(";transport=TLS>"), "{text}");
    }
}

/// Reads a request from a stream and takes it, for an hour.
async fn take(socket: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
    }
    let asked = Asked { text: String::from_utf8(read).unwrap(), from: socket.peer_addr().unwrap() };
    let copied = ["Via", "From", "Call-ID", "CSeq"]
        .map(|name| format!("{name}: {}\r\n", asked.header(name)));
    let answer = format!(
        "SIP/2.0 200 OK\r\n{}To: {};tag=r1\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
        copied.concat(),
        asked.header("To")
    );
    socket.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_registration_whose_connection_is_lost_is_made_anew_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = SipAccount::new(listener.local_addr().unwrap(), "agent", Secret::new("secret"))
        .with_domain("pbx.example")
        .with_transport(SipTransport::Tcp);
    let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), vec![]);
    config.accounts.push(account);
    let _server = Server::start(config).await;
    for _ in 0..2 {
        let (mut socket, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        take(&mut socket).await;
    }
    timeout(SOON, listener.accept()).await.unwrap().unwrap();
}

#[tokio::test]
async fn whoever_stands_at_the_host_of_an_account_is_called_as_the_account() {
    let mut phone = Phone::start().await;
    let mut config = Server::config();
    let account = SipAccount::new(phone.address(), "agent", Secret::new("secret"));
    let account = account.with_domain("pbx.example").with_keep_alive(Duration::ZERO);
    config.accounts.push(account);
    // What the trunk knows us by is nobody's here.
    let trunk = SipTrunk::new("sip:192.0.2.1").with_user("+14155550199");
    let trunk = trunk.with_login("ours", Secret::new("other")).with_keep_alive(Duration::ZERO);
    config.trunk = Some(trunk);
    let desk = format!("sip:100@{}", phone.address());
    config.directory = config.directory.with_target("ann", desk.parse().unwrap());
    let server = SipServer::bind(config).await.unwrap();
    let (caller, at) = (server.caller(), server.local_addr());
    let serving = tokio::spawn(server.serve(|call| async move { drop(call) }));
    let told = phone.request("REGISTER").await;
    phone.answer(&told, "200 OK", "Expires: 3600\r\n", "").await;

    let opening = dial::open(dial::dial(&caller));
    let first = phone.request("INVITE").await;
    assert_eq!(first.uri(), desk);
    assert!(first.header("From").contains("<sip:agent@pbx.example>"), "{}", first.text);
    assert!(first.header("Contact").contains(&format!("<sip:agent@{at}")), "{}", first.text);
    let challenge = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"\r\n";
    phone.answer(&first, "401 Unauthorized", challenge, "").await;
    let second = phone.request("INVITE").await;
    assert!(second.number() > first.number(), "{}", second.text);
    assert!(second.header("Authorization").contains("username=\"agent\""), "{}", second.text);
    phone.answer(&second, "200 OK", "", &phone.description()).await;
    let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    drop(link);
    let bye = phone.request("BYE").await;
    phone.answer(&bye, "401 Unauthorized", challenge, "").await;
    let proven = phone.request("BYE").await;
    assert!(proven.header("Authorization").contains("username=\"agent\""), "{}", proven.text);
    phone.answer(&proven, "200 OK", "", "").await;
    serving.abort();
}

#[tokio::test]
async fn what_was_granted_is_read_in_all_forms_of_an_address() {
    for form in [
        r#""agent" <URI>;expires=1"#,
        "URI;expires=1",
        r#"<URI>;q="a,b";expires=1"#,
        r#"<URI>;x=";expires=99";EXPIRES = 1"#,
        r#""a, <b>" <sip:other@192.0.2.1>;expires=99, "agent, <a>" <URI;ob>;expires=1"#,
    ] {
        let (registrar, _server) = Registrar::start().await;
        let first = registrar.next(None).await;
        let contact = first.header("Contact").trim_matches(['<', '>']);
        let granted = format!("Contact: {}\r\n", form.replace("URI", contact));
        registrar.answer(&first, "200 OK", &granted).await;
        let renewed = registrar.next(Some(&first)).await;
        assert_eq!(renewed.number(), first.number() + 1, "{form}");
    }
}
