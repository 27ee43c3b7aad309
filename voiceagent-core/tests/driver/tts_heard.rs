//! A chain of voices in a call that is interrupted: the history holds what was heard, wherever one
//! voice was lost and whenever the agent is stopped.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{Agent, adapt::FallbackTts, llm::Message, tts::TtsInput};
use voiceagent_testkit::{
    fakes::{Answer, FakeLlm, FakeStt, FakeTts, FakeVad, TtsFault},
    tone,
};

use crate::rig::{MULAW, ms, phone_line};

const GREETING: &str = "Good day to you.";
const TEXT: &str = "Your appointment is at nine. Please bring the keys, and the registration.";

/// How the voices of a chain are made, and how long a character of each takes.
struct Voices {
    make: fn() -> FakeTts,
    first: Duration,
    second: Duration,
}

/// What was heard of the text, what the second voice was given of it, and what is remembered.
#[derive(Debug)]
struct Heard {
    text: String,
    given: String,
    remembered: String,
}

/// Lets the first voice drop after so much of the text, and stops the agent so long after that.
async fn heard(voices: &Voices, cut: Duration, stop: Duration) -> Heard {
    let (line, caller) = phone_line();
    let greeting = tone::spell(MULAW, GREETING, voices.first).len();
    let fault = TtsFault::Drop(MULAW.duration_of(greeting as u64) + cut);
    let first = (voices.make)().with_per_char(voices.first).with_faults([fault]);
    let second = (voices.make)().with_per_char(voices.second);
    let inputs = second.inputs();
    let llm = FakeLlm::answers([Answer::text("Very well.")]);
    let requests = llm.requests();
    let agent = Agent::builder()
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(llm))
        .tts(Arc::new(FallbackTts::new(Arc::new(first), vec![Arc::new(second)])))
        .vad(Arc::new(FakeVad::default()))
        .greeting(GREETING)
        .build()
        .expect("nothing is missing");
    let call = agent.start(Box::new(line)).await.expect("the first voice opens");
    caller.hears(GREETING, ms(9_000)).await;
    caller.silence(ms(500)).await;
    call.line().say(TEXT).expect("the call goes on");
    caller.silence(stop).await;
    call.line().interrupt().expect("the call goes on");
    caller.silence(ms(500)).await;
    let text = caller.heard_text();
    caller.speak("go on", ms(600)).await;
    caller.silence(ms(2_000)).await;
    let request = requests.last().expect("it was asked");
    let said = request.messages.iter().filter_map(|message| match message {
        Message::Assistant { text, .. } => Some(&**text),
        _ => None,
    });
    let said = said.collect::<Vec<_>>().join(" ");
    let of_text = |all: &str| all.strip_prefix(GREETING).map(|rest| rest.trim_start().to_owned());
    let given = inputs.all();
    let given = given.iter().filter_map(|input| match input {
        TtsInput::Text { text, .. } => TEXT.contains(&**text).then_some(text),
        _ => None,
    });
    Heard {
        text: of_text(&text).expect("the greeting was heard"),
        given: given.map(|text| &**text).collect(),
        remembered: of_text(&said).expect("the greeting is remembered"),
    }
}

/// How much of the text was heard when all of this was, at least and at most: a word within which
/// the first voice ended is heard twice, and where it ended is not known to the letter.
fn bounds(heard: &str, given: &str) -> Option<(usize, usize)> {
    if TEXT.starts_with(heard) && (given.is_empty() || heard.len() <= TEXT.len() - given.len()) {
        return Some((heard.len(), heard.len()));
    }
    let place = TEXT.len() - given.len();
    let half = given.find(' ').unwrap_or(given.len());
    let ends = (place.saturating_sub(2)..=(place + half).min(heard.len()))
        .filter(|end| heard.starts_with(&TEXT[..*end]) && given.starts_with(&heard[*end..]));
    let heard_of_both = ends.map(|end| place.max(place + heard.len() - end));
    let all: Vec<usize> = heard_of_both.collect();
    Some((*all.iter().min()?, *all.iter().max()?))
}

/// The words of the text that end within so many letters.
fn words(letters: usize) -> usize {
    let mut ends = TEXT.match_indices(' ').map(|(at, _)| at).chain([TEXT.len()]);
    let mut words = 0;
    while ends.next().is_some_and(|end| end <= letters) {
        words += 1;
    }
    words
}

/// Cuts the first voice at several places, and stops the agent before and behind them.
async fn remembers_what_was_heard(voices: Voices, first_cut: u64) {
    for cut in (first_cut..4_600).step_by(960) {
        for stop in [600, 2_200] {
            let heard = heard(&voices, ms(cut), ms(cut + stop)).await;
            let case = format!("cut after {cut} ms, stopped {stop} ms later: {heard:?}");
            let (least, most) = bounds(&heard.text, &heard.given).expect(&case);
            assert!(TEXT.starts_with(&heard.remembered), "{case}");
            let remembered = words(heard.remembered.len());
            assert!(remembered <= words(most), "a word was not heard, {case}");
            // What was heard within the last mark may not be known.
            let known = words(least.saturating_sub(4));
            assert!(remembered + 1 >= known, "words are missing, {case}");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h1_after_a_failover_of_voices_without_times_the_history_holds_what_was_heard() {
    for (first_cut, first, second) in [(600, 60, 60), (960, 60, 90), (1_200, 80, 50)] {
        let (first, second) = (ms(first), ms(second));
        remembers_what_was_heard(Voices { make: FakeTts::new, first, second }, first_cut).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn h1_after_a_failover_of_voices_that_tell_texts_or_words_the_history_holds_what_was_heard() {
    let makes: [fn() -> FakeTts; 2] =
        [|| FakeTts::new().with_segments(), || FakeTts::new().with_word_timings()];
    for make in makes {
        remembers_what_was_heard(Voices { make, first: ms(60), second: ms(60) }, 720).await;
    }
}
