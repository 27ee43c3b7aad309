use std::{env, fs, path::PathBuf};

use super::*;
use crate::audio::{AudioFormat, Encoding};

const STEREO: AudioFormat =
    AudioFormat { channels: 2, ..AudioFormat::mono(Encoding::PcmS16Le, 8_000) };

fn record(name: &str, pieces: Vec<Piece>) -> (PathBuf, Vec<u8>) {
    let path = env::temp_dir().join(format!("voiceagent-test-{name}-{}.opus", std::process::id()));
    let mut file = OpusFile::new(File::create(&path).unwrap(), STEREO).unwrap();
    pieces.into_iter().for_each(|piece| drop(file.write(piece).unwrap()));
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// Two tones: so many moments of 400 Hz on the left and nothing on the right, or the other way round.
fn tone(moments: usize, is_left: bool) -> Piece {
    let wave = |at: usize| (8_000.0 * (at as f32 * std::f32::consts::TAU / 20.0).sin()) as i16;
    let pair = |at| if is_left { [wave(at), 0] } else { [0, wave(at)] };
    Piece::Sound((0..moments).flat_map(pair).flat_map(i16::to_le_bytes).collect())
}

/// The pages of a file: kind, time and packets.
fn pages(mut file: &[u8]) -> Vec<(u8, u64, Vec<Vec<u8>>)> {
    let mut pages = Vec::new();
    while !file.is_empty() {
        assert_eq!(&file[..5], b"OggS\0");
        assert_eq!(file[18..22], (pages.len() as u32).to_le_bytes(), "the pages are counted");
        let segments = usize::from(file[26]);
        let (lengths, mut rest) = file[27..].split_at(segments);
        let mut packets = Vec::new();
        for length in lengths.split_inclusive(|length| *length < 255) {
            let length = length.iter().map(|it| usize::from(*it)).sum();
            packets.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        let (mut page, time) = (file[..file.len() - rest.len()].to_vec(), &file[6..14]);
        page[22..26].fill(0);
        assert_eq!(file[22..26], ogg::checksum(&page).to_le_bytes());
        pages.push((file[5], u64::from_le_bytes(time.try_into().unwrap()), packets));
        file = rest;
    }
    pages
}

/// Both sides of a recording, as a decoder hears them.
fn play(pages: &[(u8, u64, Vec<Vec<u8>>)]) -> [Vec<i16>; 2] {
    let mut decoders = [(); 2].map(|()| opus::Decoder::new(8_000).unwrap());
    let mut sides = [Vec::new(), Vec::new()];
    for packet in pages[2..].iter().flat_map(|(_, _, packets)| packets) {
        let (length, begin) = match packet[1] {
            short @ 0..252 => (usize::from(short), 2),
            low => (usize::from(low) + 4 * usize::from(packet[2]), 3),
        };
        let first = [&packet[..1], &packet[begin..begin + length]].concat();
        decoders[0].decode(&first, &mut sides[0]).unwrap();
        decoders[1].decode(&packet[begin + length..], &mut sides[1]).unwrap();
    }
    sides
}

#[test]
fn both_sides_are_heard_when_they_sounded_and_neither_leaks_into_the_other() {
    let pieces = vec![tone(8_000, true), Piece::Silence(12_345), tone(6_001, false), Piece::End];
    let (path, file) = record("sides", pieces);
    fs::remove_file(path).unwrap();
    let pages = pages(&file);
    assert_eq!((pages[0].0, pages[1].0, pages.last().unwrap().0), (2, 0, 4));
    assert_eq!(pages[0].2[0][..12], *b"OpusHead\x01\x02\x38\x01");
    let skipped = 312;
    assert_eq!(pages.last().unwrap().1, skipped + (8_000 + 12_345 + 6_001) * 6);
    let [left, right] = play(&pages);
    let loud = |side: &[i16]| {
        let is_loud = |sample: &i16| sample.unsigned_abs() > 2_000;
        let first = side.iter().position(is_loud).unwrap();
        (
            first as i64 - skipped as i64 / 6,
            side.len() - side.iter().rev().position(is_loud).unwrap(),
        )
    };
    let (begin, end) = loud(&left);
    assert!(begin.abs() < 80 && (7_900..8_200).contains(&end), "{begin} {end}");
    let (begin, end) = loud(&right);
    assert!((begin - 20_345).abs() < 80 && (26_250..26_500).contains(&end), "{begin} {end}");
    let leaked = left[9_000..].iter().chain(&right[..20_000]).map(|it| it.unsigned_abs()).max();
    assert!(leaked < Some(20), "{leaked:?}");
}

#[test]
fn a_file_that_was_never_finished_holds_all_but_the_last_second() {
    let (path, file) = record("killed", (0..10).map(|_| tone(8_000, true)).collect());
    fs::remove_file(path).unwrap();
    let pages = pages(&file);
    assert!(pages.iter().all(|(kind, ..)| *kind != 4));
    assert_eq!(pages.last().unwrap().1, 9 * 48_000);
    assert_eq!(play(&pages)[0].len(), 9 * 8_000);
}

#[test]
fn frames_of_every_length_are_delimited() {
    for length in [0, 1, 251, 252, 253, 255, 256, 1_020, 1_274] {
        let (bytes, count) = ogg::delimiter(&vec![0; length + 1]);
        let told = match bytes {
            [short, _] if count == 1 => usize::from(short),
            [low, high] => usize::from(low) + 4 * usize::from(high),
        };
        assert_eq!(told, length);
    }
}

/// The reader of Xiph.Org, where it is installed: `apt install opus-tools`.
#[test]
fn opusinfo_finds_nothing_to_complain_about() {
    let (path, _) = record("info", vec![tone(20_001, true), Piece::Silence(9), Piece::End]);
    let told = std::process::Command::new("opusinfo").arg(&path).output();
    fs::remove_file(path).unwrap();
    let Ok(told) = told else {
        eprintln!("SKIPPED: opusinfo is not installed");
        return;
    };
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("Playback length: 0m:02.501s"), "{told}");
    assert!(!told.to_lowercase().contains("warning"), "{told}");
}
