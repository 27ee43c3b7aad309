//! How a call ends, and that nobody is left in silence before: last words, limits, transfers,
//! answering machines, replies that are owed.

use std::time::Duration;

use voiceagent_core::{
    CallTime, ErrorKind, Event, SessionConfig,
    flow::Plan,
    llm::{FinishReason, Message, ToolCall},
    session::{AgentState, Command, EndReason, Input, Leg, OwedReplyConfig},
    transport::{Answerer, Outbound},
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone_with_finalize, tool},
    readings::{agent, ended_at, ends, events, last_message, user},
};

fn config() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.transfer = true;
    config
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn say(text: &str) -> Input {
    Input::Say { text: text.into(), interruptible: true }
}

/// An agent who says goodbye from 700 ms to 1,700 ms.
fn goodbye(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    call.at(500).feed(say("Goodbye!")).feed(Input::HangUp).at(700).voice("Goodbye!", 1_000);
    call
}

fn states(call: &Scenario) -> Vec<(u64, AgentState)> {
    let states = events(call).filter_map(|(at, event)| match event {
        Event::AgentState { state } => Some((at.as_millis(), *state)),
        _ => None,
    });
    states.collect()
}

#[test]
fn d2_while_leaving_a_turn_is_kept_and_not_answered() {
    let mut call = goodbye(config());
    call.at(800).says("And my tires?").at(6_000);
    assert_eq!(call.times_asked(), 0, "{}", call.trace());
    assert_eq!(last_message(&mut call), user("And my tires?"));
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn d2_a_result_that_comes_while_leaving_is_given_and_spoken() {
    let mut config = config();
    config.tools = [tool("book")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_200).model_calls(&[("t1", "book")]).feed(Input::HangUp);
    call.at(2_500).tool("t1", "\"booked\"").at(2_600).model("You are booked.");
    call.voice("You are booked.", 800).at(6_000);
    assert!(call.trace().contains("agent stopped: You are booked."), "{}", call.trace());
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn d3_last_words_are_awaited_and_written_down() {
    let mut call = goodbye(config());
    call.at(1_500).speaks().at(2_000);
    assert_eq!(ended_at(&call), None, "the caller still speaks");
    call.at(2_200).stops().at(2_500);
    assert_eq!(ended_at(&call), None, "the final is on its way");
    call.hears("Thank you!").at(2_600);
    assert_eq!(ends(&call), [EndReason::AgentHungUp]);
    assert_eq!(last_message(&mut call), user("Thank you!"));
    assert!(call.trace().contains("user turn: Thank you!"), "{}", call.trace());
}

#[test]
fn d3_last_words_are_not_awaited_for_ever() {
    let mut call = goodbye(config());
    call.at(1_500).speaks().at(2_000).stops().at(9_000);
    assert_eq!(ended_at(&call), Some(2_800), "a second after the last sound, without words");
    let mut call = goodbye(config());
    call.at(1_500).speaks();
    for second in 2..20 {
        call.at(second * 1_000).interim(&"and ".repeat(usize::try_from(second).unwrap()));
    }
    assert_eq!(ended_at(&call), Some(6_700), "five seconds after the goodbye: {}", call.trace());
    assert!(matches!(last_message(&mut call), Message::User { .. }));
}

#[test]
fn d3_last_words_may_open_the_call_again_and_i23_nothing_is_half_closed() {
    let mut config = config();
    config.farewell.reopen = true;
    for spoken in [900, 1_500] {
        let mut call = goodbye(config.clone());
        call.at(spoken).says("Wait, my tires!").at(4_000);
        assert_eq!(ended_at(&call), None, "{}", call.trace());
        assert_eq!(call.asked().last(), Some(&user("Wait, my tires!")));
        call.model("They are ready.").at(4_100).voice("They are ready.", 600).at(20_000);
        assert!(call.trace().contains("agent stopped: They are ready."), "{}", call.trace());
        assert_eq!(ended_at(&call), None, "the goodbye was taken back");
        call.feed(say("Bye.")).feed(Input::HangUp).at(20_200).voice("Bye.", 400).at(25_000);
        assert_eq!(ends(&call), [EndReason::AgentHungUp]);
    }
}

#[test]
fn d4_the_words_of_a_turn_that_is_open_are_not_lost_with_the_line() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_500).hears("My number is").interim("four one").feed(Input::HungUp);
    assert_eq!(*call.session().messages(), [user("My number is four one")]);
    let told = call.trace();
    let turn = told.find("user turn: My number is four one").expect("observers are told");
    assert!(turn < told.find("ended: UserHungUp").expect("it ended"), "{told}");
}

