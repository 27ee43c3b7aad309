//! What is said on the side while tools run.

mod failed;
mod ready;

use std::time::Duration;

use voiceagent_core::{
    Event, GenerationId, SessionConfig,
    llm::{FinishReason, Message, ToolCall},
    session::{Input, OwedReplyConfig},
    tool::Effect,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, tool},
    readings::events,
};

const FILLER: &str = "One moment, please.";

fn config() -> SessionConfig {
    let mut search = tool("search");
    search.cancellable = true;
    let mut config = phone();
    // The voice alone decides here.
    config.barge_in.pause = None;
    config.barge_in.backchannel = None;
    config.tool_use.fillers = [FILLER.into()].into();
    config.tools = [search].into();
    config
}

/// A call whose answer waits for a tool since 2,000 ms, and that answer.
fn searching(config: SessionConfig) -> (Scenario, GenerationId) {
    let mut call = Scenario::new(config);
    call.at(1_000).says("Find it").at(2_000).model_calls(&[("a", "search")]);
    let generation = call.generation();
    (call, generation)
}

fn found(generation: GenerationId) -> Input {
    Input::ToolFinished { generation, id: "a".into(), output: "found".into() }
}

fn kinds(messages: &[Message]) -> Vec<String> {
    let words = |message: &Message| match message {
        Message::Assistant { text, .. } => format!("agent: {text}"),
        Message::ToolCall(_) => "call".to_owned(),
        Message::ToolResult { output, .. } => format!("result: {output}"),
        Message::User { text } => format!("user: {text}"),
        other => panic!("{other:?}"),
    };
    messages.iter().map(words).collect()
}

#[test]
fn x11_a_filler_is_said_when_the_tool_is_slower_than_the_delay() {
    let (mut call, generation) = searching(config());
    call.at(2_899);
    assert!(!call.trace().contains("synthesize"), "{}", call.trace());
    call.at(2_900);
    assert!(call.trace().contains("  2900 synthesize 2: One moment, please."), "{}", call.trace());

    let (mut quick, _) = searching(config());
    quick.at(2_899).feed(found(generation)).at(9_000);
    assert!(!quick.trace().contains("One moment"), "{}", quick.trace());
}

#[test]
fn x11_a_filler_of_which_nothing_was_heard_is_dropped_when_the_result_is_there() {
    let (mut call, generation) = searching(config());
    call.at(2_900);
    let filler = call.generation();
    call.at(2_950).feed(found(generation));
    assert!(call.trace().contains(&format!("cancel voice {filler}")), "{}", call.trace());
    let payload = bytes::Bytes::from_static(&[0; 1_600]);
    call.feed(Input::Synthesized { generation: filler, payload });
    call.feed(Input::SynthesisFinished { generation: filler });
    call.model("It is there.").voice("It is there.", 500).at(5_000);
    assert_eq!(call.samples_sent(), 4_000, "the answer alone");
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}

#[test]
fn x11_a_filler_that_has_begun_is_finished_and_the_answer_follows_it() {
    let (mut call, generation) = searching(config());
    call.at(2_950).voice(FILLER, 1_000).at(3_100).feed(found(generation));
    assert!(!call.trace().contains("agent started 1"), "not the answer: {}", call.trace());
    assert_eq!(call.times_asked(), 2, "the model does not wait for the filler");
    call.at(3_200).model("It is there.").voice("It is there.", 500);
    assert_eq!(call.at(8_000).samples_sent(), 12_000, "both, whole");
    let trace = call.trace();
    let order = ["  3950 agent stopped: One moment, please.", "agent stopped: It is there."];
    let order = order.map(|line| trace.find(line).unwrap_or_else(|| panic!("{line}: {trace}")));
    assert!(order[0] < order[1], "{trace}");
    assert!(!trace.contains("interrupted"), "{trace}");
    assert_eq!(
        kinds(&call.session().messages()),
        ["user: Find it", "call", "result: found", "agent: It is there."],
        "the model is not shown the filler as its own words"
    );
}

