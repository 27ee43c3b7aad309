//! A session whose model hears and speaks by itself, in both modes.

mod duplex;
mod found;
mod laws;

use voiceagent_core::{
    CallTime, ErrorKind, Event, GenerationId, SessionConfig, TurnId,
    llm::{FinishReason, Message},
    realtime::Prompt,
    session::{Command, EndReason, Input, Leg, RealtimeConfig},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, pure_tool, tool},
    readings::{agent, cut, user},
};

const EIGHT: &str = "one two three four five six seven eight";

fn config() -> SessionConfig {
    let mut config = phone();
    config.barge_in.pause = None;
    config.tools = [pure_tool("look"), tool("book")].into();
    config
}

/// A turn-managed model that is asked for its first answer at 900 ms.
fn asked() -> Scenario {
    let mut call = Scenario::realtime(config(), false);
    call.speaks().at(800).stops().at(1_000);
    call
}

fn prompts(call: &Scenario) -> Vec<(u64, Prompt)> {
    let commands = call.commands().iter();
    let asked = commands.filter_map(|(_, command)| match command {
        Command::Speak { generation, prompt } => Some((generation.number(), prompt.clone())),
        _ => None,
    });
    asked.collect()
}

#[test]
fn a_turn_is_silence_after_speech_and_needs_no_words() {
    let call = asked();
    let trace = call.trace();
    let lines: Vec<&str> = trace.lines().map(str::trim).collect();
    assert_eq!(lines[..3], ["900 user turn:", "900 commit audio of 1", "900 speak 1: Answer"]);
}

#[test]
fn what_the_model_says_is_played_and_written_down() {
    let mut call = asked();
    call.speech("We are open.", 700).told(Some(1), "Are you open?").at(3_000);
    assert!(call.trace().contains("agent stopped: We are open."), "{}", call.trace());
    assert_eq!(call.samples_sent(), 5_600);
    assert_eq!(*call.session().messages(), [user("Are you open?"), agent("We are open.")]);
    assert_eq!(call.session().poll_timeout(), None);
}

#[test]
fn i14_a_turn_that_was_kept_is_answered_with_the_next_and_not_after_it() {
    let mut call = Scenario::realtime(config(), false);
    call.feed(Input::Say { text: "Terms apply.".into(), interruptible: false });
    call.speech("Terms apply.", 2_000).at(500).speaks().at(1_200).stops().at(1_500);
    call.feed(Input::Say { text: "One more thing.".into(), interruptible: true });
    call.at(2_300).speaks().at(3_000).stops().at(3_500).speech("Both it is.", 500).at(6_000);
    let answers = prompts(&call).into_iter().filter(|(_, prompt)| *prompt == Prompt::Answer);
    assert_eq!(answers.count(), 1, "{}", call.trace());
}

#[test]
fn h13_the_model_is_told_where_its_speech_was_cut() {
    let mut call = asked();
    call.speech(EIGHT, 4_000).told(Some(1), "Count.").at(3_000).speaks().at(3_100);
    let cuts = call.truncated(GenerationId::new(1));
    let [(at, heard)] = cuts[..] else { panic!("{}", call.trace()) };
    assert_eq!(at.as_millis(), 3_100);
    assert!((1_900..=2_100).contains(&heard), "{heard}");
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    let messages = call.session().messages();
    assert_eq!(*messages, [user("Count."), cut("one two three four")]);
    call.at(3_800).stops().at(9_000);
    assert_eq!(call.truncated(GenerationId::new(1)).len(), 1, "once");
}

