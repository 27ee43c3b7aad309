use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};
use voiceagent_core::{
    ErrorKind,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound, Transport},
};
use voiceagent_telephony::{
    media_stream::{Grant, MediaSocket, MediaSocketBuilder, MediaStream, StreamTokens, TokenCheck},
    server::ServerLimits,
};
use voiceagent_testkit::{
    clips,
    conformance::transport,
    phone::{Closed, Dial, PhoneCall},
};

use crate::{
    log::Log,
    server::{Calls, SOON, Server, eventually},
};

const START: &str = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;

fn serve(
    tokens: TokenCheck,
    settings: impl FnOnce(MediaSocketBuilder) -> MediaSocketBuilder,
) -> (Server, Calls) {
    let (sender, calls) = Calls::channel();
    let socket = settings(MediaSocket::twilio(tokens)).on_call(move |stream| {
        let sender = sender.clone();
        async move { sender.send(stream).await.unwrap() }
    });
    let router = socket.build().unwrap().route("/media");
    (Server::start(Server::listen(), router), calls)
}

fn open_door() -> (Server, Calls) {
    serve(TokenCheck::Off, |socket| socket)
}

fn frame() -> Outbound {
    let payload = Bytes::from_static(&[0x2A; 160]);
    Outbound::Audio(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload))
}

#[tokio::test]
async fn a_media_stream_conforms_to_the_contract_of_a_transport() {
    let (server, calls) = open_door();
    let calls = tokio::sync::Mutex::new(calls);
    let connect = || async {
        let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
        let stream = calls.lock().await.stream().await;
        (Box::new(stream) as Box<dyn Transport>, phone)
    };
    let report = transport::transport("twilio media stream", connect).await;
    report.assert();
    assert_eq!(report.checks().len(), 9, "{report}");
}

#[tokio::test]
async fn a17_only_the_right_token_opens_the_door_and_only_once() {
    let tokens = Arc::new(StreamTokens::new());
    let (server, mut calls) = serve(TokenCheck::Required(Arc::clone(&tokens)), |socket| socket);
    let dial = |call: &str| Dial::to(server.url("ws", "/media")).call_id(call);
    let token = tokens.issue(Grant::for_call("CA1")).unwrap();
    let other = tokens.issue(Grant::for_call("CA2")).unwrap();
    let refused = [
        ("none", dial("CA1")),
        ("empty", dial("CA1").parameter("token", "")),
        ("guessed", dial("CA1").parameter("token", "AAAAAAAAAAAAAAAAAAAAAA")),
        ("another call's", dial("CA1").parameter("token", other.expose())),
    ];
    for (which, dial) in refused {
        let phone = dial.connect().await.unwrap();
        let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1008), "{which}");
        assert!(calls.none(), "{which}");
    }
    let _phone = dial("CA1").parameter("token", token.expose()).connect().await.unwrap();
    let call = calls.answer().await;
    assert_eq!(call.info.id.as_str(), "CA1");
    assert!(!call.info.parameters.contains_key("token"));
    let again = dial("CA1").parameter("token", token.expose()).connect().await.unwrap();
    let (_, closed) = again.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1008));
    assert!(calls.none());
}

#[tokio::test]
async fn a_socket_that_never_says_start_is_closed() {
    let deadline = Duration::from_millis(200);
    let (server, mut calls) = serve(TokenCheck::Off, |socket| socket.start_deadline(deadline));
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    phone.send_raw(r#"{"event":"connected"}"#).await.unwrap();
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1008));
    assert!(calls.none());
}

/// A peer that says what it likes.
async fn raw(server: &Server) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    connect_async(server.url("ws", "/media")).await.unwrap().0
}

