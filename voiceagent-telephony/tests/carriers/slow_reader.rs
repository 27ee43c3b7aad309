//! What waits on our side for a far end that does not read.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use voiceagent_core::{
    MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Outbound,
};
use voiceagent_telephony::media_stream::{MediaSocket, TokenCheck};

use crate::server::{Call, Calls, SOON, Server, pass};

/// Bytes of a connection that were written and not acknowledged, and that arrived and were not
/// read: what Linux says of it on either side.
fn queues(local: u16, remote: u16) -> (usize, usize) {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let number = |hex: &str| usize::from_str_radix(hex, 16).unwrap();
    let port = |address: &str| number(address.rsplit(':').next().unwrap());
    let queues = table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let ports = (port(fields[1]), port(fields[2]));
        (ports == (local.into(), remote.into())).then(|| fields[4].split_once(':').unwrap())
    });
    let (sent, arrived) = queues.expect("a connection");
    (number(sent), number(arrived))
}

/// A phone that says where its call begins. Its own buffer is large, so that the kernel of the
/// server sends in large segments.
async fn dial(server: &Server) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    let connection = socket.connect(server.address).await.unwrap();
    let (mut phone, _) = client_async(server.url("ws", "/media"), connection).await.unwrap();
    let start = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
    phone.send(Message::text(start)).await.unwrap();
    phone
}

/// Speaks as a session does, piece by piece, for this long.
async fn speak(call: &Call, samples: usize, time: Duration) {
    let audio = Bytes::from(vec![0x2A; samples]);
    let piece = AudioFormat::MULAW_8K.duration_of(samples as u64);
    for _ in 0..time.as_millis() / piece.as_millis() {
        let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), audio.clone());
        call.link.try_send(Outbound::Audio(frame)).unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        pass(piece).await;
    }
}

#[tokio::test]
async fn a_far_end_that_does_not_read_has_less_than_a_second_of_audio_on_its_way() {
    for samples in [160, 800] {
        let (sender, mut calls) = Calls::channel();
        let socket = MediaSocket::twilio(TokenCheck::Off).on_call(move |stream| {
            let sender = sender.clone();
            async move { sender.send(stream).await.unwrap() }
        });
        let server = Server::start(Server::listen(), socket.build().unwrap().route("/media"));
        let mut phone = dial(&server).await;
        let call = calls.answer().await;
        let (here, there) = (server.address.port(), phone.get_ref().local_addr().unwrap().port());

        let mut spoken = 0;
        while queues(here, there).0 == 0 {
            speak(&call, samples, Duration::from_secs(1)).await;
            phone.send(Message::text("{}")).await.unwrap();
            spoken += 1;
            assert!(spoken < 60, "the far end reads");
        }
        speak(&call, samples, Duration::from_secs(3)).await;
        let (in_kernel, arrived) = (queues(here, there).0, queues(there, here).1);

        call.link.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
        let (mut heard, mut later) = (0, 0);
        loop {
            let next = timeout(SOON, phone.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = next else { continue };
            heard += text.len() + if text.len() < 126 { 2 } else { 4 };
            if text.contains(r#""mark""#) {
                break;
            }
            later += usize::from(heard > arrived);
        }
        let later = AudioFormat::MULAW_8K.duration_of((later * samples) as u64);
        assert!(later > Duration::ZERO, "the far end has read");
        assert!(later <= Duration::from_secs(1), "{later:?}, {in_kernel} bytes in the kernel");
    }
}