#[test]
fn x11_the_answer_waits_for_a_filler_that_is_still_being_spoken() {
    let (mut call, generation) = searching(config());
    call.at(2_900);
    let filler = call.generation();
    let payload = bytes::Bytes::from(vec![0x55; 1_600]);
    call.feed(Input::Synthesized { generation: filler, payload: payload.clone() }).at(3_000);
    call.feed(found(generation)).model("It is there.");
    assert!(!call.trace().contains(": It is there."), "the voice is busy: {}", call.trace());
    call.feed(Input::Synthesized { generation: filler, payload });
    call.feed(Input::SynthesisFinished { generation: filler });
    call.voice("It is there.", 500).at(6_000);
    assert_eq!(call.samples_sent(), 3_200 + 4_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}

#[test]
fn x11_no_filler_is_said_while_the_user_speaks() {
    let (mut call, _) = searching(config());
    call.at(2_500).speaks().at(3_500);
    assert!(!call.trace().contains("One moment"), "{}", call.trace());
    call.stops().at(4_199);
    assert!(!call.trace().contains("One moment"), "{}", call.trace());
    call.at(4_200);
    assert!(call.trace().contains("  4200 synthesize"), "900 ms of silence: {}", call.trace());
}

#[test]
fn x11_fillers_follow_one_another_and_a_tool_may_have_its_own() {
    let mut config = config();
    let mut search = config.tools[0].clone();
    search.fillers = ["I am looking.".into(), "Still looking.".into()].into();
    config.tools = [search].into();
    let (mut call, generation) = searching(config);
    call.at(2_900).voice("I am looking.", 500).at(4_299);
    assert!(!call.trace().contains("Still"), "{}", call.trace());
    call.at(4_301).voice("Still looking.", 500).at(12_000);
    assert_eq!(call.trace().matches("looking.").count(), 4, "said and heard: {}", call.trace());
    assert!(!call.trace().contains(FILLER), "{}", call.trace());
    call.feed(found(generation));
}

#[test]
fn x11_a_filler_is_a_message_of_its_own_on_a_text_leg() {
    let mut call = Scenario::text(config());
    call.at(1_000).hears("Find it");
    let generation = call.generation();
    call.model_calls(&[("a", "search")]).at(3_000);
    assert!(call.trace().contains("text: One moment, please."), "{}", call.trace());
    call.feed(found(generation)).model("It is there.").at(4_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
    assert_eq!(kinds(&call.session().messages()).last().unwrap(), "agent: It is there.");
}

#[test]
fn i18_a_barge_in_on_a_filler_ends_the_filler_and_not_the_tool() {
    let (mut call, generation) = searching(config());
    call.at(2_900).voice(FILLER, 2_000).at(3_200).speaks().at(4_300).stops();
    let trace = call.trace();
    assert!(trace.contains("clear") && trace.contains("interrupted: BargeIn"), "{trace}");
    assert!(trace.contains("agent interrupted: One"), "{trace}");
    assert!(!trace.contains("cancel 1"), "the answer lives: {trace}");
    call.at(5_000).feed(found(generation));
    assert_eq!(call.times_asked(), 2);
    let sent = call.samples_sent();
    call.model("One two three four.").voice("One two three four.", 2_000).at(6_000);
    assert!(call.samples_sent() > sent);
    call.feed(Input::Interrupt);
    assert!(call.trace().contains("agent interrupted: One two\n"), "h1: {}", call.trace());
    assert_eq!(
        kinds(&call.session().messages()),
        ["user: Find it", "call", "result: found", "agent: One two"]
    );
}

#[test]
fn x10_what_a_tool_has_said_is_heard_while_it_runs() {
    let (mut call, generation) = searching(config());
    let text = "I ask the workshop.";
    call.at(2_100).feed(Input::SayUntilHeard { text: text.into(), interruptible: true, ticket: 7 });
    assert!(call.trace().contains("  2100 synthesize 2: I ask the workshop."), "{}", call.trace());
    call.voice(text, 1_000).at(3_099);
    assert!(!call.trace().contains("said 7"), "{}", call.trace());
    call.at(3_200);
    assert!(call.trace().contains(" said 7"), "{}", call.trace());
    call.feed(found(generation));
    assert_eq!(
        kinds(&call.asked()),
        ["user: Find it", "agent: I ask the workshop.", "call", "result: found"]
    );
    call.model("It is there.").voice("It is there.", 500).at(6_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}

#[test]
fn x10_it_follows_the_words_before_the_tool() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000);
    let generation = call.generation();
    call.writes("Let me see");
    call.model_calls(&[("a", "search")]);
    call.feed(Input::Say { text: "I ask the workshop.".into(), interruptible: true });
    assert!(!call.trace().contains("workshop"), "the voice is busy: {}", call.trace());
    call.at(2_100).voice("Let me see", 600).voice("I ask the workshop.", 600).at(5_000);
    assert_eq!(call.samples_sent(), 9_600);
    call.feed(found(generation)).model("It is there.").voice("It is there.", 500).at(7_000);
    assert_eq!(
        kinds(&call.session().messages()),
        [
            "user: Find it",
            "agent: Let me see",
            "agent: I ask the workshop.",
            "call",
            "result: found",
            "agent: It is there."
        ]
    );
}

#[test]
fn h1_who_cuts_the_words_before_those_on_the_side_has_not_heard_them() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000).writes("Let me see");
    call.model_calls(&[("a", "search")]);
    call.feed(Input::Say { text: "I ask the workshop.".into(), interruptible: true });
    call.at(2_100).voice("Let me see", 600).voice("I ask the workshop.", 600);
    // The words on the side have been sent, and lie behind what is being heard.
    call.at(2_440).speaks().at(3_000);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    let messages = kinds(&call.session().messages());
    assert!(messages.contains(&"agent: Let me".to_owned()), "{messages:?} {}", call.trace());
}

