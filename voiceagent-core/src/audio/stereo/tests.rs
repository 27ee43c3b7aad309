use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::audio::MediaTime;

const FORMAT: AudioFormat = AudioFormat::PCM_8K;
const CALLER: i16 = 2_000;
const AGENT: i16 = 1_000;
const RATE: i64 = 8_000;
/// Half of the way there and back.
const WAY: u64 = 40;

/// Where each side begins and ends to sound, and how much was written.
#[derive(Debug, Default)]
struct Edges {
    sounds: [bool; 2],
    edges: [Vec<i64>; 2],
    moments: i64,
    /// Samples without an edge.
    same: Vec<u8>,
}

impl Tape for Edges {
    fn sound(&mut self, samples: &[u8]) {
        if samples == self.same {
            self.moments += samples.len().cast_signed() as i64 / 4;
            return;
        }
        let before = self.edges.each_ref().map(Vec::len);
        for moment in samples.chunks_exact(4) {
            for side in 0..2 {
                let sounds = moment[side * 2..side * 2 + 2] != [0, 0];
                if sounds != self.sounds[side] {
                    self.sounds[side] = sounds;
                    self.edges[side].push(self.moments);
                }
            }
            self.moments += 1;
        }
        self.same.clear();
        if before == self.edges.each_ref().map(Vec::len) {
            self.same.extend(samples);
        }
    }

    fn silence(&mut self, moments: u64) {
        for (sounds, edges) in self.sounds.iter_mut().zip(&mut self.edges) {
            if std::mem::take(sounds) {
                edges.push(self.moments);
            }
        }
        self.same.clear();
        self.moments += moments.cast_signed();
    }
}

/// Samples as they are.
impl Tape for Vec<u8> {
    fn sound(&mut self, samples: &[u8]) {
        self.extend(samples);
    }

    fn silence(&mut self, moments: u64) {
        self.resize(self.len() + moments as usize * 4, 0);
    }
}

fn audio(at: u64, millis: u64, value: i16) -> AudioFrame {
    let samples = std::iter::repeat_n(value.to_le_bytes(), millis as usize * 8);
    AudioFrame::new(FORMAT, MediaTime(at), samples.flatten().collect::<Vec<u8>>().into())
}

fn millis(samples: i64) -> i64 {
    samples * 1_000 / RATE
}

/// For how many milliseconds the agent sounds.
fn sounding(tape: &Edges) -> i64 {
    let (edges, rest) = tape.edges[1].as_chunks::<2>();
    assert!(rest.is_empty(), "what begins ends");
    edges.iter().map(|[from, to]| millis(to - from)).sum()
}

enum Happening {
    Heard(AudioFrame),
    Played(MarkId),
    Sent(Outbound),
}

/// A call of which it is known when what sounds, at the caller's end. Recorded, it lies [`WAY`]
/// later.
struct World {
    happenings: BTreeMap<(u64, u64), Happening>,
    truth: [Vec<i64>; 2],
    seed: u64,
    mark: MarkId,
    answered: u64,
}

impl World {
    fn new() -> Self {
        let (happenings, truth) = (BTreeMap::new(), Default::default());
        Self { happenings, truth, seed: 1, mark: MarkId::new(1), answered: 0 }
    }

    fn dice(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % below
    }

    fn add(&mut self, at: u64, happening: Happening) {
        let number = self.happenings.len() as u64;
        self.happenings.insert((at * 1_000, number), happening);
    }

