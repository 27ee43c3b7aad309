//! What was heard: as it is told during the call, and as it stays in the history.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, Event,
    llm::{Message, ToolCall},
    session::Input,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{REPLY, answers, phone, tool},
    readings::{agent, cut, events, last_message, user},
};

/// When the first sound was heard, and what was, each time it was told.
fn told(call: &Scenario) -> Vec<(u64, String)> {
    let told = events(call).filter_map(|(_, event)| match event {
        Event::AgentHeard { since, pii_text, .. } => {
            Some((since.as_millis(), pii_text.to_string()))
        }
        _ => None,
    });
    told.collect()
}

fn silenced(call: &Scenario) -> Vec<Duration> {
    let told = events(call).filter_map(|(_, event)| match event {
        Event::AgentSilenced { after, .. } => Some(*after),
        _ => None,
    });
    told.collect()
}

#[test]
fn h9_the_history_holds_the_models_own_words() {
    let text = "That is $5 at 10:30 a.m. - O'Neil & Sons, naïve 10% off.";
    let mut call = Scenario::new(phone());
    answers(&mut call, text);
    call.at(9_000);
    assert_eq!(last_message(&mut call), agent(text));
}

#[test]
fn h11_a_say_that_was_cut_is_kept_as_far_as_it_was_heard() {
    let mut call = Scenario::new(phone());
    call.feed(Input::Say { text: REPLY.into(), interruptible: true });
    call.at(100).voice(REPLY, 4_000).at(1_260).feed(Input::Interrupt);
    let heard = cut("Yes, we have one. It");
    assert_eq!(*call.session().messages(), [heard]);
}

#[test]
fn h12_a_call_and_its_result_stay_though_the_words_are_cut() {
    let mut settings = phone();
    settings.tools = [tool("look_up")].into();
    let mut call = Scenario::new(settings);
    let before = "Let me have a look at the book for you.";
    call.at(1_000).says("Is Monday free?").at(2_000);
    call.writes(before);
    call.model_calls(&[("1", "look_up")]).tool("1", "\"free\"").model("Monday is free.");
    call.at(2_100).voice(before, 2_000).at(3_150).feed(Input::Interrupt);
    let tool = ToolCall { id: "1".into(), name: "look_up".into(), arguments: "{}".into() };
    let said = [
        user("Is Monday free?"),
        cut("Let me have a look"),
        Message::ToolCall(tool),
        Message::ToolResult { id: "1".into(), output: "\"free\"".into() },
    ];
    assert_eq!(*call.session().messages(), said);
}

#[test]
fn h12_words_before_a_call_are_whole_though_those_after_it_are_cut() {
    let mut call = Scenario::new(phone());
    let before = "Let me have a look.";
    call.at(1_000).says("Is Monday free?").at(2_000);
    call.writes(before);
    call.model_calls(&[("1", "look_up")]).at(2_100).voice(before, 1_000).at(3_500);
    call.tool("1", "\"free\"").model(REPLY).voice(REPLY, 4_000).at(4_660).feed(Input::Interrupt);
    let messages = call.session().messages();
    let first = agent(before);
    assert_eq!(messages[1], first, "{messages:?}");
    let cut = matches!(messages.last(), Some(Message::Assistant { interrupted: true, .. }));
    assert!(cut, "{messages:?}");
}

#[test]
fn h14_what_was_heard_is_told_as_it_grows() {
    let mut call = Scenario::new(phone());
    answers(&mut call, REPLY);
    call.at(3_160).feed(Input::Interrupt);
    let told: Vec<String> = told(&call).into_iter().map(|(_, text)| text).collect();
    let so_far = ["", "Yes", "Yes,", "Yes, we", "Yes, we have", "Yes, we have one."];
    assert_eq!(told, so_far, "and nothing twice");
    assert!(call.trace().contains("agent interrupted: Yes, we have one."), "{}", call.trace());
}

#[test]
fn h14_a_resumed_answer_goes_on_growing() {
    let mut call = Scenario::new(phone());
    answers(&mut call, REPLY);
    call.at(3_160).speaks().at(3_600).stops().at(9_000);
    let told = told(&call);
    assert!(told.windows(2).all(|two| two[1].1.starts_with(&two[0].1)), "{told:?}");
    assert!(told.iter().all(|(since, _)| *since == 2_100), "{told:?}");
    assert_eq!(told.last().map(|(_, text)| text.as_str()), Some(REPLY));
}

