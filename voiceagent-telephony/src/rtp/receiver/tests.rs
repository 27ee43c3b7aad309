use voiceagent_core::audio::Encoding;

use super::*;

const PCMU: PayloadTypes = PayloadTypes {
    audio: (0, RtpCodec::Pcmu),
    others: [None; 5],
    keys: Some(101),
    noise: Some(13),
};

fn receiver(types: PayloadTypes) -> Receiver {
    Receiver::new(types.audio.1.leg_format(), types).unwrap()
}

fn packet(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> RtpPacket {
    RtpPacket {
        payload_type,
        is_marked: false,
        sequence,
        timestamp,
        ssrc: 1,
        payload: Bytes::copy_from_slice(payload),
    }
}

fn audio(number: u16) -> RtpPacket {
    packet(
        0,
        number,
        u32::from(number) * 160,
        &[0x10_u8.wrapping_add(number.to_le_bytes()[0]); 160],
    )
}

/// What is heard by then: where each frame begins, how long it is, and its middle byte.
fn heard(receiver: &mut Receiver, millis: u64) -> Vec<(u64, u64, u8)> {
    std::iter::from_fn(|| receiver.poll(CallTime::from_millis(millis)))
        .filter_map(|heard| match heard {
            Inbound::Audio(frame) => {
                Some((frame.at.0, frame.samples(), frame.payload[frame.payload.len() / 2]))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn audio_in_order_is_heard_at_once_and_untouched() {
    let mut receiver = receiver(PCMU);
    for number in 0..3 {
        let at = u64::from(number) * 20;
        receiver.receive(CallTime::from_millis(at), audio(number));
        let expected = (at * 8, 160, 0x10 + number.to_le_bytes()[0]);
        assert_eq!(heard(&mut receiver, at), [expected]);
    }
}

#[test]
fn what_is_lost_is_made_up_for_60_ms_and_what_follows_is_in_its_place() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    assert_eq!(heard(&mut receiver, 0).len(), 1);
    receiver.receive(CallTime::from_millis(40), audio(2));
    assert_eq!(heard(&mut receiver, 79), []);
    let after = heard(&mut receiver, 80);
    assert_eq!(after.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>(), [(160, 160), (320, 160)]);
    receiver.receive(CallTime::from_millis(180), audio(9));
    let after = heard(&mut receiver, 220);
    let places: Vec<_> = after.iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(places, [(480, 480), (1_440, 160)]);
}

#[test]
fn a_pause_of_the_senders_clock_is_no_loss() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    receiver.receive(CallTime::from_millis(100), packet(0, 1, 800, &[0x55; 160]));
    assert_eq!(heard(&mut receiver, 100), [(800, 160, 0x55)]);
    assert_eq!(receiver.counters().lost, 0);
}

#[test]
fn a_jump_of_the_senders_clock_leaves_no_hole() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    for (number, timestamp) in [(1, 3_000_000_000_u32), (2, 3_000_000_160), (3, 77)] {
        receiver.receive(CallTime::ZERO, packet(0, number, timestamp, &[0x55; 160]));
        assert_eq!(heard(&mut receiver, 0), [(u64::from(number) * 160, 160, 0x55)]);
    }
}

#[test]
fn neither_a_jump_of_seconds_nor_one_of_hours_leaves_a_hole_or_a_silence_that_is_not_filled() {
    for seconds in [2, 10, 40, 51, 20_000, -1, -2, -3, -20_000] {
        let mut receiver = receiver(PCMU);
        let mut end = 0;
        for number in 0..200_u16 {
            let jump = if number < 190 { 0 } else { seconds * 8_000 };
            let timestamp = (i32::from(number) * 160 + jump).cast_unsigned();
            let at = u64::from(number) * 20;
            receiver.receive(CallTime::from_millis(at), packet(0, number, timestamp, &[0x55; 160]));
            assert_eq!(heard(&mut receiver, at), [(end, 160, 0x55)], "{seconds} s");
            end += 160;
        }
        // The last packet came at 3,980 ms.
        assert_eq!(heard(&mut receiver, 3_979 + 220), [], "{seconds} s");
        assert_eq!(heard(&mut receiver, 3_980 + 220).len(), 1, "{seconds} s");
    }
}

#[test]
fn what_comes_after_a_minute_of_pause_is_in_its_place() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    assert_eq!(heard(&mut receiver, 60_000).len(), (60_000 - 200) / 20);
    receiver.receive(CallTime::from_millis(60_000), packet(0, 1, 480_000, &[0x55; 160]));
    assert_eq!(heard(&mut receiver, 60_000), [(480_000, 160, 0x55)]);
}

#[test]
fn another_source_goes_on_where_the_first_has_ended() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    for number in [500, 501, 502] {
        let mut packet = audio(number);
        packet.ssrc = 2;
        receiver.receive(CallTime::from_millis(20), packet);
    }
    let places: Vec<u64> = heard(&mut receiver, 20).iter().map(|it| it.0).collect();
    assert_eq!(places, [160, 320]);
}