    /// The agent speaks from `at` on, 300 ms ahead, and is cut after `cut`, if at all. Returns when
    /// it is silent.
    fn speak(&mut self, at: u64, lasts: u64, cut: Option<u64>) -> u64 {
        let begin = at + WAY;
        let silent = begin + cut.map_or(lasts, |cut| cut.min(lasts));
        for piece in (0..lasts).step_by(100) {
            let sent = at + piece.saturating_sub(300);
            if cut.is_some_and(|cut| sent >= at + cut) {
                break;
            }
            let frame = audio(piece, 100, AGENT);
            self.add(sent, Happening::Sent(Outbound::Audio(frame)));
            self.add(sent, Happening::Sent(Outbound::Mark(self.mark)));
            let late = if self.dice(10) < 3 { self.dice(800) } else { 0 };
            // Answers do not overtake each other.
            self.answered = (begin + piece + 100).min(silent + cut.map_or(0, |_| 1)) + WAY + late;
            self.add(self.answered, Happening::Played(self.mark));
            self.mark = self.mark.next();
        }
        if let Some(cut) = cut {
            self.add(at + cut, Happening::Sent(Outbound::Clear));
        }
        self.truth[1].extend([begin + WAY, silent + WAY].map(u64::cast_signed));
        silent
    }

    /// As [`speak`](Self::speak), to a far end that is behind: by how much, with each piece, in
    /// milliseconds.
    fn speak_to_one_behind(&mut self, at: u64, lasts: u64, behind: impl Fn(u64) -> u64) {
        for piece in (0..lasts).step_by(100) {
            let sent = at + piece.saturating_sub(300);
            self.add(sent, Happening::Sent(Outbound::Audio(audio(piece, 100, AGENT))));
            self.add(sent, Happening::Sent(Outbound::Mark(self.mark)));
            let answered = at + WAY + piece + 100 + behind(piece) + WAY;
            self.add(answered, Happening::Played(self.mark));
            self.mark = self.mark.next();
        }
        let edges = [behind(0), lasts + behind(lasts)].map(|behind| at + 2 * WAY + behind);
        self.truth[1].extend(edges.map(u64::cast_signed));
    }

    fn record(&mut self, lasts: u64) -> (Edges, usize) {
        let mut stereo = Stereo::new(FORMAT, FORMAT, Duration::from_millis(300)).unwrap();
        let (mut tape, mut memory) = (Edges::default(), 0);
        for ((at, _), happening) in std::mem::take(&mut self.happenings) {
            let now = CallTime::from_micros(at);
            stereo.write(now, &mut tape);
            match happening {
                Happening::Heard(frame) => stereo.heard(now, &frame),
                Happening::Played(mark) => stereo.played(now, mark),
                Happening::Sent(outbound) => stereo.sent(now, &outbound, &mut tape),
            }
            memory = memory.max(stereo.memory());
        }
        stereo.finish(CallTime::from_millis(lasts), &mut tape);
        (tape, memory)
    }

    fn check(&self, tape: &Edges, side: usize, tolerance: i64) {
        let mut found: Vec<i64> = Vec::new();
        for at in tape.edges[side].iter().map(|at| millis(*at)) {
            // Where clocks differ, a step of some 10 ms is made now and then.
            match found.last() {
                Some(before) if at - before < 15 => drop(found.pop()),
                Some(_) | None => found.push(at),
            }
        }
        let truth = &self.truth[side];
        let wrong = found.iter().zip(truth).position(|(a, b)| (a - b).abs() > tolerance);
        let near = wrong.map(|at| at.saturating_sub(2)..(at + 4).min(found.len()).min(truth.len()));
        let near = near.map(|near| (&found[near.clone()], &truth[near]));
        assert_eq!(near, None, "side {side}: found, and true");
        assert_eq!(found.len(), truth.len());
    }
}

