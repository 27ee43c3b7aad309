use proptest::prelude::*;

use super::*;

fn made(noise: ComfortNoise, samples: usize) -> Vec<f32> {
    let mut generator = NoiseGenerator::new(AudioFormat::PCM_8K);
    generator.describe(noise);
    let mut made = vec![0.0; samples];
    generator.fill(&mut made);
    made
}

/// How much of the power lies in slow changes: 0.5 for white noise.
fn slow_share(samples: &[f32]) -> f32 {
    let sums = |sign: f32| -> f32 {
        samples.windows(2).map(|pair| (pair[0] + sign * pair[1]).powi(2)).sum()
    };
    sums(1.0) / (sums(1.0) + sums(-1.0))
}

#[test]
fn noise_is_as_loud_as_it_was_told() {
    for coded in [vec![40], vec![60, 20], vec![50, 230, 90], vec![70, 60, 200, 127, 140, 127]] {
        let noise = ComfortNoise::parse(&coded).unwrap();
        let level = Decibels::of(&made(noise, 16_000)).0;
        assert!((level - noise.level().0).abs() < 1.0, "{coded:?}: {level}");
    }
}

#[test]
fn what_is_described_from_sound_sounds_like_it() {
    for (coded, share) in [([50, 20], 0.9), ([50, 127], 0.5), ([50, 230], 0.1)] {
        let sound = made(ComfortNoise::parse(&coded).unwrap(), 8_000);
        assert!((slow_share(&sound) - share).abs() < 0.06, "{coded:?}: {}", slow_share(&sound));
        let mut payload = Vec::new();
        ComfortNoise::of(&sound[..800]).write(&mut payload);
        assert_eq!(payload.len(), 11);
        assert!(payload[0].abs_diff(coded[0]) <= 1, "{payload:?}");
        assert!(payload[1].abs_diff(coded[1]) <= 16, "{payload:?}");
        let again = made(ComfortNoise::parse(&payload).unwrap(), 8_000);
        assert!((slow_share(&again) - share).abs() < 0.08, "{coded:?}: {}", slow_share(&again));
    }
}

#[test]
fn silence_and_tones_are_described_without_harm() {
    assert_eq!(made(ComfortNoise::of(&[0.0; 160]), 80), [0.0; 80]);
    let tone: Vec<f32> = (0..160).map(|at| (at as f32 * 0.4).sin()).collect();
    let noise = ComfortNoise::of(&tone);
    let loudest = made(noise, 8_000).iter().fold(0.0, |most: f32, it| most.max(it.abs()));
    assert!(loudest > 0.1 && loudest <= 1.0, "{loudest}");
    let mut payload = Vec::new();
    noise.write(&mut payload);
    assert_eq!(payload[0], 3);
}

#[test]
fn a_new_description_is_followed_without_a_step() {
    let mut generator = NoiseGenerator::new(AudioFormat::PCM_8K);
    generator.describe(ComfortNoise::white(Decibels(-60.0)));
    let mut samples = [0.0; 800];
    generator.fill(&mut samples);
    generator.describe(ComfortNoise::white(Decibels(-30.0)));
    generator.fill(&mut samples);
    assert!(Decibels::of(&samples[..8]) < Decibels(-42.0));
    assert!((Decibels::of(&samples[400..]).0 + 30.0).abs() < 1.5);
}

#[test]
fn what_is_no_number_is_silence() {
    for samples in [[f32::NAN; 160], [f32::INFINITY; 160]] {
        assert_eq!(ComfortNoise::of(&samples), ComfortNoise::white(Decibels::SILENCE));
    }
    let mut generator = NoiseGenerator::new(AudioFormat::PCM_8K);
    generator.describe(ComfortNoise::white(Decibels(f32::NAN)));
    let mut samples = [1.0; 80];
    generator.fill(&mut samples);
    assert_eq!(samples, [0.0; 80]);
    let mut payload = Vec::new();
    ComfortNoise::of(&[f32::NAN]).write(&mut payload);
    assert_eq!(payload[0], 127, "the softest there is, and not the loudest");
}

#[test]
fn an_empty_payload_says_nothing() {
    assert_eq!(ComfortNoise::parse(&[]), None);
    assert_eq!(ComfortNoise::parse(&[0xBE]), ComfortNoise::parse(&[0x3E]), "bit 8 is not used");
    assert_eq!(ComfortNoise::parse(&[9, 255]), ComfortNoise::parse(&[9, 127]), "255 is reserved");
}

proptest! {
    #[test]
    fn a_payload_is_written_as_it_was_read(
        level in 0_u8..128,
        coded in prop::collection::vec(0_u8..255, ORDER),
    ) {
        let payload: Vec<u8> = std::iter::once(level).chain(coded).collect();
        let mut written = Vec::new();
        ComfortNoise::parse(&payload).unwrap().write(&mut written);
        prop_assert_eq!(written, payload);
    }

    #[test]
    fn no_payload_breaks_the_generator(payload in prop::collection::vec(any::<u8>(), 1..40)) {
        let noise = ComfortNoise::parse(&payload).unwrap();
        prop_assert!(made(noise, 400).iter().all(|sample| (-1.0..=1.0).contains(sample)));
    }

    #[test]
    fn no_level_leaves_the_range_of_samples(level in any::<f32>()) {
        let noise = made(ComfortNoise::white(Decibels(level)), 800);
        prop_assert!(noise.iter().all(|sample| (-1.0..=1.0).contains(sample)), "{}", level);
    }

    #[test]
    fn how_noise_is_cut_changes_nothing(
        payload in prop::collection::vec(any::<u8>(), 1..12),
        cut in 1_usize..99,
    ) {
        let noise = ComfortNoise::parse(&payload).unwrap();
        let mut generator = NoiseGenerator::new(AudioFormat::PCM_8K);
        generator.describe(noise);
        let mut parts = vec![0.0; 400];
        parts.chunks_mut(cut).for_each(|part| generator.fill(part));
        prop_assert_eq!(parts, made(noise, 400));
    }
}
