use super::{
    super::fixtures::{at, ms, user, user_stopped, user_turn},
    *,
};
use crate::GenerationId;

const GENERATION: GenerationId = GenerationId::new(1);

const AGENT: Event = Event::AgentStarted { generation: GENERATION, turn: None };
const PAUSED: Event = Event::AgentPaused { generation: GENERATION };

fn resumed(after: u64) -> Event {
    Event::AgentResumed { generation: GENERATION, after: ms(after) }
}

fn stopped(interrupted: bool) -> Event {
    Event::AgentStopped { generation: GENERATION, pii_heard: "Well".into(), interrupted }
}

fn barge_in() -> Event {
    let reason = InterruptionReason::BargeIn;
    Event::Interrupted { generation: GENERATION, reason, after: ms(160) }
}

fn backchannel(turn: u64) -> Event {
    Event::Backchannel { turn: TurnId::new(turn), pii_text: "uh-huh".into() }
}

fn observe(events: &[(u64, Event)]) -> Interruptions {
    let (mut observer, report) = InterruptionObserver::new();
    for (moment, event) in events {
        observer.on_event(at(*moment), event);
    }
    report.snapshot()
}

fn entry(moment: u64, turn: u64, kind: InterruptionKind, recovery: Option<u64>) -> Interruption {
    let turn = Some(TurnId::new(turn));
    Interruption { at: at(moment), turn, kind, recovery: recovery.map(ms) }
}

#[test]
fn m12_a_pause_that_the_agent_ends_is_a_false_interruption() {
    let told = observe(&[
        (0, AGENT),
        (1_060, user(1, 1_000)),
        (1_060, PAUSED),
        (1_500, user_stopped(1, 1_300)),
        (3_300, resumed(2_240)),
        (5_000, stopped(false)),
    ]);
    assert_eq!(told.entries(), [entry(1_060, 1, InterruptionKind::False, Some(2_240))]);
    assert_eq!((told.false_rate(), told.missed_rate()), (Some(1.0), None));
}

#[test]
fn m12_an_interruption_is_real_and_recovers_with_the_answer() {
    let told = observe(&[
        (0, AGENT),
        (1_060, user(1, 1_000)),
        (1_060, PAUSED),
        (1_200, barge_in()),
        (1_200, stopped(true)),
        (2_200, user_stopped(1, 2_000)),
        (2_300, user_turn(1)),
        (3_060, AGENT),
        (4_000, user(2, 3_940)),
        (4_100, barge_in()),
    ]);
    let expected = [
        entry(1_060, 1, InterruptionKind::Real, Some(2_000)),
        entry(4_100, 2, InterruptionKind::Real, None),
    ];
    assert_eq!(told.entries(), expected);
    assert_eq!((told.false_rate(), told.missed_rate()), (Some(0.0), Some(0.0)));
}

#[test]
fn m12_an_interruption_by_nothing_is_false_when_its_turn_is_dropped() {
    let told = observe(&[
        (0, AGENT),
        (1_060, user(1, 1_000)),
        (1_160, barge_in()),
        (1_160, stopped(true)),
        (1_600, user_stopped(1, 1_400)),
        (2_400, Event::TurnDropped { turn: TurnId::new(1) }),
        (3_160, AGENT),
    ]);
    assert_eq!(told.entries(), [entry(1_160, 1, InterruptionKind::False, Some(2_000))]);
}

#[test]
fn m12_a_user_who_is_spoken_over_for_a_second_was_missed() {
    let spoken_over = |until: u64| {
        observe(&[
            (0, AGENT),
            (1_060, user(1, 1_000)),
            (until, stopped(false)),
            (3_200, user_stopped(1, 3_000)),
            (3_300, user_turn(1)),
        ])
    };
    assert_eq!(spoken_over(2_000).entries(), [entry(1_000, 1, InterruptionKind::Missed, None)]);
    assert_eq!(spoken_over(2_000).missed_rate(), Some(1.0));
    assert_eq!(spoken_over(1_999).entries(), [], "the end of a sentence is no matter");
}

#[test]
fn m12_an_agent_who_gives_way_in_the_end_has_missed_it_all_the_same() {
    let reason = InterruptionReason::Superseded;
    let told = observe(&[
        (0, AGENT),
        (1_060, user(1, 1_000)),
        (3_200, user_stopped(1, 3_000)),
        (3_300, user_turn(1)),
        (3_300, Event::Interrupted { generation: GENERATION, reason, after: Duration::ZERO }),
        (3_300, stopped(true)),
    ]);
    assert_eq!(told.entries(), [entry(1_000, 1, InterruptionKind::Missed, None)]);
}

#[test]
fn m12_a_turn_that_ends_a_pause_is_a_real_interruption() {
    let reason = InterruptionReason::Superseded;
    let told = observe(&[
        (0, AGENT),
        (1_160, user(1, 1_000)),
        (1_160, PAUSED),
        (2_200, user_stopped(1, 2_000)),
        (2_300, user_turn(1)),
        (2_300, Event::Interrupted { generation: GENERATION, reason, after: Duration::ZERO }),
        (2_300, stopped(true)),
        (3_160, AGENT),
    ]);
    assert_eq!(told.entries(), [entry(1_160, 1, InterruptionKind::Real, Some(2_000))]);
}

#[test]
fn m12_signs_of_attention_are_no_interruptions() {
    let spoke_on = [(0, AGENT), (1_060, user(1, 1_000)), (1_700, backchannel(1))];
    let told = observe(&spoke_on);
    assert_eq!(told.entries(), [entry(1_000, 1, InterruptionKind::Backchannel, None)]);
    let paused = [
        (0, AGENT),
        (1_060, user(1, 1_000)),
        (1_060, PAUSED),
        (1_500, user_stopped(1, 1_300)),
        (1_700, resumed(640)),
        (1_700, backchannel(1)),
    ];
    let told = observe(&paused);
    assert_eq!(told.entries(), [entry(1_060, 1, InterruptionKind::Backchannel, Some(640))]);
    assert_eq!(told.count(InterruptionKind::Backchannel), 1);
    assert_eq!(told.false_rate(), None);
    let joined: Interruptions = told.entries().iter().copied().collect();
    assert_eq!(joined, told);
}
