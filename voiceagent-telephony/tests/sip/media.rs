use voiceagent_telephony::sip::SipConfig;

use crate::{
    phone::{Phone, Request},
    server::Server,
};

/// A description with this beside the audio, of which the formats are these.
fn described(phone: &Phone, formats: &str, rest: &str) -> String {
    phone.description().replace("AVP 0", &format!("AVP {formats}")) + rest
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