#[test]
fn f2_and_h13_a_turn_cuts_a_paused_agent_where_it_fell_silent() {
    let mut settings = config();
    settings.barge_in.pause = SessionConfig::default().barge_in.pause;
    let mut call = Scenario::realtime(settings, false);
    call.speaks().at(800).stops().at(1_000);
    call.speech(EIGHT, 4_000).at(3_000).speaks().at(4_000);
    let trace = call.trace();
    assert!(trace.contains("3100 agent paused 1") && !trace.contains("truncate"), "{trace}");
    call.stops().at(4_500);
    let cuts = call.truncated(GenerationId::new(1));
    assert!(matches!(cuts[..], [(_, 1_900..=2_100)]), "{}", call.trace());
    assert_eq!(*call.session().messages(), [cut("one two three four")]);
}

#[test]
fn h13_what_nobody_heard_is_forgotten_and_not_cut_at_zero() {
    let mut call = asked();
    call.at(1_050).speaks().speech(EIGHT, 4_000).at(1_600).stops().at(2_000);
    let trace = call.trace();
    assert!(trace.contains("interrupted: UserResumed"), "{trace}");
    assert!(trace.contains("forget 1") && !trace.contains("truncate"), "{trace}");
    assert_eq!(call.samples_sent(), 0, "t24: the user was speaking");
    assert_eq!(prompts(&call).len(), 2);
}

#[test]
fn h13_a_cut_counts_from_the_first_round_of_an_answer() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, "Let me see.", 1_000).speech_calls(one, "a", "book");
    call.feed(Input::LlmFinished { generation: one, reason: FinishReason::Stop });
    call.at(1_500).tool("a", "\"done\"").speech(EIGHT, 4_000).at(4_000).speaks().at(4_100);
    let cuts = call.truncated(one);
    let [(_, heard)] = cuts[..] else { panic!("{}", call.trace()) };
    assert!((2_900..=3_100).contains(&heard), "{heard}: {}", call.trace());
    let messages = call.session().messages();
    let [said, Message::ToolCall(_), Message::ToolResult { output, .. }, rest] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    assert_eq!((said, &**output), (&agent("Let me see."), "\"done\""));
    assert_eq!(*rest, cut("one two three four"));
}

#[test]
fn h13_a_model_that_heard_to_the_end_is_told_nothing() {
    let mut call = asked();
    call.speech("Yes.", 500).at(1_450).speaks().at(1_900).stops().at(2_400);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: Yes."), "{trace}");
    assert!(!trace.contains("truncate") && !trace.contains("forget"), "{trace}");
}

#[test]
fn audio_that_has_no_text_is_played() {
    let mut call = asked();
    call.speech("", 700).at(3_000);
    assert_eq!(call.samples_sent(), 5_600);
    assert!(call.trace().contains("agent stopped: \n"), "{}", call.trace());
    assert_eq!(*call.session().messages(), []);
}

#[test]
fn h6_text_that_comes_after_its_audio_is_shared_out_over_it() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, "", 4_000).at(2_000).partly(one, EIGHT, 0).at(3_000).speaks().at(3_100);
    assert_eq!(*call.session().messages(), [cut("one two three four")]);
}

#[test]
fn words_that_come_after_the_answer_stand_before_it() {
    let mut call = asked();
    call.speech("Yes.", 500).at(2_000).speaks().at(2_800).stops().at(3_200);
    call.speech("No.", 500).at(4_500);
    call.told(Some(2), "And today?").told(Some(1), "Tomorrow?");
    let trace = call.trace();
    assert!(trace.contains("user words of 1: Tomorrow?"), "{trace}");
    let yes = [user("Tomorrow?"), agent("Yes."), user("And today?"), agent("No.")];
    assert_eq!(*call.session().messages(), yes);
}

#[test]
fn words_without_a_name_belong_to_the_oldest_turn_that_has_none() {
    let mut call = asked();
    call.told(None, "First.").speech("Yes.", 500).at(2_000).speaks().told(None, "Second.");
    call.at(2_800).stops().at(3_200);
    let trace = call.trace();
    assert!(trace.contains("user words of 1: First."), "{trace}");
    assert!(trace.contains("user turn: Second."), "{trace}");
}