#[test]
fn d7_an_interruption_does_not_cost_the_end() {
    let mut config = config();
    config.flow = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("That is all.").at(2_200);
    let (generation, farewell) = (call.generation(), Some("Goodbye and thank you!".into()));
    call.feed(Input::Planned { generation, plan: Some(Plan::HangUp { farewell }) });
    call.at(2_400).voice("Goodbye and thank you!", 2_000).at(3_600).feed(Input::Interrupt);
    call.at(3_700);
    assert!(call.trace().contains("agent interrupted: Goodbye"), "{}", call.trace());
    assert_eq!(ends(&call), [EndReason::AgentHungUp]);
}

fn outbound() -> SessionConfig {
    let mut config = config();
    config.greeting = Some("Hello, is this Priya?".into());
    config.farewell.voicemail = Some("Your car is ready.".into());
    config
}

/// How often a text was given to the voice.
fn made(call: &Scenario, text: &str) -> usize {
    let is_made = |line: &&str| line.contains("synthesize") && line.contains(text);
    call.trace().lines().filter(is_made).count()
}

#[test]
fn d9_a_message_is_said_after_the_beep_and_then_the_agent_hangs_up() {
    let mut call = Scenario::new(outbound());
    call.at(200).voice("Hello, is this Priya?", 1_500).at(900);
    call.feed(Input::AnsweredBy { who: Answerer::Machine }).at(1_000);
    assert!(call.trace().contains("clear"), "a machine is not greeted: {}", call.trace());
    call.says("You have reached Priya.").at(8_000);
    assert_eq!(call.times_asked(), 0, "and not answered");
    assert!(!call.trace().contains("Your car is ready."));
    call.feed(Input::Beep).feed(Input::Beep).at(8_100).speaks();
    call.voice("Your car is ready.", 1_200).at(9_000).stops().at(15_000);
    assert!(call.trace().contains("agent stopped: Your car is ready."), "{}", call.trace());
    assert_eq!(ends(&call), [EndReason::AgentHungUp]);
    assert_eq!(made(&call, "Your car is ready."), 1);
}

#[test]
fn d9_a_missed_beep_costs_half_a_minute_and_a_person_gets_no_message() {
    let mut call = Scenario::new(outbound());
    call.at(100).feed(Input::AnsweredBy { who: Answerer::Machine }).at(40_000);
    let said = |command: &Command| matches!(command, Command::Synthesize { text, .. } if text.starts_with("Your car"));
    assert_eq!(call.when(said), Some(30_100), "{}", call.trace());

    let mut call = Scenario::new(outbound());
    call.at(100)
        .feed(Input::AnsweredBy { who: Answerer::Human })
        .voice("Hello, is this Priya?", 900);
    call.at(2_000).feed(Input::Beep).at(5_000);
    assert_eq!(call.when(said), None, "a microwave: {}", call.trace());
}

#[test]
fn d9_nobody_is_greeted_before_it_is_known_who_answered() {
    let waiting = || {
        let mut config = outbound();
        config.answerer = true;
        config.greeting_waits = Some(secs(5));
        Scenario::new(config)
    };
    let greeting = |command: &Command| matches!(command, Command::Synthesize { text, .. } if text.starts_with("Hello, is"));

    let mut call = waiting();
    call.at(200).says("Hello?").at(2_000).feed(Input::AnsweredBy { who: Answerer::Human });
    call.voice("Hello, is this Priya?", 900).at(3_500);
    assert_eq!(call.when(greeting), Some(2_000), "{}", call.trace());
    assert_eq!(call.times_asked(), 0, "the greeting is the answer: {}", call.trace());
    assert!(call.session().messages().contains(&user("Hello?")), "what was said is written down");

    let mut call = waiting();
    call.at(3_000).feed(Input::AnsweredBy { who: Answerer::Machine }).at(7_000).feed(Input::Beep);
    call.at(7_100).voice("Your car is ready.", 900).at(9_000);
    assert_eq!(call.when(greeting), None, "{}", call.trace());
    assert_eq!(made(&call, "Your car is ready."), 1);

    let mut call = waiting();
    call.at(400).feed(Input::SpeechStarted { since: CallTime::from_millis(300) }).at(8_000);
    call.feed(Input::SpeechStopped { since: CallTime::from_millis(7_900) }).at(8_400);
    call.feed(Input::AnsweredBy { who: Answerer::Machine }).at(9_000);
    assert_eq!(call.when(greeting), None, "a machine speaks for long: {}", call.trace());

    let mut call = waiting();
    call.at(9_000);
    assert_eq!(call.when(greeting), Some(5_000), "a carrier that says nothing: {}", call.trace());
}

