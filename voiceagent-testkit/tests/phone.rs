//! The phone simulator against a plain server.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use voiceagent_testkit::{
    clips,
    phone::{Closed, Dial, PhoneCall, Wire},
};

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// The server's side of a call.
struct Far {
    socket: WebSocketStream<TcpStream>,
    stream: String,
}

impl Far {
    async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(SOON, self.socket.next()).await.expect("a message in time")? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    async fn next_of(&mut self, event: &str) -> Value {
        loop {
            let message = self.next().await.expect("the call to go on");
            if message["event"] == event {
                return message;
            }
        }
    }

    async fn send(&mut self, mut message: Value) {
        message["streamSid"] = self.stream.as_str().into();
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn play(&mut self, sample: u8, bytes: usize) {
        let payload = base64_simd::STANDARD.encode_to_string(vec![sample; bytes]);
        self.send(json!({ "event": "media", "media": { "payload": payload } })).await;
    }

    async fn mark(&mut self, name: &str) {
        self.send(json!({ "event": "mark", "mark": { "name": name } })).await;
    }
}

async fn connect(settings: impl FnOnce(Dial) -> Dial) -> (PhoneCall, Far) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let answer = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    let (phone, socket) = tokio::join!(settings(Dial::to(url)).connect(), answer);
    let phone = phone.unwrap();
    let stream = phone.stream_id().to_owned();
    (phone, Far { socket, stream })
}

#[tokio::test]
async fn the_caller_sends_audio_without_gaps_and_silence_between_words() {
    let (phone, mut far) = connect(|dial| dial.parameter("token", "abc")).await;
    assert_eq!(far.next().await.unwrap()["event"], "connected");
    let start = far.next().await.unwrap();
    assert_eq!(start["start"]["callSid"], phone.call_id());
    assert_eq!(start["start"]["customParameters"], json!({ "token": "abc" }));
    phone.begin_to_speak(clips::YES).await.unwrap();
    let mut heard = Vec::new();
    for number in 1..=80_u64 {
        let message = far.next_of("media").await;
        assert_eq!(message["media"]["chunk"], number.to_string());
        assert_eq!(message["media"]["timestamp"], ((number - 1) * 20).to_string());
        let payload = message["media"]["payload"].as_str().unwrap();
        let audio = base64_simd::STANDARD.decode_to_vec(payload).unwrap();
        assert_eq!(audio.len(), 160);
        heard.extend(audio);
    }
    let clip = clips::YES.audio;
    let began = heard.windows(clip.len()).position(|window| window == clip).expect("the clip");
    assert!(heard[..began].iter().all(|sample| *sample == 0xFF));
    assert!(heard[began + clip.len()..].iter().all(|sample| *sample == 0xFF));
}

#[tokio::test]
async fn marks_come_back_when_played_and_all_at_once_on_clear() {
    let (phone, mut far) = connect(|dial| dial).await;
    far.mark("nothing before it").await;
    far.play(0x11, 800).await;
    far.mark("played").await;
    far.play(0x12, 16_000).await;
    far.mark("first cleared").await;
    far.play(0x13, 16_000).await;
    far.mark("second cleared").await;
    let mut names = Vec::new();
    for wanted in ["nothing before it", "played"] {
        names.push(far.next_of("mark").await["mark"]["name"].clone());
        assert_eq!(names.last().unwrap(), wanted);
    }
    far.send(json!({ "event": "clear" })).await;
    assert_eq!(far.next_of("mark").await["mark"]["name"], "first cleared");
    assert_eq!(far.next_of("mark").await["mark"]["name"], "second cleared");
    let recording = phone.hang_up().await.unwrap();
    let played: Vec<_> = recording.marks.iter().map(|mark| mark.played).collect();
    assert_eq!(played, [true, true, false, false]);
    let heard = recording.audio();
    assert_eq!(recording.clears[0].dropped + heard.len(), 32_800);
    assert_eq!(heard[..800], [0x11; 800]);
    assert_eq!(recording.wire.iter().filter(|(_, wire)| *wire == Wire::Clear).count(), 1);
    far.next_of("stop").await;
}

#[tokio::test]
async fn the_caller_knows_when_the_agent_speaks_and_is_quiet() {
    let (phone, mut far) = connect(|dial| dial).await;
    let speaks = phone.wait_until_agent_speaks(Duration::from_millis(100)).await;
    assert_eq!(speaks.unwrap_err().kind(), voiceagent_core::ErrorKind::Timeout);
    far.play(0xFF, 800).await;
    far.play(0x11, 800).await;
    let spoke = phone.wait_until_agent_speaks(SOON).await.unwrap();
    let quiet = phone.wait_until_agent_quiet(Duration::from_millis(60), SOON).await.unwrap();
    let recording = phone.heard().await.unwrap();
    assert!(spoke >= recording.heard[0].began, "silence is not speech");
    assert!(quiet > spoke);
}

#[tokio::test]
async fn what_a_carrier_would_drop_is_noted_and_not_played() {
    let (phone, mut far) = connect(|dial| dial).await;
    for text in [
        "{",
        r#"{"event":"media","media":{"payload":"//8="}}"#,
        r#"{"event":"media","streamSid":"MZ other","media":{"payload":"//8="}}"#,
    ] {
        far.socket.send(Message::text(text)).await.unwrap();
    }
    far.send(json!({ "event": "media", "media": { "payload": "!" } })).await;
    phone.wait_for_messages(4, SOON).await.unwrap();
    let recording = phone.heard().await.unwrap();
    assert!(recording.wire.iter().all(|(_, wire)| matches!(wire, Wire::Unknown(_))));
    assert!(recording.heard.is_empty());
}

#[tokio::test]
async fn the_end_of_the_connection_is_told() {
    let (phone, far) = connect(|dial| dial).await;
    drop(far);
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::Lost);
    assert!(phone.speak(clips::HELLO).await.is_err());
}