#[test]
fn x10_whoever_waits_is_told_that_the_words_were_not_heard() {
    let (mut call, _) = searching(config());
    let text = "I ask the workshop.";
    call.at(2_100).feed(Input::SayUntilHeard { text: text.into(), interruptible: true, ticket: 7 });
    call.voice(text, 1_000).at(2_500).feed(Input::Interrupt);
    assert!(call.trace().contains("not said 7"), "{}", call.trace());
    assert!(call.trace().contains("agent interrupted: I ask"), "{}", call.trace());
    call.feed(Input::SayUntilHeard { text: " ".into(), interruptible: true, ticket: 8 });
    assert!(call.trace().contains("not said 8"), "nothing to say: {}", call.trace());
    call.feed(Input::SayUntilHeard { text: "Bye.".into(), interruptible: true, ticket: 9 });
    call.feed(Input::HungUp);
    assert!(call.trace().contains("not said 9"), "{}", call.trace());
}

#[test]
fn x10_what_must_be_heard_cannot_be_stopped_while_tools_run_either() {
    let (mut call, _) = searching(config());
    let text = "This call is recorded.";
    call.at(2_100).feed(Input::Say { text: text.into(), interruptible: false }).voice(text, 1_000);
    call.at(2_400).speaks().at(2_900).stops().at(4_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert!(call.trace().contains("agent stopped: This call is recorded."), "{}", call.trace());
}

#[test]
fn t22_a_turn_that_waits_for_what_must_be_heard_does_not_wait_for_the_older_answer() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000);
    let generation = call.generation();
    call.writes("Let me see");
    call.model_calls(&[("a", "search")]);
    let text = "This call is recorded.";
    call.feed(Input::Say { text: text.into(), interruptible: false });
    call.at(2_100).voice("Let me see", 600).voice(text, 3_000);
    call.at(3_000).says("Forget it").at(4_000);
    // The tool is done before the words on the side are, and the older answer goes on being made.
    call.feed(found(generation)).at(4_200).model("It is there.").voice("It is there.", 4_000);
    call.at(6_500);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: This call is recorded."), "heard to its end: {trace}");
    assert!(trace.contains("  5700 interrupted: Superseded"), "{trace}");
    assert_eq!(call.asked().last(), Some(&Message::User { text: "Forget it".into() }));
}

/// As it is by default: the agent pauses for a voice over its own.
fn pausing() -> SessionConfig {
    let mut config = config();
    let default = SessionConfig::default().barge_in;
    (config.barge_in.pause, config.barge_in.backchannel) = (default.pause, default.backchannel);
    assert!(config.barge_in.pause.is_some());
    config
}

