use std::time::Duration;

use bytes::BytesMut;
use tokio::{net::UdpSocket, time::timeout};
use voiceagent_core::{
    ErrorKind,
    audio::{AudioFormat, AudioFrame, DtmfDetector, Encoder, MediaTime},
    transport::{Inbound, Media, Outbound, Transport},
};
use voiceagent_telephony::DtmfKey;
use voiceagent_testkit::{
    conformance::{
        Outcome,
        transport::{self, FarEnd as _},
    },
    phone::{SipPhone, Wire},
};

use crate::{
    phone::Phone,
    server::{SOON, Server, told},
};

fn frame(byte: u8, length: usize) -> Outbound {
    let payload = vec![byte; length].into();
    Outbound::Audio(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload))
}

#[tokio::test]
async fn a_sip_call_conforms_to_the_contract_of_a_transport() {
    let server = tokio::sync::Mutex::new((Server::start(Server::config()).await, 0));
    let connect = || async {
        let mut server = server.lock().await;
        server.1 += 1;
        let phone = SipPhone::call(server.0.address, &format!("conform{}", server.1), "").await;
        (Box::new(server.0.call().await) as Box<dyn Transport>, phone)
    };
    let report = transport::transport("sip", connect).await;
    report.assert();
    assert_eq!(report.checks().len(), 9, "{report}");
    assert!(report.checks().iter().all(|(_, how)| *how == Outcome::Passed), "{report}");
}

#[tokio::test]
async fn a_call_rings_is_described_by_its_headers_and_answered_when_it_is_opened() {
    let mut server = Server::start(Server::config()).await;
    let headers = "P-Asserted-Identity: <sip:+14155550123@carrier>\r\nX-Account: 42\r\n\
                   Session-Expires: 1800;refresher=uac\r\nSupported: timer\r\n";
    let mut phone = SipPhone::call(server.address, "headers1", headers).await;
    phone.message("SIP/2.0 180").await;
    let call = server.call().await;
    assert_eq!(call.call().id.as_str(), "headers1");
    assert_eq!(call.call().from.as_ref().unwrap().expose(), "+14155550123");
    assert_eq!(call.call().to.as_ref().unwrap().expose(), "+14155550199");
    assert_eq!(call.call().parameters["X-Account"], "42");
    assert_eq!(call.call().media, Media::audio(AudioFormat::MULAW_8K));
    assert!(!call.capabilities().transfer);
    let seen = phone.sees(|seen| !seen.messages.is_empty()).await;
    assert!(seen.messages.iter().all(|message| message.starts_with("SIP/2.0 1")));
    let _link = Box::new(call).open().await.unwrap();
    let answer = phone.message("SIP/2.0 200").await;
    assert!(answer.contains("Session-Expires: 1800;refresher=uac\r\n"), "{answer}");
    assert!(answer.contains("Require: timer\r\n"), "{answer}");
    assert!(answer.contains("a=rtpmap:0 PCMU/8000"), "{answer}");
    assert!(answer.contains("a=rtpmap:101 telephone-event/8000"), "{answer}");
    assert!(phone.request("OPTIONS", "", "").await.starts_with("SIP/2.0 200"));
}

#[tokio::test]
async fn a_caller_who_wants_each_answer_confirmed_gets_none_until_the_call_is_taken() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "reliable1", "Require: 100rel\r\n").await;
    phone.message("SIP/2.0 100").await;
    let _link = server.open().await;
    phone.message("SIP/2.0 200").await;
    let seen = phone.sees(|_| true).await;
    assert!(!seen.messages.iter().any(|message| message.starts_with("SIP/2.0 18")));
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_rings_is_not_answered_any_more() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "cancel1", "").await;
    let call = server.call().await;
    phone.message("SIP/2.0 180").await;
    phone.cancel().await;
    phone.message("SIP/2.0 487").await;
    let refused = Box::new(call).open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    let seen = phone.sees(|_| true).await;
    let cancelled = |message: &String| message.contains("1 CANCEL\r\n");
    assert!(seen.messages.iter().any(cancelled), "{:?}", seen.messages);
}

