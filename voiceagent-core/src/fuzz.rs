//! What the core reads from outside, for fuzz targets. No part of the interface.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    audio::{AudioFormat, Clip, Decoder, Encoding, Transcoder},
    journal::Recording,
    session::SessionConfig,
    tool::Schema,
};

/// Formats that audio comes in.
const FORMATS: [AudioFormat; 5] = [
    AudioFormat::MULAW_8K,
    AudioFormat::ALAW_8K,
    AudioFormat::PCM_8K,
    AudioFormat::PCM_24K,
    AudioFormat::mono(Encoding::G722, 16_000),
];

/// What filters hold back, and give at the end of a stream.
const HELD_BACK: Duration = Duration::from_millis(5);

/// A WAV file: what can be read can be written, and read again.
pub fn wav_files(bytes: &[u8]) {
    let Ok(clip) = Clip::from_wav(bytes) else { return };
    let written = clip.to_wav();
    let again = Clip::from_wav(&written).expect("what was written can be read");
    assert_eq!(again.to_wav(), written);
}

/// Audio of any format: the same samples however it is cut, all of them finite and in range, and
/// as much of another format as lasts as long.
pub fn audio(bytes: &[u8]) {
    for format in FORMATS {
        let whole = samples(format, &[bytes]);
        assert!(whole.iter().all(|sample| (-1.0..=1.0).contains(sample)), "{format:?}");
        let (head, tail) = bytes.split_at(bytes.len() / 3);
        assert_eq!(samples(format, &[head, tail]), whole, "{format:?}");
        for other in FORMATS {
            let Ok(mut transcoder) = Transcoder::new(format, other) else { continue };
            let mut length = transcoder.transcode(Bytes::copy_from_slice(bytes)).len();
            length += transcoder.finish().len();
            let lasts = format.duration_of(format.samples(bytes.len()));
            let most = other.bytes_in(lasts + HELD_BACK);
            assert!(length <= most, "{format:?} to {other:?}: {length} of {most}");
        }
    }
}

fn samples(format: AudioFormat, pieces: &[&[u8]]) -> Vec<f32> {
    let mut decoder = Decoder::new(format).expect("the format is known");
    let mut samples = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut samples);
    }
    samples
}

/// A journal: what can be read can be played again, with the same outcome each time.
pub fn journals(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(recording) = Recording::parse(text) else { return };
    let _ = (recording.is_complete(), recording.rewritten(), recording.steps().count());
    assert_eq!(recording.replay(), recording.replay());
}

/// The settings of a session: what can be read is written so that it is read the same.
pub fn settings(bytes: &[u8]) {
    let Ok(config) = serde_json::from_slice::<SessionConfig>(bytes) else { return };
    let written = serde_json::to_string(&config).expect("settings can be written");
    assert_eq!(serde_json::from_str::<SessionConfig>(&written).ok(), Some(config));
}

/// The arguments of a tool, as a model made them up: a mismatch is told in so many words and not
/// with all of the value.
pub fn arguments(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let schema = Schema::compile(&json!({
        "type": "object",
        "properties": {
            "slot": { "type": "integer", "minimum": 1, "maximum": 9 },
            "day": { "type": "string", "maxLength": 10 },
            "names": { "type": "array", "items": { "type": "string" }, "maxItems": 3 },
            "kind": { "enum": ["oil", "tires"] },
        },
        "required": ["slot"],
        "additionalProperties": false,
    }));
    if let Err(mismatch) = schema.expect("the schema is good").validate(&value) {
        assert!(mismatch.accepted().len() < 1_000, "{}", mismatch.accepted());
        assert!(!mismatch.path().contains(char::is_control), "{:?}", mismatch.path());
    }
}

#[cfg(test)]
mod tests;
