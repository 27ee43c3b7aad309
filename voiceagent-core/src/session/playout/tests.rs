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
fn h4_no_mark_is_sent_for_what_was_cleared() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(60));
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(0)), (480, vec![]), "too little for a mark");
    playout.clear(ms(20));
    assert_eq!(drain(&mut playout, ms(20)), (0, vec![]));
    assert!(playout.is_drained(ms(20)));
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

/// Audio of which each byte tells its place, by and large.
fn counted(millis: usize) -> Bytes {
    (0..millis * 8).map(|at| u8::try_from(at * 7 % 251).unwrap_or(0)).collect()
}

/// The audio that leaves at `now`.
fn leaving(playout: &mut Playout, now: CallTime) -> Vec<u8> {
    let mut left = Vec::new();
    while let Some(outbound) = playout.poll(now) {
        if let Outbound::Audio(frame) = outbound {
            left.extend_from_slice(&frame.payload);
        }
    }
    left
}

/// A second of an answer is being played in such pieces, and that 100 ms were heard has come back.
fn under_way(piece: Duration) -> (Playout, Bytes, u64) {
    let source = counted(1_000);
    let mut playout = playout(true);
    playout.config.piece = piece;
    let base = playout.begin();
    playout.push(source.clone());
    playout.complete();
    playout.hold(false);
    leaving(&mut playout, ms(0));
    assert!(playout.on_mark(ms(100), MarkId::new(1)));
    leaving(&mut playout, ms(100));
    (playout, source, base)
}

#[test]
fn f6_what_was_not_heard_leaves_once_more_from_the_exact_sample() {
    let (mut playout, source, base) = under_way(PlayoutConfig::default().piece);
    let heard = playout.heard(ms(153));
    assert_eq!(heard, 153 * 8);
    playout.hold(true);
    let again = playout.rewind(ms(153));
    assert!(!playout.is_audible(ms(200)) && !playout.is_drained(ms(200)));
    assert_eq!(playout.heard(ms(900)) - (base + again), heard, "it stands still");
    assert!(leaving(&mut playout, ms(900)).is_empty());

    playout.hold(false);
    let mut left = Vec::new();
    for now in (1_000..2_000).step_by(20) {
        left.extend(leaving(&mut playout, ms(now)));
    }
    let whole = left.len() - (source.len() - 153 * 8);
    assert_eq!(left[..left.len() - whole], source[153 * 8..]);
    assert!(whole < 160, "only the last frame is filled up");
    assert!(playout.on_mark(ms(1_900), MarkId::new(playout.next_mark.number() - 1)));
    assert!(playout.is_drained(ms(1_900)));
}

#[test]
fn f6_pieces_that_were_heard_since_the_last_answer_are_not_sent_again() {
    let (mut playout, source, base) = under_way(FRAME);
    let again = playout.rewind(ms(175));
    assert_eq!(playout.heard(ms(900)) - (base + again), 175 * 8);
    let left = leaving(&mut playout, ms(1_000));
    assert_eq!(left, source[175 * 8..175 * 8 + left.len()]);
}

#[test]
fn f6_what_a_far_end_that_stands_still_has_not_answered_leaves_once_more() {
    for (paused, from) in [(230, 200), (240, 100), (900, 100)] {
        let (mut playout, source, _) = under_way(PlayoutConfig::default().piece);
        assert_eq!(playout.heard(ms(paused)), 1_600, "it may have played all but its answer");
        playout.rewind(ms(paused));
        let left = leaving(&mut playout, ms(1_000));
        assert_eq!(left, source[from * 8..from * 8 + left.len()], "the answer is due at 200");
    }
}

#[test]
fn f7_a_second_pause_counts_from_the_first() {
    let source = counted(2_000);
    let mut playout = playout(false);
    let mut base = playout.begin();
    playout.push(source.clone());
    playout.hold(false);
    let mut now = 0;
    for (plays, heard) in [(130, 130), (71, 201), (300, 501), (5, 506)] {
        let left = leaving(&mut playout, ms(now));
        let from = (heard - plays) * 8;
        assert_eq!(left, source[from..from + left.len()]);
        for later in now..now + plays as u64 {
            leaving(&mut playout, ms(later));
        }
        now += plays as u64;
        base += playout.rewind(ms(now));
        assert_eq!(playout.heard(ms(now)) - base, heard as u64 * 8);
        now += 1_000;
    }
}

#[test]
fn f7_what_is_said_again_in_g722_begins_with_a_whole_byte() {
    let mut playout = Playout::new(PlayoutConfig::default(), AudioFormat::G722, false);
    playout.begin();
    assert_eq!(playout.push(audio(1_000)), 16_000);
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(0)).0, 2_400, "300 ms of lead");
    // Half a byte is heard of the next one.
    let paused = ms(153) + Duration::from_micros(100);
    assert_eq!(playout.heard(paused), 2_449);
    let again = playout.rewind(paused);
    assert_eq!(playout.sent - again, 2_448);
    assert_eq!(playout.format.samples(playout.queued), 16_000 - 2_448);
}