#[tokio::test]
async fn a_cancel_that_crosses_the_answer_leaves_both_sides_of_one_mind() {
    let mut server = Server::start(Server::config()).await;
    let (mut answered, mut given_up) = (0, 0);
    for number in 0..40_u64 {
        let mut phone = SipPhone::call(server.address, &format!("race{number}"), "").await;
        let call = server.call().await;
        phone.message("SIP/2.0 180").await;
        let cancel = async {
            tokio::time::sleep(Duration::from_micros(number * 50)).await;
            phone.cancel().await;
        };
        let open = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Box::new(call).open().await
        };
        let (opened, ()) = tokio::join!(open, cancel);
        let is_final = |message: &String| {
            message.contains("CSeq: 1 INVITE\r\n") && !message.starts_with("SIP/2.0 1")
        };
        let seen = phone.sees(|seen| seen.messages.iter().any(is_final)).await;
        let outcome = seen.messages.iter().find(|message| is_final(message)).unwrap();
        if outcome.starts_with("SIP/2.0 200") {
            answered += 1;
            let mut link = opened.unwrap();
            phone.hang_up().await;
            assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
        } else {
            given_up += 1;
            assert!(outcome.starts_with("SIP/2.0 487"), "{outcome}");
            // An agent that was quicker than the news is told at once.
            if let Ok(mut link) = opened {
                assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
            }
        }
    }
    assert_eq!(answered + given_up, 40);
}

#[tokio::test]
async fn a_call_that_nobody_takes_is_refused() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "drop1", "").await;
    drop(server.call().await);
    phone.message("SIP/2.0 480").await;
}

#[tokio::test]
async fn beyond_the_limit_of_calls_a_caller_is_told_when_to_come_back() {
    for (is_busy, expected) in [(false, "SIP/2.0 503"), (true, "SIP/2.0 486")] {
        let mut config = Server::config();
        (config.max_calls, config.is_busy_when_full) = (1, is_busy);
        let mut server = Server::start(config).await;
        let mut first = SipPhone::call(server.address, "full1", "").await;
        let link = server.open().await;
        let mut second = SipPhone::call(server.address, "full2", "").await;
        assert!(second.message(expected).await.contains("Retry-After: 5\r\n"));
        drop(link);
        assert!(first.closes().await);
        let mut third = SipPhone::call(server.address, "full3", "").await;
        third.message("SIP/2.0 180").await;
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_its_name() {
    let server = Server::start(Server::config()).await;
    for (name, headers, status, header) in [
        ("req1", "Require: path, timer\r\n", "SIP/2.0 420", "Unsupported: path\r\n"),
        ("req2", "Supported: timer\r\nSession-Expires: 30\r\n", "SIP/2.0 422", "Min-SE: 90\r\n"),
        ("req3", "Content-Type: text/plain\r\n", "SIP/2.0 415", "accept: application/sdp\r\n"),
    ] {
        let mut phone = SipPhone::call(server.address, name, headers).await;
        let answer = phone.message(status).await;
        assert!(answer.contains(header), "{answer}");
    }
}

#[tokio::test]
async fn a_stranger_is_not_answered_at_all() {
    let mut config = Server::config();
    config.peers = vec!["192.0.2.0/24".parse().unwrap()];
    let stranger_server = Server::start(config).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let options = |port: u16| {
        format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK1\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: o1\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let port = socket.local_addr().unwrap().port();
    let friend_server = Server::start(Server::config()).await;
    let mut buffer = [0; 2_048];
    socket.send_to(options(port).as_bytes(), stranger_server.address).await.unwrap();
    // Whoever is asked later answers first.
    socket.send_to(options(port).as_bytes(), friend_server.address).await.unwrap();
    let received = timeout(SOON, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(received.1, friend_server.address);
    let answer = String::from_utf8_lossy(&buffer[..received.0]).into_owned();
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("Allow: INVITE"), "{answer}");
    let quiet = timeout(Duration::from_millis(700), socket.recv_from(&mut buffer)).await;
    assert!(quiet.is_err(), "a stranger was answered");
}

#[tokio::test]
async fn hold_is_obeyed_and_nothing_that_was_to_be_said_is_lost() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "hold1", "").await;
    let link = server.open().await;
    phone.sees(|seen| seen.packets > 3).await;
    assert!(phone.reinvite("0 101", "sendonly").await.contains("a=recvonly"));
    let before = phone.sees(|_| true).await.packets;
    link.try_send(frame(0x11, 160)).unwrap();
    // Several signalling round trips long nothing is sent.
    for _ in 0..10 {
        assert!(phone.request("OPTIONS", "", "").await.starts_with("SIP/2.0 200"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // One packet may have been on its way.
    assert!(phone.sees(|_| true).await.packets <= before + 1);
    let again = phone.reinvite("0 101", "sendrecv").await;
    assert!(again.contains("a=sendrecv"), "{again}");
    let seen = phone.sees(|seen| !seen.audio.is_empty()).await;
    assert_eq!(seen.audio, vec![0x11; 160]);
}

#[tokio::test]
async fn a_change_of_codec_is_heard_on_the_wire_and_not_by_the_agent() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "codec1", "").await;
    let mut link = server.open().await;
    phone.sees(|seen| seen.payload_type == Some(0)).await;
    assert!(phone.reinvite("8 101", "sendrecv").await.contains("a=rtpmap:8 PCMA/8000"));
    phone.sees(|seen| seen.payload_type == Some(8)).await;
    link.try_send(frame(0x80, 160)).unwrap();
    let seen = phone.sees(|seen| !seen.audio.is_empty()).await;
    // The loudest sample of both laws, but for the inverted even bits of A-law.
    assert_eq!(seen.audio, vec![0xAA; 160]);
    assert!(phone.reinvite("18", "sendrecv").await.starts_with("SIP/2.0 488"));
    phone.hang_up().await;
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn keys_come_by_info_too_and_go_out_as_events() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "keys1", "").await;
    let call = server.call().await;
    let keypad = call.keypad();
    let mut link = Box::new(call).open().await.unwrap();
    phone.sees(|seen| seen.packets > 0).await;
    let kind = "Content-Type: application/dtmf-relay\r\n";
    let answer = phone.request("INFO", kind, "Signal=7\r\nDuration=160\r\n").await;
    assert!(answer.starts_with("SIP/2.0 200"));
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('7')));
    keypad.press(DtmfKey::new('#').unwrap()).unwrap();
    let is_end = |wire: &Wire| *wire == Wire::Unknown("key [11, 138, 5, 0]".to_owned());
    let ends = |seen: &voiceagent_testkit::phone::SipSeen| {
        seen.wire.iter().filter(|wire| is_end(wire)).count()
    };
    let seen = phone.sees(|seen| ends(seen) == 3).await;
    assert_eq!(seen.wire.len(), 10, "{:?}", seen.wire);
    drop(link);
    assert!(phone.closes().await);
    let gone = async {
        while keypad.press(DtmfKey::new('1').unwrap()).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, gone).await.unwrap();
}

