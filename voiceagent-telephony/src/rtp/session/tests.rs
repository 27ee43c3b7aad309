use voiceagent_core::audio::MediaTime;

use super::*;
use crate::rtp::{
    codec::RtpCodec,
    srtp::{SrtpKeys, SrtpSuite},
};

const TYPES: PayloadTypes = PayloadTypes {
    audio: (0, RtpCodec::Pcmu),
    others: [None; 5],
    keys: Some(101),
    noise: Some(13),
};

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn session(number: u32, peer: u16) -> RtpSession {
    let begin = Begin { ssrc: number, sequence: 65_000, timestamp: 4_294_000_000 };
    let peer = MediaPeer::new(address(peer), address(0).ip());
    let format = AudioFormat::MULAW_8K;
    RtpSession::new(CallTime::ZERO, begin, format!("side{number}"), peer, format, TYPES).unwrap()
}

/// Two sides and the network between them, which loses and delays.
pub(super) struct Line {
    pub(super) sides: [RtpSession; 2],
    on_the_way: Vec<(u64, usize, SocketAddr, Bytes)>,
    dice: u64,
    loss_percent: u64,
    jitter_millis: u64,
}

impl Line {
    const PORTS: [u16; 2] = [4_000, 5_000];

    pub(super) fn new(loss_percent: u64, jitter_millis: u64) -> Self {
        let sides = [session(1, Self::PORTS[1]), session(2, Self::PORTS[0])];
        Self { sides, on_the_way: Vec::new(), dice: 1, loss_percent, jitter_millis }
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.dice >> 33) % below
    }

    /// A millisecond of it; what each side is told.
    pub(super) fn pass(&mut self, millis: u64) -> [Vec<Inbound>; 2] {
        let now = CallTime::from_millis(millis);
        let (here, later): (Vec<_>, _) =
            self.on_the_way.drain(..).partition(|(at, ..)| *at <= millis);
        self.on_the_way = later;
        for (_, side, from, datagram) in here {
            self.sides[side].receive(now, from, &datagram);
        }
        let mut told = [vec![], vec![]];
        for (side, told) in told.iter_mut().enumerate() {
            while let Some(action) = self.sides[side].poll(now) {
                let (is_report, datagram) = match action {
                    RtpAction::Tell(inbound) => {
                        told.push(inbound);
                        continue;
                    }
                    RtpAction::Send(_, datagram) => (false, datagram),
                    RtpAction::Report(_, datagram) => (true, datagram),
                };
                let from = address(Self::PORTS[side] + u16::from(is_report));
                let delay = 20 + self.roll(self.jitter_millis + 1);
                if is_report || self.roll(100) >= self.loss_percent {
                    self.on_the_way.push((millis + delay, 1 - side, from, datagram.into()));
                }
            }
        }
        told
    }
}

#[test]
fn ten_minutes_of_losses_and_jitter_do_not_drift() {
    let mut line = Line::new(5, 60);
    let (mut end, mut silent, mut samples) = (0, 0, 0);
    for millis in 0..600_000 {
        if millis % 20 == 0 {
            let payload = vec![0x31; 160].into();
            line.sides[0].play(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload));
        }
        for told in line.pass(millis).into_iter().nth(1).unwrap() {
            let Inbound::Audio(frame) = told else { continue };
            assert!(frame.at.0 >= end, "{frame:?} overlaps");
            // Behind the sender by the way, its jitter and the patience with it, and never ahead.
            silent += frame.at.0 - end;
            end = frame.at.0 + frame.samples();
            samples += frame.samples();
            let behind = i64::try_from(millis * 8).unwrap() - i64::try_from(end).unwrap();
            assert!((-160..=8 * 260).contains(&behind), "{behind} samples behind at {millis} ms");
        }
    }
    let all = 600_000 * 8;
    assert!(samples * 1_000 > all * 999, "{samples} of {all} samples, {silent} skipped");
    let quality = line.sides[1].quality();
    let loss = quality.lost as f64 / (quality.lost + quality.played) as f64;
    assert!((0.045..0.06).contains(&loss), "{quality:?}");
    assert!(quality.late * 100 < quality.received, "{quality:?}");
    assert!((15..30).contains(&quality.jitter.as_millis()), "{quality:?}");
    assert!((3.3..4.0).contains(&quality.estimated_mos), "{quality:?}");
    let seen = line.sides[0].quality();
    assert!((0.01..0.12).contains(&seen.peer_loss.unwrap()), "{seen:?}");
    assert!((15..30).contains(&seen.peer_jitter.unwrap().as_millis()), "{seen:?}");
    assert!((40..=160).contains(&seen.round_trip.unwrap().as_millis()), "{seen:?}");
}

