//! What is read from vendors' JSON, and written into it.

use std::time::Duration;

#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
use base64_simd::STANDARD;
#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use voiceagent_core::{Error, ErrorKind, Result};

/// Reads a message.
///
/// # Errors
///
/// `Protocol`, with the place but without the text: it could repeat what somebody said.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str, provider: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|wrong| {
        let place = format!("unreadable message at column {}", wrong.column());
        Error::new(ErrorKind::Protocol, "decode", place).with_provider(provider)
    })
}

/// Writes a message, which is a struct of texts and numbers.
pub(crate) fn write(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("texts and numbers are always JSON")
}

/// Reads audio in base64.
///
/// # Errors
///
/// `Protocol` for what is none.
#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
pub(crate) fn read_base64(text: &str, provider: &'static str) -> Result<Bytes> {
    STANDARD.decode_to_vec(text).map(Bytes::from).map_err(|_| {
        Error::new(ErrorKind::Protocol, "decode", "unreadable audio").with_provider(provider)
    })
}

/// Seconds on the vendor's clock; nonsense counts as zero.
pub(crate) fn seconds(seconds: f64) -> Duration {
    // No connection lives so long, and sums of such times cannot overflow.
    const LONGEST: f64 = 7.0 * 86_400.0;
    if (0.0..=LONGEST).contains(&seconds) {
        Duration::from_secs_f64(seconds)
    } else {
        Duration::ZERO
    }
}

/// Milliseconds on the vendor's clock; nonsense counts as zero.
#[cfg(any(feature = "assemblyai", feature = "elevenlabs", feature = "openai", feature = "soniox"))]
pub(crate) fn milliseconds(milliseconds: f64) -> Duration {
    seconds(milliseconds / 1_000.0)
}
