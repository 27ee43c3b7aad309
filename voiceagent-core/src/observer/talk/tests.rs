use super::{
    super::fixtures::{at, ms, user, user_stopped, user_turn},
    *,
};
use crate::session::EndReason;

fn agent(number: u64) -> Event {
    Event::AgentStarted { generation: GenerationId::new(number), turn: None }
}

fn heard(number: u64, since: u64) -> Event {
    let generation = GenerationId::new(number);
    Event::AgentHeard { generation, since: at(since), pii_text: "Well".into() }
}

fn agent_stopped(number: u64) -> Event {
    let generation = GenerationId::new(number);
    Event::AgentStopped { generation, pii_heard: "Well".into(), interrupted: false }
}

const ENDED: Event = Event::Ended { reason: EndReason::UserHungUp };

fn measure(events: &[(u64, Event)]) -> Talk {
    let (mut observer, report) = TalkObserver::new();
    for (moment, event) in events {
        observer.on_event(at(*moment), event);
    }
    report.snapshot()
}

#[test]
fn m13_talk_and_talk_over_are_measured_from_sound_to_sound() {
    let talk = measure(&[
        (1_000, agent(1)),
        // It was sent at 1,000 and heard from 1,100.
        (1_250, heard(1, 1_100)),
        (1_400, heard(1, 1_100)),
        (2_060, user(1, 2_000)),
        (2_500, agent_stopped(1)),
        (3_200, user_stopped(1, 3_000)),
        (3_300, user_turn(1)),
        (4_000, agent(2)),
        (5_000, agent_stopped(2)),
        (6_000, ENDED),
    ]);
    assert_eq!((talk.agent, talk.user), (ms(1_400 + 1_000), ms(1_000)));
    assert_eq!((talk.talk_over, talk.call), (ms(500), ms(6_000)));
    assert_eq!(talk.silence(), ms(6_000 - 2_900));
    let share = talk.agent_share().unwrap();
    assert!((share - 2_400.0 / 3_400.0).abs() < 1e-9, "{share}");
    assert_eq!((talk.user_interruptions, talk.agent_interruptions), (1, 0));
}

#[test]
fn m13_a_beginning_that_is_noticed_after_the_agents_end_was_over_the_agent() {
    let talk = measure(&[
        (0, agent(1)),
        (1_020, agent_stopped(1)),
        (1_060, user(1, 1_000)),
        (1_500, user_stopped(1, 1_300)),
    ]);
    assert_eq!((talk.talk_over, talk.user_interruptions), (ms(20), 1));
    assert_eq!(talk.agent_interruptions, 0);
}

#[test]
fn m13_several_remarks_over_one_answer_count_each() {
    let talk = measure(&[
        (0, agent(1)),
        (1_060, user(1, 1_000)),
        (1_500, user_stopped(1, 1_300)),
        (2_060, user(1, 2_000)),
        (2_600, user_stopped(1, 2_400)),
        (5_000, agent_stopped(1)),
    ]);
    assert_eq!((talk.talk_over, talk.user_interruptions), (ms(700), 2));
}

#[test]
fn m13_a_sign_of_attention_is_talk_over_and_no_interruption() {
    let turn = TurnId::new(1);
    let talk = measure(&[
        (0, agent(1)),
        (1_060, user(1, 1_000)),
        (1_500, user_stopped(1, 1_300)),
        (1_700, Event::Backchannel { turn, pii_text: "uh-huh".into() }),
        (5_000, agent_stopped(1)),
    ]);
    assert_eq!((talk.talk_over, talk.user_interruptions), (ms(300), 0));
}

#[test]
fn m13_an_agent_who_begins_over_the_user_interrupts() {
    let seen = measure(&[(1_060, user(1, 1_000)), (1_500, agent(1)), (2_000, agent_stopped(1))]);
    assert_eq!((seen.user_interruptions, seen.agent_interruptions), (0, 1));
    let unseen = measure(&[(1_020, agent(1)), (1_060, user(1, 1_000))]);
    assert_eq!((unseen.user_interruptions, unseen.agent_interruptions), (0, 1));
}

#[test]
fn m13_a_paused_agent_does_not_speak() {
    let generation = GenerationId::new(1);
    let talk = measure(&[
        (0, agent(1)),
        (1_060, user(1, 1_000)),
        (1_060, Event::AgentPaused { generation }),
        (1_500, user_stopped(1, 1_300)),
        (3_300, Event::AgentResumed { generation, after: ms(2_240) }),
        (4_300, agent_stopped(1)),
    ]);
    assert_eq!((talk.agent, talk.talk_over), (ms(1_060 + 1_000), ms(60)));
}

#[test]
fn m13_without_a_detector_a_turn_ends_with_the_last_words() {
    let talk = measure(&[
        (1_000, user(1, 1_000)),
        (2_300, user_turn(1)),
        (2_500, agent(1)),
        (3_500, agent_stopped(1)),
        (4_000, user(2, 4_000)),
        (5_300, user_turn(2)),
        (6_000, ENDED),
    ]);
    assert_eq!((talk.user, talk.agent), (ms(2_000), ms(1_000)));
    assert_eq!((talk.talk_over, talk.agent_interruptions), (Duration::ZERO, 0));
}
