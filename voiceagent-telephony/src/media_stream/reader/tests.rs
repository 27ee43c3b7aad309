use base64_simd::STANDARD;
use voiceagent_core::MarkId;

use super::*;
use crate::media_stream::Carrier;

fn media(number: u64, timestamp: u64, payload: &str) -> String {
    format!(
        r#"{{"event":"media","media":{{"track":"inbound","chunk":"{number}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
    )
}

struct Line(Reader);

impl Line {
    fn new() -> Self {
        Self::of(Carrier::Twilio, AudioFormat::MULAW_8K)
    }

    fn of(carrier: Carrier, format: AudioFormat) -> Self {
        Self(Reader::new(Dialect::of(carrier), format))
    }

    fn read(&mut self, text: &str) -> Reading {
        self.0.read(text)
    }

    /// Position and length of the audio in a message.
    fn hear(&mut self, text: &str) -> Option<(u64, usize)> {
        match self.read(text) {
            Reading::Deliver(inbound) => Some(place(inbound)),
            Reading::Cleared | Reading::Ended | Reading::Nothing => None,
        }
    }

    /// Positions of all the audio that a message brings.
    fn hear_all(&mut self, text: &str) -> Vec<u64> {
        let mut heard: Vec<_> = self.hear(text).into_iter().collect();
        heard.extend(std::iter::from_fn(|| self.0.waiting()).map(place));
        heard.into_iter().map(|(at, _)| at).collect()
    }
}

fn place(inbound: Inbound) -> (u64, usize) {
    match inbound {
        Inbound::Audio(frame) => (frame.at.0, frame.payload.len()),
        other => panic!("{other:?}"),
    }
}

fn frame() -> String {
    STANDARD.encode_to_string([0xFF; 160])
}

#[test]
fn a16_gaps_are_counted_and_repetitions_are_not_heard_twice() {
    let mut line = Line::new();
    let heard: Vec<_> =
        [2, 3, 3, 2, 6, 7].map(|number| line.hear(&media(number, 0, &frame()))).to_vec();
    assert_eq!(
        heard,
        [Some((0, 160)), Some((160, 160)), None, None, Some((320, 160)), Some((480, 160))]
    );
    assert_eq!((line.0.counters.gaps, line.0.counters.repeated), (1, 2));
}

#[test]
fn cp16_audio_that_overtook_other_audio_waits_for_it() {
    let mut line = Line::of(Carrier::Telnyx, AudioFormat::MULAW_8K);
    let mut heard = Vec::new();
    for number in [1, 3, 2, 4, 7, 6, 5, 6, 3, 8] {
        heard.extend(line.hear_all(&media(number, number * 20, &frame())));
    }
    // The first message shows a clock of 20 ms, and the others follow without a gap.
    assert_eq!(heard, [160, 320, 480, 640, 800, 960, 1_120, 1_280]);
    assert_eq!((line.0.counters.gaps, line.0.counters.repeated), (0, 2));
}

#[test]
fn cp16_audio_that_never_comes_is_waited_for_no_longer_than_sixty_milliseconds() {
    let mut line = Line::of(Carrier::Telnyx, AudioFormat::MULAW_8K);
    let heard: Vec<_> = [1, 3, 4, 5, 6, 2, 7]
        .map(|number| line.hear_all(&media(number, (number - 1) * 20, &frame())).len())
        .to_vec();
    assert_eq!(heard, [1, 0, 0, 0, 4, 0, 1]);
    assert_eq!((line.0.counters.gaps, line.0.counters.repeated), (1, 1));
}

#[test]
fn a_sender_that_numbers_nothing_is_heard() {
    for carrier in [Carrier::Twilio, Carrier::Telnyx] {
        let mut line = Line::of(carrier, AudioFormat::MULAW_8K);
        for frames in 0..5 {
            assert_eq!(line.hear(&media(1, frames * 20, &frame())), Some((frames * 160, 160)));
        }
    }
}

