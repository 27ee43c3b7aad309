//! A chain of recognizers: what a final covers that does not say what it is about, and what is taken back.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout};
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    adapt::FallbackStt,
    audio::{AudioFrame, MediaTime},
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions, Transcript},
};
use voiceagent_testkit::{
    fakes::{FakeStt, Words},
    tone,
};

use crate::rig::{MULAW, ms};

const FRAME: Duration = Duration::from_millis(20);
const FIRST: &str = "first part here";
const SECOND: &str = "second part there";

/// What comes behind a late final.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The recognizer is lost.
    Lost,
    /// It says nothing more, and goes on reading.
    Mute,
    /// It has said all, and answers the next request with nothing.
    Done,
}

/// A recognizer that answers a request with what it owes of the first utterance.
#[derive(Debug)]
struct Late {
    /// How long it claims to need for a final.
    claims: Duration,
    /// How long it takes after the request.
    takes: Duration,
    text: &'static str,
    then: Then,
}

#[async_trait::async_trait]
impl SpeechToText for Late {
    fn name(&self) -> &str {
        "late"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![MULAW]);
        capabilities.claim_finalize(self.claims);
        capabilities
    }

    async fn open(&self, _: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let (takes, text, then) = (self.takes, self.text, self.then);
        Ok(Link::spawn(128, async move |mut peer| {
            let mut answers = [text].into_iter();
            while let Some(input) = peer.recv().await {
                if !matches!(input, SttInput::Finalize) {
                    continue;
                }
                sleep(takes).await;
                let Some(text) = answers.next().or((then == Then::Done).then_some("")) else {
                    continue;
                };
                peer.send(SttEvent::Transcript(Transcript::final_(text))).await?;
                if then == Then::Lost {
                    sleep(ms(300)).await;
                    return Err(Error::new(ErrorKind::Disconnected, "read", "gone"));
                }
            }
            Ok(())
        }))
    }
}

/// What was said: the first part from 500 ms to 1,500 ms, the second until a second later.
struct Told {
    finals: String,
    /// How many of them said nothing.
    empty: usize,
    /// When the next recognizer took over.
    taken_over: Option<Duration>,
    /// From where on the next recognizer hears, and whether it is asked for a final.
    heard_from: Option<Duration>,
    is_asked: bool,
}

