use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::{Embedder, EmbedderCapabilities, Embedding, Purpose};
use crate::Result;

/// How many letters a piece of a word has.
const PIECE: usize = 3;

/// An embedder that needs no vendor and no model: texts lie close together that share words, or
/// pieces of words. It knows no meaning: "car" and "vehicle" are strangers to it.
///
/// The same text has the same point on every machine and in every version, so that points can be
/// kept. For tests, small lists, and as the last of a chain.
///
/// Each word and each three letters of it are hashed to one dimension and a sign (the "hashing
/// trick": Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009).
///
/// ```
/// use voiceagent_core::embedding::{Embedder, HashingEmbedder, Purpose};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let texts = ["How much is an oil change?", "What does an oil change cost?", "I am on holiday."];
/// let points = HashingEmbedder::default()
///     .embed(&texts.map(Into::into), Purpose::Document)
///     .await
///     .unwrap();
/// assert!(points[0].similarity(&points[1]) > points[0].similarity(&points[2]));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HashingEmbedder {
    dimensions: usize,
}

impl HashingEmbedder {
    /// An embedder of points with so many numbers, at least one. More of them let fewer words share
    /// one.
    #[must_use]
    pub const fn new(dimensions: usize) -> Self {
        Self { dimensions: if dimensions == 0 { 1 } else { dimensions } }
    }

    /// The point of a text.
    #[must_use]
    pub fn point(&self, text: &str) -> Embedding {
        let mut values = vec![0.0; self.dimensions];
        let mut add = |piece: &[char], weight: f32| {
            let hash = fnv(piece);
            // The sign comes from a bit that the place does not depend on.
            let sign = if hash >> 63 == 0 { weight } else { -weight };
            let place = (hash & (u64::MAX >> 1)) % self.dimensions as u64;
            values[usize::try_from(place).expect("it is below a usize")] += sign;
        };
        let lower = text.to_lowercase();
        for word in lower.split(|letter: char| !letter.is_alphanumeric()) {
            let framed: Vec<char> = format!("<{word}>").chars().collect();
            if framed.len() == 2 {
                continue;
            }
            add(&framed, 1.0);
            // Pieces let forms of a word, and what a recognizer misspells, stay close.
            framed.windows(PIECE).for_each(|piece| add(piece, 0.5));
        }
        Embedding::new(values)
    }
}

impl Default for HashingEmbedder {
    /// 512 dimensions.
    fn default() -> Self {
        Self::new(512)
    }
}

/// Settings of a [`HashingEmbedder`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HashingConfig {
    /// How many numbers a point has. 512 unless set.
    pub dimensions: usize,
}

impl Default for HashingConfig {
    fn default() -> Self {
        Self { dimensions: HashingEmbedder::default().dimensions }
    }
}

#[async_trait]
impl Embedder for HashingEmbedder {
    fn name(&self) -> &str {
        "hashing"
    }

    fn capabilities(&self) -> EmbedderCapabilities {
        EmbedderCapabilities::new(Some(self.dimensions), None)
    }

    async fn embed(&self, texts: &[Arc<str>], _purpose: Purpose) -> Result<Vec<Embedding>> {
        Ok(texts.iter().map(|text| self.point(text)).collect())
    }
}

/// FNV-1a in 64 bits (Fowler, Noll and Vo, draft-eastlake-fnv), over letters, with a finish that
/// spreads short pieces over all bits.
fn fnv(letters: &[char]) -> u64 {
    let hash = letters.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, letter| {
        (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_same_point_for_ever() {
        let point = HashingEmbedder::new(8).point("Oil change");
        let expected = [0, 0, -277, -277, 832, -277, 277, 0];
        let rounded: Vec<i32> =
            point.values().iter().map(|value| (value * 1_000.0).round() as i32).collect();
        assert_eq!(rounded, expected);
    }

    #[test]
    fn case_blanks_and_punctuation_do_not_count() {
        let embedder = HashingEmbedder::default();
        assert_eq!(embedder.point("  oil, CHANGE!"), embedder.point("Oil change"));
        let silence = embedder.point("?!");
        assert!(silence.values().iter().all(|value| *value == 0.0));
        assert_eq!(silence.similarity(&embedder.point("oil")), 0.0);
    }

    #[test]
    fn what_shares_words_or_pieces_of_them_is_closer_than_what_does_not() {
        let embedder = HashingEmbedder::default();
        let near = |one: &str, other: &str| embedder.point(one).similarity(&embedder.point(other));
        assert!(near("brake pads", "new brakes") > 0.15, "{}", near("brake pads", "new brakes"));
        assert!(near("brake pads", "my name is Vega").abs() < 0.15);
        assert!((near("oil change", "oil change") - 1.0).abs() < 1e-5);
    }

    #[test]
    fn an_embedder_has_at_least_one_dimension() {
        assert_eq!(HashingEmbedder::new(0).point("oil").values().len(), 1);
    }
}
