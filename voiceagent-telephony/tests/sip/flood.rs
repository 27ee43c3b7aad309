use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tokio::{
    net::UdpSocket,
    time::{pause, sleep, timeout},
};
use voiceagent_core::transport::Transport as _;

use crate::{
    phone::Phone,
    server::{SOON, Server},
};

/// Calls that nobody goes on with: in the time of each packet of a call so many of them.
const FLOOD: usize = 10_000;
const AT_ONCE: usize = 20;
const FRAME: Duration = Duration::from_millis(20);

/// Somebody who calls again and again.
struct Flooder {
    socket: UdpSocket,
    server: SocketAddr,
    /// What came of each call that was answered: the last status, with all tags.
    answers: HashMap<String, (u16, Vec<String>)>,
}

impl Flooder {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket, server, answers: HashMap::new() }
    }

    async fn call(&self, name: &str) {
        self.call_within(name, "").await;
    }

    /// Calls as if within the call that such a tag belongs to.
    async fn call_within(&self, name: &str, tag: &str) {
        let (server, local) = (self.server, self.socket.local_addr().unwrap());
        let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                    m=audio 9 RTP/AVP 0\r\n";
        let text = format!(
            "INVITE sip:agent@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n\
             From: <sip:flood@{local}>;tag=flood\r\nTo: <sip:agent@{server}>{tag}\r\n\
             Call-ID: {name}\r\nCSeq: 1 INVITE\r\nContact: <sip:flood@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), server).await.unwrap();
    }

    /// Reads answers until each of these calls has one.
    async fn answered(&mut self, names: &[String]) {
        let mut buffer = [0; 4_096];
        while names.iter().any(|name| !self.answers.contains_key(name)) {
            let length = timeout(SOON, self.socket.recv(&mut buffer)).await.unwrap().unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let header = |name: &str| {
                let mut lines = text.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) else {
                continue;
            };
            let status: u16 = status.parse().unwrap();
            if status == 503 {
                assert_eq!(header("Retry-After"), Some("5"), "{text}");
            }
            let tag = header("To").unwrap().split_once(";tag=").map_or("", |(_, tag)| tag);
            let call = self.answers.entry(header("Call-ID").unwrap().to_owned()).or_default();
            call.0 = status;
            call.1.push(tag.to_owned());
        }
    }
}

#[tokio::test]
async fn a_flood_of_calls_is_refused_and_no_packet_of_a_running_call_is_left_out() {
    let mut config = Server::config();
    // One is running, and two more may ring.
    config.max_calls = 3;
    config.media_timeout = Duration::from_secs(600);
    let mut server = Server::start(config).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let _link = Box::new(server.call().await).open().await.unwrap();
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    pause();
    let mut flooder = Flooder::new(server.address).await;
    let mut stream = Vec::from_iter(phone.stream().pop());
    for round in 0..FLOOD / AT_ONCE {
        let names: Vec<_> = (0..AT_ONCE).map(|n| format!("flood{round}x{n}")).collect();
        for name in &names {
            flooder.call(name).await;
        }
        flooder.answered(&names).await;
        sleep(FRAME).await;
        stream.extend(phone.stream());
    }
    // As many packets as the time has room for, none of them left out or put off: a stream that
    // is behind its clock leaves some out, and its timestamps jump.
    assert!(stream.len() >= FLOOD / AT_ONCE - 1, "{} packets", stream.len());
    for pair in stream.windows(2) {
        let ((number, time), (next, later)) = (pair[0], pair[1]);
        assert_eq!(next.wrapping_sub(number), 1);
        assert_eq!(later.wrapping_sub(time), 160);
    }
    let taken = flooder.answers.values().filter(|(status, _)| *status == 180).count();
    let refused = flooder.answers.values().filter(|(status, _)| *status == 503).count();
    assert_eq!((taken, refused), (2, FLOOD - 2));
}

#[tokio::test]
async fn calls_beyond_the_gate_are_refused_alike_and_those_within_are_not_when_they_come_again() {
    pause();
    let mut config = Server::config();
    config.calls_per_second = 1;
    let mut server = Server::start(config).await;
    let mut flooder = Flooder::new(server.address).await;
    let [first, second] = ["first", "second"].map(str::to_owned);
    flooder.call(&first).await;
    flooder.answered(std::slice::from_ref(&first)).await;
    assert_eq!(flooder.answers.remove(&first).unwrap().0, 180);
    let mut refusals = Vec::new();
    for _ in 0..2 {
        flooder.call(&second).await;
        flooder.answered(std::slice::from_ref(&second)).await;
        refusals.extend(flooder.answers.remove(&second));
    }
    assert!(refusals[0].0 == 503 && !refusals[0].1[0].is_empty(), "{refusals:?}");
    assert_eq!(refusals[0], refusals[1], "a repetition gets the same");
    // The first one comes again, and is still the same call.
    flooder.call(&first).await;
    flooder.answered(std::slice::from_ref(&first)).await;
    assert_eq!(flooder.answers[&first].0, 180);
    drop(server.call().await);
}

#[tokio::test]
async fn calls_within_calls_that_are_not_there_are_refused_and_leave_nothing_behind() {
    let server = Server::start(Server::config()).await;
    let mut flooder = Flooder::new(server.address).await;
    let names: Vec<_> = (0..200).map(|n| format!("tagged{n}")).collect();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for some in names.chunks(AT_ONCE) {
        for name in some {
            flooder.call_within(name, ";tag=theirs").await;
        }
        flooder.answered(some).await;
    }
    let after = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(after <= before + 5, "{before} tasks have become {after}");
    for (status, tags) in flooder.answers.values() {
        assert_eq!((*status, tags[0].as_str()), (481, "theirs"));
    }
}
