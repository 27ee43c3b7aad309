//! G.711: the two 8-bit codes of the telephone network, by table.
//!
//! The tables are computed at compile time from the definition in ITU-T G.711 with the rounding
//! of the ITU's software tool library (G.191): a negative sample is coded like its one's
//! complement.

use dasp_sample::Sample;

/// One of the two codes of G.711.
///
/// ```
/// use voiceagent_core::audio::g711::Law;
///
/// assert_eq!(Law::Mulaw.encode(1_000), 0xCE);
/// assert_eq!(Law::Mulaw.decode(0xCE), 988);
///
/// let mut samples = Vec::new();
/// Law::Alaw.decode_into(&[0xD5, 0x55], &mut samples);
/// assert_eq!(samples, [8, -8]);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "G.711 defines two laws")]
pub enum Law {
    /// A-law: Europe and most of the world.
    Alaw,
    /// Mu-law: North America and Japan.
    Mulaw,
}

impl Law {
    /// The sample that `code` stands for, scaled to 16 bits.
    #[must_use]
    pub const fn decode(self, code: u8) -> i16 {
        self.samples()[code as usize]
    }

    /// The code of a 16-bit sample.
    #[must_use]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Alaw => TO_ALAW[((sample >> 4) + 2_048) as usize],
            Self::Mulaw => TO_MULAW[((sample >> 2) + 8_192) as usize],
        }
    }

    /// Appends the samples that `codes` stand for.
    pub fn decode_into(self, codes: &[u8], samples: &mut Vec<i16>) {
        let table = self.samples();
        samples.extend(codes.iter().map(|&code| table[usize::from(code)]));
    }

    /// Appends the samples that `codes` stand for, from -1 to 1.
    pub fn decode_f32_into(self, codes: &[u8], samples: &mut Vec<f32>) {
        let table = match self {
            Self::Alaw => &ALAW_F32,
            Self::Mulaw => &MULAW_F32,
        };
        samples.extend(codes.iter().map(|&code| table[usize::from(code)]));
    }

    /// Appends the codes of `samples`.
    pub fn encode_into(self, samples: &[i16], codes: &mut Vec<u8>) {
        match self {
            Self::Alaw => codes.extend(samples.iter().map(|&sample| Self::Alaw.encode(sample))),
            Self::Mulaw => codes.extend(samples.iter().map(|&sample| Self::Mulaw.encode(sample))),
        }
    }

    /// Appends the codes of `samples`, which go from -1 to 1; what lies outside is limited.
    pub fn encode_f32_into(self, samples: &[f32], codes: &mut Vec<u8>) {
        codes.extend(samples.iter().map(|&sample| self.encode(to_i16(sample))));
    }

    const fn samples(self) -> &'static [i16; 256] {
        match self {
            Self::Alaw => &ALAW_I16,
            Self::Mulaw => &MULAW_I16,
        }
    }
}

/// The nearest 16-bit sample. `dasp_sample` rounds towards zero instead, which distorts.
pub(super) fn to_i16(sample: f32) -> i16 {
    let scaled = sample * 32_768.0;
    (scaled + 0.5_f32.copysign(scaled)) as i16
}

/// The exact value of a 16-bit sample from -1 to 1.
pub(super) fn to_f32(sample: i16) -> f32 {
    sample.to_sample()
}

static ALAW_I16: [i16; 256] = decoding(Law::Alaw);
static MULAW_I16: [i16; 256] = decoding(Law::Mulaw);
static ALAW_F32: [f32; 256] = unit(&ALAW_I16);
static MULAW_F32: [f32; 256] = unit(&MULAW_I16);

/// Mu-law is a code of 14-bit samples, so two bits of the index need no entry.
static TO_MULAW: [u8; 16_384] = {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < table.len() {
        table[index] = mulaw_of(index as i16 - 8_192);
        index += 1;
    }
    table
};

/// A-law is a code of 12-bit samples and a sign bit; on 16-bit input, four bits need no entry.
static TO_ALAW: [u8; 4_096] = {
    let mut table = [0; 4_096];
    let mut index = 0;
    while index < table.len() {
        table[index] = alaw_of(index as i16 - 2_048);
        index += 1;
    }
    table
};

const fn decoding(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = match law {
            Law::Alaw => from_alaw(code as u8),
            Law::Mulaw => from_mulaw(code as u8),
        };
        code += 1;
    }
    table
}

const fn unit(samples: &[i16; 256]) -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = samples[code] as f32 / 32_768.0;
        code += 1;
    }
    table
}

const fn from_mulaw(code: u8) -> i16 {
    let bits = !code;
    let segment = (bits >> 4) & 7;
    let magnitude = ((((bits & 15) as i16) * 2 + 33) << segment) - 33;
    if bits & 0x80 == 0 { magnitude * 4 } else { magnitude * -4 }
}

const fn mulaw_of(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample } as u16 + 33;
    let magnitude = if magnitude > 0x1FFF { 0x1FFF } else { magnitude };
    let segment = (magnitude >> 5).ilog2();
    let code = ((segment as u8) << 4) | ((magnitude >> (segment + 1)) & 15) as u8;
    if sample < 0 { !(code | 0x80) } else { !code }
}

