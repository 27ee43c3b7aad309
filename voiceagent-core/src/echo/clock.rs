use super::{RATE, bands::HOP};
use crate::audio::{AudioFrame, lateness::Lateness};

/// How far ahead of its sound a frame may seem to lie, and how far the clock may be off before it is
/// set, in samples: two hops, as frames jitter.
const TOLERANCE: i64 = 2 * HOP as i64;
/// Frames that come so much later than they lie, in samples, come after a pause that no position
/// tells of. No line saves up a second.
const LEAP: i64 = RATE as i64;
/// For how long the least late frame counts at least, in samples: longer than lines stall.
const PERIOD: i64 = RATE as i64 / 2;
/// Moves by more hops than this are no drift: a pause was not told of, or a stall is over.
const DRIFT: i64 = 20;

/// Where the caller's frames lie on the clock of the call.
///
/// They lie as far apart as their positions say. A frame can be late and never early, so the least
/// late ones of the last second tell where that is.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// A position, and the sample of the call that it is.
    anchor: Option<(u64, i64)>,
    /// The position after the last frame.
    expected: u64,
    lateness: Lateness,
}

/// Where a frame lies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Place {
    /// `None` if it follows the last one.
    pub(super) begins: Option<u64>,
    /// By so many hops everything that is heard lies later than was thought.
    pub(super) moved: i64,
}

impl Clock {
    /// Takes a frame that had come by a sample of the call.
    pub(super) fn place(&mut self, until: u64, frame: &AudioFrame) -> Place {
        let rate = i128::from(frame.format.sample_rate.max(1));
        let scaled = |samples: i64| (i128::from(samples) * i128::from(RATE) / rate) as i64;
        let until = until.cast_signed();
        let came = until - scaled(frame.samples().cast_signed());
        let gap = frame.at.0.wrapping_sub(self.expected).cast_signed();
        self.expected = frame.at.0.wrapping_add(frame.samples());
        let known = self.anchor.map(|(at, sample)| {
            sample.saturating_add(scaled(frame.at.0.wrapping_sub(at).cast_signed()))
        });
        let is_told = |lies: &i64| gap == 0 || gap > 0 && lies - came <= TOLERANCE;
        let Some(lies) = known.filter(is_told).filter(|lies| came - lies < LEAP) else {
            return self.begin(frame, until, came);
        };
        self.lateness.note(until, came - lies, PERIOD);
        let late = self.lateness.least().unwrap_or_default();
        let moved = if late.abs() < TOLERANCE { 0 } else { late.div_euclid(HOP as i64) };
        if moved.abs() > DRIFT {
            return self.begin(frame, until, lies + late);
        }
        let by = moved * HOP as i64;
        if let Some((_, sample)) = &mut self.anchor {
            *sample += by;
        }
        self.lateness.moved(by);
        let begins = (gap != 0).then_some((lies + by).max(0).cast_unsigned());
        Place { begins, moved }
    }

    /// Nothing is known of where a frame lies but that.
    fn begin(&mut self, frame: &AudioFrame, until: i64, lies: i64) -> Place {
        self.anchor = Some((frame.at.0, lies));
        self.lateness = Lateness::default();
        self.lateness.note(until, 0, PERIOD);
        Place { begins: Some(lies.max(0).cast_unsigned()), moved: 0 }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;
    use crate::audio::{AudioFormat, MediaTime};

    /// Where each frame of 20 ms begins whose number and whose coming, in milliseconds, are these;
    /// in milliseconds.
    fn places(frames: impl IntoIterator<Item = (u64, u64)>) -> Vec<i64> {
        let (mut clock, mut next) = (Clock::default(), 0);
        let place = |(number, came): (u64, u64)| {
            let payload = vec![0xFF; 160].into();
            let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(number * 160), payload);
            let place = clock.place(came * 8, &frame);
            next = place.begins.map_or(next + place.moved * 80, u64::cast_signed);
            next += 160;
            (next - 160) / 8
        };
        frames.into_iter().map(place).collect()
    }

    #[test]
    fn a_frame_lies_where_its_position_says_on_a_clock_set_by_the_least_late() {
        // The line opens with a burst, 140 ms late, and has a late frame in the end.
        let burst = (7..15).map(|n| (n, 300 + n - 7));
        let places = places(burst.chain((15..40).map(|n| (n, n * 20 + 20))).chain([(40, 900)]));
        assert_eq!(places[0], 280);
        let settled: Vec<i64> = places[8..].to_vec();
        assert!(settled.windows(2).all(|pair| pair[1] - pair[0] == 20), "{places:?}");
        assert!(settled[0].abs_diff(300) <= 20, "{places:?}");
    }