#[test]
fn a15_an_hour_of_interruptions_late_marks_and_lost_frames_ends_aligned_within_20_ms() {
    const HOUR: u64 = 3_600_000;
    let mut world = World::new();
    // The agent: every other utterance is cut, and goes on a little later.
    let mut at = 1_000;
    while at < HOUR - 30_000 {
        let lasts = 1_000 + world.dice(70) * 100;
        let cut = (world.dice(2) == 0).then(|| 300 + world.dice(lasts - 600));
        at = world.speak(at, lasts, cut) + 250 + world.dice(3_000);
    }
    world.speak(HOUR - 10_000, 5_000, None);
    // The caller: a frame each 20 ms by a clock that is 50 ppm slow, lost, late or in a burst.
    let (mut stamp, mut speaks, mut stalled, mut number) = (77_777, false, 0, 0_u64);
    let mut came = 0;
    while number * 20 + number / 1_000 + 100 < HOUR {
        let spoken = number * 20 + number / 1_000;
        let mut lost = 0;
        match world.dice(2_000) {
            0 if !speaks => lost = 1 + world.dice(100),
            1 => stalled = spoken + world.dice(1_500),
            2..22 => {
                speaks = !speaks;
                world.truth[0].push((spoken + WAY).cast_signed());
            }
            _ => {}
        }
        let value = if speaks { CALLER } else { 0 };
        let jitter = world.dice(40) * world.dice(2);
        let frame = audio(stamp, 20, value);
        came = came.max(spoken + 20 + jitter).max(stalled);
        world.add(came + WAY, Happening::Heard(frame));
        number += 1 + lost;
        stamp += (1 + lost) * 160;
    }
    if speaks {
        world.truth[0].push(((number * 20 + number / 1_000) + WAY).cast_signed());
    }
    let (tape, memory) = world.record(HOUR);
    assert_eq!(tape.moments, RATE * 3_600, "both sides end with the call");
    world.check(&tape, 0, 20);
    world.check(&tape, 1, 20);
    assert!(memory < 250_000, "{memory}");
}

#[test]
fn lines_at_odd_rates_are_recorded_at_one_that_opus_has() {
    let rates = [(8_000, 8_000), (11_025, 16_000), (16_000, 16_000), (22_050, 24_000)];
    for (line, recorded) in rates.into_iter().chain([(32_000, 24_000), (48_000, 24_000)]) {
        let format = AudioFormat::mono(Encoding::PcmS16Le, line);
        let stereo = Stereo::new(format, AudioFormat::MULAW_8K, Duration::ZERO).unwrap();
        assert_eq!(stereo.format().sample_rate, recorded, "{line}");
    }
}

#[test]
fn a15_paused_and_resumed_speech_lies_where_it_sounded() {
    let mut world = World::new();
    world.speak(1_000, 3_000, Some(1_234));
    world.speak(2_900, 2_000, None);
    let (tape, _) = world.record(12_000);
    assert_eq!(world.truth[1], [1_080, 2_314, 2_980, 4_980]);
    world.check(&tape, 1, 2);
    assert_eq!(millis(tape.moments), 12_000);
}

#[test]
fn a15_a_far_end_that_is_seconds_behind_loses_nothing_of_the_agent() {
    for behind in [900, 1_000, 1_500, 2_500, 5_000, 20_000] {
        let mut world = World::new();
        world.speak_to_one_behind(1_000, 20_000, |_| behind);
        let (tape, _) = world.record(60_000);
        assert_eq!(sounding(&tape), 20_000, "{behind} ms behind");
        let ends = tape.edges[1].last().map(|at| millis(*at));
        assert_eq!(ends, Some(21_080 + behind.cast_signed()));
        if behind <= 2_500 {
            world.check(&tape, 1, 2);
        }
    }
}

#[test]
fn a15_a_far_end_that_stalls_within_an_answer_loses_nothing_of_the_agent() {
    for stall in [900, 2_000, 4_000] {
        let mut world = World::new();
        world.speak_to_one_behind(1_000, 30_000, |piece| if piece < 5_000 { 0 } else { stall });
        let (tape, _) = world.record(60_000);
        assert_eq!(sounding(&tape), 30_000, "a stall of {stall} ms");
        // It is off by the stall for a while, and then it is not.
        let ends = tape.edges[1].last().map(|at| millis(*at));
        assert_eq!(ends, world.truth[1].last().copied(), "a stall of {stall} ms");
    }
}

#[test]
fn a15_an_answer_whose_marks_are_all_late_lies_where_the_one_before_tells() {
    let mut world = World::new();
    world.speak_to_one_behind(1_000, 6_000, |_| 0);
    world.speak_to_one_behind(9_000, 1_500, |_| 400);
    let (tape, _) = world.record(20_000);
    let edges: Vec<i64> = tape.edges[1].iter().map(|at| millis(*at)).collect();
    assert_eq!(edges, [1_080, 7_080, 9_080, 10_580]);
}

