//! The test vectors of the ITU's software tool library (Recommendation G.191).

use std::{error::Error, fs, path::Path};

use voiceagent_core::audio::{
    g711::Law,
    g722::{Decoder, Encoder},
};

pub(super) struct Comparison {
    pub(super) name: &'static str,
    pub(super) values: usize,
    pub(super) wrong: usize,
}

pub(super) fn compare(stl: &Path) -> Result<Vec<Comparison>, Box<dyn Error>> {
    let mut compared = Vec::new();
    let read = |path: &str| -> Result<Vec<i16>, Box<dyn Error>> {
        let path = stl.join("src").join(path);
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let words = bytes.chunks_exact(2).map(|word| i16::from_le_bytes([word[0], word[1]]));
        Ok(words.collect())
    };
    let sweep = read("g711/test_data/sweep.src")?;
    for (law, codes, decoded) in [(Law::Alaw, "a", "rea"), (Law::Mulaw, "u", "reu")] {
        let codes = bytes(&read(&format!("g711/test_data/sweep-r.{codes}"))?);
        let decoded = read(&format!("g711/test_data/sweep-r.{decoded}"))?;
        let (mut encoded, mut samples) = (Vec::new(), Vec::new());
        law.encode_into(&sweep, &mut encoded);
        law.decode_into(&codes, &mut samples);
        let [encoder, decoder] = match law {
            Law::Alaw => ["A-law encoder", "A-law decoder"],
            Law::Mulaw => ["mu-law encoder", "mu-law decoder"],
        };
        compared.push(Comparison::new(encoder, &codes, &encoded));
        compared.push(Comparison::new(decoder, &decoded, &samples));
    }
    let codes = bytes(&read("g722/test_data/codspw.cod")?);
    let (mut encoded, mut samples) = (Vec::new(), Vec::new());
    Encoder::default().encode_into(&read("g722/test_data/inpsp.bin")?, &mut encoded);
    Decoder::default().decode_into(&codes, &mut samples);
    let decoded = read("g722/test_data/outsp1.bin")?;
    compared.push(Comparison::new("G.722 encoder", &codes, &encoded));
    compared.push(Comparison::new("G.722 decoder", &decoded, &samples));
    Ok(compared)
}

/// The codes of a file that gives each a word.
fn bytes(words: &[i16]) -> Vec<u8> {
    words.iter().map(|word| word.to_le_bytes()[0]).collect()
}

impl Comparison {
    fn new<T: PartialEq>(name: &'static str, expected: &[T], given: &[T]) -> Self {
        let differ = expected.iter().zip(given).filter(|(one, other)| one != other).count();
        let wrong = differ + expected.len().abs_diff(given.len());
        Self { name, values: expected.len(), wrong }
    }
}