#[test]
fn f1_a_filler_pauses_for_a_noise_and_is_heard_whole() {
    let (mut call, generation) = searching(pausing());
    call.at(2_900).voice(FILLER, 2_000).at(3_500).speaks().at(3_900).stops().at(4_000);
    assert!(call.trace().contains("agent paused"), "{}", call.trace());
    call.feed(found(generation)).at(9_000);
    assert!(call.trace().contains("agent stopped: One moment, please."), "{}", call.trace());
    let trace = call.trace();
    assert!(!trace.contains("interrupted"), "{trace}");
    let sent = call.samples_sent();
    call.model("One two three four.").voice("One two three four.", 2_000).at(10_000);
    assert_eq!(call.samples_sent() - sent, 10_400, "a second and the lead: {}", call.trace());
    call.feed(Input::Interrupt);
    assert!(call.trace().contains("agent interrupted: One two\n"), "h1: {}", call.trace());
}

#[test]
fn i18_words_over_a_paused_filler_end_it_where_it_fell_silent() {
    let (mut call, generation) = searching(pausing());
    call.at(2_900).voice(FILLER, 2_000).at(3_500).speaks().at(4_000).interim("hello");
    let trace = call.trace();
    assert!(trace.contains("agent interrupted: One\n"), "at 3,600 ms: {trace}");
    assert_eq!(trace.matches(" clear").count(), 1, "it was silent already: {trace}");
    assert!(!trace.contains("cancel 1"), "the answer lives: {trace}");
    call.at(4_200).stops().hears("hello").at(6_000).feed(found(generation));
    let messages = kinds(&call.session().messages());
    assert!(messages.contains(&"result: found".to_owned()), "{messages:?}");
}

#[test]
fn m11_the_silence_is_told_when_a_filler_is_cut_and_names_the_filler() {
    for config in [config(), pausing()] {
        let (mut call, _) = searching(config);
        call.marks_late_by(70);
        call.at(2_900).voice(FILLER, 2_000).at(3_500).speaks().at(3_700).interim("hello").at(4_500);
        let trace = call.trace();
        assert!(trace.contains("interrupted: BargeIn"), "{trace}");
        let told = events(&call).find_map(|(_, event)| match event {
            Event::AgentSilenced { generation, after } => Some((*generation, after.as_millis())),
            _ => None,
        });
        // The onset was at 3,440; the clear left at 3,600, and its marks were back at 3,670.
        assert_eq!(told, Some((GenerationId::new(2), 230)), "{trace}");
    }
}

#[test]
fn x10_it_stands_behind_what_was_said_to_hold_the_line() {
    let mut config = config();
    config.tool_use.fillers = [].into();
    config.owed_reply = Some(OwedReplyConfig::new(Duration::from_millis(1_000), "One moment."));
    let (mut call, generation) = searching(config);
    call.at(3_200).voice("One moment.", 500).at(4_000);
    call.feed(Input::Say { text: "I ask the workshop.".into(), interruptible: true });
    call.voice("One moment.", 100).voice("I ask the workshop.", 1_000).at(6_000);
    call.feed(found(generation)).model("It is there.").voice("It is there.", 500).at(8_000);
    let messages = kinds(&call.session().messages());
    let place = |what: &str| messages.iter().position(|message| message.contains(what));
    assert!(place("One moment.") < place("I ask the workshop."), "{messages:?}");
    assert!(place("I ask the workshop.") < place("It is there."), "{messages:?}");
}

