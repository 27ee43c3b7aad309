use std::time::Duration;

use serde_json::{Value, json};
use voiceagent_core::{
    CallTime, GenerationId, TurnId,
    llm::FinishReason,
    session::{EndpointingConfig, Input, RealtimeConfig, SettingsChange},
    stt::Transcript,
    tool::ToolSpec,
};

use crate::call::{Folder, answers, config, journal, says, small_call, small_call_with, tool};

/// What the tool says about a call with another setting, as JSON.
fn judged(call: &str, settings: &[&str]) -> Value {
    let name = settings.join("-").replace(['=', '.'], "-");
    let folder = Folder::new(&format!("tool-if-{name}"));
    let path = folder.put("a.journal", call).display().to_string();
    let mut args = vec![path.as_str(), "--json"];
    settings.iter().for_each(|setting| args.extend(["--set", setting]));
    let (_, out, _) = tool(&args).expect("it can be judged");
    serde_json::from_str(&out).expect("it is JSON")
}

fn delays(report: &Value, side: &str) -> Vec<Option<f64>> {
    let turns = report["turns"].as_array().expect("turns are listed");
    turns.iter().map(|turn| turn[side]["delay_ms"].as_f64()).collect()
}

#[test]
fn more_patience_avoids_the_cut_and_costs_the_difference_in_each_other_turn() {
    let report = judged(&small_call(), &["endpointing.min_delay=600ms"]);
    let all = Some(300.0);
    assert_eq!(delays(&report, "before"), [all, all, all, all]);
    assert_eq!(delays(&report, "after"), [None, Some(600.0), Some(600.0), Some(600.0)]);
    let totals = &report["totals"];
    assert_eq!((&totals["cuts_before"], &totals["cuts_after"]), (&1.into(), &0.into()));
    assert_eq!(totals["both"], 3, "the first turn was cut off");
    assert_eq!(totals["saved_until_decision_ms"], -900.0);
    assert_eq!(totals["saved_until_heard_ms"], -600.0, "two turns were answered");
    assert_eq!(totals["median_response_before_ms"], 600.0);
    assert_eq!(totals["median_response_after_ms"], 900.0);
    assert_eq!(totals["unseen"], 0);
}

#[test]
fn less_patience_saves_what_the_detector_lets_it_save() {
    let report = judged(&small_call(), &["endpointing.min_delay=100ms"]);
    let told = Some(200.0);
    assert_eq!(delays(&report, "after"), [told, told, told, told], "the end is told 200 ms late");
    assert_eq!(report["totals"]["saved_until_decision_ms"], 300.0);
    assert_eq!(report["totals"]["cuts_after"], 1);
}

#[test]
fn a_pause_that_the_call_waited_out_is_a_cut_for_the_impatient() {
    let mut patient = config();
    patient.endpointing.min_delay = Duration::from_millis(900);
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "I would like"));
    inputs.extend(says(2_100, 2_800, "a table for two"));
    inputs.extend(answers(4_000, 1, 800));
    inputs.push((6_000, Input::HungUp));
    let call = journal(patient, &inputs);
    let report = judged(&call, &["endpointing.min_delay=300ms"]);
    assert_eq!(delays(&report, "before"), [Some(900.0)]);
    assert_eq!(delays(&report, "after"), [Some(300.0)], "the last pause");
    assert_eq!(report["turns"][0]["after"]["cuts"], 1, "and one before");
    assert_eq!(report["totals"]["cuts_before"], 0);

    let folder = Folder::new("tool-window");
    let path = folder.put("a.journal", &call).display().to_string();
    let set = "endpointing.min_delay=300ms";
    let (_, out, _) = tool(&[&path, "--set", set, "--cut-window", "150ms"]).unwrap();
    assert!(out.contains("callers cut off 0 -> 0"), "the caller goes on 200 ms later: {out}");
    let (_, out, _) = tool(&[&path, "--set", set, "--cut-window", "250ms"]).unwrap();
    assert!(out.contains("callers cut off 0 -> 1"), "{out}");
}

#[test]
fn a_decision_after_the_recorded_answer_is_told_to_be_unseen() {
    let report = judged(&small_call(), &["endpointing.min_delay=2s"]);
    let late = Some(2_000.0);
    assert_eq!(delays(&report, "after"), [None, late, late, late]);
    assert_eq!(report["totals"]["unseen"], 2, "two were answered earlier");
}

