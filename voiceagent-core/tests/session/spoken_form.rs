//! The voice is given words, and the history keeps what was written.

use std::time::Duration;

use voiceagent_core::{
    SessionConfig,
    llm::Message,
    session::{Command, Input},
    spoken::{Pronunciation, SpokenForm},
    stt::WordTiming,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{answers, phone, tool},
    readings::{agent, cut, last_message},
};

const WRITTEN: &str = "**Yes**, it is $5.50 until 3 p.m. on Monday.";
const SPOKEN: &str = "Yes, it is five dollars and fifty cents until three PM on Monday.";

fn in_words() -> SessionConfig {
    let mut settings = phone();
    settings.spoken_form = Some(SpokenForm::english());
    settings
}

/// Everything that the voice was given.
fn given(call: &Scenario) -> String {
    let texts = call.commands().iter().filter_map(|(_, command)| match command {
        Command::Synthesize { text, .. } => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// What is remembered of an answer that was cut so long after it began, without times of words.
fn remembered_after(millis: u64) -> Option<Message> {
    let mut call = Scenario::new(in_words());
    call.at(1_000).says("How much?").at(2_000).model(WRITTEN);
    call.at(2_100).voice(SPOKEN, SPOKEN.len() * 60);
    call.at(2_100 + millis).feed(Input::Interrupt);
    call.session().messages().last().cloned()
}

#[test]
fn h9_the_voice_is_given_words_and_the_history_what_was_written() {
    let mut call = Scenario::new(in_words());
    answers(&mut call, WRITTEN);
    assert_eq!(given(&call), SPOKEN);
    call.at(9_000);
    assert_eq!(last_message(&mut call), agent(WRITTEN));
}

#[test]
fn h9_without_a_form_the_voice_is_given_what_was_written() {
    let mut call = Scenario::new(phone());
    answers(&mut call, WRITTEN);
    assert_eq!(given(&call), WRITTEN);
}

#[test]
fn h6_a_cut_within_the_words_of_an_amount_is_before_it() {
    let letters = |text: &str| text.len() as u64 * 60 + 200;
    let within = remembered_after(letters("Yes, it is five dollars and"));
    assert_eq!(within, Some(cut("**Yes**, it is")));
    let behind = remembered_after(letters("Yes, it is five dollars and fifty cents until"));
    assert_eq!(behind, Some(cut("**Yes**, it is $5.50 until")));
}

#[test]
fn h6_times_of_words_are_those_of_what_is_spoken() {
    for (words, remembered) in [(6, "**Yes**, it is"), (8, "**Yes**, it is $5.50")] {
        let mut call = Scenario::new(in_words());
        call.at(1_000).says("How much?").at(2_000).model(WRITTEN).at(2_100);
        let generation = call.generation();
        let times = SPOKEN.split(' ').zip(0_u64..).map(|(word, nth)| WordTiming {
            word: word.trim_end_matches([',', '.']).into(),
            start: Duration::from_millis(nth * 200),
            end: Duration::from_millis(nth * 200 + 190),
        });
        call.feed(Input::Words { generation, words: times.collect() });
        call.feed(Input::Synthesized { generation, payload: vec![0x55; 24_000].into() });
        call.at(2_100 + words * 200).feed(Input::Interrupt);
        assert_eq!(call.session().messages().last(), Some(&cut(remembered)));
    }
}

#[test]
fn h6_a_voice_that_tells_what_was_heard_tells_it_in_words() {
    let mut settings = in_words();
    settings.voice_tells_heard = true;
    let mut call = Scenario::new(settings);
    answers(&mut call, WRITTEN);
    let generation = call.generation();
    call.at(3_160).feed(Input::Interrupt);
    let text = "Yes, it is five dollars and fifty cents".into();
    call.feed(Input::SynthesisHeard { generation, text });
    assert_eq!(call.session().messages().last(), Some(&cut("**Yes**, it is $5.50")));
}

#[test]
fn h9_words_on_the_side_are_spoken_in_words_too() {
    let mut settings = in_words();
    settings.tools = [tool("look_up")].into();
    settings.tool_use.fillers = ["That takes 5 s, I think, or 10 min."].map(Into::into).into();
    let mut call = Scenario::new(settings);
    call.at(1_000).says("Is it free?").at(2_000).model_calls(&[("1", "look_up")]);
    call.at(4_000);
    assert_eq!(given(&call), "That takes five s, I think, or ten minutes.");
}

#[test]
fn h15_an_answer_that_is_spoken_anew_is_spoken_in_the_same_words() {
    let mut call = Scenario::new(in_words());
    call.at(1_000).says("How much?").at(2_000).model(WRITTEN).at(2_100);
    let kind = voiceagent_core::ErrorKind::Disconnected;
    call.feed(Input::SynthesisFailed { kind });
    assert_eq!(given(&call), SPOKEN.repeat(2));
}

#[test]
fn h9_a_word_of_the_dictionary_is_remembered_as_it_is_written() {
    let mut settings = phone();
    let word = Pronunciation::new("nginx", "engine x");
    settings.spoken_form = Some(SpokenForm::of("de-DE").pronounce(word));
    let mut call = Scenario::new(settings);
    answers(&mut call, "Wir starten Nginx neu.");
    assert_eq!(given(&call), "Wir starten engine x neu.");
    call.at(9_000);
    assert_eq!(last_message(&mut call), agent("Wir starten Nginx neu."));
}
