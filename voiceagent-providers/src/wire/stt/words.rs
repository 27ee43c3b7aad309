use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer};
use voiceagent_core::stt::WordTiming;

/// Times of the words of a text, spelled as in the text where there are as many of them.
pub(crate) fn timings<'a>(
    text: &str,
    words: impl ExactSizeIterator<Item = (&'a str, Duration, Duration)>,
) -> Vec<WordTiming> {
    let spelled: Vec<_> = text.split_whitespace().collect();
    let fits = spelled.len() == words.len();
    let timing = |(at, (word, start, end)): (usize, (&'a str, Duration, Duration))| WordTiming {
        word: Arc::from(if fits { spelled[at] } else { word }),
        start,
        end,
    };
    words.enumerate().map(timing).collect()
}

/// What a confidence counts as that is not told.
pub(crate) const fn sure() -> f32 {
    1.0
}

/// A confidence that is told as `null` is not told.
///
/// # Errors
///
/// What is no number.
pub(crate) fn null_as_sure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(sure))
}

/// Vendors that are sure of words only: a text is as sure as they are on average.
pub(crate) fn confidence(words: impl ExactSizeIterator<Item = f32>) -> f32 {
    if words.len() == 0 {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^24 words")]
    let count = words.len() as f32;
    words.sum::<f32>() / count
}