#[test]
fn a_clean_line_is_heard_byte_for_byte_and_rated_well() {
    let mut line = Line::new(0, 0);
    let said: Vec<u8> = (0..16_000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
    for piece in said.chunks(700) {
        let payload = Bytes::copy_from_slice(piece);
        line.sides[0].play(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload));
    }
    let mut heard = Vec::new();
    for millis in 0..10_000 {
        for told in line.pass(millis).into_iter().nth(1).unwrap() {
            if let Inbound::Audio(frame) = told {
                heard.extend_from_slice(&frame.payload);
            }
        }
    }
    assert_eq!(heard[..said.len()], said);
    let quality = line.sides[1].quality();
    assert_eq!((quality.lost, quality.late, quality.foreign), (0, 0, 0));
    assert!(quality.estimated_mos > 4.3, "{quality:?}");
    assert!((39..=40).contains(&quality.round_trip.unwrap().as_millis()), "{quality:?}");
}

#[test]
fn injected_packets_change_nothing_that_is_heard() {
    let run = |is_attacked: bool| {
        let mut line = Line::new(0, 0);
        let mut heard = Vec::new();
        for millis in 0..2_000 {
            for told in line.pass(millis).into_iter().nth(1).unwrap() {
                heard.push(told);
            }
            if is_attacked {
                let packet = RtpPacket {
                    payload_type: 0,
                    is_marked: false,
                    sequence: u16::try_from(millis).unwrap(),
                    timestamp: 7,
                    ssrc: 1,
                    payload: Bytes::from_static(&[0x05; 160]),
                };
                let datagram = packet.write().into();
                let now = CallTime::from_millis(millis);
                line.sides[1].receive(now, ([10, 9, 8, 7], 4_000).into(), &datagram);
                // On the host of the other side itself, once that has been heard.
                if millis > 20 {
                    line.sides[1].receive(now, address(6_666), &datagram);
                }
            }
        }
        heard
    };
    assert!(run(true) == run(false), "what is heard has changed");
}

#[test]
fn a_side_that_falls_silent_is_noticed_and_a_report_is_a_sign_of_life() {
    let mut line = Line::new(0, 0);
    for millis in 0..1_000 {
        line.pass(millis);
    }
    let later = CallTime::from_millis(31_000);
    assert!(line.sides[1].silent_for(later) >= Duration::from_secs(29));
    let Some(RtpAction::Report(to, datagram)) = line.sides[0].goodbye() else {
        panic!("no report")
    };
    assert_eq!(to, address(5_001));
    assert!(datagram.windows(5).any(|part| part == b"side1"), "it has our name");
    line.sides[1].receive(later, address(4_001), &datagram.into());
    assert_eq!(line.sides[1].silent_for(later), Duration::ZERO);
}

