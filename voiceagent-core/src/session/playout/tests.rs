use super::*;

fn ms(millis: u64) -> CallTime {
    CallTime::from_millis(millis)
}

fn playout(marks: bool) -> Playout {
    Playout::new(PlayoutConfig::default(), AudioFormat::MULAW_8K, marks)
}

fn audio(millis: usize) -> Bytes {
    vec![0x55; millis * 8].into()
}

/// Everything that leaves at `now`: bytes of audio and numbers of marks.
fn drain(playout: &mut Playout, now: CallTime) -> (usize, Vec<u64>) {
    let (mut bytes, mut marks) = (0, Vec::new());
    while let Some(outbound) = playout.poll(now) {
        match outbound {
            Outbound::Audio(frame) => bytes += frame.payload.len(),
            Outbound::Mark(mark) => marks.push(mark.number()),
            other @ (Outbound::Clear | _) => panic!("{other:?}"),
        }
    }
    (bytes, marks)
}

#[test]
fn audio_leaves_at_once_up_to_the_lead_and_then_in_real_time() {
    let mut playout = playout(false);
    playout.begin();
    playout.push(audio(1_000));
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(0)).0, 2_400, "300 ms of lead");
    assert_eq!(playout.next_wake(ms(0)), Some(ms(100)));
    assert_eq!(drain(&mut playout, ms(99)).0, 0);
    assert_eq!(drain(&mut playout, ms(100)).0, 800);
    assert_eq!(drain(&mut playout, ms(330)).0, 1_600, "a late wake catches up");
}

#[test]
fn p7_held_audio_does_not_leave() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(100));
    playout.complete();
    assert_eq!(drain(&mut playout, ms(0)), (0, vec![]));
    assert_eq!(playout.next_wake(ms(0)), None);
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(500)), (800, vec![1]));
}

#[test]
fn a2_odd_chunks_become_whole_frames_and_a4_the_tail_is_flushed() {
    let mut playout = playout(false);
    playout.begin();
    playout.hold(false);
    for chunk in [100, 33, 77, 150] {
        playout.push(vec![1; chunk].into());
    }
    let (bytes, _) = drain(&mut playout, ms(0));
    assert_eq!(bytes, 320, "360 bytes are two frames and a rest");
    playout.complete();
    assert_eq!(drain(&mut playout, ms(0)).0, 160, "the rest is filled up");
    assert_eq!(playout.queued, 0);
}

#[test]
fn h5_between_marks_the_playhead_moves_with_time_and_never_past_an_unanswered_mark() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(300));
    playout.complete();
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(0)), (2_400, vec![1, 2, 3]));
    assert_eq!(playout.heard(ms(50)), 0, "the far end may not have begun");
    assert_eq!(playout.heard(ms(250)), 0, "the first mark was not answered");
    assert!(playout.on_mark(ms(250), MarkId::new(1)));
    assert_eq!(playout.heard(ms(250)), 800);
    assert_eq!(playout.heard(ms(300)), 1_200);
    assert!(playout.on_mark(ms(450), MarkId::new(3)), "an answer stands for those before it");
    assert!(playout.is_drained(ms(450)));
}

#[test]
fn h4_marks_returned_by_clear_are_not_heard() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(300));
    playout.hold(false);
    drain(&mut playout, ms(0));
    playout.clear(ms(50));
    assert!(!playout.on_mark(ms(51), MarkId::new(1)));
    assert!(!playout.is_audible(ms(51)));
    assert!(playout.is_drained(ms(51)));
}

#[test]
fn d1_a_missing_mark_is_given_up_in_the_end() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(100));
    playout.complete();
    playout.hold(false);
    drain(&mut playout, ms(0));
    assert!(!playout.is_drained(ms(2_000)));
    let wake = playout.next_wake(ms(500)).unwrap();
    assert!(wake > ms(2_100) && playout.is_drained(wake));
    assert_eq!(playout.next_wake(wake), None);
}

#[test]
fn a_pause_in_the_voice_moves_the_playhead_no_further_than_what_was_sent() {
    let mut playout = playout(false);
    playout.begin();
    playout.hold(false);
    playout.push(audio(100));
    drain(&mut playout, ms(0));
    assert_eq!(playout.heard(ms(700)), 800);
    playout.push(audio(100));
    drain(&mut playout, ms(700));
    assert_eq!(playout.heard(ms(750)), 1_200, "playing resumed when the audio came");
}

#[test]
fn without_marks_heard_is_what_our_own_pace_says() {
    let mut playout = playout(false);
    playout.begin();
    playout.push(audio(200));
    playout.complete();
    playout.hold(false);
    drain(&mut playout, ms(0));
    assert_eq!(playout.heard(ms(120)), 960);
    let wake = playout.next_wake(ms(120)).unwrap();
    assert!(playout.is_drained(wake));
}

#[test]
fn a_late_mark_does_not_turn_the_playhead_back() {
    let mut playout = playout(true);
    playout.begin();
    playout.hold(false);
    playout.push(audio(250));
    drain(&mut playout, ms(0));
    playout.push(audio(100));
    drain(&mut playout, ms(700));
    assert!(playout.on_mark(ms(750), MarkId::new(1)));
    assert_eq!(playout.heard(ms(760)), playout.heard(ms(2_000)), "up to the next mark");
}