#[test]
fn d11_the_longest_time_is_a_reason_and_the_agent_says_so() {
    let mut config = config();
    config.max_call = Some(secs(60));
    config.farewell.limit = Some("Our time is over. Goodbye!".into());
    let mut call = Scenario::new(config.clone());
    call.at(58_000).says("Tell me all.").at(59_200).model("It is a long story, my friend.");
    call.voice("It is a long story, my friend.", 5_000).at(60_100);
    assert!(call.trace().contains("agent interrupted: It"), "{}", call.trace());
    call.voice("Our time is over. Goodbye!", 1_500).at(70_000);
    assert!(call.trace().contains("agent stopped: Our time is over. Goodbye!"));
    assert_eq!((ends(&call), ended_at(&call)), (vec![EndReason::Limit], Some(61_600)));

    let mut call = Scenario::new(config.clone());
    call.at(90_000);
    assert_eq!(ended_at(&call), Some(66_000), "a voice that hangs: {}", call.trace());
    config.farewell.limit = None;
    let mut call = Scenario::new(config);
    call.at(90_000);
    assert_eq!((ends(&call), ended_at(&call)), (vec![EndReason::Limit], Some(60_000)));
}

#[test]
fn d11_a_goodbye_that_takes_too_long_does_not_outlast_the_limit_by_much() {
    let mut config = config();
    config.max_call = Some(secs(60));
    let mut call = Scenario::new(config);
    call.at(55_000).feed(say("Goodbye!")).feed(Input::HangUp).at(55_200).voice("Goodbye!", 30_000);
    call.at(99_000);
    assert_eq!((ends(&call), ended_at(&call)), (vec![EndReason::Limit], Some(70_000)));
}

#[test]
fn d11_each_other_end_has_its_reason_and_d14_there_is_one() {
    let cases: [(&[Input], EndReason); 4] = [
        (&[Input::HungUp], EndReason::UserHungUp),
        (&[Input::HangUp], EndReason::AgentHungUp),
        (
            &[Input::LegLost { leg: Leg::Transport, kind: ErrorKind::Disconnected }],
            EndReason::Failed,
        ),
        (&[Input::EndCall { reason: EndReason::Failed }], EndReason::Failed),
    ];
    for (inputs, reason) in cases {
        let mut call = Scenario::new(config());
        call.at(500);
        for input in inputs {
            call.feed(input.clone());
        }
        for late in [Input::HungUp, Input::HangUp, Input::Transferred, Input::Timeout] {
            call.feed(late);
        }
        call.feed(Input::LegLost { leg: Leg::Tts, kind: ErrorKind::Closed }).at(90_000);
        assert_eq!(ends(&call), [reason]);
    }
}

#[test]
fn t27_while_a_tool_runs_the_agent_thinks() {
    let mut config = config();
    config.tools = [tool("book")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_300);
    let generation = call.generation();
    let tool = ToolCall { id: "t1".into(), name: "book".into(), arguments: "{}".into() };
    call.feed(Input::LlmText { generation, text: "I will see. ".into() });
    call.feed(Input::LlmToolCall { generation, call: tool });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls });
    call.voice("I will see.", 600)
        .at(6_000)
        .tool("t1", "\"booked\"")
        .model("Done, you are booked.");
    call.voice("Done, you are booked.", 600).at(9_000);
    use AgentState::{Listening, Speaking, Thinking};
    assert_eq!(
        states(&call),
        [
            (1_900, Thinking),
            (2_300, Speaking),
            (2_900, Thinking),
            (6_000, Speaking),
            (6_600, Listening)
        ]
    );
}

#[test]
fn t27_a_tool_that_outlives_its_answer_keeps_the_agent_thinking() {
    let mut config = config();
    config.tools = [tool("book")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_300).model_calls(&[("t1", "book")]);
    let generation = call.generation();
    call.at(3_000).feed(Input::Interrupt).at(4_000);
    let finished = Input::ToolFinished { generation, id: "t1".into(), output: "1".into() };
    call.feed(finished);
    assert_eq!(states(&call)[0], (1_900, AgentState::Thinking));
    assert_eq!(states(&call).get(1).map(|(at, _)| *at >= 4_000), Some(true), "{}", call.trace());
}

