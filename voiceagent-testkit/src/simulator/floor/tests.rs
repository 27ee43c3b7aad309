use voiceagent_core::{CallTime, session::InterruptionReason};

use super::*;
use crate::simulator::{Legs, Settings};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A sound world with a detector, where nothing delays the end of a turn.
pub(in crate::simulator) fn calm() -> Profile {
    let mut settings = Settings::default();
    (settings.legs, settings.flow) = (Legs::Cascade, Some(false));
    let mut profile = Profile::new(1, &settings);
    profile.recognizer.detects = true;
    profile.recognizer.end_of_turn = false;
    profile.turn_detector = false;
    (profile.manner.by_words, profile.manner.learns) = (false, false);
    profile
}

fn laws(events: Vec<(u64, Event)>, caller: &[(u64, u64)]) -> Vec<&'static str> {
    let events = events.into_iter().map(|(at, event)| (ms(at), event)).collect();
    let caller = caller.iter().map(|(from, to)| Span { from: ms(*from), to: ms(*to) }).collect();
    let account = Account { events, caller, ..Account::default() };
    check(&account, &calm()).iter().map(|violation| violation.law).collect()
}

fn answer(nth: u64, turn: u64) -> Event {
    let (generation, turn) = (GenerationId::new(nth), Some(TurnId::new(turn)));
    Event::AgentStarted { generation, turn }
}

fn stopped(nth: u64) -> Event {
    let generation = GenerationId::new(nth);
    Event::AgentStopped { generation, pii_heard: "yes".into(), interrupted: false }
}

fn paused() -> Event {
    Event::AgentPaused { generation: GenerationId::new(1) }
}

fn partial(turn: u64) -> Event {
    Event::UserPartial { turn: TurnId::new(turn), pii_text: "u1".into() }
}

fn over(turn: u64) -> Event {
    Event::UserTurn {
        turn: TurnId::new(turn),
        pii_text: "u1".into(),
        end_of_turn_delay: ms(300),
        transcription_delay: None,
    }
}

fn started(turn: u64, since: u64) -> Event {
    Event::UserStarted { turn: TurnId::new(turn), since: CallTime::from_millis(since) }
}

fn ended() -> Event {
    Event::Ended { reason: EndReason::UserHungUp }
}

#[test]
fn an_agent_who_never_goes_on_after_a_cough_breaks_a_law() {
    let cough = [(2_000, 2_300)];
    let resumed =
        Event::AgentResumed { generation: GenerationId::new(1), after: Duration::from_secs(1) };
    let interrupted = Event::Interrupted {
        generation: GenerationId::new(1),
        reason: InterruptionReason::BargeIn,
        after: ms(160),
    };
    for end in [resumed.clone(), interrupted] {
        assert!(laws(vec![(2_160, paused()), (3_800, end), (9_000, ended())], &cough).is_empty());
    }
    assert_eq!(laws(vec![(2_160, paused()), (9_000, ended())], &cough), [PAUSES]);
    assert_eq!(
        laws(vec![(2_160, paused()), (5_000, resumed.clone()), (9_000, ended())], &cough),
        [PAUSES]
    );
    // A caller who goes on makes it wait, and a machine does not for ever.
    let long = [(2_000, 4_000)];
    assert!(
        laws(vec![(2_160, paused()), (5_000, resumed.clone()), (9_000, ended())], &long).is_empty()
    );
    let endless = [(2_000, 60_000)];
    assert_eq!(
        laws(vec![(2_160, paused()), (30_000, resumed), (60_000, ended())], &endless),
        [PAUSES]
    );
}

#[test]
fn a_turn_that_stays_open_breaks_a_law() {
    let voice = [(1_000, 1_600)];
    let turn = |end: u64, event| {
        vec![(1_060, started(1, 1_000)), (1_500, partial(1)), (end, event), (20_000, ended())]
    };
    assert!(laws(turn(1_900, over(1)), &voice).is_empty());
    assert!(laws(turn(2_700, over(1)), &voice).is_empty(), "a final may be waited for");
    assert_eq!(laws(turn(4_000, over(1)), &voice), [TURNS]);
    assert_eq!(laws(turn(4_000, partial(2)), &voice), [TURNS, TURNS], "neither is decided");
    assert!(laws(turn(4_000, over(1)), &[(1_000, 3_600)]).is_empty(), "the caller goes on");
    assert_eq!(laws(turn(15_000, over(1)), &[(1_000, 14_900)]), [TURNS], "that is a noise");
    let dropped = Event::TurnDropped { turn: TurnId::new(1) };
    assert!(laws(turn(2_000, dropped), &voice).is_empty());
}

#[test]
fn only_who_may_be_dictating_is_waited_for_longest_and_only_where_predictions_count() {
    let EndpointingConfig { max_delay, entity_max_delay, transcript_timeout, .. } =
        EndpointingConfig::default();
    let account = Account::default();
    let mut profile = calm();
    let decision = |profile: &Profile, text| Limits::of(&account, profile).decision(text);
    assert_eq!(decision(&profile, "u9 u10"), transcript_timeout);
    profile.manner.by_words = true;
    assert_eq!(decision(&profile, "u9 u10"), entity_max_delay);
    assert_eq!(decision(&profile, "u8 u9"), max_delay);
    assert_eq!(decision(&profile, "u10 um"), max_delay);
    profile.kind = Kind::Text;
    assert_eq!(decision(&profile, "u9 u10"), max_delay);
}

#[test]
fn an_older_answer_that_goes_on_breaks_a_law() {
    let interrupted = vec![
        (1_000, over(1)),
        (1_500, answer(1, 1)),
        (3_000, over(2)),
        (3_000, stopped(1)),
        (3_400, answer(2, 2)),
        (5_000, stopped(2)),
        (9_000, ended()),
    ];
    assert!(laws(interrupted, &[]).is_empty());
    let goes_on = vec![
        (1_000, over(1)),
        (1_500, answer(1, 1)),
        (3_000, over(2)),
        (4_000, stopped(1)),
        (9_000, ended()),
    ];
    assert_eq!(laws(goes_on, &[]), [NEWEST]);
    let begins = vec![
        (1_000, over(1)),
        (3_000, over(2)),
        (3_100, answer(1, 1)),
        (3_100, stopped(1)),
        (9_000, ended()),
    ];
    assert_eq!(laws(begins.clone(), &[]), [NEWEST]);
    let events = begins.into_iter().map(|(at, event)| (ms(at), event)).collect();
    let leaving = Account { events, leaving: Some(ms(2_000)), ..Account::default() };
    assert!(check(&leaving, &calm()).is_empty(), "a farewell is not stopped");
}

#[test]
fn an_older_answer_that_goes_on_after_an_announcement_breaks_a_law() {
    let announced = |end: u64| {
        let generation = GenerationId::new(2);
        let pii_heard = "owner1 says owned1.".into();
        let events = vec![
            (1_000, over(1)),
            (1_500, answer(1, 1)),
            (2_500, Event::AgentStarted { generation, turn: None }),
            (3_000, over(2)),
            (6_000, Event::AgentStopped { generation, pii_heard, interrupted: false }),
            (end, stopped(1)),
            (9_000, ended()),
        ];
        let events = events.into_iter().map(|(at, event)| (ms(at), event)).collect();
        let announced = vec![(ms(2_000), "owner1".to_owned())];
        let account = Account { events, announced, ..Account::default() };
        check(&account, &calm()).iter().map(|violation| violation.law).collect::<Vec<_>>()
    };
    assert!(announced(6_000).is_empty(), "it makes room for the newer turn");
    assert_eq!(announced(7_000), [NEWEST]);
}