#[test]
fn a16_audio_keeps_its_place_when_the_carrier_leaves_out_silence() {
    let mut line = Line::new();
    let times = [(2, 0), (3, 21), (4, 39), (5, 1_000), (6, 1_020), (7, u64::MAX), (8, 90_000)];
    let heard: Vec<_> = times
        .into_iter()
        .filter_map(|(number, time)| line.hear(&media(number, time, &frame())))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(heard, [0, 160, 320, 8_000, 8_160, 8_320, 8_480]);
}

#[test]
fn a16_a_pause_of_up_to_a_minute_is_believed() {
    for (begins, place) in [(20, 160), (60_020, 480_160), (60_040, 160), (60_500, 160)] {
        let mut line = Line::new();
        assert_eq!(line.hear(&media(1, 0, &frame())), Some((0, 160)));
        assert_eq!(line.hear(&media(2, begins, &frame())), Some((place, 160)), "{begins}");
    }
}

#[test]
fn a16_a_lost_frame_is_made_up_where_numbers_and_clock_tell_of_it() {
    let mut line = Line::new();
    let loud = STANDARD.encode_to_string([[0x90; 4], [0x10; 4]].concat().repeat(20));
    let mut hear = |number, time| match line.read(&media(number, time, &loud)) {
        Reading::Deliver(Inbound::Audio(frame)) => (frame.at.0, frame.payload),
        other => panic!("{other:?}"),
    };
    let places = [(1, 0), (2, 20)].map(|(number, time)| hear(number, time).0);
    assert_eq!(places, [0, 160]);
    let (at, made_up) = hear(4, 60);
    assert_eq!((at, made_up.len()), (320, 320));
    assert!(made_up[..160].iter().filter(|code| **code & 0x7F < 0x30).count() > 140, "it sounds");
    assert_eq!((hear(5, 80).0, hear(6, 100).0), (640, 800));
    let (at, silence_before) = hear(7, 160);
    assert_eq!((at, silence_before.len()), (1_280, 160), "no number is missing");
    let (at, too_late) = hear(20, 1_000);
    assert_eq!((at, too_late.len()), (8_000, 160), "nothing is made up for so long");
}

#[test]
fn cp22_a_clock_that_shows_the_time_of_day_tells_of_silence_too() {
    let mut line = Line::of(Carrier::Plivo, AudioFormat::MULAW_8K);
    let day = 1_705_312_200_000;
    let heard = [(1, 0), (2, 20), (3, 520), (4, 540)].map(|(number, time)| {
        let (at, _) = line.hear(&media(number, day + time, &frame())).unwrap();
        at
    });
    assert_eq!(heard, [0, 160, 4_160, 4_320]);
}

#[test]
fn a16_silence_is_placed_to_the_sample_at_rates_without_whole_milliseconds() {
    for rate in [11_025, 22_050, 44_100] {
        let format = AudioFormat::mono(voiceagent_core::audio::Encoding::Mulaw, rate);
        let mut line = Line::of(Carrier::Twilio, format);
        let heard = [(1, 0), (2, 1_020), (3, 21_020)]
            .map(|(number, time)| line.hear(&media(number, time, &frame())).unwrap().0);
        let told = |millis: u64| millis * u64::from(rate) / 1_000;
        assert_eq!(heard, [0, told(1_020), told(21_020)], "{rate} Hz");
    }
}

#[test]
fn bad_base64_is_counted_and_unpadded_base64_is_read() {
    let mut line = Line::new();
    assert_eq!(line.hear(&media(2, 0, "/38AgA")), Some((0, 4)));
    assert_eq!(line.hear(&media(3, 0, "/38AgA==")), Some((4, 4)));
    for (number, bad) in (4..).zip(["", "=", "A", "!!!!", "_38-", "AAAA AAAA", "é"]) {
        assert_eq!(line.hear(&media(number, 0, bad)), None, "{bad}");
    }
    assert_eq!(line.0.counters.malformed, 7);
}

