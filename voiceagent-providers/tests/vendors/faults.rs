//! What goes wrong with any voice over a WebSocket whose generations are contexts.

use voiceagent_core::{ErrorKind, Retry, tts::TextToSpeech};
use voiceagent_testkit::vendor::{Refusal, ScriptedVendor, SpeechVendor};

use crate::voice::{FORMAT, ONE, TWO, Voice};

/// Long enough that its audio is still coming when something happens.
const LONG: &str = "This takes a while, and then it goes on and on about nothing at all, so that \
    nobody would ever want to hear it to its end. ";

/// A vendor that is gone in mid-sentence is reported once, and the next generation has another.
pub(crate) async fn is_dropped(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    voice.say(ONE, LONG);
    voice.until_audio().await;
    vendor.drop_connections();
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Disconnected);
    voice.say(ONE, "Nobody asked for the rest.");
    voice.finish(ONE);
    goes_on(vendor, &mut voice).await;
}

/// A vendor that falls silent in mid-sentence is reported as such, and replaced.
pub(crate) async fn is_stalled(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    voice.say(ONE, LONG);
    voice.finish(ONE);
    voice.until_audio().await;
    vendor.stall();
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Stalled);
    goes_on(vendor, &mut voice).await;
}

/// A vendor that falls silent before anybody heard it is replaced without a word.
pub(crate) async fn is_stalled_at_once(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    vendor.until_connections(1).await;
    vendor.stall();
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    assert!(voice.until_finished(ONE).await.audio == vendor.audio(FORMAT, "Good morning."));
    assert_eq!(vendor.accepted(), 2);
}

/// A vendor that has no room is asked as often as a caller waits, and then reported.
pub(crate) async fn is_crowded(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    vendor.until_connections(1).await;
    let wait = std::time::Duration::from_secs(7);
    vendor.refuse(Some(Refusal::status(429).retry_after(wait)));
    vendor.drop_connections();
    vendor.until_connections(0).await;
    voice.say(ONE, "Nobody hears this.");
    voice.finish(ONE);
    let fault = voice.until_fault().await;
    assert_eq!((fault.kind(), fault.retry()), (ErrorKind::RateLimited, Retry::After(wait)));
    vendor.refuse(None);
    goes_on(vendor, &mut voice).await;
}

/// A key that is refused in the middle of a call ends the voice: it would be refused again.
pub(crate) async fn loses_its_key(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    vendor.until_connections(1).await;
    vendor.refuse(Some(Refusal::status(401)));
    vendor.drop_connections();
    vendor.until_connections(0).await;
    voice.say(ONE, "Nobody hears this.");
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Unauthorized);
    assert!(voice.has_ended().await);
}

/// Of what was cancelled nothing is heard in the next generation, which needs no other socket.
pub(crate) async fn is_interrupted(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    let mut number = ONE;
    for _ in 0..6 {
        voice.say(number, LONG);
        voice.until_audio().await;
        voice.cancel(number);
        number = number.next();
    }
    voice.say(number, "Sorry. ");
    voice.say(number, "Go on.");
    voice.finish(number);
    let audio = voice.until_finished_after_others(number).await;
    assert!(audio == vendor.audio(FORMAT, "Sorry. Go on."));
    assert_eq!(vendor.accepted(), 1);
}

/// A voice says one generation after the other on one socket.
pub(crate) async fn speaks_twice(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    for number in [ONE, TWO] {
        for text in ["Nine thirty, ", "or ten?"] {
            voice.say(number, text);
        }
        voice.finish(number);
    }
    for number in [ONE, TWO] {
        let said = voice.until_finished(number).await;
        assert!(said.audio == vendor.audio(FORMAT, "Nine thirty, or ten?"));
        if !tts.capabilities().word_timings {
            continue;
        }
        let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
        assert_eq!(words, ["Nine", "thirty,", "or", "ten?"]);
        let ms = |word: usize| said.words[word].start.as_millis();
        assert_eq!((ms(0), ms(1), ms(2)), (0, 300, 780), "60 ms a character");
    }
    assert_eq!(vendor.accepted(), 1);
}

/// Words between the texts of another generation come in their place, with their times.
pub(crate) async fn speaks_in_turns(vendor: &SpeechVendor, tts: &dyn TextToSpeech) {
    let mut voice = Voice::open(tts).await;
    voice.say(TWO, "Let me see. ");
    voice.say(ONE, "One moment. ");
    voice.say(TWO, "Yes.");
    voice.finish(TWO);
    voice.finish(ONE);
    let said = voice.until_all_finished([ONE, TWO]).await;
    assert!(said[0].audio == vendor.audio(FORMAT, "One moment. "));
    if tts.capabilities().word_timings {
        let word = said[1].words.iter().find(|it| &*it.word == "Yes.").expect("it is said");
        assert_eq!(word.start, vendor_duration(vendor, "Let me see. "));
    } else {
        assert!(said[1].audio == vendor.audio(FORMAT, "Let me see. Yes."));
    }
    assert_eq!(vendor.accepted(), 1);
}

fn vendor_duration(vendor: &SpeechVendor, text: &str) -> std::time::Duration {
    FORMAT.duration_of(FORMAT.samples(vendor.audio(FORMAT, text).len()))
}

async fn goes_on(vendor: &SpeechVendor, voice: &mut Voice) {
    voice.say(TWO, "Hello again.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "Hello again."));
}
