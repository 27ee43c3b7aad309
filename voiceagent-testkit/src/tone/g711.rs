//! G.711 by the formulas of the recommendation, sample by sample.
//!
//! On purpose not the tables of the core: what the fakes say must not depend on what they test.

/// Added to the magnitude so that the segments of mu-law begin at powers of two.
const BIAS: i32 = 132;

pub(super) fn to_mulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + BIAS;
    let segment = magnitude.ilog2() as i32 - 7;
    let step = (magnitude >> (segment + 3)) & 0xF;
    !(sign | (segment << 4) as u8 | step as u8)
}

pub(super) fn from_mulaw(byte: u8) -> i16 {
    let bits = i32::from(!byte);
    let magnitude = ((((bits & 0xF) << 3) + BIAS) << ((bits >> 4) & 7)) - BIAS;
    (if bits & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

pub(super) fn to_alaw(sample: i16) -> u8 {
    let (mask, magnitude) = if sample < 0 { (0x55, !sample) } else { (0xD5, sample) };
    let magnitude = i32::from(magnitude) >> 3;
    let bits = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = magnitude.ilog2() as i32 - 4;
        (segment << 4) | ((magnitude >> segment) & 0xF)
    };
    bits as u8 ^ mask
}

pub(super) fn from_alaw(byte: u8) -> i16 {
    let bits = i32::from(byte ^ 0x55);
    let step = (bits & 0xF) << 4;
    let magnitude = match (bits >> 4) & 7 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_a_round_trip() {
        for byte in 0..=u8::MAX {
            assert_eq!(to_alaw(from_alaw(byte)), byte, "A-law {byte:#x}");
            // Mu-law has two zeros; the negative one comes back as the positive one.
            if byte != 0x7F {
                assert_eq!(to_mulaw(from_mulaw(byte)), byte, "mu-law {byte:#x}");
            }
        }
    }

    #[test]
    fn the_values_of_the_recommendation_hold() {
        assert_eq!((from_mulaw(0xFF), from_mulaw(0x80), from_mulaw(0x00)), (0, 32_124, -32_124));
        assert_eq!((from_alaw(0xD5), from_alaw(0xAA), from_alaw(0x2A)), (8, 32_256, -32_256));
        assert_eq!((to_mulaw(0), to_alaw(0)), (0xFF, 0xD5));
    }
}