#[test]
fn a_turn_that_a_setting_drops_is_said_to_be_dropped() {
    let set = "barge_in.min_words=4";
    let report = judged(&small_call(), &[set]);
    let all = Some(300.0);
    assert_eq!(delays(&report, "before"), [all, all, all, all]);
    assert_eq!(delays(&report, "after"), [all, all, all, None], "two words over the agent");
    assert_eq!(report["turns"][3]["after"]["dropped"], true);
    assert_eq!(
        (&report["totals"]["dropped"], &report["totals"]["undecided"]),
        (&1.into(), &0.into())
    );
    let folder = Folder::new("tool-dropped");
    let path = folder.put("a.journal", small_call()).display().to_string();
    let (_, out, _) = tool(&[&path, "--set", set]).unwrap();
    assert!(out.contains("turn   4  dropped: what was said is no turn"), "{out}");
    assert!(out.contains("  1 turn dropped: what was said in them is not answered"), "{out}");
}

#[test]
fn turns_that_nothing_ends_are_said_to_be_undecided() {
    let set = "endpointing.manual=true";
    let report = judged(&small_call(), &[set]);
    assert_eq!(delays(&report, "after"), [None; 4]);
    let undecided: Vec<&Value> =
        (0..4).map(|turn| &report["turns"][turn]["after"]["undecided"]).collect();
    assert_eq!(undecided, [false, true, true, true], "in the first the caller goes on");
    assert_eq!(
        (&report["totals"]["dropped"], &report["totals"]["undecided"]),
        (&0.into(), &3.into())
    );
    assert_eq!(report["totals"]["cuts_after"], 0);
    let folder = Folder::new("tool-undecided");
    let path = folder.put("a.journal", small_call()).display().to_string();
    let (_, out, _) = tool(&[&path, "--set", set]).unwrap();
    assert!(out.contains("turn   1  not ended: the caller goes on"), "{out}");
    assert!(out.contains("turn   4  never decided"), "{out}");
}

#[test]
fn what_a_tool_wants_to_know_is_waited_for_as_in_the_call() {
    let mut config = config();
    let schema = json!({ "type": "object", "properties": { "phone": { "format": "phone" } } });
    config.tools = [ToolSpec::new("call_back", "", schema)].into();
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "please call me back"));
    inputs.extend(answers(2_100, 1, 800).map(|(at, input)| match input {
        Input::LlmText { generation, .. } => {
            (at, Input::LlmText { generation, text: "What is your phone number?".into() })
        }
        input => (at, input),
    }));
    inputs.extend(says(4_000, 4_600, "four one five"));
    inputs.extend(says(6_600, 7_200, "five five five"));
    inputs.push((20_000, Input::HungUp));
    let report = judged(&journal(config, &inputs), &["endpointing.min_delay=400ms"]);
    assert_eq!(delays(&report, "before"), [Some(300.0), Some(4_000.0)], "more digits must come");
    assert_eq!(delays(&report, "after"), [Some(400.0), Some(4_000.0)]);
    assert_eq!(report["totals"]["not_comparable"], 0);
}

#[test]
fn interruptions_come_later_or_not_at_all() {
    let mut config = config();
    config.barge_in.pause = None;
    config.barge_in.backchannel = None;
    let call = small_call_with(config);
    let overlap = |setting: &str| judged(&call, &[setting])["interruptions"][0].clone();
    let same = overlap("barge_in.min_duration=160ms");
    assert_eq!(same["before_ms"], 960.0, "heard from 6,200, speech from 7,000, 160 ms of it");
    assert_eq!(same["after_ms"], 960.0);
    assert_eq!(overlap("barge_in.min_duration=260ms")["after_ms"], 1_060.0);
    assert_eq!(overlap("barge_in.enabled=false")["after_ms"], Value::Null);
    let by_turn = overlap("barge_in.min_duration=1s");
    assert_eq!(by_turn["after_ms"], 1_300.0, "the turn is over at 7,500");
}

#[test]
fn an_agent_that_pauses_before_it_is_interrupted_is_heard_until_then() {
    let overlap = |setting: &str| judged(&small_call(), &[setting])["interruptions"][0].clone();
    let later = overlap("barge_in.pause=260ms");
    assert_eq!(later["before_ms"], 960.0, "the words come 190 ms after the pause");
    assert_eq!(later["after_ms"], 1_060.0);
}

