//! What simulated calls have found with models that hear and speak by themselves.

use std::time::Duration;

use voiceagent_core::{
    CallTime, ErrorKind, Event, GenerationId,
    llm::FinishReason,
    session::{Command, IdlePrompt, Input, RealtimeConfig},
    stt::Transcript,
};
use voiceagent_testkit::scenario::Scenario;

use super::{EIGHT, config, prompts};
use crate::{
    presets::{phone, tool},
    readings::{agent, cut, user},
};

/// A user who spoke from 0 to 600 ms.
fn spoken(duplex: bool) -> Scenario {
    let mut call = Scenario::realtime(config(), duplex);
    call.speaks().at(800).stops().at(1_000);
    call
}

/// A duplex model that does not tell when the user speaks.
fn duplex_without_edges() -> Scenario {
    let mut config = config();
    config.vad = false;
    let mut model = RealtimeConfig::default();
    model.duplex = true;
    model.truncate = true;
    config.realtime = Some(model);
    config.speculation.enabled = false;
    config.barge_in.backchannel = None;
    Scenario::new(config)
}

#[test]
fn h1_of_text_that_runs_ahead_and_breaks_off_as_much_is_heard_as_there_is_audio() {
    let mut call = spoken(false);
    let one = GenerationId::new(1);
    call.partly(one, EIGHT, 500);
    call.feed(Input::LlmFailed {
        generation: one,
        kind: ErrorKind::Disconnected,
        retry_after: None,
    })
    .at(3_000);
    let messages = call.session().messages();
    assert_eq!(*messages, [cut("one two")], "{}", call.trace());
}

#[test]
fn t7_a_noise_that_never_ends_does_not_keep_the_model_from_its_turn() {
    let mut call = Scenario::realtime(config(), false);
    call.at(1_000).speaks().at(60_900);
    assert!(!call.trace().contains("commit audio"), "{}", call.trace());
    call.at(61_000);
    assert!(call.trace().contains("60940 reset detector"), "{}", call.trace());
    call.speaks().at(61_500).speech("Is anybody there?", 1_000).at(90_000);
    assert!(call.trace().contains("agent stopped: Is anybody there?"), "{}", call.trace());
}

#[test]
fn x7_what_a_duplex_model_calls_by_itself_has_the_time_of_its_tool() {
    let mut call = spoken(true);
    let own = Scenario::own(1);
    call.speech_calls(own, "a", "book").speech_of(own, "", 0).at(5_000);
    let given_up = call.when(|command| matches!(command, Command::CancelTool { .. }));
    assert_eq!(given_up, None, "{}", call.trace());
}

#[test]
fn h13_what_was_asked_for_once_more_is_forgotten_under_its_first_name() {
    let mut call = spoken(false);
    let one = GenerationId::new(1);
    call.feed(Input::LlmFailed {
        generation: one,
        kind: ErrorKind::Disconnected,
        retry_after: None,
    });
    let forgets = |command: &Command| *command == Command::Forget { generation: one };
    assert!(call.when(forgets).is_some(), "{}", call.trace());
}

#[test]
fn more_words_of_a_turn_without_a_name_do_not_open_another() {
    let mut call = spoken(false);
    call.told(None, "Are you").told(None, "open?");
    call.speech("Yes.", 500).at(4_000);
    let started = call.trace().find("1000 agent started 1").is_some();
    assert!(started, "nobody waits for words: {}", call.trace());
    assert_eq!(call.session().messages()[0], user("Are you open?"));
}

#[test]
fn a_duplex_model_that_is_stopped_ahead_of_what_is_heard_is_stopped_with_it() {
    let mut call = duplex_without_edges();
    call.at(1_000).speech_of(Scenario::own(1), EIGHT, 4_000);
    call.partly(Scenario::own(2), "nine ten", 1_000).at(2_000);
    call.feed(Input::ModelInterrupted { generation: Scenario::own(2) }).at(3_000);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    let forgets = Command::Forget { generation: Scenario::own(2) };
    assert!(call.when(|command| *command == forgets).is_some(), "{}", call.trace());
}