    #[test]
    fn lost_frames_leave_a_gap() {
        assert_eq!(places([(0, 20), (1, 40), (5, 130), (6, 140)]), [0, 20, 100, 120]);
    }

    #[test]
    fn positions_that_leap_or_go_back_without_time_are_set_anew_at_once() {
        assert_eq!(places([(0, 20), (1, 40), (99, 60), (100, 80), (3, 100)]), [0, 20, 40, 60, 80]);
    }

    #[test]
    fn a_pause_that_no_position_tells_of_is_noticed() {
        assert_eq!(places([(0, 20), (1, 40), (2, 1_560), (3, 1_580)]), [0, 20, 1_540, 1_560]);
        let short = places((0..90).map(|n| (n, n * 20 + if n < 10 { 20 } else { 120 })));
        assert_eq!((short[9], short[30], short[89]), (180, 600, 1_880));
    }

    #[test]
    fn a_burst_after_a_stall_lies_where_it_was_spoken() {
        let late = |n: u64| if (50..80).contains(&n) { 1_620 } else { n * 20 + 20 };
        let places = places((0..100).map(|n| (n, late(n))));
        assert!(places.iter().zip(0..).all(|(place, n)| *place == n * 20), "{places:?}");
    }

    /// What becomes of a line.
    #[derive(Clone, Copy, Debug)]
    enum Jump {
        /// Frames take so many milliseconds longer from now on, or fewer.
        Way(i64),
        /// Positions leap by so many samples while no time goes by.
        Leap(i64),
        /// So many frames are lost.
        Loss(u64),
    }

    fn jump() -> impl Strategy<Value = Jump> {
        prop_oneof![
            (-400_i64..900).prop_map(Jump::Way),
            (-4_000_000_i64..4_000_000).prop_map(Jump::Leap),
            (1_u64..100).prop_map(Jump::Loss),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(4),
            failure_persistence: None,
            ..ProptestConfig::with_cases(64)
        })]

        #[test]
        fn a_clock_is_followed_through_drift_jitter_and_jumps(
            drift in -200_i64..=200,
            jumps in prop::collection::vec((100_u64..15_000, jump()), 0..5),
            jitter in prop::collection::vec(0_i64..60, 6),
        ) {
            let (mut clock, payload) = (Clock::default(), Bytes::from(vec![0xFF; 160]));
            let (mut next, mut before) = (0, 0);
            // Half an hour of line is in front, so that nothing begins below zero.
            let (mut way, mut at, mut settled, mut lost) = (0, 40_000_000_i64, 0, 0);
            for number in 0..15_000_u64 {
                for (_, jump) in jumps.iter().filter(|(when, _)| *when == number) {
                    settled = number + 100;
                    match *jump {
                        Jump::Way(more) => way += more,
                        Jump::Leap(samples) => at += samples,
                        Jump::Loss(frames) => {
                            lost = number + frames;
                            settled += frames;
                        }
                    }
                }
                let position = at + (number * 160).cast_signed();
                if number < lost {
                    continue;
                }
                // In microseconds: five minutes at 200 ppm are 60 ms.
                let lies = (number * 20).cast_signed() * (1_000_000 + drift) / 1_000 + way * 1_000;
                let lies = lies + 2_000_000;
                // Frames that follow a late one come with it; the last of ten is on time.
                let late = jitter.get(number as usize % 10).copied().unwrap_or_default();
                let came = (lies + (20 + late) * 1_000).max(before);
                before = came;
                let frame = AudioFrame::new(
                    AudioFormat::MULAW_8K,
                    MediaTime(position.cast_unsigned()),
                    payload.clone(),
                );
                let place = clock.place((came * 8 / 1_000).cast_unsigned(), &frame);
                next = place.begins.map_or(next + place.moved * 80, u64::cast_signed);
                let off = next * 125 - lies;
                prop_assert!(
                    number < settled.max(100) || off.abs() <= 25_000,
                    "frame {number} is off by {off} us"
                );
                next += 160;
            }
        }
    }

    #[test]
    fn a_clock_that_runs_slow_or_fast_is_followed() {
        for drift in [-1_i64, 1] {
            // 1,000 ppm, for ten minutes.
            let came = |n: u64| (n * 20 + 20).saturating_add_signed(n.cast_signed() / 50 * drift);
            let places = places((0..30_000).map(|n| (n, came(n))));
            let off =
                places.iter().zip(0..).map(|(place, n)| (place - came(n).cast_signed() + 20).abs());
            assert!(off.max() <= Some(25), "{drift}");
        }
    }
}