#[test]
fn t27_an_agent_who_fell_silent_for_a_noise_is_paused_and_u2_nobody_is_idle() {
    let mut config = config();
    config.clear = true;
    config.barge_in.pause = Some(Duration::from_millis(60));
    config.barge_in.min_duration = secs(9);
    config.idle.hang_up_after = Some(Duration::from_millis(500));
    let mut call = Scenario::new(config);
    call.at(100).feed(say("It is a long story.")).at(200).voice("It is a long story.", 3_000);
    call.at(1_500).speaks().at(1_800).stops().at(8_000);
    use AgentState::{Listening, Paused, Speaking, Thinking};
    let states: Vec<AgentState> = states(&call).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [Thinking, Speaking, Paused, Speaking, Listening], "{}", call.trace());
    assert!(call.trace().contains("agent stopped: It is a long story."), "{}", call.trace());
    assert_eq!(ends(&call), [EndReason::Idle]);
}

/// Holds the line after 3 s.
fn patient() -> SessionConfig {
    let mut config = config();
    config.owed_reply = Some(OwedReplyConfig::new(secs(3), "One moment.").then("Still looking."));
    config
}

fn said_at(call: &Scenario, words: &str) -> Option<u64> {
    call.when(|command| matches!(command, Command::Synthesize { text, .. } if text.contains(words)))
}

#[test]
fn a_reply_that_is_owed_is_never_four_seconds_of_silence() {
    let mut config = patient();
    config.model.first_token_timeout = secs(8);
    let mut call = Scenario::new(config);
    call.at(1_000).says("Is it ready?").at(5_000);
    assert_eq!(said_at(&call, "One moment."), Some(4_900), "the turn was over at 1,900");
    call.voice("One moment.", 700).at(8_000);
    assert_eq!(said_at(&call, "Still looking."), None);
    call.at(8_800);
    assert_eq!(said_at(&call, "Still looking."), Some(8_700), "3 s after the first was heard");
    call.voice("Still looking.", 700).at(9_500).model("Yes, it is ready.");
    call.voice("Yes, it is ready.", 900).at(15_000);
    assert_eq!(
        last_message(&mut call),
        agent("One moment. Still looking. Yes, it is ready."),
        "what was heard is what is written down: {}",
        call.trace()
    );
    assert_eq!(made(&call, "One moment."), 1);
}

#[test]
fn an_answer_in_time_is_not_held_up_and_an_empty_one_is_no_answer() {
    let mut call = Scenario::new(patient());
    call.at(1_000).says("Is it ready?").at(4_800).model("Yes.").voice("Yes.", 400).at(20_000);
    assert_eq!(said_at(&call, "One moment."), None, "{}", call.trace());

    let mut config = patient();
    config.apology = "Sorry, say that again.".into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Is it ready?").at(5_000).voice("One moment.", 700).at(5_800);
    let generation = call.generation();
    for _ in 0..2 {
        call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
    }
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    assert!(said_at(&call, "Sorry, say that again.").is_some(), "{}", call.trace());
}

#[test]
fn nobody_is_held_who_speaks_and_a_noise_does_not_hold_up_the_words() {
    let mut call = Scenario::new(patient());
    call.at(1_000).says("Is it ready?").at(3_000).speaks().at(3_500).interim("I mean").at(5_500);
    assert_eq!(said_at(&call, "One moment."), None, "{}", call.trace());

    let mut call = Scenario::new(patient());
    call.at(1_000).says("Is it ready?").at(2_500).speaks().at(5_600);
    call.voice("One moment.", 700).at(6_500);
    let heard =
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Audio(_) }));
    assert_eq!(heard, Some(5_600), "{}", call.trace());
}

#[test]
fn a_machine_that_answers_during_the_goodbye_does_not_cut_it() {
    let mut config = config();
    config.farewell.voicemail = Some("Please call back.".into());
    let mut call = Scenario::new(config);
    call.feed(Input::Say { text: "Goodbye now.".into(), interruptible: true });
    call.feed(Input::HangUp).voice("Goodbye now.", 1_000).at(500);
    call.feed(Input::AnsweredBy { who: Answerer::Machine }).at(3_000);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: Goodbye now."), "{trace}");
    assert!(trace.contains("ended: AgentHungUp"), "{trace}");
}

#[test]
fn a_caller_who_hangs_up_ends_what_the_agent_says() {
    let reply = "Very well, no reminder. Goodbye!";
    let ended = |at| {
        let mut call = Scenario::new(patient());
        call.at(1_000).says("No reminder").at(2_000).model(reply).voice(reply, 2_000);
        call.at(at).feed(Input::HungUp);
        call.trace()
    };
    let cut = ended(3_000);
    assert!(cut.contains("agent interrupted: Very well, no\n"), "{cut}");
    let whole = ended(4_100);
    assert!(whole.contains("agent stopped: Very well, no reminder. Goodbye!"), "{whole}");
}
