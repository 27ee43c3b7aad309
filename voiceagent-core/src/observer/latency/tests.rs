use super::{super::fixtures::ms, *};

fn generation(number: u64) -> GenerationId {
    GenerationId::new(number)
}

fn user_started(turn: u64) -> Event {
    Event::UserStarted { turn: TurnId::new(turn), since: CallTime::ZERO }
}

fn user_turn(turn: u64) -> Event {
    Event::UserTurn {
        turn: TurnId::new(turn),
        pii_text: "yes".into(),
        end_of_turn_delay: ms(300),
        transcription_delay: Some(ms(180)),
    }
}

fn first_token(number: u64) -> Event {
    Event::FirstToken { generation: generation(number), after: ms(200 + number), reasoned: None }
}

fn first_audio(number: u64) -> Event {
    Event::FirstAudio { generation: generation(number), after: ms(80 + number) }
}

/// The agent speaks on its own account.
fn started(number: u64) -> Event {
    Event::AgentStarted { generation: generation(number), turn: None }
}

fn answered(number: u64, turn: u64) -> Event {
    Event::AgentStarted { generation: generation(number), turn: Some(TurnId::new(turn)) }
}

fn draft(number: u64, turn: u64) -> Event {
    Event::DraftStarted { generation: generation(number), turn: TurnId::new(turn) }
}

fn barge_in(number: u64) -> Event {
    let reason = InterruptionReason::BargeIn;
    Event::Interrupted { generation: generation(number), reason, after: ms(180) }
}

fn tool() -> Event {
    Event::ToolStarted { id: "1".into(), name: "lookup".into() }
}

fn measure(events: &[(u64, Event)]) -> Vec<TurnLatency> {
    let (mut observer, report) = LatencyObserver::new();
    for (at, event) in events {
        observer.on_event(CallTime::from_millis(*at), event);
    }
    report.snapshot().0
}

#[test]
fn m1_a_response_is_from_last_speech_to_first_sound() {
    let turns = measure(&[
        (1_000, user_started(1)),
        (2_300, user_turn(1)),
        (2_501, first_token(1)),
        (2_600, first_audio(1)),
        (2_620, answered(1, 1)),
    ]);
    let [turn] = &turns[..] else { panic!("{turns:?}") };
    assert_eq!(turn.response, Some(ms(620)));
    assert_eq!((turn.end_of_turn_delay, turn.transcription_delay), (ms(300), Some(ms(180))));
    assert_eq!((turn.ttft, turn.ttfb), (Some(ms(201)), Some(ms(81))));
    assert!(!turn.tools && !turn.drafted && turn.interruption.is_none());
}

#[test]
fn m5_a_drafted_answer_has_the_times_of_the_draft_that_was_heard() {
    let turns = measure(&[
        (1_000, user_started(1)),
        (1_900, draft(1, 1)),
        (1_950, first_token(1)),
        (2_000, Event::DraftDropped { generation: generation(1) }),
        (2_050, draft(2, 1)),
        (2_260, first_token(2)),
        (2_290, first_audio(2)),
        (2_300, user_turn(1)),
        (2_300, answered(2, 1)),
    ]);
    assert_eq!(turns[0].response, Some(ms(300)));
    assert_eq!((turns[0].ttft, turns[0].ttfb), (Some(ms(202)), Some(ms(82))));
    assert!(turns[0].drafted);
}

#[test]
fn m14_speech_that_answers_nobody_has_no_response_latency() {
    let turns = measure(&[
        (0, started(1)),
        (2_000, user_started(1)),
        (3_300, user_turn(1)),
        // A reminder of the agent's own accord.
        (3_600, started(2)),
        (3_900, answered(3, 1)),
    ]);
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].response, Some(ms(900)));
}

#[test]
fn m14_an_attempt_from_before_the_turn_does_not_answer_it() {
    let turns = measure(&[
        (900, first_token(4)),
        (1_300, user_turn(1)),
        (1_310, started(4)),
        (1_900, first_token(5)),
        (2_000, answered(5, 1)),
    ]);
    assert_eq!((turns[0].response, turns[0].ttft), (Some(ms(1_000)), Some(ms(205))));
}