#[test]
fn half_a_sample_is_malformed() {
    let mut line = Line::of(Carrier::Plivo, AudioFormat::PCM_8K);
    assert_eq!(line.hear(&media(1, 0, "/38AgA")), Some((0, 4)));
    assert_eq!(line.hear(&media(2, 0, "/38A")), None);
    assert_eq!(line.0.counters.malformed, 1);
}

#[test]
fn binary_messages_are_audio_for_those_who_speak_so() {
    let mut line = Line::of(Carrier::Vonage, AudioFormat::PCM_16K);
    for frames in 0..3 {
        let Reading::Deliver(heard) = line.0.read_binary(&[7; 640]) else { panic!("no audio") };
        assert_eq!(place(heard), (frames * 320, 640));
    }
    for wrong in [&[][..], &[7; 641]] {
        assert_eq!(line.0.read_binary(wrong), Reading::Nothing);
    }
    assert_eq!(line.0.counters.malformed, 2);
    let mut line = Line::new();
    assert_eq!(line.0.read_binary(&[7; 640]), Reading::Nothing);
    assert_eq!(line.0.counters.binary, 1);
}

#[test]
fn a_mark_and_a_second_start_are_told_apart() {
    let mut line = Line::new();
    let mark = r#"{"event":"mark","mark":{"name":"9"}}"#;
    assert_eq!(line.read(mark), Reading::Deliver(Inbound::MarkPlayed(MarkId::new(9))));
    let start = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
    assert_eq!(line.read(start), Reading::Nothing);
    assert_eq!(line.0.counters.second_starts, 1);
    assert_eq!(line.read(r#"{"event":"error","payload":{"code":100002}}"#), Reading::Nothing);
    assert_eq!(line.0.counters.complaints, 1);
}

#[test]
fn one_message_with_wrong_numbers_makes_nobody_deaf() {
    let in_order = (2..40).map(|number| (number, (number - 2) * 20));
    for carrier in [Carrier::Twilio, Carrier::Telnyx] {
        for wrong in [(100_000, 2_000_000), (u64::MAX, u64::MAX), (5, u64::MAX), (u64::MAX, 60)] {
            for at in [0, 3] {
                let mut line = Line::of(carrier, AudioFormat::MULAW_8K);
                let mut told: Vec<_> = in_order.clone().collect();
                told.insert(at, wrong);
                let heard: Vec<u64> = told
                    .iter()
                    .flat_map(|(number, time)| line.hear_all(&media(*number, *time, &frame())))
                    .collect();
                // At the worst the first pieces seem to repeat it.
                assert!(heard.len() >= 35, "{carrier:?} {wrong:?} {at}: {}", heard.len());
                let spans = heard.windows(2).map(|pair| pair[1] - pair[0]);
                assert!(spans.max() < Some(1_000), "{carrier:?} {wrong:?} {at}: {heard:?}");
                let again = line.hear_all(&media(39, 37 * 20, &frame()));
                assert_eq!(again, [] as [u64; 0], "{carrier:?} {wrong:?} {at}");
            }
        }
    }
}

#[test]
fn a_carrier_that_numbers_anew_is_heard() {
    let start = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
    for carrier in [Carrier::Twilio, Carrier::Telnyx] {
        for (pieces, starts, lost) in
            [(10, true, 0), (200, true, 0), (200, false, 0), (10, false, 4)]
        {
            let mut line = Line::of(carrier, AudioFormat::MULAW_8K);
            for number in 0..pieces {
                assert_eq!(line.hear_all(&media(number, number * 20, &frame())).len(), 1);
            }
            if starts {
                assert_eq!(line.read(start), Reading::Nothing);
            }
            let heard: Vec<u64> = (0..30)
                .flat_map(|number| line.hear_all(&media(number, number * 20, &frame())))
                .collect();
            assert_eq!(heard.len(), 30 - lost, "{carrier:?} {pieces} {starts}");
            let next = line.hear_all(&media(30, 40 * 20, &frame()));
            assert_eq!(next, [heard.last().unwrap() + 11 * 160], "silence is told of as before");
        }
    }
}