#[test]
fn x10_it_stands_behind_an_earlier_tool_while_the_next_one_waits_for_the_user() {
    let mut config = config();
    let mut book = config.tools[0].clone();
    (book.name, book.effect) = ("book".into(), Effect::Once);
    config.tools = [config.tools[0].clone(), book].into();
    config.tool_use.fillers = [].into();
    let (mut call, generation) = searching(config);
    call.at(2_200).feed(found(generation)).at(2_300).speaks();
    call.feed(Input::LlmText { generation, text: "I book it.".into() });
    call.model_calls(&[("b", "book")]);
    call.feed(Input::Say { text: "I ask the workshop.".into(), interruptible: true });
    call.at(2_500).stops().at(4_000).voice("I book it.", 600).at(5_000);
    call.voice("I ask the workshop.", 1_000).at(7_000);
    call.feed(Input::ToolFinished { generation, id: "b".into(), output: "booked".into() });
    call.model("Done.").voice("Done.", 300).at(9_000);
    let messages = kinds(&call.session().messages());
    let heard: Vec<_> = messages.iter().filter(|message| message.starts_with("agent")).collect();
    let first = messages.iter().position(|message| message == "result: found");
    let aside = messages.iter().position(|message| message.contains("workshop"));
    assert!(first.is_some() && first < aside, "{messages:?}");
    let order = ["agent: I book it.", "agent: I ask the workshop.", "agent: Done."];
    assert_eq!(heard, order, "{}", call.trace());
}

#[test]
fn x11_a_filler_ends_when_it_was_heard_where_no_marks_tell() {
    let mut config = config();
    config.marks = false;
    let (mut call, _) = searching(config);
    call.at(2_900).voice(FILLER, 1_000).at(6_000);
    let trace = call.trace();
    assert!(trace.contains("  3900 agent stopped: One moment, please."), "{trace}");

    let mut config = self::config();
    config.marks = false;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Find it").at(2_000);
    let generation = call.generation();
    call.writes("Let me have a look. ");
    call.model_calls(&[("a", "search")]).voice("Let me have a look.", 600).at(3_550);
    call.feed(Input::SynthesisFinished { generation }).voice(FILLER, 1_000).at(6_000);
    let trace = call.trace();
    assert!(trace.contains("  4550 agent stopped: One moment, please."), "{trace}");
}

#[test]
fn i18_a_filler_that_was_cut_while_it_was_spoken_is_not_waited_for() {
    let (mut call, _) = searching(config());
    call.at(2_900);
    let generation = call.generation();
    let payload = bytes::Bytes::from(vec![0x55; 8_000]);
    call.feed(Input::Synthesized { generation, payload }).at(3_200).speaks().at(3_600).stops();
    assert!(call.trace().contains("agent interrupted"), "{}", call.trace());
    call.at(12_000);
    assert!(!call.trace().contains("failed: Tts"), "{}", call.trace());
}

#[test]
fn x11_no_filler_comes_before_words_that_the_voice_owes() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000);
    let generation = call.generation();
    call.writes("Let me have a look. ");
    call.model_calls(&[("a", "search")]).at(3_500);
    assert!(!call.trace().contains("finish"), "{}", call.trace());
    // 600 ms of words, and 900 ms of silence.
    call.voice("Let me have a look.", 600).at(5_050);
    call.feed(Input::SynthesisFinished { generation });
    assert!(call.trace().contains("  5050 synthesize 2: One moment"), "{}", call.trace());
}

#[test]
fn i18_a_barge_in_on_a_filler_cuts_the_answer_that_follows_it() {
    let (mut call, generation) = searching(config());
    call.at(2_900).voice(FILLER, 2_000).at(3_200).feed(found(generation));
    call.model("It is there.").at(3_400).speaks().at(4_000);
    let trace = call.trace();
    assert!(trace.contains("interrupted: BargeIn") && trace.contains("cancel 1"), "{trace}");
}

#[test]
fn x10_words_on_the_side_do_not_join_two_rounds_of_tools() {
    let (mut call, generation) = searching(config());
    let text = "I ask the workshop.";
    call.at(2_100).feed(Input::Say { text: text.into(), interruptible: true }).voice(text, 1_000);
    call.at(2_500).feed(found(generation)).at(4_000);
    let call_b = ToolCall { id: "b".into(), name: "search".into(), arguments: "{}".into() };
    call.feed(Input::LlmToolCall { generation, call: call_b });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls });
    call.feed(Input::ToolFinished { generation, id: "b".into(), output: "more".into() });
    assert_eq!(
        kinds(&call.asked()),
        [
            "user: Find it",
            "agent: I ask the workshop.",
            "call",
            "result: found",
            "call",
            "result: more"
        ]
    );
}
