use base64_simd::STANDARD;
use serde::Deserialize;
use voiceagent_core::{Result, embedding::Embedding};

use crate::wire::embedding::unreadable;

/// The answer of `POST /embeddings`.
#[derive(Deserialize)]
pub(super) struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Numbers,
}

/// Numbers as they were asked for, or as servers that know no base64 write them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    /// Little-endian, of 32 bits.
    Base64(String),
    Decimal(Vec<f32>),
}

impl Answer {
    /// The points of so many texts, in the order of the texts.
    pub(super) fn points(self, count: usize) -> Result<Vec<Embedding>> {
        let mut points: Vec<Option<Embedding>> = vec![None; count];
        for (at, item) in self.data.into_iter().enumerate() {
            let place = points.get_mut(item.index.unwrap_or(at));
            let place = place.ok_or_else(|| unreadable("about more texts than were sent"))?;
            *place = Some(Embedding::new(item.embedding.read()?));
        }
        let all: Option<Vec<_>> = points.into_iter().collect();
        all.ok_or_else(|| unreadable("about fewer texts than were sent"))
    }
}

impl Numbers {
    fn read(self) -> Result<Vec<f32>> {
        let text = match self {
            Self::Base64(text) => text,
            Self::Decimal(numbers) => return Ok(numbers),
        };
        let bytes = STANDARD.decode_to_vec(text).map_err(|_| unreadable("no base64"))?;
        let numbers = bytes.as_chunks::<4>();
        match numbers {
            (numbers, []) => Ok(numbers.iter().copied().map(f32::from_le_bytes).collect()),
            _ => Err(unreadable("cut off")),
        }
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::ErrorKind;

    use super::*;

    fn points(data: &str, count: usize) -> Result<Vec<Embedding>> {
        serde_json::from_str::<Answer>(&format!(r#"{{"data":{data}}}"#)).unwrap().points(count)
    }

    #[test]
    fn points_are_in_the_order_of_their_texts_in_either_writing() {
        // 3.0 and 4.0.
        let data = r#"[{"index":1,"embedding":[0.0,-2.0]},{"index":0,"embedding":"AABAQAAAgEA="}]"#;
        let read = points(data, 2).unwrap();
        assert_eq!(read[0].values(), [0.6, 0.8]);
        assert_eq!(read[1].values(), [0.0, -1.0]);
        let unnumbered = r#"[{"embedding":[1.0]},{"embedding":[-1.0]}]"#;
        assert_eq!(points(unnumbered, 2).unwrap()[1].values(), [-1.0]);
    }

    #[test]
    fn an_answer_that_does_not_fit_the_request_is_refused() {
        for data in [
            r#"[]"#,
            r#"[{"embedding":[1.0]},{"embedding":[1.0]}]"#,
            r#"[{"index":7,"embedding":[1.0]}]"#,
            r#"[{"embedding":"AABAQAA="}]"#,
            r#"[{"embedding":"?"}]"#,
        ] {
            assert_eq!(points(data, 1).unwrap_err().kind(), ErrorKind::Protocol, "{data}");
        }
    }
}