#[tokio::test]
async fn a_goodbye_is_answered_with_a_goodbye() {
    let (server, mut calls) = open_door();
    for say in [None, Some(START)] {
        let mut peer = raw(&server).await;
        let mut call = None;
        if let Some(start) = say {
            peer.send(Message::text(start)).await.unwrap();
            call = Some(calls.answer().await);
        }
        let goodbye = CloseFrame { code: 4_000.into(), reason: "bye".into() };
        peer.send(Message::Close(Some(goodbye.clone()))).await.unwrap();
        let answer = timeout(SOON, peer.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(answer, Message::Close(Some(goodbye)), "start: {say:?}");
        assert!(timeout(SOON, peer.next()).await.unwrap().is_none());
        drop(call);
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_answered_is_closed_with_a_reason() {
    let gives_up = |stream| async move { drop::<MediaStream>(stream) };
    let socket = MediaSocket::twilio(TokenCheck::Off).on_call(gives_up).build().unwrap();
    let server = Server::start(Server::listen(), socket.route("/media"));
    let mut peer = raw(&server).await;
    peer.send(Message::text(START)).await.unwrap();
    let Message::Close(Some(goodbye)) = timeout(SOON, peer.next()).await.unwrap().unwrap().unwrap()
    else {
        panic!("a goodbye")
    };
    assert_eq!(u16::from(goodbye.code), 1011);
    assert_eq!(goodbye.reason.as_str(), "the call could not be answered");
}

#[tokio::test]
async fn no_line_of_the_log_can_be_forged_by_a_name() {
    let (log, _guard) = Log::start();
    let (server, mut calls) = open_door();
    let long = "C".repeat(257);
    for name in ["CA1\\n2026 ERROR forged", "CA1\\u001b[31m", "CA1 CA2", "", "CÄ1", &long] {
        for field in ["CA1", "MZ1"] {
            let mut peer = raw(&server).await;
            peer.send(Message::text(START.replace(field, name))).await.unwrap();
            let goodbye = timeout(SOON, peer.next()).await.unwrap().unwrap().unwrap();
            let Message::Close(Some(goodbye)) = goodbye else { panic!("a goodbye") };
            assert_eq!(u16::from(goodbye.code), 1008, "{name}");
        }
    }
    assert!(calls.none());
    let all = log.all();
    assert!(all.contains("the name of its call or stream cannot be one"), "{all}");
    assert!(!all.contains("forged") && !all.contains('\u{1b}'), "{all}");
}

#[tokio::test]
async fn a_far_end_that_leaves_is_not_taken_for_a_slow_one() {
    let (log, _guard) = Log::start();
    let (server, _calls) = open_door();
    let mut peer = raw(&server).await;
    peer.close(None).await.unwrap();
    while let Some(Ok(_)) = timeout(SOON, peer.next()).await.unwrap() {}
    let ours = log.ours();
    assert!(ours.contains("closed by its far end"), "{ours}");
    assert!(!ours.contains("WARN"), "{ours}");
}

#[tokio::test]
async fn the_begin_of_a_call_is_told_by_its_observer_and_not_twice() {
    let (log, _guard) = Log::start();
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let mut call = calls.answer().await;
    phone.close_without_stop().await.unwrap();
    while call.next().await.is_some() {}
    let ours = log.ours();
    assert!(ours.contains("media stream began"), "{ours}");
    assert!(!ours.contains("INFO"), "{ours}");
}

#[tokio::test]
async fn a_call_takes_no_place_among_the_connections() {
    let (sender, mut calls) = Calls::channel();
    let socket = MediaSocket::twilio(TokenCheck::Off).on_call(move |stream| {
        let sender = sender.clone();
        async move { sender.send(stream).await.unwrap() }
    });
    let limits = ServerLimits::default().with_connections(1);
    let router = socket.build().unwrap().route("/media");
    let server = Server::start_within(limits, Server::listen(), router);
    let first = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let mut call = calls.answer().await;
    let _second = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let _other = calls.answer().await;
    first.press('5').await.unwrap();
    assert_eq!(call.next().await.unwrap().unwrap(), Inbound::Dtmf('5'));
}

#[tokio::test]
async fn media_and_nonsense_before_start_are_passed_over() {
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    for early in [
        r#"{"event":"media","media":{"track":"inbound","payload":"////"}}"#,
        "{",
        r#"{"event":"dtmf","dtmf":{"digit":"1"}}"#,
        &"x".repeat(60_000),
        START,
    ] {
        phone.send_raw(early).await.unwrap();
    }
    assert_eq!(calls.answer().await.info.id.as_str(), "CA1");
}

#[tokio::test]
async fn a_stream_in_another_format_is_refused() {
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    let format = r#""mediaFormat":{"encoding":"audio/l16","sampleRate":16000,"channels":1}}}"#;
    phone.send_raw(START.replace("}}", &format!(",{format}"))).await.unwrap();
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1003));
    assert!(calls.none());
}

#[tokio::test]
async fn a18_a_message_beyond_all_measure_gets_1009_and_ends_its_own_call_only() {
    let (server, mut calls) = open_door();
    let large = PhoneCall::dial(server.url("ws", "/media"), [("n", "1")]).await.unwrap();
    let mut first = calls.answer().await;
    let calm = PhoneCall::dial(server.url("ws", "/media"), [("n", "2")]).await.unwrap();
    let mut second = calls.answer().await;
    for passed_over in [64 * 1024, 70_000, 256 * 1024] {
        large.send_raw("x".repeat(passed_over)).await.unwrap();
    }
    large.press('4').await.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), Inbound::Dtmf('4'));
    large.send_raw("x".repeat(300_000)).await.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap_err().kind(), ErrorKind::Protocol);
    assert!(first.next().await.is_none());
    let (_, closed) = large.wait_until_closed(SOON).await.unwrap();
    // What was unread on our side may turn the goodbye into a reset.
    assert!(matches!(closed, Closed::ByServer(1009) | Closed::Lost), "{closed:?}");
    calm.press('5').await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), Inbound::Dtmf('5'));
}