#[test]
fn x8_a_model_goes_on_when_it_has_all_results_and_hears_each_once() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.speech_calls(one, "a", "look")
        .speech_calls(one, "b", "book")
        .speech_calls(one, "a", "look");
    call.speech_of(one, "", 0).tool("b", "2").tool("b", "2");
    assert_eq!(prompts(&call).len(), 1, "one is missing");
    call.tool("a", "1");
    assert_eq!(prompts(&call), [(1, Prompt::Answer), (1, Prompt::Answer)]);
    let trace = call.trace();
    assert_eq!(trace.matches("call tool").count(), 2, "{trace}");
    assert_eq!(trace.matches("tell result of b").count(), 1, "{trace}");
    call.speech("Booked.", 500).at(3_000);
    assert!(call.trace().contains("agent stopped: Booked."));
}

#[test]
fn x5_a_cancelled_call_is_answered_to_the_model_too() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, EIGHT, 4_000).speech_calls(one, "a", "look").speech_calls(one, "b", "book");
    call.speech_of(one, "", 0).at(3_000).speaks().at(3_100);
    let trace = call.trace();
    assert!(trace.contains("tell result of a") && trace.contains("cancelled"), "{trace}");
    assert!(!trace.contains("tell result of b"), "{trace}");
    call.feed(Input::ToolFinished { generation: one, id: "b".into(), output: "\"done\"".into() });
    assert!(call.trace().contains("tell result of b: \"done\""));
}

#[test]
fn x9_calls_beyond_the_limit_are_refused() {
    let mut settings = config();
    settings.tool_use.max_rounds = 1;
    let mut call = Scenario::realtime(settings, false);
    call.speaks().at(800).stops().at(1_000);
    let one = GenerationId::new(1);
    call.speech_calls(one, "a", "book").speech_of(one, "", 0).tool("a", "1");
    for id in ["b", "c", "d", "e"] {
        call.speech_calls(one, id, "book").speech_of(one, "", 0);
    }
    let trace = call.at(9_000).trace();
    assert_eq!(trace.matches("call tool").count(), 1, "{trace}");
    assert!(trace.contains("tell result of b: {\"error\":"), "{trace}");
    assert_eq!(prompts(&call).len(), 4, "a model that goes on and on is given up");
}

#[test]
fn i1_a_short_sound_of_the_user_does_not_stop_the_agent() {
    let mut call = asked();
    call.speech(EIGHT, 4_000)
        .at(2_000)
        .feed(Input::SpeechStarted { since: CallTime::from_millis(1_950) });
    call.at(2_040).feed(Input::SpeechStopped { since: CallTime::from_millis(2_030) }).at(6_000);
    let trace = call.trace();
    assert!(trace.contains("turn dropped 2"), "{trace}");
    assert!(trace.contains(&format!("agent stopped: {EIGHT}")), "{trace}");
    assert_eq!(prompts(&call).len(), 1);
}

#[test]
fn i14_a_turn_during_speech_that_cannot_be_stopped_is_answered_after_it() {
    let mut settings = config();
    settings.greeting = Some("This call is recorded.".into());
    settings.greeting_interruptible = false;
    let mut call = Scenario::realtime(settings, false);
    call.speech("This call is recorded.", 3_000).at(500).speaks().at(1_500).stops();
    call.told(None, "Hello?").at(2_900);
    assert_eq!(prompts(&call).len(), 1);
    call.at(3_100);
    assert_eq!(prompts(&call)[1], (2, Prompt::Answer));
    let history = [agent("This call is recorded."), user("Hello?")];
    assert_eq!(*call.session().messages(), history);
}

