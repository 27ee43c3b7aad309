use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;

/// Noise at full scale, a square wave at the limits, faint noise, silence and rising sawtooth waves.
fn hard() -> Vec<i16> {
    let mut state = 1_u32;
    let sample = |at: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 16) as i16;
        match at / 4_000 {
            0 => noise,
            1 if at / 7 % 2 == 0 => i16::MAX,
            1 => i16::MIN,
            2 => noise / 64,
            3 => 0,
            _ => ((at % 4_000).pow(2) * 8) as i16,
        }
    };
    (0..20_000).map(sample).collect()
}

/// FNV-1a.
fn digest(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xCBF2_9CE4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn encode(samples: &[i16]) -> Vec<u8> {
    let mut codes = Vec::new();
    Encoder::default().encode_into(samples, &mut codes);
    codes
}

fn decode(codes: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    Decoder::default().decode_into(codes, &mut samples);
    samples
}

/// The digests are those of the output of the ITU's software tool library (G.191, version of 2023)
/// on the same input. `cargo run -p voiceagent-benches --bin audio -- --stl` compares with its own
/// test vectors.
#[test]
fn every_bit_is_that_of_the_reference() {
    assert_eq!(digest(encode(&hard())), 0xDA07_BD71_1944_63A4);
    let codes: Vec<u8> = hard().iter().map(|sample| (sample >> 3) as u8).collect();
    let samples = decode(&codes).into_iter().flat_map(i16::to_le_bytes);
    assert_eq!(digest(samples), 0x5611_C198_CCD5_1D99);
}

#[test]
fn both_bands_come_back() {
    for (frequency, least) in [(150.0, 30.0), (1_000.0, 35.0), (3_000.0, 25.0), (6_000.0, 10.0)] {
        let wave = |at: usize| 8_000.0 * (TAU * frequency * at as f64 / 16_000.0).sin();
        let samples: Vec<i16> = (0..8_000).map(|at| wave(at) as i16).collect();
        let decoded = decode(&encode(&samples));
        // The two filters delay by 22 samples.
        let pairs = samples[4_000..7_900].iter().zip(&decoded[4_022..]);
        let (mut power, mut noise) = (0.0, 0.0);
        for (sample, decoded) in pairs {
            power += f64::from(*sample).powi(2);
            noise += f64::from(i32::from(*sample) - i32::from(*decoded)).powi(2);
        }
        let snr = 10.0 * (power / noise).log10();
        assert!(snr > least, "{frequency} Hz: {snr:.1} dB");
    }
}

#[test]
fn silence_follows_on_sound_within_20_ms() {
    let mut decoder = Decoder::default();
    decoder.decode_into(&encode(&hard()[..4_000]), &mut Vec::new());
    let mut samples = Vec::new();
    decoder.decode_into(&[SILENCE; 320], &mut samples);
    let loudest = samples[320..].iter().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest <= Some(58), "{loudest:?}");
}

#[test]
fn a_decoder_that_begins_in_the_middle_is_right_after_160_ms() {
    let wave = |at: usize| 8_000.0 * (TAU * 440.0 * at as f64 / 16_000.0).sin();
    let samples: Vec<i16> = (0..10_000).map(|at| wave(at) as i16).collect();
    let codes = encode(&samples);
    let (whole, late) = (decode(&codes), decode(&codes[2_000..]));
    let apart = whole[6_560..].iter().zip(&late[2_560..]).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart < Some(300), "{apart:?}");
}

proptest! {
    #[test]
    fn pieces_cut_anywhere_give_the_same_bytes(
        samples in prop::collection::vec(any::<i16>(), 0..500),
        piece in 1_usize..99,
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let (mut codes, mut decoded) = (Vec::new(), Vec::new());
        for piece in samples.chunks(piece) {
            let begin = codes.len();
            encoder.encode_into(piece, &mut codes);
            decoder.decode_into(&codes[begin..], &mut decoded);
        }
        prop_assert_eq!(codes.len(), samples.len() / 2);
        prop_assert_eq!(&codes, &encode(&samples));
        prop_assert_eq!(decoded, decode(&codes));
    }

    #[test]
    fn no_bytes_break_the_decoder(codes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(decode(&codes).len(), codes.len() * 2);
    }
}
