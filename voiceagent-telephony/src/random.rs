use voiceagent_core::{Error, ErrorKind, Result};

use crate::hex::hex;

/// Makes a name of 128 random bits that nobody guesses, of digits and letters.
///
/// # Errors
///
/// [`Overloaded`](ErrorKind::Overloaded) when the system has no randomness.
pub(crate) fn random_name(operation: &'static str) -> Result<String> {
    let mut random = [0; 16];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random).map_err(|_| {
        Error::new(ErrorKind::Overloaded, operation, "the system has no randomness")
    })?;
    Ok(hex(&random))
}