#[test]
fn t11_a_turn_detector_that_listens_delays_a_turn_without_words() {
    let mut settings = config();
    settings.turn_detector = true;
    let mut call = Scenario::realtime(settings, false);
    call.speaks().at(800).stops();
    let asked = call.when(|it| matches!(it, Command::ScoreEndOfTurn { .. }));
    assert_eq!(asked, Some(800));
    let turn = TurnId::new(1);
    let score = Input::EndOfTurnScore { turn, text_len: 0, probability: 0.5, backchannel: 0.0 };
    call.feed(score).at(9_000);
    let at = call.when(|it| matches!(it, Command::CommitAudio { .. }));
    assert!(at.is_some_and(|at| at > 1_200), "{at:?}");
}

#[test]
fn t21_the_owner_may_end_a_turn_by_hand() {
    let mut settings = config();
    settings.endpointing.manual = true;
    let mut call = Scenario::realtime(settings, false);
    call.speaks().at(800).stops().at(5_000);
    assert_eq!(prompts(&call), []);
    call.feed(Input::CommitTurn);
    assert_eq!(prompts(&call), [(1, Prompt::Answer)]);
    call.feed(Input::CommitTurn);
    assert_eq!(prompts(&call).len(), 1, "nothing was said since");
}

#[test]
fn a_model_greets_in_the_agents_words_or_in_its_own() {
    let mut settings = config();
    settings.greeting = Some("Good morning!".into());
    let call = Scenario::realtime(settings, false);
    assert_eq!(prompts(&call), [(1, Prompt::Say("Good morning!".into()))]);

    let mut settings = config();
    let mut model = RealtimeConfig::default();
    model.greeting = Some("Greet.".into());
    settings.realtime = Some(model);
    let call = Scenario::realtime(settings, true);
    assert_eq!(prompts(&call), [(1, Prompt::Follow("Greet.".into()))]);
}

#[test]
fn a_model_that_is_silent_is_asked_anew_under_another_name() {
    let mut call = asked();
    call.at(5_900);
    let trace = call.trace();
    assert!(trace.contains("failed: Realtime") && trace.contains("speak 2: Answer"), "{trace}");
    call.partly(GenerationId::new(1), "late", 500).speech("Here I am.", 500).at(9_000);
    assert!(call.trace().contains("agent stopped: Here I am."), "{}", call.trace());
}

#[test]
fn a_model_that_fails_again_and_again_ends_the_call() {
    let mut call = asked();
    for turn in 0..3 {
        let begun = 1_000 + turn * 20_000;
        if turn > 0 {
            call.at(begun).speaks().at(begun + 800).stops().at(begun + 1_000);
        }
        for _ in 0..3 {
            let generation = call.generation();
            call.feed(Input::LlmFailed {
                generation,
                kind: ErrorKind::Protocol,
                retry_after: None,
            });
        }
        call.at(begun + 15_000);
    }
    let trace = call.trace();
    assert!(trace.contains("Say(\"I am sorry"), "{trace}");
    assert!(trace.contains("ended: Failed"), "{trace}");
}

#[test]
fn a_model_that_is_lost_ends_the_call_with_a_reason() {
    let mut call = asked();
    call.feed(Input::LegLost { leg: Leg::Realtime, kind: ErrorKind::Disconnected });
    let failed = Event::Failed { leg: Leg::Realtime, kind: ErrorKind::Disconnected };
    assert!(call.when(|it| *it == Command::Emit { event: failed.clone() }).is_some());
    let ended = Event::Ended { reason: EndReason::Failed };
    assert!(call.when(|it| *it == Command::Emit { event: ended.clone() }).is_some());
}

#[test]
fn d1_a_goodbye_of_the_model_is_heard_before_the_call_ends() {
    let mut call = asked();
    call.speech("Yes.", 500).at(2_000);
    call.feed(Input::Say { text: "Goodbye!".into(), interruptible: true }).feed(Input::HangUp);
    call.speech("Goodbye!", 800).at(5_000);
    let hung_up = call.when(|it| matches!(it, Command::Send { outbound: Outbound::HangUp }));
    assert!((2_800..2_900).contains(&hung_up.unwrap()), "{}", call.trace());
}