/// An answer of 40 s at 24 kHz, to a far end that is so far behind: what was recorded, the memory
/// that took, and what was lost.
fn far_behind(behind: u64) -> (Edges, usize, Duration) {
    let format = AudioFormat::PCM_24K;
    let mut stereo = Stereo::new(format, format, Duration::from_millis(300)).unwrap();
    let (mut tape, mut memory) = (Edges::default(), 0);
    let payload = Bytes::from(AGENT.to_le_bytes().repeat(2_400));
    for number in 0..400 + behind / 100 {
        let now = CallTime::from_millis(number * 100);
        stereo.write(now, &mut tape);
        if let Some(answered) = number.checked_sub(behind / 100) {
            stereo.played(now, MarkId::new(answered));
        }
        if number < 400 {
            let frame = AudioFrame::new(format, MediaTime(number * 2_400), payload.clone());
            stereo.sent(now, &Outbound::Audio(frame), &mut tape);
            stereo.sent(now, &Outbound::Mark(MarkId::new(number)), &mut tape);
        }
        memory = memory.max(stereo.memory());
    }
    stereo.finish(CallTime::from_millis(60_000), &mut tape);
    (tape, memory, stereo.lost())
}

#[test]
fn a15_where_room_runs_out_samples_wait_less_long_before_any_is_lost() {
    let (tape, memory, lost) = far_behind(9_000);
    assert_eq!((sounding(&tape), lost), (40_000 * 3, Duration::ZERO));
    assert!(memory < 768 << 10, "{memory}");
}

#[test]
fn a15_what_there_is_no_room_for_is_counted_and_the_rest_is_there() {
    let (tape, memory, lost) = far_behind(14_000);
    // There is room for 10 s of each 14.5 s.
    assert!(lost > Duration::ZERO && lost < Duration::from_secs(9), "{lost:?}");
    assert_eq!(sounding(&tape) + 3 * lost.as_millis() as i64, 40_000 * 3);
    assert!(memory < 768 << 10, "{memory}");
}

#[test]
fn a15_the_longest_lead_at_24_khz_takes_no_more_memory_and_loses_nothing() {
    let (format, lead) = (AudioFormat::PCM_24K, Duration::from_secs(30));
    let mut stereo = Stereo::new(format, format, lead).unwrap();
    assert_eq!(stereo.format().sample_rate, 8_000);
    let (mut tape, mut memory) = (Edges::default(), 0);
    let payload = Bytes::from(AGENT.to_le_bytes().repeat(2_400));
    for number in 0..400_u64 {
        let now = CallTime::from_millis(number.saturating_sub(300) * 100);
        stereo.write(now, &mut tape);
        let frame = AudioFrame::new(format, MediaTime(number * 2_400), payload.clone());
        stereo.sent(now, &Outbound::Audio(frame), &mut tape);
        memory = memory.max(stereo.memory());
    }
    stereo.finish(CallTime::from_millis(50_000), &mut tape);
    assert_eq!(stereo.lost(), Duration::ZERO);
    assert!((sounding(&tape) - 40_000).abs() <= 5, "{}", sounding(&tape));
    assert!(memory < 768 << 10, "{memory}");
}

#[test]
fn a15_timestamps_that_leap_without_a_gap_in_time_move_nothing() {
    let mut world = World::new();
    for number in 0..1_000_u64 {
        let leap = if number < 500 { 0 } else { 12_000 };
        let value = if number / 100 % 2 == 1 { CALLER } else { 0 };
        let frame = audio(number * 160 + leap, 20, value);
        world.add(number * 20 + 20, Happening::Heard(frame));
    }
    world.truth[0] = (1..10).map(|edge| edge * 2_000).chain([20_000]).collect();
    let (tape, _) = world.record(21_000);
    world.check(&tape, 0, 10);
}

