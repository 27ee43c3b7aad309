use super::*;

const RATES: [u32; 6] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000];

fn tone(frequency: f64, rate: u32, samples: usize) -> Vec<f32> {
    let step = 2.0 * PI * frequency / f64::from(rate);
    (0..samples).map(|n| (0.5 * (step * n as f64).sin()) as f32).collect()
}

fn resample(from: u32, to: u32, input: &[f32]) -> Vec<f32> {
    let mut output = Vec::new();
    Resampler::new(from, to).process(input, &mut output);
    output
}

/// Amplitude of one frequency, under a window that hides what is 10 bins away.
fn amplitude(signal: &[f32], frequency: f64, rate: u32) -> f64 {
    let step = 2.0 * PI * frequency / f64::from(rate);
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (n, &sample) in signal.iter().enumerate() {
        let place = 2.0 * PI * (n as f64 + 0.5) / signal.len() as f64;
        // Blackman-Harris: side lobes below -92 dB.
        let window = 0.358_75 - 0.488_29 * place.cos() + 0.141_28 * (2.0 * place).cos()
            - 0.011_68 * (3.0 * place).cos();
        re += window * f64::from(sample) * (step * n as f64).cos();
        im += window * f64::from(sample) * (step * n as f64).sin();
        weight += window;
    }
    2.0 * re.hypot(im) / weight
}

fn gain(from: u32, to: u32, frequency: f64, heard_as: f64) -> f64 {
    let output = resample(from, to, &tone(frequency, from, from as usize / 8));
    let settled = &output[output.len() / 8..];
    20.0 * (amplitude(settled, heard_as, to) / 0.5).max(1e-9).log10()
}

/// Power of a tone against everything else, by least squares.
fn snr(signal: &[f32], frequency: f64, rate: u32) -> f64 {
    let step = 2.0 * PI * frequency / f64::from(rate);
    let count = signal.len() as f64;
    let sum = |f: fn(f64) -> f64| -> f64 {
        let products = signal.iter().enumerate();
        products.map(|(n, &sample)| f64::from(sample) * f(step * n as f64)).sum::<f64>()
    };
    let (a, b) = (2.0 / count * sum(f64::cos), 2.0 / count * sum(f64::sin));
    let noise: f64 = signal
        .iter()
        .enumerate()
        .map(|(n, &sample)| {
            let phase = step * n as f64;
            (f64::from(sample) - a * phase.cos() - b * phase.sin()).powi(2)
        })
        .sum::<f64>()
        / count;
    10.0 * (((a * a + b * b) / 2.0) / noise).log10()
}

#[test]
fn tones_keep_60_db_of_distance_from_everything_else() {
    for frequency in [1_000.0, 3_000.0] {
        for (from, to) in [(8_000, 16_000), (16_000, 8_000), (48_000, 16_000), (24_000, 8_000)] {
            let output = resample(from, to, &tone(frequency, from, from as usize));
            // Whole periods, after the filter has settled.
            let settled = &output[to as usize / 2..][..to as usize / 4];
            let snr = snr(settled, frequency, to);
            assert!(snr > 80.0, "{from} to {to}, {frequency} Hz: {snr:.1} dB");
        }
    }
}

#[test]
fn the_band_of_speech_is_flat_between_all_rates() {
    for from in RATES {
        for to in RATES {
            for frequency in [150.0, 300.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
                let gain = gain(from, to, frequency, frequency);
                assert!(gain.abs() < 0.2, "{from} to {to}, {frequency} Hz: {gain:.3} dB");
            }
        }
    }
}

#[test]
fn images_are_80_db_down() {
    for to in [16_000, 24_000, 32_000, 44_100, 48_000] {
        for frequency in [300.0, 1_000.0, 3_000.0, 3_400.0, 3_700.0] {
            let image = gain(8_000, to, frequency, 8_000.0 - frequency);
            assert!(image < -80.0, "8000 to {to}, {frequency} Hz: {image:.1} dB");
        }
    }
}