#[tokio::test]
async fn cp49_keys_that_are_only_sounds_are_heard_where_nothing_else_was_agreed_on() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let mut link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    assert!(!answer.body().contains("telephone-event"), "{}", answer.text);
    phone.ask(&answer, "ACK", 1, "", "").await;
    let (mut sound, mut encoder) = (BytesMut::new(), Encoder::new(AudioFormat::MULAW_8K).unwrap());
    for key in ['4', '2', '2', '#'] {
        let tone = DtmfDetector::tone(key, 8_000, Duration::from_millis(80)).unwrap();
        encoder.encode(&tone, &mut sound);
        encoder.encode(&[0.0; 640], &mut sound);
    }
    let listen = async {
        for expected in ['4', '2', '2', '#'] {
            assert_eq!(told(&mut link).await, Some(Inbound::Dtmf(expected)));
        }
    };
    tokio::join!(phone.speak(&answer, &sound), listen);
    let kind = "Content-Type: application/dtmf-relay\r\n";
    phone.ask(&answer, "INFO", 2, kind, "Signal=7\r\n").await;
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('7')));
}

#[tokio::test]
async fn cp49_a_key_that_comes_in_packets_and_by_info_counts_once() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "keys2", "").await;
    let mut link = server.open().await;
    phone.sees(|seen| seen.packets > 0).await;
    let kind = "Content-Type: application/dtmf-relay\r\n";
    for key in ['5', '5', '6'] {
        phone.press(key).await;
        assert_eq!(told(&mut link).await, Some(Inbound::Dtmf(key)));
        let answer = phone.request("INFO", kind, &format!("Signal={key}\r\n")).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }
    // It would come behind any that was told twice.
    phone.press('#').await;
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('#')));
}

#[tokio::test]
async fn cp49_two_quick_keys_as_tones_and_then_by_info_are_two_keys() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let mut link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    let (mut sound, mut encoder) = (BytesMut::new(), Encoder::new(AudioFormat::MULAW_8K).unwrap());
    for key in ['5', '6'] {
        let tone = DtmfDetector::tone(key, 8_000, Duration::from_millis(60)).unwrap();
        encoder.encode(&tone, &mut sound);
        encoder.encode(&[0.0; 480], &mut sound);
    }
    let listen = async {
        for expected in ['5', '6'] {
            assert_eq!(told(&mut link).await, Some(Inbound::Dtmf(expected)));
        }
    };
    tokio::join!(phone.speak(&answer, &sound), listen);
    let kind = "Content-Type: application/dtmf-relay\r\n";
    for (number, key) in [(2, '5'), (3, '6'), (4, '#')] {
        phone.ask(&answer, "INFO", number, kind, &format!("Signal={key}\r\n")).await;
        phone.answer_to("INFO", number).await;
    }
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('#')));
}