#[test]
fn a_report_of_a_stranger_is_no_sign_of_life_and_tells_nothing() {
    let mut line = Line::new(0, 0);
    for millis in 0..1_000 {
        line.pass(millis);
    }
    let block = rtcp::ReportBlock {
        ssrc: 1,
        fraction_lost: 255,
        lost: 9,
        highest: 9,
        jitter: 9,
        last_report: 0,
        since_report: 0,
    };
    let forged: Bytes = Report { ssrc: 2, sent: None, blocks: vec![block] }.write("side2").into();
    let (later, stranger) = (CallTime::from_millis(31_000), ([10, 9, 8, 7], 5_001).into());
    line.sides[0].receive(later, stranger, &forged);
    assert!(line.sides[0].silent_for(later) >= Duration::from_secs(29));
    assert_eq!(line.sides[0].quality().peer_loss, None);
    // What makes the difference is where it comes from.
    line.sides[0].receive(later, address(5_001), &forged);
    assert_eq!(line.sides[0].silent_for(later), Duration::ZERO);
    assert!(line.sides[0].quality().peer_loss.is_some());
}

#[test]
fn whoever_might_be_silent_is_not_taken_for_gone_when_the_call_goes_on() {
    // On hold, and as one who only listens.
    for is_held in [true, false] {
        let (at, mut side) = (CallTime::from_millis, session(1, 5_000));
        let mut go_on = |now, is_held, may_be_silent| {
            side.renegotiate(at(now), TYPES, address(5_000), is_held, may_be_silent).unwrap();
            [side.silent_for(at(now)), side.silent_for(at(now + 1_000))].map(|it| it.as_secs())
        };
        assert_eq!(go_on(0, is_held, true), [0, 1]);
        // It is only said again, and is no end of it.
        assert_eq!(go_on(300_000, is_held, true), [300, 301]);
        assert_eq!(go_on(600_000, false, false), [0, 1]);
        assert_eq!(go_on(620_000, false, false), [20, 21]);
    }
}

#[test]
fn protected_media_is_heard_as_plain_media_is_and_forged_packets_are_not() {
    let keys = || SrtpKeys::random().unwrap();
    let (one, two) = (keys(), keys());
    let mut line = Line::new(5, 60);
    for (side, (ours, theirs)) in line.sides.iter_mut().zip([(&one, &two), (&two, &one)]) {
        let (ours, theirs) = (ours.clone(), theirs.clone());
        side.protect(Some(SrtpTerms { suite: SrtpSuite::Sha80, ours, theirs }));
    }
    // The numbers of packets begin anew after eleven seconds.
    let mut heard = 0;
    for millis in 0..20_000 {
        if millis % 20 == 0 {
            let payload = vec![0x11; 160].into();
            let at = MediaTime(millis * 8);
            line.sides[0].play(AudioFrame::new(AudioFormat::MULAW_8K, at, payload));
        }
        let forged = [&[0x80, 0, 0, 0][..], &[0xAA; 168]].concat();
        let from = address(Line::PORTS[0]);
        line.sides[1].receive(CallTime::from_millis(millis), from, &forged.into());
        for told in &line.pass(millis)[1] {
            if let Inbound::Audio(frame) = told {
                assert!(!frame.payload.contains(&0xAA));
                heard += frame.payload.iter().filter(|sample| **sample == 0x11).count();
            }
        }
    }
    assert!(heard > 8_000 * 17, "{heard}");
    let quality = line.sides[1].quality();
    assert_eq!((quality.unproven, quality.foreign), (20_000, 0));
    assert!(quality.round_trip.is_some(), "reports are protected, too");
}

/// Twenty seconds of a stream of which each packet arrives so often, and so late, by its number.
fn quality_of(arrivals: impl Fn(u16) -> Vec<u64>) -> (RtpQuality, f32) {
    let mut side = session(1, 5_000);
    let mut on_the_way: Vec<_> = (0..1_000_u16)
        .flat_map(|number| {
            let at = u64::from(number) * 20;
            arrivals(number).into_iter().map(move |late| (at + late, number))
        })
        .collect();
    on_the_way.sort_unstable();
    for (at, number) in on_the_way {
        let packet = RtpPacket {
            payload_type: 0,
            is_marked: false,
            sequence: number,
            timestamp: u32::from(number) * 160,
            ssrc: 9,
            payload: vec![0x31; 160].into(),
        };
        side.receive(CallTime::from_millis(at), address(5_000), &packet.write().into());
        while side.poll(CallTime::from_millis(at)).is_some() {}
    }
    let block = side.receiver.reception.report().unwrap();
    (side.quality(), f32::from(block.fraction_lost) / 256.0)
}