#[test]
fn aliases_are_80_db_down() {
    for from in [16_000, 24_000, 32_000, 44_100, 48_000] {
        for frequency in [4_250.0, 4_400.0, 4_800.0, 5_600.0, 7_000.0] {
            let alias = gain(from, 8_000, frequency, 8_000.0 - frequency);
            assert!(alias < -80.0, "{from} to 8000, {frequency} Hz: {alias:.1} dB");
        }
    }
    let alias = gain(48_000, 16_000, 9_600.0, 6_400.0);
    assert!(alias < -80.0, "48000 to 16000: {alias:.1} dB");
}

#[test]
fn a3_the_size_of_the_pieces_does_not_change_the_output() {
    let input = tone(700.0, 8_000, 1_610);
    for (from, to) in [(8_000, 16_000), (16_000, 8_000), (8_000, 44_100), (48_000, 32_000)] {
        let whole = resample(from, to, &input);
        for piece in [1, 7, 160] {
            let mut resampler = Resampler::new(from, to);
            let mut output = Vec::new();
            for piece in input.chunks(piece) {
                resampler.process(piece, &mut output);
            }
            let same = output.iter().map(|s| s.to_bits()).eq(whole.iter().map(|s| s.to_bits()));
            assert!(same, "{from} to {to} in pieces of {piece}");
        }
    }
}

#[test]
fn the_length_is_exact_at_every_moment() {
    for from in RATES {
        for to in RATES {
            let mut resampler = Resampler::new(from, to);
            let mut output = Vec::new();
            let (mut given, mut got) = (0_u64, 0_u64);
            for piece in [1, 7, 160, 3, 441, 1_000, 0, 2] {
                resampler.process(&vec![0.25; piece], &mut output);
                given += piece as u64;
                got += output.len() as u64;
                output.clear();
                let expected = (given * u64::from(to)).div_ceil(u64::from(from));
                assert_eq!(got, expected, "{from} to {to} after {given}");
            }
        }
    }
}

#[test]
fn latency_is_where_an_impulse_comes_out() {
    for (from, to) in [(8_000, 16_000), (16_000, 8_000), (48_000, 8_000), (8_000, 44_100)] {
        let mut input = vec![0.0; 2_000];
        input[600] = 1.0;
        let output = resample(from, to, &input);
        let peak = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap();
        let late = peak as f64 / f64::from(to) - 600.0 / f64::from(from);
        let latency = Resampler::new(from, to).latency().as_secs_f64();
        assert!((late - latency).abs() <= 1.0 / f64::from(to), "{from} to {to}: {late} {latency}");
        assert!(latency < 0.004, "{from} to {to}: {latency}");
    }
}

#[test]
fn a_constant_and_equal_rates_pass_through_exactly() {
    let input = tone(1_000.0, 8_000, 100);
    assert_eq!(resample(8_000, 8_000, &input), input);
    let output = resample(8_000, 24_000, &[0.5; 400]);
    assert!(output[200..].iter().all(|sample| (sample - 0.5).abs() < 1e-6));
}

#[test]
fn a_reset_converter_is_as_good_as_new() {
    let input = tone(1_000.0, 8_000, 333);
    let mut resampler = Resampler::new(8_000, 44_100);
    resampler.process(&[1.0; 77], &mut Vec::new());
    resampler.reset();
    let mut output = Vec::new();
    resampler.process(&input, &mut output);
    assert_eq!(output, resample(8_000, 44_100, &input));
}

