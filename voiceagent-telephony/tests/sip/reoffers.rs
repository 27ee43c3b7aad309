use tokio::time::pause;
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Outbound, Transport as _},
};
use voiceagent_telephony::DtmfKey;

use crate::{
    crossings::{HALF, OURS, Taken},
    phone::{Phone, Request},
    server::Server,
};

/// What we say again after half of the time, and that the phone takes it with this description.
async fn confirmed(taken: &mut Taken, change: impl Fn(String) -> String) -> Request {
    let Taken { phone, .. } = taken;
    let ours = phone.request_within("INVITE", HALF * 2).await;
    phone.answer(&ours, "200 OK", OURS, &change(phone.description())).await;
    assert_eq!(phone.request("ACK").await.number(), ours.number());
    ours
}

fn say(taken: &Taken, byte: u8) {
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![byte; 160].into());
    taken.link.try_send(Outbound::Audio(frame)).unwrap();
}

#[tokio::test]
async fn cp47_the_answer_to_our_own_description_moves_the_media() {
    let mut taken = Taken::by(OURS).await;
    pause();
    taken.phone.move_media().await;
    let ours = confirmed(&mut taken, |same| same).await;
    taken.phone.hears_silence().await;
    say(&taken, 0x11);
    assert_eq!(taken.phone.hears().await, [0x11; 160]);
    // Another codec of those that were offered once.
    let next = confirmed(&mut taken, |same| same.replace("AVP 0", "AVP 8")).await;
    assert_eq!(next.body(), ours.body(), "nothing of ours has changed");
    while taken.phone.packet().await.0 != 8 {}
    say(&taken, 0x11);
    let heard = async {
        loop {
            // Silence is 0xD5 in A-law.
            let (number, sound) = taken.phone.packet().await;
            assert_eq!((number, sound.len()), (8, 160));
            if sound.iter().any(|sample| *sample != 0xD5) {
                return sound;
            }
        }
    };
    assert_ne!(heard.await, [0x11; 160]);
}

#[tokio::test]
async fn an_answer_to_our_own_description_puts_the_call_on_hold_and_takes_it_back() {
    let mut taken = Taken::by(OURS).await;
    pause();
    for hold in ["a=inactive\r\n", "a=sendonly\r\n"] {
        taken.phone.hears_silence().await;
        confirmed(&mut taken, |same| same + hold).await;
        taken.phone.hears_no_more().await;
        let still = confirmed(&mut taken, |same| same + hold).await;
        assert!(!still.body().contains("a=sendrecv"), "{}", still.text);
        taken.phone.hears_no_more().await;
        confirmed(&mut taken, |same| same).await;
    }
    taken.phone.hears_silence().await;
}

#[tokio::test]
async fn an_answer_that_describes_nothing_that_is_taken_changes_nothing() {
    let mut taken = Taken::by(OURS).await;
    pause();
    for (from, to) in [("AVP 0", "AVP 18"), ("RTP/AVP", "RTP/SAVP"), ("v=0", "v=1")] {
        confirmed(&mut taken, |same| same.replace(from, to)).await;
        say(&taken, 0x11);
        assert_eq!(taken.phone.hears().await, [0x11; 160]);
    }
}

#[tokio::test]
async fn packets_are_as_long_as_each_description_of_the_other_side_wants() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let short = phone.description() + "a=maxptime:10\r\n";
    phone.call_with(server.address, "short", &short).await;
    let _link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    for _ in 0..10 {
        assert_eq!(phone.packet().await, (0, vec![0xFF; 80]), "10 ms");
    }
    let taken = phone.describe(&answer, 2, &phone.description()).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    while phone.packet().await.1.len() == 80 {}
    assert_eq!(phone.packet().await, (0, vec![0xFF; 160]), "20 ms");
}

#[tokio::test]
async fn a_call_whose_keys_are_taken_away_while_they_are_pressed_ends_all_the_same() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let plain = phone.description();
    let offer = plain.replace("AVP 0", "AVP 0 101") + "a=rtpmap:101 telephone-event/8000\r\n";
    phone.call_with(server.address, "keys", &offer).await;
    let call = server.call().await;
    let keypad = call.keypad();
    let link = Box::new(call).open().await.unwrap();
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    for key in ['1', '2', '3', '4'] {
        keypad.press(DtmfKey::new(key).unwrap()).unwrap();
    }
    while phone.packet().await.0 != 101 {}
    phone.describe(&answer, 2, &plain).await;
    link.try_send(Outbound::HangUp).unwrap();
    phone.request("BYE").await;
}