#[test]
fn a_model_that_waits_for_a_detached_tool_is_told_its_result_once() {
    let mut config = config();
    let mut tools = config.tools.to_vec();
    tools[1].detached = true;
    config.tools = tools.into();
    let mut call = Scenario::realtime(config, false);
    call.speaks().at(800).stops().at(1_000);
    let generation = call.generation();
    call.speech_calls(generation, "a", "book");
    call.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls }).at(3_000);
    assert!(!call.trace().contains("tell result"), "{}", call.trace());
    assert_eq!(prompts(&call).len(), 1, "it waits: {}", call.trace());
    call.tool("a", "done").at(4_000);
    assert!(call.trace().contains("  3000 tell result of a: done"), "{}", call.trace());
    assert_eq!(call.trace().matches("tell result").count(), 1, "{}", call.trace());
}

#[test]
fn law_4_an_end_that_is_told_twice_does_not_end_the_next_round() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, "One moment.", 500).speech_calls(one, "a", "book");
    let end = Input::LlmFinished { generation: one, reason: FinishReason::ToolCalls };
    call.feed(end.clone()).tool("a", "1").feed(end);
    call.at(1_800).speech(" Booked.", 500).at(5_000);
    assert!(call.trace().contains("agent stopped: One moment. Booked."), "{}", call.trace());
}

#[test]
fn a_model_that_breaks_off_is_not_asked_to_begin_anew() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, "We are open", 500);
    call.feed(Input::LlmFailed {
        generation: one,
        kind: ErrorKind::Disconnected,
        retry_after: None,
    })
    .at(3_000);
    assert_eq!(prompts(&call).len(), 1, "{}", call.trace());
    assert!(call.trace().contains("agent stopped: We are open"), "{}", call.trace());
}

#[test]
fn h13_a_model_that_was_cut_where_it_fell_behind_is_told_so() {
    let mut call = asked();
    let one = GenerationId::new(1);
    call.partly(one, "one two three", 500).at(2_500).feed(Input::Interrupt);
    assert_eq!(call.truncated(one), [(CallTime::from_millis(2_500), 500)], "{}", call.trace());
}

/// The model speaks from 1,000 to 6,000 ms; a voice of this length is heard over it from 2,000 ms.
fn murmured(millis: u64, text: &str, words: Option<&str>) -> Scenario {
    let mut settings = config();
    settings.barge_in.pause = SessionConfig::default().barge_in.pause;
    let mut call = Scenario::realtime(settings, false);
    call.speaks().at(800).stops().at(1_000).speech(text, 5_000);
    call.at(2_060).speaks().at(2_200 + millis).stops();
    if let Some(words) = words {
        call.told(Some(2), words);
    }
    call.at(9_000);
    call
}

#[test]
fn i20_a_short_voice_over_a_speaking_model_is_no_turn_and_it_goes_on() {
    for (millis, words) in [(300, None), (500, None), (690, None), (500, Some("uh-huh"))] {
        let call = murmured(millis, EIGHT, words);
        let trace = call.trace();
        assert!(trace.contains("agent paused 1") && trace.contains("agent resumed 1"), "{trace}");
        assert!(!trace.contains("interrupted"), "{millis} ms: {trace}");
        assert_eq!(prompts(&call).len(), 1, "{millis} ms: {trace}");
        assert!(trace.contains(&format!("agent stopped: {EIGHT}")), "{trace}");
    }
}

#[test]
fn i20_a_voice_over_a_speaking_model_that_lasts_or_has_words_is_answered() {
    let asks = "And is it the red one, or is it the blue one that you would like to see?";
    for (millis, text, words) in [(900, EIGHT, None), (500, EIGHT, Some("stop")), (500, asks, None)]
    {
        let call = murmured(millis, text, words);
        let trace = call.trace();
        assert!(trace.contains("interrupted: Superseded"), "{millis} ms, {words:?}: {trace}");
        assert!(prompts(&call).len() > 1, "{trace}");
    }
}
