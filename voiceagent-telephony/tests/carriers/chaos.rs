//! Media sockets over a network that misbehaves.

use std::time::Duration;

use tokio::time::timeout;
use voiceagent_core::{ErrorKind, audio::AudioFormat, transport::Inbound};
use voiceagent_telephony::media_stream::{MediaSocket, TokenCheck};
use voiceagent_testkit::{
    chaos::{ChaosProxy, Weather},
    clips,
    conformance::transport,
    phone::{Dial, PhoneCall},
};

use crate::server::{Call, Calls, SOON, Server};

fn open_door() -> (Server, Calls) {
    let (sender, calls) = Calls::channel();
    let socket = MediaSocket::twilio(TokenCheck::Off).on_call(move |stream| {
        let sender = sender.clone();
        async move { sender.send(stream).await.unwrap() }
    });
    (Server::start(Server::listen(), socket.build().unwrap().route("/media")), calls)
}

/// A call through a proxy.
async fn call(server: &Server, calls: &mut Calls) -> (ChaosProxy, PhoneCall, Call) {
    let (proxy, url) = ChaosProxy::before(&server.url("ws", "/media")).await.unwrap();
    let phone = Dial::to(url).connect().await.unwrap();
    let call = calls.answer().await;
    (proxy, phone, call)
}

/// Hears so much of the caller.
async fn heard(call: &mut Call, samples: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < samples {
        match timeout(SOON, call.link.recv()).await.expect("audio in time") {
            Some(Ok(Inbound::Audio(frame))) => heard.extend_from_slice(&frame.payload),
            other => panic!("{other:?}"),
        }
    }
    heard
}

#[tokio::test]
async fn a_media_stream_conforms_over_a_network_that_delays_and_cuts_into_pieces() {
    let (server, calls) = open_door();
    let (proxy, url) = ChaosProxy::before(&server.url("ws", "/media")).await.unwrap();
    proxy.set(Weather::fair().delay(Duration::from_millis(15)).pieces(31));
    let calls = tokio::sync::Mutex::new(calls);
    let connect = || async {
        let phone = Dial::to(url.clone()).connect().await.unwrap();
        let stream = calls.lock().await.stream().await;
        (Box::new(stream) as _, phone)
    };
    let report = transport::transport("twilio media stream, bad network", connect).await;
    report.assert();
    assert!(proxy.accepted() > 0, "the calls went another way");
}

#[tokio::test]
async fn ra1_a_connection_that_the_network_resets_is_a_lost_line() {
    let (server, mut calls) = open_door();
    let (proxy, _phone, mut call) = call(&server, &mut calls).await;
    proxy.cut();
    assert_eq!(call.next().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(call.next().await.is_none());
}

#[tokio::test]
async fn ra2_a_far_end_that_the_network_has_lost_is_noticed_within_twelve_seconds() {
    let (server, mut calls) = open_door();
    let (proxy, _phone, mut call) = call(&server, &mut calls).await;
    proxy.set(Weather::fair().swallowed());
    // Nothing arrives any more, so that time passes only by deadlines.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let lost = timeout(Duration::from_secs(60), async {
        loop {
            match call.link.recv().await {
                Some(Ok(Inbound::Audio(_))) => {}
                Some(Err(error)) => return error.kind(),
                other => panic!("{other:?}"),
            }
        }
    });
    let kind = lost.await.expect("it is noticed");
    assert_eq!(kind, ErrorKind::Disconnected);
    assert!(began.elapsed() <= Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test]
async fn ra5_audio_that_the_network_held_back_arrives_whole_and_in_order() {
    let (server, mut calls) = open_door();
    let (proxy, phone, mut call) = call(&server, &mut calls).await;
    proxy.set(Weather::fair().stuck());
    phone.speak(clips::HELLO.audio).await.unwrap();
    proxy.set(Weather::fair());
    let audio = clips::HELLO.audio;
    let heard = heard(&mut call, audio.len() + AudioFormat::MULAW_8K.bytes_in(SOON / 20)).await;
    // Silence may stand before it: the phone sends some of it all the time.
    assert!(heard.windows(audio.len()).any(|part| part == audio), "something is missing");
}
