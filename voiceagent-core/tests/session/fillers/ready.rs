//! Words on the side that are stopped while the answer behind them is ready.

use voiceagent_core::{
    Event, SessionConfig,
    llm::Message,
    session::{AgentState, BargeInConfig, Input},
};
use voiceagent_testkit::scenario::Scenario;

use super::{FILLER, config, found, searching};
use crate::readings::{cut, events};

const ANSWER: &str = "It is there.";

/// A filler that is heard from 2,900 to 4,900 ms, and an answer that its voice has spoken whole at
/// 3,200 ms.
fn ready(config: SessionConfig) -> Scenario {
    let (mut call, generation) = searching(config);
    call.at(2_900).voice(FILLER, 2_000).at(3_200).feed(found(generation));
    call.model(ANSWER).voice(ANSWER, 700);
    call
}

fn state(call: &Scenario) -> Option<AgentState> {
    let states = events(call).filter_map(|(_, event)| match event {
        Event::AgentState { state } => Some(*state),
        _ => None,
    });
    states.last()
}

#[test]
fn i18_a_key_over_a_filler_cuts_the_answer_that_is_ready_behind_it() {
    let mut config = config();
    config.barge_in.dtmf = true;
    let mut call = ready(config);
    call.at(3_400).feed(Input::Dtmf { digit: '1' }).at(20_000);
    let trace = call.trace();
    assert!(trace.contains("  3400 interrupted: Dtmf"), "{trace}");
    assert!(trace.contains("  3400 cancel 1"), "{trace}");
    assert_eq!(state(&call), Some(AgentState::Listening), "the call goes on: {trace}");
}

#[test]
fn i24_a_noise_over_a_filler_does_not_cost_the_answer_that_is_ready_behind_it() {
    let mut call = ready(config());
    call.at(3_400).speaks().at(4_400).stops().at(6_000);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    call.model(ANSWER).voice(ANSWER, 700).at(9_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}

#[test]
fn h1_what_was_sent_behind_words_on_the_side_that_are_cut_was_not_heard() {
    let (mut call, generation) = searching(config());
    let answer = "a b c d e f g h i j k l m n o p.";
    call.at(2_900).voice(FILLER, 1_000).at(3_200).feed(found(generation));
    call.model(answer).voice(answer, 1_600);
    // The filler is heard until 3,900 ms, and 300 ms of the answer have left.
    call.at(3_700).speaks().at(4_300).stops().hears("wait").at(6_000);
    assert!(call.trace().contains("user turn: wait"), "{}", call.trace());
    let messages = call.session().messages();
    let said = |message: &Message| matches!(message, Message::Assistant { .. });
    assert!(!messages.iter().any(said), "{messages:?}");
}

#[test]
fn f5_words_that_are_taken_back_do_not_cost_the_answer_that_is_ready_behind_a_filler() {
    let mut config = config();
    config.barge_in = BargeInConfig::default();
    let mut call = ready(config);
    call.at(3_400).speaks().at(3_700).interim("the").at(3_900).stops().at(4_000).hears("");
    assert!(call.trace().contains("  3700 interrupted: BargeIn"), "{}", call.trace());
    call.at(6_000);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    call.model(ANSWER).voice(ANSWER, 700).at(9_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}

#[test]
fn f7_and_h1_of_words_on_the_side_as_much_was_heard_as_before_and_after_their_pause() {
    let mut config = config();
    config.barge_in = BargeInConfig::default();
    let (mut call, _) = searching(config);
    let text = "aa bb cc dd ee ff gg hh ii jj.";
    call.at(2_100).feed(Input::Say { text: text.into(), interruptible: true }).voice(text, 2_000);
    // 1,160 ms are heard until the pause, and 460 ms from the resumption on: eight words.
    call.at(3_160).speaks().at(3_600).stops().at(5_360).feed(Input::Interrupt);
    assert!(call.trace().contains("  4900 agent resumed"), "{}", call.trace());
    let messages = call.session().messages();
    assert!(messages.contains(&cut("aa bb cc dd ee ff gg hh")), "{messages:?}");
}
