use std::time::Duration;

use tokio::{net::UdpSocket, time::timeout};
use voiceagent_core::{
    Link,
    transport::{Inbound, Outbound, Transport as _},
};

use super::*;

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// A caller who never says that it has heard our answer, unless a test does.
struct Silent {
    signals: UdpSocket,
    media: UdpSocket,
    server: SocketAddr,
    office: Arc<Office>,
}

impl Silent {
    /// Calls a server whose times are a sixteenth of the usual ones.
    async fn call() -> (Self, Arc<Stack>, Link<Outbound, Inbound>) {
        let config =
            SipConfig::new(([127, 0, 0, 1], 0).into(), vec!["127.0.0.0/8".parse().unwrap()]);
        let t1 = Duration::from_millis(32);
        let times = EndpointOption { t1, t1x64: t1 * 64, ..EndpointOption::default() };
        let (stack, office, mut arrived) = Stack::start_with(config, times).await.unwrap();
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let (signals, media) = (bind().await.unwrap(), bind().await.unwrap());
        let phone = Self { signals, media, server: office.addresses.udp, office };
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {} RTP/AVP 0\r\n",
            phone.media.local_addr().unwrap().port()
        );
        phone.say("INVITE", "", &body).await;
        let arrival = timeout(SOON, arrived.recv()).await.unwrap().unwrap();
        let Arrival::Call(call) = arrival else { panic!("refused") };
        let link = Box::new(*call).open().await.unwrap();
        (phone, stack, link)
    }

    async fn say(&self, method: &str, tag: &str, body: &str) {
        let text = self.text(method, tag, body);
        self.signals.send_to(text.as_bytes(), self.server).await.unwrap();
    }

    fn text(&self, method: &str, tag: &str, body: &str) -> String {
        let (server, local) = (self.server, self.signals.local_addr().unwrap());
        format!(
            "{method} sip:agent@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:ann@{local}>;tag=ann\r\nTo: <sip:agent@{server}>{tag}\r\n\
             Call-ID: silent\r\nCSeq: 1 {method}\r\nContact: <sip:ann@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// The next message that begins with this.
    async fn message(&self, begin: &str) -> String {
        let mut buffer = [0; 4_096];
        let reading = async {
            loop {
                let length = self.signals.recv(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with(begin) {
                    return text;
                }
            }
        };
        timeout(SOON, reading).await.unwrap_or_else(|_| panic!("no {begin}"))
    }
}

/// What an answer puts behind the address of whoever was called.
fn tag_in(answer: &str) -> String {
    let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
    format!(";tag={}", to.split_once(";tag=").unwrap().1)
}

#[tokio::test]
async fn cp45_a_call_whose_answer_nobody_acknowledges_is_heard_and_then_ended() {
    let (phone, _stack, mut link) = Silent::call().await;
    let answer = phone.message("SIP/2.0 200").await;
    // It is repeated, and media waits for nothing.
    assert_eq!(phone.message("SIP/2.0 200").await, answer);
    timeout(SOON, phone.media.recv(&mut [0; 2_048])).await.unwrap().unwrap();
    assert!(phone.message("BYE").await.contains("Call-ID: silent\r\n"));
    let ended = async {
        loop {
            match link.recv().await {
                Some(Ok(Inbound::Audio(_) | Inbound::Quality(_))) => {}
                other => return other,
            }
        }
    };
    let ended = timeout(SOON, ended).await.unwrap().unwrap().unwrap();
    assert_eq!(ended, Inbound::HungUp);
}

#[tokio::test]
async fn cp45_a_call_whose_answer_is_acknowledged_late_goes_on() {
    let (phone, _stack, link) = Silent::call().await;
    let mut answer = phone.message("SIP/2.0 200").await;
    for _ in 0..4 {
        answer = phone.message("SIP/2.0 200").await;
    }
    phone.say("ACK", &tag_in(&answer), "").await;
    // Three seconds of media: longer than anything is waited for.
    for _ in 0..150 {
        timeout(SOON, phone.media.recv(&mut [0; 2_048])).await.unwrap().unwrap();
    }
    let mut buffer = [0; 4_096];
    while let Ok(length) = phone.signals.try_recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(text.starts_with("SIP/2.0 200"), "{text}");
    }
    drop(link);
    phone.message("BYE").await;
}

#[tokio::test]
async fn nothing_is_kept_of_a_call_that_has_ended() {
    let (phone, _stack, link) = Silent::call().await;
    phone.message("SIP/2.0 200").await;
    assert_eq!(phone.office.dialogs.len(), 1);
    let ports = format!("{:?}", phone.office.ports);
    drop(link);
    // The goodbye is not answered, and given up; the ports rest for half a minute.
    phone.message("BYE").await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(phone.office.dialogs.len(), 0);
    assert_ne!(format!("{:?}", phone.office.ports), ports);
}

#[tokio::test]
async fn as_many_requests_are_answered_at_a_time_as_may_be_and_those_of_calls_are_counted_apart() {
    let (phone, _stack, _link) = Silent::call().await;
    let tag = tag_in(&phone.message("SIP/2.0 200").await);
    let message = |method, tag| {
        // Not a repetition of what has come already.
        let text = phone.text(method, tag, "").replace("z9hG4bK", "z9hG4bKnext");
        SipMessage::try_from(text.as_bytes()).unwrap()
    };
    let (first, probe) = (message("INVITE", ""), message("OPTIONS", ""));
    let within = message("INFO", &tag);
    let office = Arc::clone(&phone.office);
    let endpoint = Arc::clone(&office.dialogs.endpoint);
    let gate = Gate::new(office.config.calls_per_second);
    let (arrivals, _told) = mpsc::channel(1);
    let (tasks, copies) = (JoinSet::new(), Copies::new());
    let mut desk = Desk { office, gate, copies, arrivals, tasks, within: JoinSet::new() };
    let mut admitted = |others: usize, calls: usize| {
        let some = |count| (0..count).map(|_| std::future::pending::<()>()).collect();
        (desk.tasks, desk.within) = (some(others), some(calls));
        [&first, &probe, &within].map(|message| desk.admits(&endpoint, message))
    };
    let full = Err(Refusal::Unavailable);
    assert_eq!(admitted(4_095, 4_095), [Ok(()); 3]);
    assert_eq!(admitted(4_096, 0), [full, full, Ok(())]);
    assert_eq!(admitted(0, 4_096), [Ok(()), Ok(()), full]);
}