#[test]
fn h15_what_waits_is_kept_in_the_order_in_which_it_was_said() {
    let mut call = Scenario::new(phone());
    call.at(1_000).says("Do you have one?");
    for text in ["One moment.", "Here we are."] {
        call.feed(Input::Say { text: text.into(), interruptible: true });
    }
    call.at(2_400).voice("One moment.", 500).at(3_200).voice("Here we are.", 500);
    call.at(4_000).model(REPLY).at(4_100).voice(REPLY, 4_000).at(9_000);
    let said = ["One moment.", "Here we are.", "Do you have one?", REPLY];
    let messages = call.session().messages();
    let texts: Vec<&str> = messages
        .iter()
        .map(|message| match message {
            Message::User { text } | Message::Assistant { text, .. } => &**text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, said);
}

#[test]
fn m1_the_first_sound_is_heard_when_its_mark_says_so() {
    for (late, since) in [(0, 2_100), (60, 2_160)] {
        let mut call = Scenario::new(phone());
        call.marks_late_by(late);
        answers(&mut call, REPLY);
        call.at(9_000);
        // The report's own way counts: nothing shorter is known.
        assert_eq!(told(&call).first(), Some(&(since, String::new())), "{}", call.trace());
    }
}

#[test]
fn m11_the_silence_is_told_when_the_far_end_has_fallen_silent() {
    let mut call = Scenario::new(phone());
    call.marks_late_by(70);
    answers(&mut call, REPLY);
    call.at(3_160).speaks().at(3_400).interim("wait").at(4_000);
    // The onset was at 3,100; the clear left at 3,260, and its marks were back at 3,330.
    assert_eq!(silenced(&call), [Duration::from_millis(230)], "{}", call.trace());
}

#[test]
fn m11_a_pause_that_came_to_nothing_is_no_silence() {
    let mut call = Scenario::new(phone());
    answers(&mut call, REPLY);
    call.at(3_160).speaks().at(3_600).stops().at(9_000);
    assert!(silenced(&call).is_empty(), "{}", call.trace());
}

#[test]
fn m11_without_a_pause_the_silence_is_told_after_the_interruption() {
    let mut config = phone();
    config.barge_in.pause = None;
    config.barge_in.backchannel = None;
    let mut call = Scenario::new(config);
    call.marks_late_by(70);
    answers(&mut call, REPLY);
    call.at(3_160).speaks().at(4_000);
    assert!(call.trace().contains("  3260 interrupted: BargeIn"), "{}", call.trace());
    assert!(call.trace().contains("  3330 agent silenced: 230 ms"), "{}", call.trace());
}

#[test]
fn x10_whoever_waits_for_words_without_an_answer_is_told_too() {
    let text = "Your car is ready. It is in the yard.";
    let say = || Input::SayUntilHeard { text: text.into(), interruptible: true, ticket: 7 };
    let mut call = Scenario::new(phone());
    call.feed(say()).at(100).voice(text, 1_600).at(5_000);
    assert!(call.trace().contains(" said 7"), "{}", call.trace());
    assert!(!call.trace().contains("not said 7"), "{}", call.trace());

    let mut call = Scenario::new(phone());
    call.feed(say()).at(100);
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: vec![0x55; 6_400].into() });
    call.feed(Input::SynthesisSpoken { generation, texts: 1 });
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected }).at(30_000);
    assert!(call.trace().contains("not said 7"), "only half of it was heard: {}", call.trace());
}

/// A call whose answer is cut after 1,160 ms, on a voice that tells which words were heard.
fn told_by_the_voice(words: &str) -> (Scenario, Vec<Message>) {
    let mut settings = phone();
    settings.voice_tells_heard = true;
    let mut call = Scenario::new(settings);
    answers(&mut call, REPLY);
    let generation = call.generation();
    call.at(3_160).feed(Input::Interrupt);
    call.feed(Input::SynthesisHeard { generation, text: words.into() });
    let messages = call.session().messages().to_vec();
    (call, messages)
}

#[test]
fn h6_a_voice_that_knows_which_words_were_heard_is_asked_and_believed() {
    for told in ["Yes, we", "Yes, we have one. It is"] {
        let (call, messages) = told_by_the_voice(told);
        let (trace, expected) = (call.trace(), told.trim());
        assert!(trace.contains("interrupt voice 1 at "), "{trace}");
        assert_eq!(messages.last(), Some(&cut(expected)), "{trace}");
        assert!(trace.contains(&format!("agent interrupted: {expected}")), "{trace}");
    }
}

#[test]
fn h6_a_voice_that_tells_of_other_words_is_not_believed() {
    let (_, messages) = told_by_the_voice("No, we have none.");
    assert_eq!(messages.last(), Some(&cut("Yes, we have one.")));
}

#[test]
fn h6_words_that_were_heard_although_none_were_counted_are_written_down() {
    let mut settings = phone();
    settings.voice_tells_heard = true;
    let mut call = Scenario::new(settings);
    answers(&mut call, REPLY);
    let generation = call.generation();
    call.at(2_160).feed(Input::Interrupt);
    assert!(matches!(call.session().messages().last(), Some(Message::User { .. })));
    call.feed(Input::SynthesisHeard { generation, text: "Yes".into() });
    assert_eq!(call.session().messages().last(), Some(&cut("Yes,")));
}