/// Lets the first recognizer answer late a request at 3 s, after a pause of so long.
async fn told(first: Late, pause: Duration) -> Told {
    let second_part = ms(1_500) + pause..ms(2_500) + pause;
    let words = Words::default();
    words.say(FIRST, ms(500), ms(1_500));
    words.say(SECOND, second_part.start, second_part.end);
    let second = FakeStt::new(words).without_interims();
    let inputs = second.inputs();
    let chain = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let mut link = chain.open(SttOptions::new(MULAW)).await.expect("the first opens");
    let (begun, mut finals) = (Instant::now(), Vec::new());
    let (mut empty, mut taken_over) = (0, None);
    for number in 0..400_u32 {
        let at = FRAME * number;
        let is_spoken = (ms(500)..ms(1_500)).contains(&at) || second_part.contains(&at);
        let place = MediaTime(MULAW.samples_in(at));
        let payload = match is_spoken {
            true => tone::speech(MULAW, place, 160),
            false => tone::silence(MULAW, FRAME),
        };
        let frame = AudioFrame::new(MULAW, place, payload);
        link.try_send(SttInput::Audio(frame)).expect("the chain reads");
        if at == second_part.end + ms(200) {
            link.try_send(SttInput::Finalize).expect("the chain reads");
        }
        let until = begun + at + FRAME;
        while let Ok(event) = timeout(until - Instant::now(), link.recv()).await {
            match event.expect("the chain goes on").expect("nothing fails") {
                SttEvent::Transcript(it) if it.is_final && !it.text.is_empty() => {
                    finals.push(it.text.to_string());
                }
                SttEvent::Transcript(it) if it.is_final => empty += 1,
                SttEvent::FailedOver(_) => taken_over = Some(begun.elapsed()),
                _ => {}
            }
        }
        sleep_until(until).await;
    }
    let inputs = inputs.all();
    let heard_from = inputs.iter().find_map(|input| match input {
        SttInput::Audio(frame) => Some(MULAW.duration_of(frame.at.0)),
        _ => None,
    });
    Told {
        finals: finals.join(" "),
        empty,
        taken_over,
        heard_from,
        is_asked: inputs.iter().any(|input| matches!(input, SttInput::Finalize)),
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_a_late_final_behind_a_request_costs_nothing_that_was_said_since_a_pause() {
    for (claims, takes, text) in [
        (ms(1_000), ms(200), FIRST),
        // One that claims to be slow may be later still.
        (ms(2_500), ms(1_200), FIRST),
        // It may have taken the first part for a noise, and says nothing of it.
        (ms(1_000), ms(200), ""),
    ] {
        let told = told(Late { claims, takes, text, then: Then::Lost }, ms(300)).await;
        let heard_from = told.heard_from.expect("the next recognizer hears something");
        assert!(heard_from <= ms(1_800), "{takes:?}: heard from {heard_from:?}");
        assert!(told.is_asked, "{takes:?}: the final is still owed");
        assert_eq!(told.finals, format!("{FIRST} {SECOND}"), "{takes:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_words_on_both_sides_of_a_pause_that_one_final_held_do_not_come_twice() {
    let text = "first part here second part there";
    let first = Late { claims: ms(1_000), takes: ms(200), text, then: Then::Lost };
    assert_eq!(told(first, ms(300)).await.finals, text);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_one_that_is_silent_behind_a_late_final_has_stalled_and_what_it_owes_is_heard() {
    for text in [FIRST, ""] {
        let first = Late { claims: ms(1_000), takes: ms(200), text, then: Then::Mute };
        let told = told(first, ms(300)).await;
        // The request was made at 3 s.
        let taken_over = told.taken_over.expect("it is noticed");
        assert!(taken_over <= ms(6_000), "after {taken_over:?}");
        assert_eq!(told.finals, format!("{FIRST} {SECOND}"), "{text:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_one_that_has_said_all_of_two_utterances_with_one_final_has_not_stalled() {
    let text = "first part here second part there";
    let first = Late { claims: ms(1_000), takes: ms(200), text, then: Then::Done };
    let told = told(first, ms(300)).await;
    assert_eq!((told.taken_over, told.heard_from), (None, None));
    assert_eq!((&*told.finals, told.empty), (text, 0), "nobody else asked for the second answer");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_final_behind_a_request_covers_all_where_nothing_was_said_that_it_may_be_too_late_for() {
    let text = "first part here second part there";
    let first = Late { claims: ms(1_000), takes: ms(200), text, then: Then::Lost };
    let heard_from = told(first, ms(100)).await.heard_from.expect("the next one hears the rest");
    assert!(heard_from >= ms(2_600), "heard from {heard_from:?}");
}

/// A recognizer that takes a turn to be over, and is lost.
#[derive(Debug)]
struct Eager;

#[async_trait::async_trait]
impl SpeechToText for Eager {
    fn name(&self) -> &str {
        "eager"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![MULAW]);
        capabilities.eager_end_of_turn = true;
        capabilities
    }

    async fn open(&self, _: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        Ok(Link::spawn(128, async move |peer| {
            peer.send(SttEvent::EagerEndOfTurn).await?;
            Err(Error::new(ErrorKind::Disconnected, "read", "gone"))
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_an_end_of_turn_that_only_the_lost_recognizer_could_confirm_is_taken_back() {
    let chain = FallbackStt::new(Arc::new(Eager), vec![Arc::new(Eager)]);
    let mut link = chain.open(SttOptions::new(MULAW)).await.expect("the first opens");
    let mut events = Vec::new();
    while events.len() < 4 {
        let event = timeout(ms(5_000), link.recv()).await.expect("it goes on");
        match event.expect("the chain goes on").expect("nothing fails") {
            SttEvent::FailedOver(_) => events.push("failed over"),
            SttEvent::EagerEndOfTurn => events.push("eager"),
            SttEvent::TurnResumed => events.push("resumed"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, ["eager", "resumed", "failed over", "eager"]);
}