#[test]
fn what_comes_too_late_is_lost_to_the_listener_and_has_arrived_for_reports() {
    let (quality, reported) = quality_of(|number| match number % 10 {
        5 => vec![400],
        _ => vec![0],
    });
    assert_eq!((quality.received, quality.played), (1_000, 900), "{quality:?}");
    assert_eq!((quality.lost, quality.late, quality.repeated), (100, 100, 0), "{quality:?}");
    let (gone, _) = quality_of(|number| if number % 10 == 5 { vec![] } else { vec![0] });
    let alike = mos(0.1, quality.jitter * 2);
    assert!((quality.estimated_mos - alike).abs() < 0.01, "{quality:?}");
    assert!(gone.estimated_mos < 3.5 && quality.estimated_mos <= gone.estimated_mos, "{gone:?}");
    assert!(reported < f32::EPSILON, "{reported}");
    let line = voiceagent_core::transport::LineQuality::from(quality);
    assert!((line.loss() - 0.1).abs() < 0.001, "{line:?}");
}

#[test]
fn what_comes_twice_counts_once_and_hides_no_loss() {
    let (quality, _) = quality_of(|_| vec![0, 0]);
    assert_eq!((quality.played, quality.lost, quality.late), (1_000, 0, 0), "{quality:?}");
    assert_eq!(quality.repeated, 1_000);
    let (quality, reported) =
        quality_of(|number| if number % 10 == 5 { vec![] } else { vec![0, 300] });
    assert_eq!((quality.played, quality.lost, quality.late), (900, 100, 0), "{quality:?}");
    assert_eq!(quality.repeated, 900);
    assert!(quality.estimated_mos < 3.5, "{quality:?}");
    assert!(reported < f32::EPSILON, "{reported}");
}

#[test]
fn whoever_takes_the_other_sides_place_has_not_counted_what_was_protected_before() {
    let mut side = session(1, 5_000);
    let mut number_of_report = |is_met: bool| {
        if is_met {
            side.meet(address(6_000), address(0).ip());
        }
        let keys = || SrtpKeys::random().unwrap();
        let terms = SrtpTerms { suite: SrtpSuite::Sha80, ours: keys(), theirs: keys() };
        side.protect(Some(terms));
        let Some(RtpAction::Report(_, report)) = side.goodbye() else { panic!("no report") };
        report[report.len() - 11]
    };
    assert_eq!([false, false, true].map(&mut number_of_report), [1, 2, 1]);
}

#[test]
fn a_copy_of_a_protected_packet_from_elsewhere_does_not_keep_out_the_packet_itself() {
    let keys = || SrtpKeys::random().unwrap();
    let (one, two) = (keys(), keys());
    let [mut here, mut there] = [session(1, 5_000), session(2, 4_000)];
    for (side, (ours, theirs)) in
        [&mut here, &mut there].into_iter().zip([(&one, &two), (&two, &one)])
    {
        let (ours, theirs) = (ours.clone(), theirs.clone());
        side.protect(Some(SrtpTerms { suite: SrtpSuite::Sha80, ours, theirs }));
    }
    for number in 0..200 {
        let now = CallTime::from_millis(number * 20);
        while let Some(action) = there.poll(now) {
            let (from, datagram) = match action {
                RtpAction::Send(_, datagram) => (address(5_000), Bytes::from(datagram)),
                RtpAction::Report(_, datagram) => (address(5_001), Bytes::from(datagram)),
                RtpAction::Tell(_) => continue,
            };
            here.receive(now, ([10, 9, 8, 7], from.port()).into(), &datagram);
            here.receive(now, from, &datagram);
        }
        while here.poll(now).is_some() {}
    }
    let quality = here.quality();
    assert_eq!((quality.played, quality.foreign, quality.unproven), (200, 200, 0), "{quality:?}");
    assert!(here.last_report.is_some(), "a report is heard in spite of its copy");
}

