//! Calls that the other side holds.

use std::time::Duration;

use tokio::time::{Instant, pause, resume, timeout};
use voiceagent_core::{
    ErrorKind, Link, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};

use crate::{
    server::{Server, told},
    within::Begun,
};

const HOLD: &str = "a=sendonly\r\n";

#[tokio::test]
async fn a_hold_is_told_outlasts_the_timeout_of_media_and_music_is_not_heard_as_the_caller() {
    let mut config = Server::config();
    config.media_timeout = Duration::from_secs(2);
    let Begun { mut phone, answer, mut link, .. } = Begun::with(config, "").await;
    pause();
    let described = phone.describe(&answer, 2, &(phone.description() + HOLD)).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
    // A second of music, and twenty of nothing.
    let music = phone.speak(&described, &[0x11; 8_000]);
    let hearing = async {
        let mut frames = 0;
        while frames < 1_050 {
            match link.recv().await.expect("the call goes on").expect("the line is there") {
                Inbound::Audio(frame) => {
                    assert!(frame.payload.iter().all(|sample| *sample == 0xFF), "music is heard");
                    frames += 1;
                }
                Inbound::Quality(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(music, hearing);
    phone.describe(&answer, 3, &phone.description()).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(false)));
    // Behind what the music was counted by.
    let speaking = phone.speak(&described, &[0x11; 16_000]);
    let caller = async {
        while let Some(Ok(next)) = link.recv().await {
            if let Inbound::Audio(frame) = next
                && frame.payload.contains(&0x11)
            {
                return true;
            }
        }
        false
    };
    let (is_heard, ()) = tokio::join!(caller, speaking);
    assert!(is_heard, "whoever takes the call back is heard");
}

#[tokio::test]
async fn marks_return_on_hold_when_what_is_before_them_was_dropped() {
    let Begun { mut phone, answer, mut link, .. } = Begun::with(Server::config(), "").await;
    phone.describe(&answer, 2, &(phone.description() + HOLD)).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0x11; 160].into());
    for asked in [Outbound::Audio(frame), Outbound::Mark(MarkId::new(7)), Outbound::Clear] {
        link.try_send(asked).unwrap();
    }
    assert_eq!(told(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(7))));
}

#[tokio::test]
async fn a_side_that_says_that_it_only_listens_is_not_taken_for_dead() {
    let mut config = Server::config();
    config.media_timeout = Duration::from_secs(2);
    let Begun { mut phone, answer, mut link, .. } = Begun::with(config, "").await;
    pause();
    phone.describe(&answer, 2, &(phone.description() + "a=recvonly\r\n")).await;
    let mut end = async || loop {
        match link.recv().await {
            Some(Ok(Inbound::Audio(_) | Inbound::Quality(_))) => {}
            other => return other,
        }
    };
    let ended = timeout(Duration::from_secs(20), end()).await;
    assert!(ended.is_err(), "{ended:?}");
    // From when it says that it speaks again, it has as long as anybody.
    let begin = Instant::now();
    phone.describe(&answer, 3, &phone.description()).await;
    let ended = timeout(Duration::from_secs(20), end()).await;
    assert!(matches!(ended, Ok(Some(Err(_)))), "{ended:?}");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// The end of a call, as far as it has one.
async fn end(link: &mut Link<Outbound, Inbound>) -> Option<voiceagent_core::Result<Inbound>> {
    loop {
        match link.recv().await {
            Some(Ok(Inbound::Audio(_) | Inbound::Quality(_))) => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn a_held_phone_that_is_silent_is_asked_whether_it_is_there_and_the_call_ends_if_it_is_not() {
    for knows_the_call in [true, false] {
        let mut config = Server::config();
        config.media_timeout = Duration::from_secs(2);
        let Begun { mut phone, answer, mut link, .. } = Begun::with(config, "").await;
        pause();
        phone.describe(&answer, 2, &(phone.description() + HOLD)).await;
        assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
        let longer = Duration::from_secs(120);
        let asking = async {
            let asked = phone.request_within("OPTIONS", longer).await;
            phone.answer(&asked, "405 Method Not Allowed", "", "").await;
            let again = phone.request_within("OPTIONS", longer).await;
            assert!(again.number() > asked.number(), "{}", again.text);
            if knows_the_call {
                phone.answer(&again, "200 OK", "", "").await;
                phone.request_within("OPTIONS", longer).await;
            }
            let begin = Instant::now();
            if !knows_the_call {
                phone.answer(&again, "481 Call/Transaction Does Not Exist", "", "").await;
            }
            begin
        };
        let (begin, ended) = tokio::join!(asking, timeout(longer * 2, end(&mut link)));
        let error = ended.expect("nobody is there").unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        let most = Duration::from_secs(if knows_the_call { 40 } else { 1 });
        assert!(begin.elapsed() <= most, "{:?}", begin.elapsed());
        resume();
    }
}
