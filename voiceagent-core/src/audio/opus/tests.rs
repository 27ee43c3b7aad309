use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;

fn voice(rate: u32, samples: usize) -> Vec<i16> {
    let turn = 140.0 / rate as f32;
    let sample = |at: usize| {
        let wave = |number: f32| (TAU * (at as f32 * turn * number).fract()).sin() / number;
        6_000.0 * (wave(1.0) + wave(3.0) + wave(6.0))
    };
    (0..samples).map(|at| sample(at) as i16).collect()
}

fn packets(encoder: &mut Encoder, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let take = |packet: &[u8]| {
        packets.push(packet.to_vec());
        Ok(())
    };
    encoder.encode(samples, take).unwrap();
    packets
}

fn power(samples: &[i16]) -> f32 {
    samples.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / samples.len() as f32
}

#[test]
fn a_voice_comes_back_at_every_rate() {
    for from in [8_000, 16_000, 24_000, 48_000] {
        for to in [8_000, 16_000, 24_000, 48_000] {
            let mut encoder = Encoder::new(from).unwrap().with_bitrate(24_000).unwrap();
            let mut decoder = Decoder::new(to).unwrap();
            let (mut heard, mut bytes) = (Vec::new(), 0);
            for packet in packets(&mut encoder, &voice(from, from as usize)) {
                bytes += packet.len();
                decoder.decode(&packet, &mut heard).unwrap();
            }
            assert_eq!(heard.len(), to as usize, "{from} to {to}");
            assert!((1_000..6_000).contains(&bytes), "{bytes} B in a second");
            let wanted = power(&voice(to, to as usize)[to as usize / 2..]);
            let ratio = power(&heard[to as usize / 2..]) / wanted;
            assert!((0.7..1.4).contains(&ratio), "{from} to {to}: {ratio}");
        }
    }
}

#[test]
fn a_lost_packet_is_made_up_and_better_so_from_the_copy_in_the_next() {
    let voice: Vec<i16> = voice(16_000, 32_000)
        .into_iter()
        .enumerate()
        // It is heard in every second stretch of 100 ms only, so that nothing tells what was lost.
        .map(|(at, sample)| if at / 1_600 % 2 == 0 { sample } else { sample / 40 })
        .collect();
    let encoder = Encoder::new(16_000).unwrap().with_bitrate(24_000).unwrap();
    let mut encoder = encoder.with_redundancy(20).unwrap();
    let packets = packets(&mut encoder, &voice);
    let play = |uses_copy: bool| {
        let mut decoder = Decoder::new(16_000).unwrap();
        let mut heard = Vec::new();
        for (number, packet) in packets.iter().enumerate() {
            if number % 5 == 1 {
                let after = packets.get(number + 1).filter(|_| uses_copy);
                decoder.recover(after.map(Vec::as_slice), 320, &mut heard).unwrap();
            } else {
                decoder.decode(packet, &mut heard).unwrap();
            }
        }
        heard
    };
    let mut decoder = Decoder::new(16_000).unwrap();
    let mut whole = Vec::new();
    packets.iter().for_each(|packet| decoder.decode(packet, &mut whole).unwrap());
    let error = |heard: &[i16]| {
        assert_eq!(heard.len(), whole.len());
        let apart = heard.iter().zip(&whole).map(|(a, b)| (f32::from(*a) - f32::from(*b)).powi(2));
        apart.sum::<f32>() / power(&whole) / whole.len() as f32
    };
    let (made_up, copied) = (error(&play(false)), error(&play(true)));
    assert!(made_up < 0.3, "{made_up}");
    assert!(copied < 0.7 * made_up, "{copied} with the copy, {made_up} without");
}

#[test]
fn what_is_not_opus_is_refused() {
    assert_eq!(Encoder::new(44_100).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(Decoder::new(11_025).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(Encoder::new(8_000).unwrap().with_bitrate(0).is_err());
    assert!(Encoder::new(8_000).unwrap().with_redundancy(101).is_err());
    let mut samples = vec![7];
    let mut decoder = Decoder::new(8_000).unwrap();
    assert_eq!(decoder.decode(&[], &mut samples).unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(decoder.decode(&[0xFF], &mut samples).unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(samples, [7]);
}

proptest! {
    #[test]
    fn pieces_of_any_length_give_the_same_packets(cut in 1_usize..700) {
        let voice = voice(8_000, 2_000);
        let whole = packets(&mut Encoder::new(8_000).unwrap(), &voice);
        let mut encoder = Encoder::new(8_000).unwrap();
        let parts: Vec<_> =
            voice.chunks(cut).flat_map(|part| packets(&mut encoder, part)).collect();
        prop_assert_eq!(encoder.waiting(), 2_000 % 160);
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn no_bytes_break_the_decoder(packet in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut samples = Vec::new();
        let _ = Decoder::new(16_000).unwrap().decode(&packet, &mut samples);
        prop_assert!(samples.len() <= 1_920);
    }
}
