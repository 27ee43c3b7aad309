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