#[test]
fn f1_only_what_may_be_unheard_is_kept() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(60_000));
    playout.hold(false);
    let bound = playout.config.lead + playout.config.mark_timeout;
    for now in 0..6_000 {
        // The far end answers for one second and then never again.
        if now % 100 == 0 && (1..=1_000).contains(&now) {
            playout.on_mark(ms(now), MarkId::new(now / 100));
        }
        leaving(&mut playout, ms(now));
        let kept: usize = playout.kept.iter().map(Bytes::len).sum();
        assert_eq!(playout.kept_from + kept as u64, playout.sent);
        let most = if now < 1_000 { playout.config.lead } else { bound };
        assert!(kept <= playout.format.bytes_in(most) + 1_600, "{kept} at {now}");
    }
    // What was lost from sight counts as heard.
    let again = playout.rewind(ms(6_000));
    assert!(again <= playout.format.samples_in(bound) && again > 0);
}

#[test]
fn m11_the_last_mark_that_a_clear_brings_back_tells_of_the_silence() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(300));
    playout.hold(false);
    drain(&mut playout, ms(0));
    playout.rewind(ms(50));
    // Paused, and interrupted then: the far end is cleared once.
    playout.clear(ms(60));
    assert!(playout.awaits_clear());
    assert!(!playout.is_cleared_by(MarkId::new(1)), "it may have been played");
    assert!(playout.is_cleared_by(MarkId::new(3)));
    assert!(!playout.is_cleared_by(MarkId::new(3)), "once");
    assert!(!playout.awaits_clear());
}

#[test]
fn what_is_taken_back_does_not_leave() {
    let mut playout = playout(false);
    playout.begin();
    playout.push(counted(100));
    playout.push(counted(50));
    playout.take_back(70 * 8);
    playout.push(audio(20));
    playout.complete();
    playout.hold(false);
    assert_eq!(leaving(&mut playout, ms(0)), [&counted(100)[..80 * 8], &audio(20)].concat());
}

#[test]
fn f1_what_was_heard_to_its_end_is_not_rewound() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(200));
    playout.complete();
    playout.hold(false);
    drain(&mut playout, ms(0));
    assert!(playout.on_mark(ms(110), MarkId::new(1)));
    assert!(playout.can_rewind(ms(150)), "50 ms are still to come");
    assert!(playout.is_audible(ms(215)), "the last mark is on its way");
    assert!(!playout.can_rewind(ms(215)));
}

#[test]
fn audio_of_a_voice_that_broke_off_falls_silent_without_a_click() {
    let mut playout = playout(false);
    playout.begin();
    playout.hold(false);
    playout.push(vec![0x80; 3_990].into());
    playout.push(vec![0x80; 10].into());
    let mut sent = Vec::new();
    let mut drain = |playout: &mut Playout, now| {
        while let Some(Outbound::Audio(frame)) = playout.poll(now) {
            sent.extend_from_slice(&frame.payload);
        }
    };
    drain(&mut playout, ms(0));
    playout.fade_out();
    playout.complete();
    drain(&mut playout, ms(400));
    assert_eq!(sent.len(), 4_000);
    assert!(sent[..3_960].iter().all(|code| *code == 0x80));
    assert_eq!((sent[3_960] < 0x88, sent[3_999]), (true, 0xFF));
}

#[test]
fn h5_marks_that_are_answered_when_they_arrive_do_not_outrun_the_clock() {
    let mut playout = playout(true);
    let base = playout.begin();
    playout.push(audio(1_000));
    playout.complete();
    playout.hold(false);
    let mut left = 0;
    for now in (0..=1_000).step_by(20) {
        let (bytes, marks) = drain(&mut playout, ms(now));
        left += bytes as u64;
        for mark in marks {
            assert!(playout.on_mark(ms(now), MarkId::new(mark)));
        }
        assert!(playout.heard(ms(now)) - base <= now * 8, "{now} ms: {}", playout.heard(ms(now)));
        assert_eq!(playout.is_drained(ms(now)), now == 1_000, "{now} ms");
        assert!(left <= (now + 400) * 8, "{now} ms: {left} bytes have left");
    }
}

#[test]
fn h5_after_an_underrun_the_playhead_waits_for_an_answer_again() {
    let mut playout = playout(true);
    playout.begin();
    playout.push(audio(100));
    playout.hold(false);
    assert_eq!(drain(&mut playout, ms(0)), (800, vec![1]));
    assert!(playout.on_mark(ms(100), MarkId::new(1)));
    playout.push(audio(300));
    drain(&mut playout, ms(500));
    assert_eq!(playout.heard(ms(560)), 800, "the far end may not have begun");
    assert!(playout.on_mark(ms(640), MarkId::new(2)));
    assert_eq!(playout.heard(ms(660)), 1_600 + 160);
}
