use std::time::Duration;

use tokio::{
    net::UdpSocket,
    time::{pause, sleep, timeout},
};
use voiceagent_core::transport::Inbound;
use voiceagent_telephony::sip::SipConfig;

use crate::{
    dial::{caller, dial, open},
    phone::{Phone, Request},
    server::{SOON, Server},
};

/// A description with this beside the audio, of which the formats are these.
fn described(phone: &Phone, formats: &str, rest: &str) -> String {
    phone.description().replace("AVP 0", &format!("AVP {formats}")) + rest
}

#[tokio::test]
async fn whoever_answers_with_two_codecs_is_heard_in_both() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "200 OK", "", &described(&phone, "0 8", "")).await;
    phone.request("ACK").await;
    let mut link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    for (payload_type, sample) in [(0, 0x11), (8, 0x3B)] {
        let mut frames = 0;
        // Two seconds at most.
        for _ in 0..100 {
            phone.say(&invite, payload_type, &[sample; 160]).await;
            let heard = timeout(Duration::from_millis(20), link.recv()).await;
            // A-law is heard as the mu-law that the call has.
            if let Ok(Some(Ok(Inbound::Audio(frame)))) = heard
                && frame.payload[80] == 0x11
            {
                frames += 1;
            }
            if frames == 5 {
                break;
            }
        }
        assert_eq!(frames, 5, "payload type {payload_type}");
    }
}

#[tokio::test]
async fn reports_go_to_the_port_that_is_described_for_them_and_the_last_is_a_goodbye() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let reports = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let wanted = format!("a=rtcp:{}\r\n", reports.local_addr().unwrap().port());
    let offer = described(&phone, "0", &wanted);
    phone.call_with(server.address, "reports", &offer).await;
    let link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    let mut report = [0; 512];
    timeout(SOON, reports.recv(&mut report)).await.unwrap().unwrap();
    assert!(matches!(report[1], 200 | 201), "a sender's or a receiver's report");
    drop(link);
    let goodbye = async {
        loop {
            let length = reports.recv(&mut report).await.unwrap();
            if report[..length - 4].ends_with(&[0x81, 203, 0, 1]) {
                break;
            }
        }
    };
    timeout(SOON, goodbye).await.expect("the stream is over");
}

/// A server with ports for two calls.
async fn two_calls() -> Server {
    // Below the ports that a system gives to whoever asks for any, and not those of other tests.
    let free =
        |port: &u16| (0..4).all(|n| std::net::UdpSocket::bind(("127.0.0.1", port + n)).is_ok());
    let from = (std::process::id() % 250) as u16 * 8;
    let ports = (14_000..18_000_u16).step_by(4);
    let port =
        ports.clone().cycle().skip(usize::from(from / 4)).take(ports.len()).find(free).unwrap();
    let mut config: SipConfig = Server::config();
    config.media_ports = (port, port + 3);
    config.max_calls = 2;
    Server::start(config).await
}

async fn status(phone: &mut Phone, server: &Server, call: &str, offer: &str) -> Request {
    phone.call_with(server.address, call, offer).await;
    phone.answer_to("INVITE", 1).await
}

#[tokio::test]
async fn calls_that_come_to_nothing_leave_no_port_behind() {
    let mut server = two_calls().await;
    let mut phone = Phone::start().await;
    let unknown = described(&phone, "18", "");
    for number in 0..4 {
        let refusal = status(&mut phone, &server, &format!("unknown{number}"), &unknown).await;
        assert!(refusal.text.starts_with("SIP/2.0 488"), "{}", refusal.text);
    }
    let offer = phone.description();
    for number in 0..4 {
        phone.call_with(server.address, &format!("refused{number}"), &offer).await;
        drop(server.call().await);
        let refusal = phone.answer_to("INVITE", 1).await;
        assert!(refusal.text.starts_with("SIP/2.0 480"), "{}", refusal.text);
    }
    phone.call_with(server.address, "taken", &offer).await;
    let _link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    assert!(answer.text.starts_with("SIP/2.0 200"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_when_no_port_is_left_is_told_when_to_come_back() {
    let mut server = two_calls().await;
    let mut phone = Phone::start().await;
    let offer = phone.description();
    for call in ["first", "second"] {
        phone.call_with(server.address, call, &offer).await;
        let link = server.open().await;
        let answer = phone.answer_to("INVITE", 1).await;
        phone.ask(&answer, "ACK", 1, "", "").await;
        drop(link);
        let bye = phone.request("BYE").await;
        phone.answer(&bye, "200 OK", "", "").await;
    }
    // Both calls are over, and their ports rest.
    let refusal = status(&mut phone, &server, "third", &offer).await;
    assert!(refusal.text.starts_with("SIP/2.0 503"), "{}", refusal.text);
    assert_eq!(refusal.header("Retry-After"), "5");
    sleep(Duration::from_secs(60)).await;
    phone.call_with(server.address, "fourth", &offer).await;
    let _link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    assert!(answer.text.starts_with("SIP/2.0 200"), "{}", answer.text);
}

#[tokio::test]
async fn a_strangers_datagram_does_not_make_us_speak_before_the_call_is_acknowledged() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let _link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    pause();
    let port = answer.body().split_once("m=audio ").unwrap().1;
    let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for _ in 0..10 {
        stranger.send_to(&[0x80; 172], ("127.0.0.1", port)).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    assert!(phone.has_heard_nothing());
    phone.say(&answer, 0, &[0x11; 160]).await;
    phone.hears_silence().await;
}