#[test]
fn m14_a_stale_anchor_gives_no_sample() {
    let resumed =
        measure(&[(1_300, user_turn(1)), (1_400, user_started(2)), (3_000, answered(1, 1))]);
    assert_eq!(resumed[0].response, None);
    let superseded =
        measure(&[(1_300, user_turn(1)), (2_300, user_turn(2)), (2_500, answered(1, 2))]);
    assert_eq!((superseded[0].response, superseded[1].response), (None, Some(ms(500))));
    let forgotten = measure(&[(1_300, user_turn(1)), (90_000, started(1))]);
    assert_eq!(forgotten[0].response, None);
    let early = measure(&[(100, user_turn(1)), (150, answered(1, 1))]);
    assert_eq!(early[0].response, Some(ms(150)), "never negative");
}

#[test]
fn m11_an_interruption_belongs_to_the_turn_that_interrupted() {
    let turns = measure(&[
        (0, started(1)),
        (500, user_started(1)),
        (680, barge_in(1)),
        (2_300, user_turn(1)),
        (2_900, answered(2, 1)),
        (3_000, user_started(2)),
        (3_180, barge_in(2)),
        // Nothing was said after all, and the agent goes on.
        (5_000, started(3)),
        (9_000, user_started(3)),
        (9_900, user_turn(3)),
    ]);
    assert_eq!(turns.iter().map(|t| t.interruption).collect::<Vec<_>>(), [Some(ms(180)), None]);
}

fn heard(number: u64, since: u64, text: &str) -> Event {
    let since = CallTime::from_millis(since);
    Event::AgentHeard { generation: generation(number), since, pii_text: text.into() }
}

#[test]
fn m1_an_answer_is_heard_and_m10_its_way_to_the_caller_is_told() {
    let turns = measure(&[
        (2_300, user_turn(1)),
        (2_620, answered(1, 1)),
        (2_800, heard(1, 2_700, "")),
        (2_900, heard(1, 2_700, "Yes.")),
    ]);
    assert_eq!((turns[0].response, turns[0].playout), (Some(ms(620)), Some(ms(80))));
    assert_eq!(turns[0].heard, Some(ms(700)), "from last sound to first sound");
    let of_another =
        measure(&[(2_300, user_turn(1)), (2_620, answered(2, 1)), (2_800, heard(1, 0, ""))]);
    assert_eq!((of_another[0].playout, of_another[0].heard), (None, None));
    let stale = [(1_300, user_turn(1)), (1_400, user_started(2)), (3_000, answered(1, 1))];
    let stale = measure(&[&stale[..], &[(3_100, heard(1, 3_050, ""))]].concat());
    assert_eq!((stale[0].playout, stale[0].heard), (Some(ms(50)), None), "m14");
}

#[test]
fn m11_the_silence_belongs_to_the_turn_that_interrupted() {
    let silenced = |number| Event::AgentSilenced { generation: generation(number), after: ms(240) };
    for told_at in [690, 2_400] {
        let mut events = vec![(500, user_started(1)), (680, barge_in(1)), (2_300, user_turn(1))];
        events.push((told_at, silenced(1)));
        events.sort_by_key(|(at, _)| *at);
        let turns = measure(&events);
        assert_eq!(turns[0].interruption, Some(ms(180)));
        assert_eq!(turns[0].silenced, Some(ms(240)), "told at {told_at}");
    }
    let other = measure(&[
        (680, barge_in(1)),
        (690, silenced(1)),
        (900, started(2)),
        (2_300, user_turn(1)),
    ]);
    assert_eq!(other[0].silenced, None, "the agent went on");
}

#[test]
fn m15_turns_with_tools_are_told_apart() {
    let (mut observer, report) = LatencyObserver::new();
    let mut at = 0;
    for turn in 1..=100 {
        let events =
            [Some(user_turn(turn)), (turn % 2 == 0).then(tool), Some(answered(turn, turn))]
                .into_iter();
        for (step, event) in events.enumerate().filter_map(|(n, event)| Some((n, event?))) {
            let moment = at + if step == 2 { turn * 10 } else { 0 };
            observer.on_event(CallTime::from_millis(moment + 1_000), &event);
        }
        at += 10_000;
    }
    let all = report.snapshot();
    assert_eq!(all.p50(|turn| turn.response), Some(ms(300 + 500)));
    assert_eq!(all.p95(|turn| turn.response), Some(ms(300 + 950)));
    assert_eq!(all.p99(|turn| turn.response), Some(ms(300 + 990)));
    assert_eq!(all.p99(|turn| turn.ttft), None);
    assert_eq!(all.with_tools(true).turns().len(), 50);
    assert_eq!(all.with_tools(false).p99(|turn| turn.response), Some(ms(300 + 990)));
    assert_eq!(all.turns().iter().cloned().collect::<Latencies>(), all);
}

