use voiceagent_core::audio::MediaTime;

use super::*;
use crate::rtp::codec::RtpCodec;

const TYPES: PayloadTypes =
    PayloadTypes { audio: (0, RtpCodec::Pcmu), others: [None; 5], keys: Some(101), noise: None };

fn sender() -> Sender {
    let begin = Begin { ssrc: 7, sequence: 65_530, timestamp: u32::MAX - 300 };
    Sender::new(CallTime::ZERO, begin, AudioFormat::MULAW_8K, TYPES).unwrap()
}

fn frame(byte: u8, length: usize) -> AudioFrame {
    AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![byte; length].into())
}

/// What is done by then.
fn run(sender: &mut Sender, millis: u64) -> Vec<Outgoing> {
    std::iter::from_fn(|| sender.poll(CallTime::from_millis(millis))).collect()
}

fn packets(done: &[Outgoing]) -> Vec<&RtpPacket> {
    done.iter()
        .filter_map(|done| if let Outgoing::Packet(packet) = done { Some(packet) } else { None })
        .collect()
}

#[test]
fn ten_minutes_of_late_wake_ups_do_not_move_the_clock() {
    let mut sender = sender();
    let mut sent = Vec::new();
    for tick in 0..30_000_u64 {
        // Always late, by up to 19 ms.
        sent.extend(run(&mut sender, tick * 20 + tick * 7 % 20));
    }
    let packets = packets(&sent);
    assert_eq!(packets.len(), 30_000);
    for (number, packet) in packets.iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        assert_eq!(u32::from(packet.sequence), (65_530 + number) % 65_536);
        assert_eq!(packet.timestamp, (u32::MAX - 300).wrapping_add(number * 160));
        assert_eq!(packet.is_marked, number == 0);
        assert_eq!(packet.payload, vec![0xFF; 160]);
    }
}

#[test]
fn packets_that_leave_late_and_those_that_are_left_out_are_counted() {
    let mut sender = sender();
    let mut overdue = |millis| {
        run(&mut sender, millis);
        sender.overdue()
    };
    assert_eq!([overdue(0), overdue(39)], [0, 0], "later than 20 ms, and not by 20 ms");
    assert_eq!(overdue(85), 2, "one by 45 ms, one by 25 ms, and one by 5 ms");
    assert_eq!(overdue(305), 2 + 10, "a pause of ten packets");
}

#[test]
fn pieces_of_any_length_are_one_sound() {
    let mut sender = sender();
    for byte in 0..100 {
        sender.play(frame(byte, 7));
    }
    let done = run(&mut sender, 0);
    let mut sound: Vec<u8> = packets(&done)[0].payload.to_vec();
    for tick in 1..5 {
        let done = run(&mut sender, tick * 20);
        sound.extend_from_slice(&packets(&done)[0].payload);
    }
    let expected: Vec<u8> = (0..100).flat_map(|byte| [byte; 7]).chain([0xFF; 100]).collect();
    assert_eq!(sound, expected);
}

#[test]
fn a_mark_returns_when_its_audio_has_been_played_and_later_on_an_uneven_line() {
    for (jitter, expected) in [(0, 60), (35, 95)] {
        let mut sender = sender();
        sender.set_peer_jitter(Duration::from_millis(jitter));
        sender.play(frame(1, 400));
        sender.mark(MarkId::new(4));
        let played = (0..200)
            .find(|millis| run(&mut sender, *millis).contains(&Outgoing::Played(MarkId::new(4))));
        assert_eq!(played, Some(expected));
    }
}

#[test]
fn a_clear_drops_all_that_has_not_been_sent_and_returns_the_marks() {
    let mut sender = sender();
    sender.play(frame(1, 1_600));
    sender.mark(MarkId::new(1));
    assert_eq!(packets(&run(&mut sender, 0))[0].payload, vec![1; 160]);
    assert!(!sender.is_idle(CallTime::ZERO));
    sender.clear();
    sender.play(frame(2, 160));
    let done = run(&mut sender, 20);
    assert_eq!(packets(&done)[0].payload, vec![2; 160]);
    assert!(done.contains(&Outgoing::Played(MarkId::new(1))));
    assert!(sender.is_idle(CallTime::from_millis(40)));
}

#[test]
fn a_machine_that_slept_leaves_a_pause_and_no_burst() {
    let mut sender = sender();
    let first = run(&mut sender, 0);
    let after = run(&mut sender, 1_000);
    let after = packets(&after);
    assert!(after.len() <= 2, "{}", after.len());
    assert!(after[0].is_marked);
    let since = after[0].timestamp.wrapping_sub(packets(&first)[0].timestamp);
    assert!((7_840..=8_000).contains(&since), "{since}");
    assert_eq!(after[0].sequence, 65_531);
}