#[test]
fn a15_a_line_that_was_quiet_for_an_hour_costs_no_writing() {
    let mut stereo = Stereo::new(FORMAT, FORMAT, Duration::from_millis(300)).unwrap();
    let mut tape = Edges::default();
    stereo.heard(CallTime::from_millis(20), &audio(0, 20, CALLER));
    let late = CallTime::from_millis(3_600_000);
    stereo.write(late, &mut tape);
    stereo.heard(late, &audio(160, 20, CALLER));
    stereo.finish(late + Duration::from_secs(1), &mut tape);
    assert_eq!(tape.moments, RATE * 3_601);
    assert_eq!(tape.edges[0].len(), 4, "{:?}", tape.edges);
}

#[test]
fn a15_rates_that_differ_are_recorded_at_the_higher_one() {
    let mut stereo =
        Stereo::new(AudioFormat::MULAW_8K, AudioFormat::PCM_16K, Duration::from_millis(300));
    let stereo = stereo.as_mut().unwrap();
    let mut tape = Vec::new();
    for number in 0..50 {
        let now = CallTime::from_millis(number * 20 + 20);
        let heard = Bytes::from(vec![0x80; 160]);
        let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(number * 160), heard);
        stereo.heard(now, &frame);
        let sent = Bytes::from([0, 0x40].repeat(320));
        let frame = AudioFrame::new(AudioFormat::PCM_16K, MediaTime(number * 320), sent);
        stereo.sent(now, &Outbound::Audio(frame), &mut tape);
    }
    stereo.finish(CallTime::from_millis(1_000), &mut tape);
    assert_eq!(tape.len(), 16_000 * 4);
    assert!(tape[40_000..40_002] != [0, 0] && tape[40_002..40_004] == [0, 0x40]);
}

proptest! {
    #[test]
    fn a15_how_audio_is_cut_into_frames_changes_nothing(
        cuts in prop::collection::vec(1_usize..900, 1..60),
    ) {
        let sound: Vec<u8> = (0..8_000_i16).flat_map(|sample| (sample + 1).to_le_bytes()).collect();
        let record = |cuts: &mut dyn Iterator<Item = usize>| {
            let mut stereo = Stereo::new(FORMAT, FORMAT, Duration::from_secs(1)).unwrap();
            let mut left = Bytes::from(sound.clone());
            let (mut number, mut tape) = (0, Vec::new());
            while !left.is_empty() {
                let bytes = (cuts.next().unwrap_or(80) * 2).min(left.len());
                let frame = AudioFrame::new(FORMAT, MediaTime(number), left.split_to(bytes));
                number += frame.samples();
                // All of it has been there for as long as it lasts.
                let now = CallTime::from_micros(number * 125);
                stereo.heard(now, &frame);
                stereo.sent(CallTime::ZERO, &Outbound::Audio(frame), &mut tape);
            }
            stereo.finish(CallTime::from_millis(1_500), &mut tape);
            tape
        };
        prop_assert_eq!(record(&mut cuts.into_iter()), record(&mut std::iter::empty()));
    }
}

#[test]
fn a15_frames_longer_than_what_is_held_break_nothing() {
    for seed in 0..40 {
        let mut world = World::new();
        world.seed = seed * 7_919 + 1;
        let lead = Duration::from_millis(300);
        let mut stereo = Stereo::new(AudioFormat::MULAW_8K, AudioFormat::MULAW_8K, lead).unwrap();
        let mut tape = Edges::default();
        for frame in 1..2_000_u64 {
            let now = CallTime::from_millis(frame * 20);
            stereo.write(now, &mut tape);
            let length = if world.dice(40) == 0 { 100_000 } else { 160 };
            let payload = vec![3; length].into();
            let at = MediaTime(frame * 160);
            stereo.heard(now, &AudioFrame::new(AudioFormat::MULAW_8K, at, payload));
        }
        stereo.finish(CallTime::from_millis(40_000), &mut tape);
        assert_eq!(tape.moments, 320_000, "seed {seed}");
    }
}