#[tokio::test]
async fn ra12_a_text_that_is_no_utf8_ends_its_own_call_only() {
    let (server, mut calls) = open_door();
    let calm = PhoneCall::dial(server.url("ws", "/media"), [("n", "1")]).await.unwrap();
    let mut first = calls.answer().await;
    let mut peer = raw(&server).await;
    peer.send(Message::text(START)).await.unwrap();
    let mut second = calls.answer().await;
    let torn = Frame::message(vec![b'{', 0xC3, 0x28], OpCode::Data(Data::Text), true);
    peer.send(Message::Frame(torn)).await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(second.next().await.is_none());
    // The library drops the connection; what was unread on our side may turn that into a reset.
    assert!(matches!(timeout(SOON, peer.next()).await.unwrap(), None | Some(Err(_))));
    calm.press('5').await.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), Inbound::Dtmf('5'));
}

#[tokio::test]
async fn a_socket_that_begins_with_a_message_above_64_kb_gets_1009() {
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    phone.send_raw("x".repeat(64 * 1024 + 1)).await.unwrap();
    assert_eq!(phone.wait_until_closed(SOON).await.unwrap().1, Closed::ByServer(1009));
    assert!(calls.none());
}

#[tokio::test]
async fn a_cut_connection_is_told_from_a_goodbye_without_stop() {
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let mut call = calls.answer().await;
    phone.close_without_stop().await.unwrap();
    assert_eq!(call.next().await.unwrap().unwrap(), Inbound::HungUp);
    assert!(call.next().await.is_none());
    let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let mut call = calls.answer().await;
    phone.drop_connection().await.unwrap();
    assert_eq!(call.next().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(call.next().await.is_none());
}

#[tokio::test]
async fn what_is_said_is_heard_and_barge_in_drops_the_rest() {
    let (server, mut calls) = open_door();
    let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let mut call = calls.answer().await;
    // An echo of everything that is said, all at once.
    let echo = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(Ok(Inbound::Audio(frame))) = call.link.recv().await {
            heard.extend_from_slice(&frame.payload);
            if heard.len() >= clips::HELLO.audio.len() {
                break;
            }
        }
        let audio = Bytes::from(heard);
        let format = AudioFormat::MULAW_8K;
        call.link.try_send(Outbound::Audio(AudioFrame::new(format, MediaTime(0), audio))).unwrap();
        call
    });
    phone.speak(clips::HELLO).await.unwrap();
    let call = echo.await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    call.link.try_send(Outbound::Clear).unwrap();
    phone.wait_until_agent_quiet(Duration::from_millis(100), SOON).await.unwrap();
    let recording = phone.heard().await.unwrap();
    let heard = recording.audio();
    assert_eq!(recording.clears.len(), 1);
    assert!(recording.clears[0].dropped > 0);
    // Silence may have come before the clip, so it is found by what was played of it.
    let loud = |audio: &[u8]| audio.iter().copied().find(|sample| *sample & 0x7F < 0x60);
    assert_eq!(loud(&heard), loud(clips::HELLO.audio));
    assert!(heard.len() < clips::HELLO.audio.len());
}

#[tokio::test]
async fn a_phone_that_does_not_read_is_noticed() {
    let (server, mut calls) = open_door();
    let dial = Dial::to(server.url("ws", "/media")).receive_buffer(4_096);
    let phone = dial.connect().await.unwrap();
    let mut call = calls.answer().await;
    phone.stop_reading().await.unwrap();
    let end = timeout(Duration::from_secs(30), async {
        loop {
            while call.link.try_send(frame()).is_ok() {
                tokio::task::yield_now().await;
            }
            match call.link.recv().await {
                Some(Ok(_)) => {}
                other => return other,
            }
        }
    });
    let end = end.await.expect("the end in time").unwrap().unwrap_err();
    assert_eq!(end.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn the_limit_of_calls_holds_and_is_freed_by_the_end_of_a_call() {
    let (server, mut calls) = serve(TokenCheck::Off, |socket| socket.max_calls(1));
    let first = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let call = calls.answer().await;
    let second = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
    let (_, closed) = second.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1013));
    drop(call);
    assert_eq!(first.wait_until_closed(SOON).await.unwrap().1, Closed::ByServer(1000));
    let calls = tokio::sync::Mutex::new(calls);
    eventually(|| async {
        let phone = Dial::to(server.url("ws", "/media")).connect().await.unwrap();
        tokio::select! {
            _ = phone.wait_until_closed(SOON) => None,
            call = async { calls.lock().await.answer().await } => Some(call),
        }
    })
    .await;
}