#[test]
fn an_interruption_that_was_not_allowed_would_have_happened() {
    let mut config = config();
    config.barge_in.enabled = false;
    let report = judged(&small_call_with(config), &["barge_in.enabled=true"]);
    assert_eq!(report["interruptions"][0]["before_ms"], Value::Null);
    assert_eq!(report["interruptions"][0]["after_ms"], 960.0);
    assert_eq!(report["interruptions"][0]["comparable"], true);
}

#[test]
fn a_prediction_counts_for_the_pause_that_it_was_asked_for() {
    let mut config = config();
    config.turn_detector = true;
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "well"));
    let (turn, text_len) = (TurnId::new(1), "well".len());
    inputs.push((
        1_820,
        Input::EndOfTurnScore { turn, text_len, probability: 0.5, backchannel: 0.0 },
    ));
    inputs.push((5_000, Input::HungUp));
    let call = journal(config, &inputs);
    let report = judged(&call, &["endpointing.max_delay=1300ms"]);
    assert_eq!(delays(&report, "before"), [Some(1_400.0)], "half way from 300 to 2,500");
    assert_eq!(delays(&report, "after"), [Some(800.0)], "half way from 300 to 1,300");
}

#[test]
fn without_edges_words_show_that_the_caller_went_on() {
    let mut config = config();
    config.vad = false;
    let interim = |text: &str| Input::Transcript { transcript: Transcript::interim(text) };
    let final_ = |text: &str| Input::Transcript { transcript: Transcript::final_(text) };
    let inputs = [
        (0, Input::Opened),
        (1_000, interim("I would")),
        (1_100, final_("I would like")),
        (1_700, interim("a table")),
        (1_800, final_("a table")),
        (6_000, Input::HungUp),
    ];
    let call = journal(config, &inputs);
    let report = judged(&call, &["endpointing.min_delay=700ms"]);
    assert_eq!(report["totals"]["cuts_before"], 1);
    assert_eq!(report["totals"]["cuts_after"], 0);
}

#[test]
fn a_text_leg_is_judged_by_what_was_typed() {
    let generation = GenerationId::new(1);
    let typed = Input::Transcript { transcript: Transcript::final_("are you open") };
    let inputs = [
        (0, Input::Opened),
        (1_000, typed),
        (1_500, Input::LlmText { generation, text: "Yes.".into() }),
        (1_500, Input::LlmFinished { generation, reason: FinishReason::Stop }),
        (6_000, Input::HungUp),
    ];
    let mut config = config();
    (config.format, config.vad) = (None, false);
    let report = judged(&journal(config, &inputs), &["endpointing.min_delay=100ms"]);
    assert_eq!(report["totals"]["saved_until_decision_ms"], 200.0);
    assert_eq!(report["totals"]["median_response_before_ms"], 500.0);
    assert_eq!(report["totals"]["median_response_after_ms"], 300.0);
}

#[test]
fn a_draft_that_is_not_ready_leaves_nothing_to_save() {
    let mut config = config();
    config.speculation.enabled = true;
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "are you open"));
    inputs.extend(answers(1_850, 1, 800));
    inputs.push((6_000, Input::HungUp));
    let call = journal(config, &inputs);
    let report = judged(&call, &["endpointing.min_delay=200ms"]);
    assert_eq!(delays(&report, "after"), [Some(200.0)]);
    assert_eq!(report["totals"]["saved_until_decision_ms"], 100.0);
    assert_eq!(report["totals"]["median_response_before_ms"], 350.0, "the voice came at 1,950");
    assert_eq!(report["totals"]["saved_until_heard_ms"], 0.0);
    let report = judged(&call, &["endpointing.min_delay=500ms"]);
    assert_eq!(report["totals"]["median_response_after_ms"], 500.0, "the draft waits");
}

#[test]
fn a_cough_after_a_decision_cuts_nobody_off() {
    let moment = CallTime::from_millis;
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "that is all"));
    inputs.push((2_260, Input::SpeechStarted { since: moment(2_200) }));
    inputs.push((2_600, Input::SpeechStopped { since: moment(2_400) }));
    inputs.push((6_000, Input::HungUp));
    let report = judged(&journal(config(), &inputs), &["endpointing.min_delay=250ms"]);
    assert_eq!(report["totals"]["cuts_after"], 0);
}