#[test]
fn what_a_duplex_model_says_first_is_heard_before_what_it_was_asked_to_say() {
    let mut call = spoken(true);
    call.feed(Input::Say { text: "One moment.".into(), interruptible: true }).at(1_200);
    call.speech_of(Scenario::own(1), "Yes, we are.", 800).at(2_500);
    let asked_again = call.generation();
    call.speech_of(asked_again, "One moment.", 800).at(6_000);
    assert_eq!(
        *call.session().messages(),
        [agent("Yes, we are."), agent("One moment.")],
        "{}",
        call.trace()
    );
}

#[test]
fn x7_a_model_is_asked_again_when_the_tool_that_waited_for_a_noise_is_done() {
    let mut config = config();
    let mut book = tool("book");
    book.detached = true;
    config.tools = [book].into();
    let mut call = Scenario::realtime(config, false);
    call.speaks().at(800).stops().at(1_000);
    let one = GenerationId::new(1);
    call.at(1_100).speaks().at(1_200).speech_calls(one, "a", "book").speech_of(one, "", 0);
    call.at(15_000);
    assert!(call.when(|it| matches!(it, Command::CallTool { .. })).is_some(), "{}", call.trace());
    assert_eq!(prompts(&call).len(), 1, "{}", call.trace());
    call.feed(Input::ToolFinished { generation: one, id: "a".into(), output: "1".into() });
    assert_eq!(prompts(&call).len(), 2, "{}", call.trace());
}

#[test]
fn a_duplex_model_that_goes_on_to_something_else_is_not_waited_on_for_the_rest() {
    let one = GenerationId::new(1);
    let since = CallTime::from_millis(100);
    for stop in [Input::ModelInterrupted { generation: one }, Input::SpeechStarted { since }] {
        let mut call = Scenario::realtime(config(), true);
        call.feed(Input::Say { text: EIGHT.into(), interruptible: false });
        call.partly(one, EIGHT, 500).at(100).feed(stop);
        call.at(300).speech_of(Scenario::own(1), "Yes.", 500).at(2_000);
        assert!(call.trace().contains("agent stopped: Yes."), "{}", call.trace());
    }
}

/// A model that speaks what it was asked to say, and tells its words behind them, says 2 s of it.
fn recites(duplex: bool, interruptible: bool) -> Scenario {
    let mut call = Scenario::realtime(config(), duplex);
    call.feed(Input::Say { text: EIGHT.into(), interruptible });
    call.partly(GenerationId::new(1), "", 2_000).at(1_500);
    call
}

#[test]
fn h11_words_that_a_model_was_asked_for_are_known_though_it_gives_way_before_it_tells_them() {
    let one = GenerationId::new(1);
    let since = CallTime::from_millis(1_500);
    for stop in [Input::ModelInterrupted { generation: one }, Input::SpeechStarted { since }] {
        let mut call = recites(true, true);
        call.feed(stop).at(4_000);
        let heard = cut("one two three four five six");
        assert_eq!(*call.session().messages(), [heard], "{}", call.trace());
    }
    let mut call = recites(false, true);
    call.feed(Input::HungUp);
    assert_eq!(*call.session().messages(), [cut("one two three four five six")]);
}

#[test]
fn h11_a_model_that_gives_way_in_words_that_must_be_heard_has_said_what_there_is_audio_for() {
    let mut call = recites(true, false);
    call.feed(Input::ModelInterrupted { generation: GenerationId::new(1) }).at(4_000);
    assert_eq!(*call.session().messages(), [agent(EIGHT)], "{}", call.trace());
}

#[test]
fn words_that_a_model_tells_when_it_has_said_them_stand_in_the_history_once() {
    let one = GenerationId::new(1);
    let mut call = recites(true, true);
    call.speech_of(one, "", 2_000);
    call.feed(Input::LlmText { generation: one, text: EIGHT.into() }).at(8_000);
    assert_eq!(*call.session().messages(), [agent(EIGHT)], "{}", call.trace());
}

