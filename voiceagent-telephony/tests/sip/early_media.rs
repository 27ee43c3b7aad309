use tokio::{sync::mpsc, time::timeout};
use voiceagent_core::{
    Link,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};
use voiceagent_telephony::sip::{SipProgress, SipRefusal};

use crate::{
    dial::{caller, dial, open},
    phone::Phone,
    server::SOON,
};

/// What is heard before the answer, and behind it, in mu-law.
const RING: u8 = 0x21;
const VOICE: u8 = 0x32;

/// Waits for sound; what it is.
async fn sound(listener: &mut mpsc::Receiver<AudioFrame>) -> u8 {
    let listening = async {
        loop {
            let frame = listener.recv().await.unwrap();
            if let Some(sound) = frame.payload.iter().find(|sample| **sample != 0xFF) {
                return *sound;
            }
        }
    };
    timeout(SOON, listening).await.unwrap()
}

/// Waits for a voice on the call; nothing else is heard before.
async fn voice(link: &mut Link<Outbound, Inbound>) -> u8 {
    let listening = async {
        loop {
            let told = link.recv().await.unwrap().unwrap();
            if let Inbound::Audio(frame) = told
                && let Some(sound) = frame.payload.iter().find(|sample| **sample != 0xFF)
            {
                return *sound;
            }
        }
    };
    timeout(SOON, listening).await.unwrap()
}

#[tokio::test]
async fn what_comes_before_the_answer_is_heard_apart_and_nobody_speaks_to_it() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let (sender, mut listener) = mpsc::channel(256);
    let dial = dial(&caller).with_early_audio(sender);
    let mut progress = dial.progress();
    assert_eq!(*progress.borrow(), SipProgress::Calling);
    let opening = open(dial);
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    let rings = progress.wait_for(|now| *now == SipProgress::Ringing);
    drop(timeout(SOON, rings).await.unwrap().unwrap());
    phone.answer(&invite, "183 Session Progress", "", &phone.description()).await;
    let early = progress.wait_for(|now| *now == SipProgress::EarlyMedia);
    drop(timeout(SOON, early).await.unwrap().unwrap());
    phone.speak(&invite, &[RING; 160 * 10]).await;
    assert_eq!(sound(&mut listener).await, RING);
    // A ring behind the announcement says nothing new, and nobody has spoken yet.
    phone.answer(&invite, "180 Ringing", "", "").await;
    phone.speak(&invite, &[RING; 160 * 10]).await;
    assert_eq!(*progress.borrow(), SipProgress::EarlyMedia);
    assert!(phone.has_heard_nothing() && !opening.is_finished());
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    phone.request("ACK").await;
    let mut link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    assert_eq!(*progress.borrow(), SipProgress::Answered);
    // Nobody listens any more who would take the voice for a ring.
    while let Some(frame) = timeout(SOON, listener.recv()).await.unwrap() {
        assert!(frame.payload.iter().all(|sample| [RING, 0xFF].contains(sample)));
    }
    phone.hears_silence().await;
    let (heard, ()) = tokio::join!(voice(&mut link), phone.speak(&invite, &[VOICE; 160 * 10]));
    assert_eq!(heard, VOICE);
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0x11; 160].into());
    link.try_send(Outbound::Audio(frame)).unwrap();
    assert_eq!(phone.hears().await, [0x11; 160]);
}

/// Two packets of a ring and of a voice, protected by the key with which libsrtp checks itself.
const KEY: &str = "4fl6DT4Bi+DWT6MsBt5BOQ7Gda1Jiv7rtpYLOqvm";
const PROTECTED: [&[u8]; 2] = [
    &[
        0x80, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xa0, 0x00, 0x00, 0x00, 0x07, 0x61, 0x5c, 0x23,
        0xf8, 0x0d, 0xb9, 0xd0, 0x27, 0x84, 0x33, 0x08, 0x45, 0x88, 0xce, 0x18, 0x36, 0x9f, 0xa6,
        0x55, 0xb8, 0x63, 0x54, 0xa2, 0x40, 0x5d, 0xa9,
    ],
    &[
        0x80, 0x00, 0x00, 0x02, 0x00, 0x00, 0x01, 0x40, 0x00, 0x00, 0x00, 0x07, 0xd7, 0x4b, 0xc6,
        0xbd, 0x3c, 0x57, 0x18, 0x35, 0xe3, 0x06, 0x81, 0xf7, 0x7b, 0x8d, 0x7a, 0x1e, 0x4f, 0xbd,
        0xb8, 0xe8, 0x0e, 0x4a, 0xc9, 0x15, 0x61, 0xb3,
    ],
];

#[tokio::test]
async fn protected_packets_from_before_the_answer_are_not_heard_again_behind_it() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk.with_srtp(true)).await;
    let (sender, mut listener) = mpsc::channel(256);
    let opening = open(dial(&caller).with_early_audio(sender));
    let invite = phone.request("INVITE").await;
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let description = phone.description().replace("RTP/AVP", "RTP/SAVP") + &crypto;
    phone.answer(&invite, "183 Session Progress", "", &description).await;
    let [ring, spoken] = PROTECTED;
    phone.send(&invite, ring).await;
    assert_eq!(sound(&mut listener).await, RING);
    phone.answer(&invite, "200 OK", "", &description).await;
    let mut link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    for packet in [ring, spoken] {
        phone.send(&invite, packet).await;
    }
    assert_eq!(voice(&mut link).await, VOICE);
}

#[tokio::test]
async fn an_announcement_that_ends_in_a_refusal_is_heard_and_the_call_was_never_taken() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let (sender, mut listener) = mpsc::channel(256);
    let dial = dial(&caller).with_early_audio(sender);
    let progress = dial.progress();
    let opening = open(dial);
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "183 Session Progress", "", &phone.description()).await;
    phone.speak(&invite, &[RING; 160 * 10]).await;
    assert_eq!(sound(&mut listener).await, RING);
    phone.answer(&invite, "404 Not Found", "", "").await;
    phone.request("ACK").await;
    let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::Unknown));
    assert_eq!(*progress.borrow(), SipProgress::EarlyMedia);
    assert!(phone.has_heard_nothing());
}

#[tokio::test]
async fn early_media_that_nobody_could_take_is_no_progress_and_no_harm() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let dial = dial(&caller);
    let progress = dial.progress();
    let opening = open(dial);
    let invite = phone.request("INVITE").await;
    let foreign = phone.description().replace("AVP 0", "AVP 18");
    phone.answer(&invite, "183 Session Progress", "", &foreign).await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    let mut rings = progress.clone();
    let rings = rings.wait_for(|now| *now >= SipProgress::Ringing);
    assert_eq!(*timeout(SOON, rings).await.unwrap().unwrap(), SipProgress::Ringing);
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    drop(timeout(SOON, opening).await.unwrap().unwrap().unwrap());
}