#[test]
fn a_silent_line_is_filled_by_the_clock_and_late_audio_is_heard_all_the_same() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    assert_eq!(heard(&mut receiver, 0).len(), 1);
    assert_eq!(receiver.poll_timeout(), Some(CallTime::from_millis(220)));
    assert_eq!(heard(&mut receiver, 300).len(), 5);
    assert_eq!(heard(&mut receiver, 300), []);
    receiver.receive(CallTime::from_millis(300), audio(1));
    assert_eq!(heard(&mut receiver, 300), [(960, 160, 0x11)]);
    // What the line was behind is taken from its next pause.
    receiver.receive(CallTime::from_millis(420), packet(0, 2, 1_600, &[0x55; 160]));
    assert_eq!(heard(&mut receiver, 420), [(1_600, 160, 0x55)]);
}

#[test]
fn audio_that_is_later_than_two_seconds_takes_nothing_from_the_next_pause() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    assert_eq!(heard(&mut receiver, 5_200).len(), (5_200 - 200) / 20);
    receiver.receive(CallTime::from_millis(5_200), audio(1));
    assert_eq!(heard(&mut receiver, 5_200), [(251 * 160, 160, 0x11)]);
    assert_eq!(heard(&mut receiver, 5_200 + 219), []);
    assert_eq!(heard(&mut receiver, 5_200 + 220).len(), 1);
}

#[test]
fn an_announced_pause_sounds_as_it_was_described() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    receiver.receive(CallTime::from_millis(20), packet(13, 1, 160, &[40]));
    assert_eq!(heard(&mut receiver, 20), []);
    let pause: Vec<_> =
        std::iter::from_fn(|| receiver.poll(CallTime::from_millis(1_020))).collect();
    assert_eq!(pause.len(), 50);
    let Some(Inbound::Audio(frame)) = pause.last() else { panic!("{pause:?}") };
    let level = voiceagent_core::audio::Decibels::of_frame(frame).unwrap();
    assert!((-43.0..-37.0).contains(&level.0), "{level}");
    receiver.receive(CallTime::from_millis(1_020), packet(0, 2, 8_160, &[0x55; 160]));
    assert_eq!(heard(&mut receiver, 1_020), [(8_160, 160, 0x55)]);
}

#[test]
fn keys_are_told_once_among_audio_and_from_a_source_of_their_own() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    for number in 1..4 {
        receiver.receive(CallTime::ZERO, packet(101, number, 160, &[5, 10, 0, 160]));
    }
    for number in 100..110 {
        let mut key = packet(101, number, 9_999, &[11, 10, 0, 160]);
        key.ssrc = 77;
        receiver.receive(CallTime::ZERO, key);
    }
    let told: Vec<_> = std::iter::from_fn(|| receiver.poll(CallTime::ZERO)).collect();
    assert_eq!(told, [Inbound::Dtmf('5'), Inbound::Dtmf('#')]);
    receiver.receive(CallTime::ZERO, audio(4));
    assert_eq!(heard(&mut receiver, 0), [(640, 160, 0x14)]);
    assert_eq!(receiver.counters().lost, 0);
}

