use super::saturate;

/// Where the intervals of the lower band end, in 1/4096 of the step (QUANTL, table 14 of G.722).
const LOW_DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023,
    1_121, 1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// The middle of each interval of the lower band by its number, in 1/4096 of the step: for positive
/// differences (INVQBL, table 17).
const LOW_MIDDLES: [i32; 30] = [
    17, 54, 91, 130, 170, 211, 254, 300, 347, 396, 447, 501, 558, 618, 682, 750, 822, 899, 982,
    1_072, 1_170, 1_279, 1_399, 1_535, 1_689, 1_873, 2_088, 2_376, 2_738, 3_101,
];
/// The same by the upper four bits alone, which is what both sides adapt to, so that the lower two
/// may be lost on the way (INVQAL, table 16).
const LOW_COARSE: [i32; 8] = [0, 150, 323, 530, 786, 1_121, 1_612, 2_557];
/// How the logarithm of the step moves by the upper four bits (LOGSCL, table 18).
const LOW_MOVES: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1_198, 3_042];
/// The interval of the upper band ends here, in 1/4096 of the step (QUANTH).
const HIGH_DECISION: i32 = 564;
/// The middles of its two intervals, and how they move the step (INVQAH, LOGSCH).
const HIGH_MIDDLES: [i32; 2] = [202, 926];
const HIGH_MOVES: [i32; 2] = [-214, 798];

/// One band: what its next value is expected to be, and how large the steps are.
#[derive(Clone, Debug, Default)]
pub(super) struct Band {
    /// What the next value is expected to be, and the part of it that comes from past differences.
    estimate: i32,
    from_differences: i32,
    /// The last two values, and what they were but for the poles' part, newest first.
    values: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    /// The last six differences, newest first, and what each counts.
    differences: [i32; 6],
    zeros: [i32; 6],
    /// The size of a step: its logarithm, and itself.
    log_step: i32,
    step: i32,
}

impl Band {
    pub(super) fn low() -> Self {
        Self { step: 32, ..Self::default() }
    }

    pub(super) fn high() -> Self {
        Self { step: 8, ..Self::default() }
    }

    /// Six bits for a value of the lower band.
    pub(super) fn encode_low(&mut self, value: i32) -> i32 {
        let difference = saturate(value - self.estimate);
        let magnitude = magnitude(difference);
        let above = |decision: &i32| self.scaled(decision * 8) <= magnitude;
        let interval = LOW_DECISIONS.partition_point(above);
        let code = low_code(interval, difference < 0);
        self.adapt_low(code);
        code as i32
    }

    /// The value of the lower band that six bits stand for, not limited.
    pub(super) fn decode_low(&mut self, code: usize) -> i32 {
        let (interval, is_negative) = low_interval(code);
        let middle = LOW_MIDDLES[interval] * 8;
        let value =
            saturate(self.estimate + self.scaled(if is_negative { -middle } else { middle }));
        self.adapt_low(code);
        value
    }

    /// Two bits for a value of the upper band.
    pub(super) fn encode_high(&mut self, value: i32) -> i32 {
        let difference = saturate(value - self.estimate);
        let is_far = magnitude(difference) >= self.scaled(HIGH_DECISION * 8);
        let code = usize::from(!is_far) | if difference < 0 { 0 } else { 2 };
        self.decode_high(code);
        code as i32
    }

    /// The value of the upper band that two bits stand for, not limited.
    pub(super) fn decode_high(&mut self, code: usize) -> i32 {
        let interval = usize::from(code & 1 == 0);
        let middle = HIGH_MIDDLES[interval] * 8;
        let difference = self.scaled(if code & 2 == 0 { -middle } else { middle });
        let value = saturate(self.estimate + difference);
        self.move_step(HIGH_MOVES[interval], 22_528, 10);
        self.predict(difference);
        value
    }

    fn adapt_low(&mut self, code: usize) {
        let (interval, is_negative) = coarse_interval(code >> 2);
        let middle = LOW_COARSE[interval] * 8;
        let difference = self.scaled(if is_negative { -middle } else { middle });
        self.move_step(LOW_MOVES[interval], 18_432, 8);
        self.predict(difference);
    }

    fn scaled(&self, share: i32) -> i32 {
        (self.step * share) >> 15
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn move_step(&mut self, by: i32, most: i32, shift: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + by).clamp(0, most);
        let mantissa = POWERS[(self.log_step >> 6 & 31) as usize];
        let shift = shift - (self.log_step >> 11);
        self.step = if shift < 0 { mantissa << -shift } else { mantissa >> shift } << 2;
    }

    /// Learns from a difference, and expects the next value.
    fn predict(&mut self, difference: i32) {
        let partial = saturate(difference + self.from_differences);
        let value = saturate(difference + self.estimate);
        self.move_poles(partial);
        self.move_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.values = [value, self.values[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;

        let weighed = |(value, weight): (&i32, &i32)| (saturate(value * 2) * weight) >> 15;
        let zeros = self.differences.iter().zip(&self.zeros).map(weighed);
        self.from_differences = saturate(zeros.sum());
        let poles = self.values.iter().zip(&self.poles).map(weighed);
        self.estimate = saturate(saturate(poles.sum()) + self.from_differences);
    }

    /// UPPOL2 and UPPOL1.
    fn move_poles(&mut self, partial: i32) {
        let alike = self.partial.map(|before| (before < 0) == (partial < 0));
        let [first, second] = self.poles;
        let pull = saturate(first * 4);
        let pull = if alike[0] { saturate(-pull) } else { pull } >> 7;
        let push = if alike[1] { 128 } else { -128 };
        let second = (pull + push + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if alike[0] { 192 } else { -192 };
        let most = 15_360 - second;
        let first = (((first * 32_640) >> 15) + push).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn move_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let push = if (*before < 0) == (difference < 0) { push } else { -push };
            *zero = saturate(((*zero * 32_640) >> 15) + push);
        }
    }
}

/// A 32nd of an octave each, in 1/2048 (table 19).
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656,
    2_714, 2_774, 2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520,
    3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

fn magnitude(difference: i32) -> i32 {
    if difference < 0 { !difference } else { difference }
}

/// The six bits of an interval (tables 15): small numbers are far from nothing. The first four codes
/// are not used, because bits of the same value in a row could be mistaken for a loss of the line.
fn low_code(interval: usize, is_negative: bool) -> usize {
    match (interval, is_negative) {
        (0 | 1, true) => 63 - interval,
        (_, true) => 33 - interval,
        (_, false) => 61 - interval,
    }
}

/// The interval that six bits stand for, and whether it is negative.
fn low_interval(code: usize) -> (usize, bool) {
    match code {
        // Nobody sends the first four.
        0..4 => (0, true),
        4..32 => (33 - code, true),
        32..62 => (61 - code, false),
        _ => (63 - code, true),
    }
}

/// The same for the upper four of the six bits.
fn coarse_interval(code: usize) -> (usize, bool) {
    match code {
        1..8 => (8 - code, true),
        8..15 => (15 - code, false),
        _ => (0, false),
    }
}
