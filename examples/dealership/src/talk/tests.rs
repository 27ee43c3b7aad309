use std::{net::SocketAddr, time::Duration};

use axum::Extension;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};
use voiceagent_core::{
    CallTime, Event, GenerationId, Link, MarkId, ToolCallId,
    stt::Transcript,
    transport::{Inbound, Outbound, Transport},
};

use super::*;

/// Generous: these tests wait for events on loopback, never for time.
const SOON: Duration = Duration::from_secs(20);

struct Site {
    address: SocketAddr,
    visitors: mpsc::Receiver<Visitor>,
    _server: tokio::task::JoinHandle<()>,
}

async fn site() -> Site {
    site_from(|router| router).await
}

/// A site whose requests pass through something first.
async fn site_from(passed: impl FnOnce(Router) -> Router) -> Site {
    let Talk { router, visitors } = Talk::new(&[]);
    let router = passed(router);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = voiceagent_telephony::server::serve(listener, router);
    let server = tokio::spawn(async move { server.await.unwrap() });
    Site { address, visitors, _server: server }
}

impl Site {
    async fn connect(
        &self,
        origin: &str,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
        let mut request = format!("ws://{}/talk", self.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        timeout(SOON, connect_async(request)).await.unwrap().map(|(socket, _)| socket)
    }

    /// A page that talks, the leg of its call, and the screen.
    async fn call(
        &mut self,
    ) -> (WebSocketStream<MaybeTlsStream<TcpStream>>, Link<Outbound, Inbound>, Screen) {
        let page = self.connect(&format!("http://{}", self.address)).await.unwrap();
        let visitor = timeout(SOON, self.visitors.recv()).await.unwrap().unwrap();
        (page, Box::new(visitor.leg).open().await.unwrap(), visitor.screen)
    }

    async fn get(&self, path: &str, host: &str) -> String {
        self.get_with(path, host, "").await
    }

    async fn get_with(&self, path: &str, host: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }
}

async fn heard(link: &mut Link<Outbound, Inbound>) -> Inbound {
    timeout(SOON, link.recv()).await.unwrap().unwrap().unwrap()
}

async fn shown(page: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> serde_json::Value {
    let message = timeout(SOON, page.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn the_page_talks_and_the_agent_answers() {
    let (mut page, mut link, screen) = site().await.call().await;
    for said in [
        r#"{"type":"speech_started"}"#,
        r#"{"type":"interim","text":"i need"}"#,
        "not json",
        r#"{"type":"dance"}"#,
        r#"{"type":"final","text":" I need an oil change "}"#,
    ] {
        page.send(Message::text(said)).await.unwrap();
    }
    assert_eq!(heard(&mut link).await, Inbound::SpeechStarted);
    assert_eq!(heard(&mut link).await, Inbound::Transcript(Transcript::interim("i need")));
    let said = Transcript::final_("I need an oil change");
    assert_eq!(heard(&mut link).await, Inbound::Transcript(said));

    let generation = GenerationId::new(3);
    link.try_send(Outbound::Text { generation, text: "Which day?".into() }).unwrap();
    link.try_send(Outbound::Mark(MarkId::new(9))).unwrap();
    link.try_send(Outbound::TextEnd { generation }).unwrap();
    link.try_send(Outbound::Clear).unwrap();
    let text = shown(&mut page).await;
    assert_eq!((&text["type"], &text["text"]), (&"text".into(), &"Which day?".into()));
    assert_eq!(shown(&mut page).await["mark"], 9);
    assert_eq!(shown(&mut page).await["type"], "text_end");
    assert_eq!(shown(&mut page).await["type"], "clear");
    page.send(Message::text(r#"{"type":"mark","mark":9}"#)).await.unwrap();
    assert_eq!(heard(&mut link).await, Inbound::MarkPlayed(MarkId::new(9)));

    let event = Event::ToolStarted { id: ToolCallId::from("t1"), name: "decode_vin".into() };
    screen.show(CallTime::from_millis(1_500), &event);
    let note = shown(&mut page).await;
    assert_eq!((&note["at_ms"], &note["event"]["name"]), (&1500.into(), &"decode_vin".into()));
}

#[tokio::test]
async fn no_two_talks_have_the_same_id_not_even_of_two_runs() {
    let (mut one, mut other) = (site().await, site().await);
    let mut ids = Vec::new();
    for site in [&mut one, &mut other] {
        let page = site.connect(&format!("http://{}", site.address)).await.unwrap();
        let visitor = timeout(SOON, site.visitors.recv()).await.unwrap().unwrap();
        ids.push(visitor.leg.call().id.clone());
        drop(page);
    }
    assert!(ids[0] != ids[1] && ids[0].as_str().starts_with("talk-"), "{ids:?}");
}

#[tokio::test]
async fn a_closed_page_hangs_up_once() {
    let (mut page, mut link, _screen) = site().await.call().await;
    page.close(None).await.unwrap();
    assert_eq!(heard(&mut link).await, Inbound::HungUp);
    assert!(timeout(SOON, link.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_agent_hangs_up_on_the_page() {
    let (mut page, mut link, _screen) = site().await.call().await;
    link.try_send(Outbound::HangUp).unwrap();
    assert_eq!(shown(&mut page).await["type"], "hang_up");
    assert_eq!(heard(&mut link).await, Inbound::HungUp);
    let closed = timeout(SOON, page.next()).await.unwrap().unwrap().unwrap();
    assert!(closed.is_close());
}

#[tokio::test]
async fn foreign_pages_and_foreign_names_are_refused() {
    let site = site().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let refused = site.connect(origin).await.unwrap_err();
        let tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
        assert_eq!(answer.status(), 403, "{origin}");
    }
    let rebound = site.get("/", "evil.example").await;
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
}

#[tokio::test]
async fn who_comes_through_a_proxy_is_refused() {
    let site = site().await;
    for header in ["X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "x-forwarded-host: a"]
    {
        let answer = site.get_with("/", "localhost", &format!("{header}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{header}: {answer}");
    }
}

#[tokio::test]
async fn who_calls_from_another_machine_is_refused_whatever_name_they_say() {
    for (peer, status) in [
        ("192.168.1.7:4000", 403),
        ("[::ffff:192.168.1.7]:4000", 403),
        ("127.0.0.1:4000", 200),
        ("[::ffff:127.0.0.1]:4000", 200),
        ("[::1]:4000", 200),
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        let site = site_from(|router| router.layer(Extension(ConnectInfo(peer)))).await;
        let answer = site.get("/", "localhost").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{peer}: {answer}");
    }
}

#[tokio::test]
async fn too_many_waiting_visitors_are_refused() {
    let site = site().await;
    let origin = format!("http://{}", site.address);
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        waiting.push(site.connect(&origin).await.unwrap());
    }
    let refused = site.connect(&origin).await.unwrap_err();
    let tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status(), 503);
}

#[tokio::test]
async fn the_page_brings_everything_it_needs_and_nothing_else() {
    let site = site().await;
    let page = site.get("/", &site.address.to_string()).await;
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(page.contains("/talk.js") && page.contains("/talk.css"));
    for path in ["/", "/talk.js", "/talk.css"] {
        let file = site.get(path, "localhost:1").await;
        assert!(file.starts_with("HTTP/1.1 200"), "{path}");
        let (_, body) = file.split_once("\r\n\r\n").unwrap();
        assert!(!body.contains("://") || body.contains("${scheme}://${location.host}"), "{path}");
        assert!(!body.contains("style=\"") && !body.contains("onclick="), "inline code: {path}");
    }
}
