use voiceagent_core::GenerationId;

use super::*;
use crate::simulator::{floor, log::Mark};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A model that speaks has said "Hello, there.", all of which was heard, and told its words, or
/// gave way before it came to that.
fn spoken(is_told: bool) -> Account {
    let voice = GenerationId::new(1);
    let word = |number: u32, text: &str, at: u64| Word {
        text: text.to_owned(),
        voice,
        made: ms(0),
        told_at: is_told.then_some(number),
        sent: Some(ms(at)),
        heard: Some(ms(at + 100)),
        faked: false,
        denied: None,
    };
    let mark = |came, words| Mark { came: ms(came), words, answered: Some(ms(came + 150)) };
    Account {
        words: vec![word(0, "Hello,", 300), word(1, "there.", 700)],
        order: vec![(ms(300), 0), (ms(700), 1)],
        marks: vec![mark(310, 1), mark(710, 2)],
        events: vec![
            (ms(0), Event::AgentStarted { generation: voice, turn: None }),
            (
                ms(1_000),
                Event::AgentStopped { generation: voice, pii_heard: "".into(), interrupted: false },
            ),
        ],
        ..Account::default()
    }
}

fn is_right(account: &Account, text: Text, history: &str) -> bool {
    let mut profile = floor::tests::calm();
    profile.kind = Kind::Duplex;
    profile.carrier.marks = true;
    profile.speaker.text = text;
    let said = Message::Assistant { text: history.into(), interrupted: false };
    Expected::of(account, &profile).check(&[said]).is_none()
}

#[test]
fn of_a_model_that_gave_way_before_it_told_its_words_they_may_be_missing() {
    for text in [Text::Ahead, Text::Beside, Text::Behind] {
        assert!(is_right(&spoken(true), text, "Hello, there."), "{text:?}");
        assert!(!is_right(&spoken(true), text, ""), "{text:?}");
        assert!(is_right(&spoken(false), text, ""), "{text:?}");
    }
    assert!(!is_right(&spoken(false), Text::Behind, "Goodbye."), "it has said something else");
}

#[test]
fn a_word_behind_the_last_answer_may_be_written_down_though_the_line_was_gone_before_its_mark() {
    let mut profile = floor::tests::calm();
    profile.kind = Kind::Cascade;
    profile.carrier.marks = true;
    let mut account = spoken(true);
    account.marks.pop();
    account.words[1].heard = None;
    let check = |account: &Account, history: &str| {
        let said = Message::Assistant { text: history.into(), interrupted: true };
        Expected::of(account, &profile).check(&[said]).is_none()
    };
    assert!(check(&account, "Hello, there.") && check(&account, "Hello,"));
    assert!(!check(&account, ""), "this was answered");
    account.marks[0].answered = None;
    assert!(!check(&account, "Hello, there."), "nothing was answered before it");
}