#[test]
fn texts_are_shown_when_asked_for_and_other_settings_are_said_to_be_unknown() {
    let folder = Folder::new("tool-words");
    let path = folder.put("a.journal", small_call()).display().to_string();
    let set = ["--set", "endpointing.min_delay=600ms", "--set", "model.retries=3"];
    let (_, out, _) = tool(&[&[path.as_str()], &set[..]].concat()).unwrap();
    assert!(out.contains("turn   1  not ended: the caller goes on"), "{out}");
    assert!(out.contains("300 -> 600 ms, 300 ms later; heard 600 -> 900 ms"), "{out}");
    assert!(out.contains("cannot tell what `model.retries` would change"), "{out}");
    assert!(!out.contains("table"), "{out}");
    let (_, out, _) = tool(&[&[path.as_str(), "--texts"], &set[..]].concat()).unwrap();
    assert!(out.contains("a table for two"), "{out}");
}

#[test]
fn what_the_owner_configured_meanwhile_is_kept_but_for_the_setting_in_question() {
    let mut patient = EndpointingConfig::default();
    patient.min_delay = Duration::from_millis(900);
    patient.by_words = false;
    let change = Box::new(SettingsChange::default().with_endpointing(patient));
    let mut inputs = vec![(0, Input::Opened), (500, Input::Configure { change })];
    inputs.extend(says(1_000, 1_600, "hello"));
    inputs.push((5_000, Input::HungUp));
    let call = journal(config(), &inputs);
    let report = judged(&call, &["endpointing.min_delay=400ms"]);
    assert_eq!(delays(&report, "before"), [Some(900.0)]);
    assert_eq!(delays(&report, "after"), [Some(400.0)]);
    let report = judged(&call, &["endpointing.max_delay=3s"]);
    assert_eq!(delays(&report, "after"), [Some(900.0)]);
}

#[test]
fn settings_are_refused_before_anything_is_judged() {
    let folder = Folder::new("tool-set");
    let path = folder.put("a.journal", small_call()).display().to_string();
    let message = tool(&[&path, "--set", "endpointing.minimum=1s"]).unwrap_err();
    assert!(message.contains("`endpointing.minimum`"), "{message}");
    assert!(message.contains("endpointing.min_delay"), "{message}");
    assert!(tool(&[&path, "--cut-window", "2"]).unwrap_err().contains("2min"));
}

/// A caller who pauses in the first sentence to a turn-managed speech-to-speech model, which tells
/// words 400 ms after their turn, is answered from 6,200 to 10,200 ms, and speaks over it from 7,000 ms.
fn spoken_call() -> String {
    let mut config = config();
    config.realtime = Some(RealtimeConfig::default());
    config.barge_in.backchannel = None;
    config.barge_in.pause = None;
    let mut inputs = vec![(0, Input::Opened)];
    let mut voice = |from: u64, until: u64| {
        inputs.push((from + 60, Input::SpeechStarted { since: CallTime::from_millis(from) }));
        inputs.push((until + 200, Input::SpeechStopped { since: CallTime::from_millis(until) }));
    };
    voice(1_000, 1_600);
    voice(2_100, 2_600);
    voice(5_400, 5_600);
    voice(7_000, 7_800);
    let words = |turn: u64, text: &str| Input::UserWords {
        turn: Some(TurnId::new(turn)),
        transcript: Transcript::final_(text),
    };
    inputs.push((2_300, words(1, "I would like")));
    inputs.push((3_300, words(2, "to book a table")));
    inputs.push((6_300, words(3, "for two")));
    let generation = GenerationId::new(3);
    let payload = vec![0x55; 32_000].into();
    inputs.push((6_200, Input::Synthesized { generation, payload }));
    inputs.push((6_250, Input::LlmFinished { generation, reason: FinishReason::Stop }));
    inputs.push((12_000, Input::Timeout));
    inputs.sort_by_key(|(at, _)| *at);
    journal(config, &inputs)
}

#[test]
fn a_turn_managed_model_is_judged_by_the_words_that_it_tells_later() {
    let call = spoken_call();
    let cuts = |setting: &str| {
        let totals = &judged(&call, &[setting])["totals"];
        [totals["cuts_before"].clone(), totals["cuts_after"].clone()]
    };
    assert_eq!(cuts("endpointing.min_delay=300ms"), [1, 1], "the second voice goes on");
    assert_eq!(cuts("endpointing.min_delay=700ms"), [1, 0]);
    let overlap = |setting: &str| judged(&call, &[setting])["interruptions"][0].clone();
    let later = overlap("barge_in.min_duration=260ms");
    assert_eq!(later["before_ms"], 960.0, "heard from 6,200, speech from 7,000, 160 ms of it");
    assert_eq!(later["after_ms"], 1_060.0);
}