#[test]
fn keys_take_the_place_of_silence_and_what_is_said_waits_for_none_of_them() {
    let mut sender = sender();
    for key in ['1', '2'] {
        assert!(sender.press(DtmfKey::new(key).unwrap()));
    }
    sender.play(frame(3, 480));
    sender.mark(MarkId::new(1));
    let mut sent: Vec<_> = (0..3).flat_map(|tick| run(&mut sender, tick * 20)).collect();
    let said = |sent: &[Outgoing]| -> Vec<_> {
        let audio = packets(sent).into_iter().filter(|packet| packet.payload_type == 0);
        audio.map(|packet| (packet.timestamp, packet.payload.clone())).collect()
    };
    let begin = u32::MAX - 300;
    let expected = [0, 160, 320].map(|after| (begin.wrapping_add(after), vec![3; 160].into()));
    assert_eq!(said(&sent), expected, "beside the first key");
    for (millis, mark) in [(60, 1), (80, 2)] {
        sender.mark(MarkId::new(2));
        let done = run(&mut sender, millis);
        assert!(done.contains(&Outgoing::Played(MarkId::new(mark))), "a mark waits for no key");
        assert_eq!(said(&done), [], "nor is there silence beside it");
        sent.extend(done);
    }
    sent.extend((5..30).flat_map(|tick| run(&mut sender, tick * 20)));
    let packets = packets(&sent);
    let keys: Vec<_> = packets.iter().filter(|packet| packet.payload_type == 101).collect();
    // Seven updates and three ends, for each of two.
    assert_eq!(keys.len(), 20);
    assert!(keys[..10].iter().all(|packet| packet.timestamp == begin));
    assert_ne!(keys[9].timestamp, keys[10].timestamp);
    let numbers = packets.windows(2).all(|two| two[0].sequence.wrapping_add(1) == two[1].sequence);
    assert!(numbers);
}

#[test]
fn packets_of_another_length_go_by_the_same_clock() {
    for (millis, bytes) in [(10, 80), (30, 240), (40, 320)] {
        let mut sender = sender();
        assert_eq!(packets(&run(&mut sender, 0))[0].payload.len(), 160);
        sender.set_packet(Duration::from_millis(millis));
        sender.play(frame(4, bytes * 3));
        sender.press(DtmfKey::new('5').unwrap());
        // The first is due when the one before has been played.
        let sent: Vec<_> = (1..1_000).flat_map(|now| run(&mut sender, now)).collect();
        let sent = packets(&sent);
        let audio: Vec<_> = sent.iter().filter(|packet| packet.payload_type == 0).collect();
        assert!(audio[..3].iter().all(|packet| packet.payload == vec![4; bytes]));
        assert!(audio.iter().all(|packet| packet.payload.len() == bytes));
        let first = (u32::MAX - 300).wrapping_add(160);
        let step = u32::try_from(bytes).unwrap();
        assert!(audio.iter().all(|it| it.timestamp.wrapping_sub(first).is_multiple_of(step)));
        let span = audio.last().unwrap().timestamp.wrapping_sub(first);
        assert!((7_400..7_840).contains(&span), "a second is a second: {span}");
        let held = sent.iter().filter(|packet| packet.payload_type == 101).map(|packet| {
            u64::from(u16::from_be_bytes([packet.payload[2], packet.payload[3]])) / 8
        });
        let held = held.max().unwrap();
        assert!((160..160 + millis).contains(&held), "a key is held for as long: {held}");
    }
}

#[test]
fn on_hold_nothing_is_sent_and_nothing_is_lost() {
    let mut sender = sender();
    sender.hold(true);
    sender.play(frame(5, 160));
    sender.mark(MarkId::new(1));
    assert_eq!(run(&mut sender, 0), []);
    assert_eq!(run(&mut sender, 1_000), []);
    sender.hold(false);
    let done = run(&mut sender, 1_020);
    let packets = packets(&done);
    assert!(packets[0].is_marked);
    assert_eq!(packets[0].payload, vec![5; 160]);
}

#[test]
fn a_stream_begins_anywhere_below_the_middle_of_its_numbers() {
    let begins: Vec<_> = (0..200).map(|_| Begin::random().unwrap()).collect();
    let all = begins.iter().fold((0, 0, 0), |all, begin| {
        (all.0 | begin.ssrc, all.1 | begin.sequence, all.2 | begin.timestamp)
    });
    // By chance a bit stays away from all of them once in 2^193 runs.
    assert_eq!(all, (u32::MAX, u16::MAX >> 1, u32::MAX));
}

#[test]
fn a_key_that_the_other_side_takes_no_more_is_dropped_and_holds_nothing_up() {
    let mut sender = sender();
    for key in ['1', '2', '3'] {
        assert!(sender.press(DtmfKey::new(key).unwrap()));
    }
    run(&mut sender, 20);
    assert!(!sender.takes_key() && !sender.is_idle(CallTime::from_millis(40)));
    sender.set_types(PayloadTypes { keys: None, ..TYPES }).unwrap();
    assert!(sender.takes_key() && sender.is_idle(CallTime::from_millis(40)));
    // Nor do they come up again where keys are taken once more.
    sender.set_types(TYPES).unwrap();
    let sent = run(&mut sender, 1_000);
    assert!(packets(&sent).iter().all(|packet| packet.payload_type == 0));
}