#[test]
fn a_model_that_ends_its_first_round_at_once_and_says_nothing_is_asked_again_right_away() {
    let mut call = Scenario::realtime(config(), false);
    call.speaks().at(800).stops().at(900);
    assert_eq!(prompts(&call).len(), 1, "{}", call.trace());
    let (generation, reason) = (GenerationId::new(1), FinishReason::Stop);
    call.feed(Input::LlmFinished { generation, reason });
    assert_eq!(prompts(&call).len(), 2, "{}", call.trace());
}

#[test]
fn a19_a_model_that_never_says_what_it_is_asked_for_ends_the_call() {
    let mut config = config();
    config.model.retries = 0;
    let failures = u64::from(config.model.max_failures);
    let mut call = Scenario::realtime(config, false);
    for nth in 1..=failures {
        assert!(!call.session().is_ended(), "{}", call.trace());
        call.at(nth * 1_000).feed(Input::Say { text: EIGHT.into(), interruptible: true });
        let generation = call.generation();
        call.feed(Input::LlmFailed {
            generation,
            kind: ErrorKind::Disconnected,
            retry_after: None,
        });
    }
    assert!(call.at(60_000).session().is_ended(), "{}", call.trace());
}

#[test]
fn f8_after_pauses_in_vain_a_long_voice_stops_a_model_whose_words_come_behind_it() {
    let mut config = phone();
    config.stt_interim = false;
    let mut call = Scenario::realtime(config, false);
    call.at(1_000).speaks().at(1_800).stops().at(2_000).speech(EIGHT, 30_000);
    for at in [3_000, 6_000, 9_000] {
        call.at(at).speaks().at(at + 500).stops();
    }
    call.at(12_000).speaks().at(12_639);
    let pauses = |call: &Scenario| call.trace().matches("agent paused").count();
    assert_eq!(pauses(&call), 3, "it is slow to pause by now: {}", call.trace());
    call.at(14_939);
    assert_eq!(pauses(&call), 4, "no sign of attention lasts so long");
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.at(14_940);
    assert!(call.trace().contains(" 14940 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn u2_nobody_is_idle_while_a_turn_to_a_speaking_model_is_open() {
    let mut call = silent_caller();
    call.at(4_000).speaks().at(20_000);
    assert!(!call.trace().contains("idle prompt"), "{}", call.trace());
}

#[test]
fn u3_words_that_a_speaking_model_tells_begin_the_wait_anew() {
    let mut call = silent_caller();
    let transcript = Transcript::interim("let me");
    call.at(9_000).feed(Input::UserWords { turn: None, transcript }).at(20_000);
    let asked =
        |command: &Command| matches!(command, Command::Emit { event: Event::IdlePrompted { .. } });
    assert_eq!(call.when(asked), Some(17_000), "{}", call.trace());
}

/// A user to whom the model speaks until 2,500 ms, and who is asked after 8 s of silence.
fn silent_caller() -> Scenario {
    let mut config = phone();
    let after = Duration::from_secs(8);
    config.idle.prompts = [IdlePrompt::new(after, "Are you still there?")].into();
    let mut call = Scenario::realtime(config, false);
    call.at(1_000).speaks().at(1_800).stops().at(2_000).speech("Good day.", 500);
    call
}

#[test]
fn x12_a_late_result_reaches_a_speaking_model_in_a_noise_too() {
    let mut config = phone();
    config.stt_interim = false;
    let mut order = tool("order");
    order.timeout = Duration::from_secs(600);
    config.tools = [order].into();
    let mut call = Scenario::realtime(config, false);
    call.at(1_000).speaks().at(1_800).stops().at(2_000);
    let generation = call.generation();
    call.speech_calls(generation, "a", "order");
    call.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls });
    call.at(3_000).speaks().at(3_900).stops().at(5_000).speech("Yes.", 500).at(6_000).speaks();
    let output = "it is here".into();
    call.at(7_000).feed(Input::ToolFinished { generation, id: "a".into(), output }).at(16_000);
    let speaks = call
        .commands()
        .iter()
        .filter(|(at, command)| at.as_millis() > 7_000 && matches!(command, Command::Speak { .. }));
    let asked: Vec<u64> = speaks.map(|(at, _)| at.as_millis()).collect();
    assert_eq!(asked, [15_940], "ten seconds of a voice without words: {}", call.trace());
}