#[tokio::test]
async fn a_call_is_handed_on_when_the_other_side_says_so() {
    let mut config = Server::config();
    config.directory =
        config.directory.with_target("sales", "sip:sales@192.0.2.4".parse().unwrap());
    let mut server = Server::start(config).await;
    let mut phone = SipPhone::call(server.address, "refer1", "").await;
    let mut link = server.open().await;
    phone.message("SIP/2.0 200").await;
    phone.sees(|seen| seen.packets > 0).await;
    link.try_send(Outbound::Transfer("nobody".into())).unwrap();
    assert_eq!(told(&mut link).await, Some(Inbound::NotTransferred(ErrorKind::Rejected)));
    let progress = async |phone: &mut SipPhone, status: &str| {
        let headers = "Event: refer\r\nSubscription-State: active\r\n\
                       Content-Type: message/sipfrag\r\n";
        let answer = phone.request("NOTIFY", headers, &format!("SIP/2.0 {status}\r\n")).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    };
    for (count, status, expected) in [
        (1, "603 Decline", Inbound::NotTransferred(ErrorKind::Rejected)),
        (2, "200 OK", Inbound::Transferred),
    ] {
        link.try_send(Outbound::Transfer("sales".into())).unwrap();
        let is_refer = |message: &&String| message.starts_with("REFER ");
        let seen = phone.sees(|seen| seen.messages.iter().filter(is_refer).count() == count).await;
        let asked = seen.messages.iter().rfind(is_refer).unwrap();
        assert!(asked.contains("Refer-To: <sip:sales@192.0.2.4>\r\n"), "{asked}");
        progress(&mut phone, "180 Ringing").await;
        progress(&mut phone, status).await;
        assert_eq!(told(&mut link).await, Some(expected));
    }
}

#[tokio::test]
async fn a_side_that_asks_us_to_call_somebody_is_declined_and_the_call_goes_on() {
    let mut config = Server::config();
    // Also where the configuration has them: the agent calls them, and nobody else says so.
    config.directory =
        config.directory.with_target("sales", "sip:sales@127.0.0.1".parse().unwrap());
    let mut server = Server::start(config).await;
    let mut phone = SipPhone::call(server.address, "referred", "").await;
    let mut link = server.open().await;
    let answer = phone.message("SIP/2.0 200").await;
    let allowed = answer.lines().find(|line| line.starts_with("Allow: ")).unwrap();
    assert!(!allowed.contains("REFER"), "{allowed}");
    let before = phone.sees(|seen| seen.packets > 0).await.packets;
    let declined = phone.request("REFER", "Refer-To: <sip:sales@127.0.0.1>\r\n", "").await;
    assert!(declined.starts_with("SIP/2.0 603"), "{declined}");
    let seen = phone.sees(|seen| seen.packets > before + 10).await;
    assert!(!seen.is_over && !seen.messages.iter().any(|message| message.starts_with("NOTIFY")));
    phone.press('#').await;
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('#')));
}

#[tokio::test]
async fn requests_of_no_call_are_told_so() {
    let server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "none1", "Require: unknown\r\n").await;
    phone.message("SIP/2.0 420").await;
    assert!(phone.request("BYE", "", "").await.starts_with("SIP/2.0 481"));
    assert!(phone.request("SUBSCRIBE", "", "").await.starts_with("SIP/2.0 4"));
}

#[tokio::test]
async fn a_keypad_takes_so_many_keys_and_they_keep_no_order_of_the_session_waiting() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "keys3", "").await;
    let call = server.call().await;
    let keypad = call.keypad();
    let mut link = Box::new(call).open().await.unwrap();
    phone.sees(|seen| seen.packets > 0).await;
    let mut taken = 0;
    while keypad.press(DtmfKey::new('1').unwrap()).is_ok() {
        taken += 1;
        assert!(taken < 200, "so many keys take 44 s");
        tokio::task::yield_now().await;
    }
    let stalled = keypad.press(DtmfKey::new('1').unwrap()).unwrap_err();
    assert_eq!(stalled.kind(), ErrorKind::Stalled);
    for _ in 0..64 {
        link.try_send(frame(0x11, 160)).unwrap();
        tokio::task::yield_now().await;
    }
    link.try_send(Outbound::Transfer("nobody".into())).unwrap();
    let refused = told(&mut link).await;
    assert_eq!(refused, Some(Inbound::NotTransferred(ErrorKind::Rejected)));
    let pressed = phone.sees(|_| true).await.wire;
    assert!(pressed.len() < 200, "keys still wait: {}", pressed.len());
}