#[test]
fn what_was_heard_before_the_answer_is_counted_and_not_heard_again_behind_it() {
    let keys = || SrtpKeys::random().unwrap();
    let (one, two) = (keys(), keys());
    let [mut early, mut call, mut there] =
        [session(1, 5_000), session(3, 5_000), session(2, 4_000)];
    let terms = |ours: &SrtpKeys, theirs: &SrtpKeys| {
        let (ours, theirs) = (ours.clone(), theirs.clone());
        Some(SrtpTerms { suite: SrtpSuite::Sha80, ours, theirs })
    };
    early.protect(terms(&one, &two));
    there.protect(terms(&two, &one));
    let mut next = |millis| match there.poll(CallTime::from_millis(millis)) {
        Some(RtpAction::Send(_, datagram)) => Bytes::from(datagram),
        action => panic!("no packet: {action:?}"),
    };
    let first = next(0);
    early.receive(CallTime::ZERO, address(5_000), &first);
    assert_eq!(early.quality().received, 1);
    call.count_on(early);
    call.protect(terms(&one, &two));
    for datagram in [first, next(20)] {
        call.receive(CallTime::ZERO, address(5_000), &datagram);
    }
    let quality = call.quality();
    assert_eq!((quality.received, quality.unproven), (1, 1), "{quality:?}");
}

#[test]
fn a_side_that_says_no_host_is_sent_nothing_until_it_says_one() {
    let mut side = session(1, 5_000);
    let nowhere = ([0, 0, 0, 0], 5_000).into();
    let run = |side: &mut RtpSession, range: std::ops::Range<u64>| {
        range
            .flat_map(|millis| {
                std::iter::from_fn(|| side.poll(CallTime::from_millis(millis))).collect::<Vec<_>>()
            })
            .filter(|action| matches!(action, RtpAction::Send(..) | RtpAction::Report(..)))
            .count()
    };
    side.renegotiate(CallTime::ZERO, TYPES, nowhere, true, true).unwrap();
    assert_eq!(run(&mut side, 0..20_000), 0);
    assert_eq!(side.goodbye(), None);
    side.renegotiate(CallTime::from_millis(20_000), TYPES, address(5_000), false, false).unwrap();
    assert_eq!(run(&mut side, 20_000..30_000), 500 + 2, "packets and reports");
    assert!(side.goodbye().is_some());
}

#[test]
fn marks_wait_for_the_jitter_that_the_other_side_tells_of_as_far_as_it_can_be_believed() {
    // In ticks of 8 kHz, with when a mark behind 50 ms of audio returns.
    for (jitter, expected) in [(0, 60), (280, 95), (2_392, 359), (2_400, 60), (u32::MAX, 60)] {
        let mut side = session(1, 5_000);
        let (ssrc, fraction_lost, lost, highest, last_report, since_report) = (1, 0, 0, 9, 0, 0);
        let block = rtcp::ReportBlock {
            ssrc,
            fraction_lost,
            lost,
            highest,
            jitter,
            last_report,
            since_report,
        };
        let told = Report { ssrc: 2, sent: None, blocks: vec![block] }.write("side2").into();
        side.receive(CallTime::ZERO, address(5_001), &told);
        let audio = vec![1; 400].into();
        side.play(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), audio));
        side.mark(MarkId::new(4));
        let returned = RtpAction::Tell(Inbound::MarkPlayed(MarkId::new(4)));
        let played = (0..1_000).find(|millis| {
            let at = CallTime::from_millis(*millis);
            std::iter::from_fn(|| side.poll(at)).any(|action| action == returned)
        });
        assert_eq!(played, Some(expected), "{jitter} ticks");
    }
}