#[test]
fn what_is_held_back_at_the_end_comes_out_and_nothing_where_there_was_nothing() {
    for from in RATES {
        for to in RATES {
            let mut resampler = Resampler::new(from, to);
            let mut output = Vec::new();
            resampler.finish(&mut output);
            assert!(output.is_empty(), "{from} to {to}: {output:?}");
            // The tone is as loud in its last millisecond as anywhere, and that is heard.
            resampler.process(&tone(500.0, from, from as usize / 4), &mut output);
            let before = output.len();
            resampler.finish(&mut output);
            let more = resampler.latency().as_secs_f64() * f64::from(to);
            let missing = more - (output.len() - before) as f64;
            assert!(missing.abs() < 0.501, "{from} to {to}: {missing}");
            let last = &output[output.len() - to as usize / 1_000 - 1..];
            let peak = last.iter().copied().fold(0.0, |peak: f32, it| peak.max(it.abs()));
            assert!(peak > 0.45, "{from} to {to}: {peak}");
            // And it is as good as new.
            let mut again = Vec::new();
            resampler.process(&tone(500.0, from, from as usize / 4), &mut again);
            assert_eq!(again, output[..before], "{from} to {to}");
        }
    }
}

/// Rates that have next to nothing in common.
const ODD: [(u32, u32); 6] = [
    (47_999, 8_000),
    (8_000, 47_999),
    (11_127, 8_000),
    (8_000, 7_919),
    (191_999, 8_000),
    (96_000, 11_025),
];

#[test]
fn no_pair_of_rates_takes_a_large_filter() {
    let rates = [4_000, 7_919, 11_025, 12_345, 44_100, 48_000, 96_000, 191_999, 192_000];
    for from in rates {
        for to in rates {
            // Making them takes the time: a millisecond for twenty thousand.
            let taps = Resampler::new(from, to).filter.len();
            assert!(taps <= LARGEST, "{from} to {to}: {taps}");
        }
    }
}

#[test]
fn rates_with_next_to_nothing_in_common_sound_as_well_as_others() {
    for (from, to) in ODD {
        let band = f64::from(from.min(to)) / 2.0;
        assert!(Resampler::new(from, to).phases.is_some(), "{from} to {to}");
        for share in [0.05, 0.3, 0.6, 0.85] {
            let gain = gain(from, to, share * band, share * band);
            assert!(gain.abs() < 0.2, "{from} to {to}, {share}: {gain:.3} dB");
            let output = resample(from, to, &tone(share * band, from, from as usize / 2));
            let settled = &output[output.len() / 2..];
            // Whole turns, so that the least squares are those of a tone.
            let turns = (share * band * settled.len() as f64 / f64::from(to)).floor();
            let length = (turns * f64::from(to) / (share * band)).round() as usize;
            let snr = snr(&settled[..length], share * band, to);
            assert!(snr > 60.0, "{from} to {to}, {share}: {snr:.1} dB");
        }
        if from > to {
            for share in [1.07, 1.2, 1.5] {
                let heard = (2.0 - share) * band;
                let alias = gain(from, to, share * band, heard);
                assert!(alias < -80.0, "{from} to {to}, {share}: {alias:.1} dB");
            }
        }
    }
}

#[test]
fn a3_phases_that_are_interpolated_do_not_depend_on_the_pieces() {
    let input = tone(700.0, 8_000, 1_610);
    for (from, to) in ODD {
        let whole = resample(from, to, &input);
        let expected = (1_610 * u64::from(to)).div_ceil(u64::from(from));
        assert_eq!(whole.len() as u64, expected);
        let mut resampler = Resampler::new(from, to);
        let mut output = Vec::new();
        for piece in input.chunks(37) {
            resampler.process(piece, &mut output);
        }
        assert_eq!(output, whole, "{from} to {to}");
    }
}

#[test]
#[should_panic(expected = "a thousand times")]
fn a_rate_that_falls_out_of_all_bounds_is_refused_before_its_filter_is_made() {
    let _ = Resampler::new(4_000_000_000, 1);
}

#[test]
fn a_rate_that_falls_by_a_thousand_times_is_converted() {
    let mut output = Vec::new();
    Resampler::new(1_000_000, 1_000).process(&[0.5; 200_000], &mut output);
    assert_eq!(output.len(), 200);
    assert!((output[150] - 0.5).abs() < 1e-3, "{}", output[150]);
}
