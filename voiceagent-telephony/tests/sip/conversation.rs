use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{Agent, Event};
use voiceagent_testkit::{
    conformance::transport::FarEnd as _,
    fakes::{Answer, FakeLlm, FakeStt, FakeTts, FakeVad, Words},
    phone::SipPhone,
};

use crate::server::{SOON, Server};

const GREETING: &str = "Hello, this is the garage, and I am going to tell you all about our opening \
                        hours, our prices, our location and how to get here by bus or by train.";

/// 20 ms of mu-law.
const FRAME: usize = 160;

#[tokio::test]
async fn a_caller_hears_the_greeting_and_stops_it_by_speaking() {
    let mut server = Server::start(Server::config()).await;
    let words = Words::default();
    let agent = Agent::builder()
        .greeting(GREETING)
        .stt(Arc::new(FakeStt::new(words.clone())))
        .llm(Arc::new(FakeLlm::answers([Answer::text("Good.")])))
        .tts(Arc::new(FakeTts::new()))
        .vad(Arc::new(FakeVad::default()))
        .build()
        .unwrap();
    let mut phone = SipPhone::call(server.address, "talk1", "").await;
    let incoming = server.call().await;
    let quality = incoming.quality();
    let mut call = agent.start(Box::new(incoming)).await.unwrap();
    // Some of the greeting, whose audio is silent between its characters.
    phone.sees(|seen| seen.audio.len() >= 40 * FRAME).await;
    words.say("when are you open", Duration::ZERO, Duration::from_millis(600));
    let stopped = async {
        loop {
            if let (_, Event::AgentStopped { pii_heard, interrupted: true, .. }) =
                call.next_event().await.unwrap()
            {
                return pii_heard;
            }
        }
    };
    let (heard, ()) =
        tokio::join!(timeout(SOON, stopped), phone.speak(vec![0x10; 30 * FRAME].into()),);
    let heard = heard.unwrap();
    assert!(GREETING.starts_with(heard.trim()), "{heard}");
    // A character takes 60 ms, and a packet 20.
    let packets = phone.sees(|_| true).await.packets;
    assert!((20..GREETING.len()).contains(&heard.len()), "{heard}");
    assert!(heard.len() * 3 <= packets, "{} characters in {packets} packets", heard.len());
    phone.hang_up().await;
    let ended = async { while call.next_event().await.is_some() {} };
    timeout(SOON, ended).await.unwrap();
    let quality = *quality.borrow();
    assert_eq!((quality.received, quality.lost), (30, 0), "{quality:?}");
}