#[test]
fn tools_of_a_draft_count_for_its_turn() {
    let turns = measure(&[
        (1_000, user_started(1)),
        (1_900, draft(1, 1)),
        (1_950, tool()),
        (2_300, user_turn(1)),
        (2_400, answered(1, 1)),
        (5_000, user_started(2)),
        (6_000, user_turn(2)),
    ]);
    assert_eq!(turns.iter().map(|turn| turn.tools).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn m5_reasoning_is_no_answer() {
    let reasoned = Some(ms(250));
    let turns = measure(&[
        (2_300, user_turn(1)),
        (5_300, Event::FirstToken { generation: generation(1), after: ms(3_000), reasoned }),
        (6_000, Event::FirstToken { generation: generation(1), after: ms(500), reasoned: None }),
        (6_200, answered(1, 1)),
    ]);
    let [turn] = &turns[..] else { panic!("{turns:?}") };
    assert_eq!((turn.ttft, turn.first_answer_token), (Some(ms(250)), Some(ms(3_000))));
    assert_eq!(turn.first_token_at.map(Offset::as_micros), Some(250_000), "in the first round");
}

#[test]
fn m7_the_aggregation_is_that_of_the_round_in_which_the_words_were_written() {
    let sentence = Event::FirstSentence { generation: generation(1), after: ms(420) };
    let turns = measure(&[
        (2_300, user_turn(1)),
        (2_700, first_token(1)),
        // A tool took its time, and the model was asked again.
        (9_000, Event::FirstToken { generation: generation(1), after: ms(300), reasoned: None }),
        (9_120, sentence),
        (9_200, answered(1, 1)),
    ]);
    assert_eq!((turns[0].first_sentence, turns[0].aggregation), (Some(ms(420)), Some(ms(120))));
    assert_eq!(turns[0].ttft, Some(ms(201)));
}

#[test]
fn m9_a_sound_that_comes_after_the_answer_has_begun_still_counts() {
    let audible = |silence| Event::FirstAudible { generation: generation(1), silence: ms(silence) };
    let quick = measure(&[
        (2_300, user_turn(1)),
        (2_600, first_audio(1)),
        (2_600, answered(1, 1)),
        (2_650, audible(200)),
    ]);
    assert_eq!(quick[0].first_audible, Some(ms(81 + 200)), "the silence is played first");
    let slow = measure(&[(2_300, user_turn(1)), (2_600, first_audio(1)), (2_900, audible(200))]);
    assert_eq!(slow[0].first_audible, None, "nothing of it has left");
    let slow = measure(&[
        (2_300, user_turn(1)),
        (2_600, first_audio(1)),
        (2_900, audible(200)),
        (2_900, answered(1, 1)),
    ]);
    assert_eq!(slow[0].first_audible, Some(ms(81 + 300)), "it came later than it was due");
}

#[test]
fn p9_what_a_draft_saves_ends_where_it_could_be_heard() {
    let spoken_ahead = measure(&[
        (1_900, draft(1, 1)),
        (2_100, first_token(1)),
        (2_200, first_audio(1)),
        (2_300, user_turn(1)),
        (2_300, answered(1, 1)),
    ]);
    assert_eq!(spoken_ahead[0].saved, Some(ms(300)), "it was ready before the turn was over");
    let offset = |at: Option<Offset>| at.map(Offset::as_micros);
    assert_eq!(offset(spoken_ahead[0].first_token_at), Some(-200_000));
    assert_eq!(offset(spoken_ahead[0].first_audio_at), Some(-100_000));
    let late = measure(&[
        (1_900, draft(1, 1)),
        (2_300, user_turn(1)),
        (2_500, first_token(1)),
        (2_600, first_audio(1)),
        (2_620, answered(1, 1)),
    ]);
    assert_eq!(late[0].saved, Some(ms(400)), "the head start");
    assert_eq!(offset(late[0].first_token_at), Some(200_000));
    let other = measure(&[(1_900, draft(1, 1)), (2_300, user_turn(1)), (2_620, answered(2, 1))]);
    assert_eq!((other[0].saved, other[0].drafted), (None, false), "another draft was taken");
}
