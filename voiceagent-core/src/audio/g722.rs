//! G.722: sound up to 7 kHz at 64 kbit/s, two samples of 16 kHz in each byte.
//!
//! A mirror filter splits the sound into two bands of 8 kHz, and each is coded as the difference
//! from what was expected: six bits for the lower band, two for the upper one. The arithmetic is that
//! of section 6 of ITU-T G.722, bit by bit; samples of 16 bits are taken and given at full scale, as
//! the ITU's software tool library (G.191) does.
//!
//! **The clock of RTP.** RTP counts G.722 with 8,000 ticks a second, though there are 16,000 samples:
//! a mistake of RFC 1890 that RFC 3551 (section 4.5.2) keeps for compatibility. So a packet of 20 ms
//! holds 160 bytes and 320 samples, and its timestamp grows by 160; `G722/8000` in an SDP is
//! `AudioFormat::G722` here, with 16,000 samples a second.

mod band;

use band::Band;

/// The mirror filter (table 11 of G.722), one phase of it; the other one is the same backwards.
const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
const BACKWARDS: [i32; 12] = [-11, 53, -156, 362, -805, 3_876, 951, -210, 32, 12, -11, 3];

/// The byte that comes nearest to no change at all. A decoder that gets nothing else falls silent,
/// but for a hum of at most -55 dB below full scale that its rounding keeps up.
pub(super) const SILENCE: u8 = 0xFD;

/// By how many samples a sound comes later out of a decoder than it went into an encoder: half of
/// them for the filter of each.
pub(super) const DELAY: usize = 22;

/// Writes samples of 16 kHz as G.722.
///
/// ```
/// use voiceagent_core::audio::g722::{Decoder, Encoder};
///
/// let mut codes = Vec::new();
/// Encoder::default().encode_into(&[0; 320], &mut codes);
/// assert_eq!(codes.len(), 160);
///
/// let mut samples = Vec::new();
/// Decoder::default().decode_into(&codes, &mut samples);
/// assert_eq!(samples.len(), 320);
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    mirror: Mirror,
    low: Band,
    high: Band,
    /// The first sample of a byte whose second one has not come yet.
    waiting: Option<i16>,
}

/// Reads G.722 as samples of 16 kHz.
///
/// What is decoded depends on what was before. A decoder that begins in the middle, or misses a
/// packet, is off for some tenths of a second.
#[derive(Clone, Debug)]
pub struct Decoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Encoder {
    /// Takes a sample. Returns the byte that it completes, which is every second time.
    pub fn push(&mut self, sample: i16) -> Option<u8> {
        let Some(first) = self.waiting.take() else {
            self.waiting = Some(sample);
            return None;
        };
        let (one, other) = self.mirror.push(i32::from(sample), i32::from(first));
        let (low, high) = ((one + other) >> 14, (one - other) >> 14);
        // Both bands have 8 bits together.
        Some((self.high.encode_high(limit(high)) << 6 | self.low.encode_low(limit(low))) as u8)
    }

    /// Appends the bytes that `samples` complete. A sample without its second one waits for it.
    pub fn encode_into(&mut self, samples: &[i16], codes: &mut Vec<u8>) {
        codes.extend(samples.iter().filter_map(|&sample| self.push(sample)));
    }
}

impl Decoder {
    /// The two samples that a byte stands for, after those that were before.
    pub fn decode(&mut self, code: u8) -> [i16; 2] {
        let low = self.low.decode_low(usize::from(code & 0x3F));
        let high = self.high.decode_high(usize::from(code >> 6));
        let (low, high) = (limit(low), limit(high));
        let (first, second) = self.mirror.push(low - high, low + high);
        [first, second].map(|sum| saturate(sum >> 11) as i16)
    }

    /// Appends the samples that `codes` stand for.
    pub fn decode_into(&mut self, codes: &[u8], samples: &mut Vec<i16>) {
        samples.extend(codes.iter().flat_map(|&code| self.decode(code)));
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::low(), high: Band::high(), waiting: None }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::low(), high: Band::high() }
    }
}

/// The filter that splits the bands, and joins them again.
#[derive(Clone, Debug, Default)]
struct Mirror {
    /// The last values of both phases, oldest first.
    phases: [[i32; 12]; 2],
}

impl Mirror {
    fn push(&mut self, even: i32, odd: i32) -> (i32, i32) {
        for (phase, value) in self.phases.iter_mut().zip([even, odd]) {
            phase.copy_within(1.., 0);
            phase[11] = value;
        }
        let sum = |phase: &[i32; 12], taps: &[i32; 12]| {
            phase.iter().zip(taps).map(|(value, tap)| value * tap).sum()
        };
        (sum(&self.phases[0], &BACKWARDS), sum(&self.phases[1], &MIRROR))
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// What a band holds at most.
fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}

#[cfg(test)]
mod tests;