#[test]
fn a_new_codec_keeps_the_format_of_the_leg_and_its_time() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    heard(&mut receiver, 0);
    let types = PayloadTypes { audio: (9, RtpCodec::G722), ..PCMU };
    receiver.set_types(types).unwrap();
    let (mut end, mut count) = (160, 0);
    for number in 1..=50 {
        let timestamp = u32::from(number) * 160;
        receiver.receive(CallTime::ZERO, packet(9, number, timestamp, &[0xFA; 160]));
        while let Some(Inbound::Audio(frame)) = receiver.poll(CallTime::ZERO) {
            assert_eq!(frame.format.encoding, Encoding::Mulaw);
            assert!(frame.at.0 >= end);
            end = frame.at.0 + frame.samples();
            count += frame.samples();
        }
    }
    assert!(end.abs_diff(51 * 160) <= 160, "{end}");
    assert!(count > 49 * 160, "{count}");
}

#[test]
fn a_silence_behind_a_change_of_the_codec_is_filled_too() {
    let mut receiver = receiver(PCMU);
    receiver.receive(CallTime::ZERO, audio(0));
    assert_eq!(heard(&mut receiver, 0).len(), 1);
    receiver.set_types(PayloadTypes { audio: (9, RtpCodec::G722), ..PCMU }).unwrap();
    assert_eq!(heard(&mut receiver, 10_100).len(), (10_100 - 200) / 20);
    // And what comes then is in its place, by the time that has gone by.
    receiver.receive(CallTime::from_millis(10_100), packet(9, 1, 77, &[0xFA; 160]));
    assert_eq!(heard(&mut receiver, 10_100)[0].0, 9_920 * 8);
}

#[test]
fn whoever_may_send_several_codecs_is_heard_in_each_without_a_gap() {
    let mut others = [None; 5];
    others[..2].copy_from_slice(&[Some((8, RtpCodec::Pcma)), Some((96, RtpCodec::L16At16k))]);
    let mut receiver = receiver(PayloadTypes { others, ..PCMU });
    // Silence of each codec, ten packets in turn; the clock of the last is another.
    let packets = [(0, 0xFF, 160), (8, 0xD5, 160), (0, 0xFF, 160), (96, 0, 640), (8, 0xD5, 160)];
    let (mut end, mut timestamp) = (0, 0_u32);
    for (number, (payload_type, byte, length)) in
        (0_u16..).zip(packets.iter().flat_map(|of| std::iter::repeat_n(*of, 10)))
    {
        let at = u64::from(number) * 20;
        let payload = vec![byte; length];
        receiver
            .receive(CallTime::from_millis(at), packet(payload_type, number, timestamp, &payload));
        timestamp += if payload_type == 96 { 320 } else { 160 };
        for (begin, samples, middle) in heard(&mut receiver, at) {
            assert_eq!(begin, end, "{number}");
            end += samples;
            assert_eq!(middle & 0x70, 0x70, "{number}: {middle:#x} is no silence");
        }
    }
    assert!(end.abs_diff(50 * 160) <= 8, "{end}");
    receiver.receive(CallTime::from_millis(1_000), packet(9, 50, timestamp, &[0; 160]));
    assert_eq!(heard(&mut receiver, 1_000), [], "nobody has agreed on that");
}

#[test]
fn broken_payloads_are_not_heard() {
    let types = PayloadTypes {
        audio: (96, RtpCodec::L16At16k),
        others: [None; 5],
        keys: None,
        noise: None,
    };
    let mut receiver = receiver(types);
    for (number, payload) in [&[][..], &[1], &[9; 3]].iter().enumerate() {
        let number = u16::try_from(number).unwrap();
        receiver.receive(CallTime::ZERO, packet(96, number, 0, payload));
    }
    assert_eq!(heard(&mut receiver, 0), [(0, 1, 9)]);
    receiver.receive(CallTime::ZERO, packet(77, 3, 0, &[1; 160]));
    assert_eq!(heard(&mut receiver, 0), []);
}
