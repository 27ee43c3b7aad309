//! A tool that is called again though nobody knows yet what came of the first call.

use std::time::Duration;

use voiceagent_core::{session::Input, tool::Repeat};
use voiceagent_testkit::scenario::Scenario;

use crate::presets::{phone, tool};

/// How often a tool with so much time was called that was asked for twice; `before` is what
/// happened in between, from the first call at 2,000 ms on.
fn calls(detached: bool, timeout: u64, before: impl Fn(&mut Scenario)) -> usize {
    let mut book = tool("book");
    book.repeat = Repeat::Reject;
    book.detached = detached;
    book.timeout = Duration::from_secs(timeout);
    let mut config = phone();
    config.tools = [book].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    before(&mut call);
    call.at(16_000).says("Book it").at(17_500).model_calls(&[("b", "book")]);
    call.trace().matches("call tool book").count()
}

#[test]
fn x13_a_repeat_is_known_though_the_first_call_is_overdue() {
    let overdue = |call: &mut Scenario| {
        call.at(13_000).model("I do not know.").voice("I do not know.", 500);
        assert!(call.trace().contains("cancel tool a"), "{}", call.trace());
    };
    assert_eq!(calls(false, 10, overdue), 1);
}

#[test]
fn x13_a_repeat_is_known_though_the_first_call_runs_in_the_background() {
    let runs = |call: &mut Scenario| {
        call.model("It is on its way.").voice("It is on its way.", 500);
    };
    assert_eq!(calls(true, 60, runs), 1);
}

#[test]
fn x13_a_repeat_is_known_though_the_owner_has_stopped_the_answer_that_called_first() {
    let stopped = |call: &mut Scenario| {
        call.at(2_500).feed(Input::Interrupt);
    };
    assert_eq!(calls(false, 60, stopped), 1);
}
