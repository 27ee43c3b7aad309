use voiceagent_core::{Error, ErrorKind, Result};

use crate::hex::hex;

/// Makes a name of 128 random bits that nobody guesses, of digits and letters.
///
/// # Errors
///
/// [`Overloaded`](ErrorKind::Overloaded) when the system has no randomness.
pub(crate) fn random_name(operation: &'static str) -> Result<String> {
    random_bytes::<16>(operation).map(|bytes| hex(&bytes))
}

/// Makes a number that nobody guesses.
///
/// # Errors
///
/// As [`random_name`].
#[cfg(feature = "sip")]
pub(crate) fn random_number(operation: &'static str) -> Result<u32> {
    random_bytes(operation).map(u32::from_be_bytes)
}

pub(crate) fn random_bytes<const LENGTH: usize>(operation: &'static str) -> Result<[u8; LENGTH]> {
    let mut random = [0; LENGTH];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random).map_err(|_| {
        Error::new(ErrorKind::Overloaded, operation, "the system has no randomness")
    })?;
    Ok(random)
}