const fn from_alaw(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let segment = (bits >> 4) & 7;
    let step = ((bits & 15) as i16) * 16 + 8;
    let magnitude = match segment {
        0 => step,
        _ => (step + 256) << (segment - 1),
    };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn alaw_of(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample } as u16;
    let code = if magnitude < 16 {
        magnitude as u8
    } else {
        let segment = (magnitude >> 4).ilog2() + 1;
        ((segment as u8) << 4) | ((magnitude >> (segment - 1)) & 15) as u8
    };
    (if sample < 0 { code } else { code | 0x80 }) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision values of one half of the code, by segment, in the unit of the law (G.711 tables
    /// 1a and 2a, column 5), without the virtual last one.
    fn decisions(law: Law) -> Vec<i32> {
        let mut decisions = vec![0];
        let mut value = 0;
        for segment in 0..8_u32 {
            for interval in 0..16 {
                value += match law {
                    // The first two segments of A-law have the same step.
                    Law::Alaw => 1 << segment.saturating_sub(1),
                    // The first interval of mu-law is half as wide as its neighbours.
                    Law::Mulaw if segment == 0 && interval == 0 => 1,
                    Law::Mulaw => 2 << segment,
                };
                decisions.push(value);
            }
        }
        decisions.truncate(128);
        decisions
    }

    #[test]
    fn every_sample_gets_the_code_of_the_interval_it_lies_in() {
        for law in [Law::Alaw, Law::Mulaw] {
            let decisions = decisions(law);
            for sample in i16::MIN..=i16::MAX {
                let shift = if law == Law::Alaw { 4 } else { 2 };
                let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> shift;
                let interval = decisions.partition_point(|&decision| decision <= magnitude) - 1;
                let inversion = if law == Law::Alaw { 0xD5 } else { 0xFF };
                let sign = if sample < 0 { 0x80 } else { 0 };
                let expected = (interval as u8 | sign) ^ inversion;
                assert_eq!(law.encode(sample), expected, "{law:?} of {sample}");
            }
        }
    }

    #[test]
    fn every_code_stands_for_the_value_of_the_formula() {
        for code in 0..=255_u8 {
            let bits = !code;
            let (segment, step) = (f64::from((bits >> 4) & 7), f64::from(bits & 15));
            let sign = if code & 0x80 == 0 { -4.0 } else { 4.0 };
            let value = sign * ((step * 2.0 + 33.0) * segment.exp2() - 33.0);
            assert_eq!(f64::from(Law::Mulaw.decode(code)), value, "mu-law {code:#x}");

            let bits = code ^ 0x55;
            let (segment, step) = (f64::from((bits >> 4) & 7), f64::from(bits & 15));
            let sign = if code & 0x80 == 0 { -8.0 } else { 8.0 };
            let value = if segment == 0.0 {
                sign * (2.0 * step + 1.0)
            } else {
                sign * (2.0 * step + 33.0) * (segment - 1.0).exp2()
            };
            assert_eq!(f64::from(Law::Alaw.decode(code)), value, "A-law {code:#x}");
        }
    }

    #[test]
    fn a_decoded_code_is_encoded_as_itself() {
        for law in [Law::Alaw, Law::Mulaw] {
            for code in 0..=255 {
                // Mu-law has a second zero, which comes back as the first.
                let expected = if (law, code) == (Law::Mulaw, 0x7F) { 0xFF } else { code };
                assert_eq!(law.encode(law.decode(code)), expected, "{law:?} {code:#x}");
            }
        }
    }

    #[test]
    fn bulk_coding_appends_what_single_coding_gives() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        for law in [Law::Alaw, Law::Mulaw] {
            let (mut codes, mut from_f32) = (vec![1], vec![1]);
            law.encode_into(&samples, &mut codes);
            let unit: Vec<f32> = samples.iter().map(|&sample| to_f32(sample)).collect();
            law.encode_f32_into(&unit, &mut from_f32);
            assert_eq!(codes, from_f32);
            assert!(codes[1..].iter().zip(&samples).all(|(&code, &s)| code == law.encode(s)));

            let (mut decoded, mut unit) = (Vec::new(), Vec::new());
            law.decode_into(&codes[1..], &mut decoded);
            law.decode_f32_into(&codes[1..], &mut unit);
            assert!(codes[1..].iter().zip(&decoded).all(|(&code, &s)| s == law.decode(code)));
            assert!(decoded.iter().zip(&unit).all(|(&sample, &value)| to_f32(sample) == value));
        }
    }

    #[test]
    fn samples_out_of_range_are_limited() {
        assert_eq!([2.0, -2.0, f32::NAN].map(to_i16), [i16::MAX, i16::MIN, 0]);
        assert_eq!([0.4, 0.6, -0.4, -0.6].map(|s| to_i16(s / 32_768.0)), [0, 1, 0, -1]);
    }
}
