//! The signature that Telnyx puts on its requests ("Webhook signing").
//!
//! Ed25519 over `timestamp|body`, with the key pair of the account: we hold only the public half.

use std::fmt;

use base64_simd::STANDARD;
use rustls::{
    SignatureScheme, crypto::ring::default_provider, pki_types::SignatureVerificationAlgorithm,
};
use voiceagent_core::{Error, Result, Secret};

use super::{CheckSignature, SignatureRefusal, SignedRequest, WINDOW};

const HEADER: &str = "telnyx-signature-ed25519";
const TIMESTAMP_HEADER: &str = "telnyx-timestamp";

/// Checks signatures against the public key of a Telnyx account.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::TelnyxSignature;
///
/// let key = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
/// let check = TelnyxSignature::new([Secret::new(key)])?;
/// let body = br#"{"data":{"event_type":"call.initiated","id":"e1"}}"#;
/// let signature = "mAMwzdE/9f0hloctqTt3F2HVmehCrisHcw/ZZNhs4m5JLLwkIlaxqd6oOyknxQDvrmBNlKky24Zf+L3W63JiBg==";
/// assert!(check.body("1700000000", body, signature, 1_700_000_100).is_ok());
/// assert!(check.body("1700000000", body, signature, 1_700_000_400).is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TelnyxSignature {
    keys: Vec<Vec<u8>>,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
}

impl TelnyxSignature {
    /// Makes a check that accepts any of these public keys, in base64.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a key, or when one is not 32 bytes
    /// in base64.
    pub fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let wrong = || Error::config("auth_token: Telnyx's public key, 32 bytes in base64");
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| STANDARD.decode_to_vec(key.expose()).ok().filter(|key| key.len() == 32))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let algorithms = default_provider().signature_verification_algorithms;
        let known = algorithms.mapping.iter();
        let algorithm = known
            .filter(|(scheme, _)| *scheme == SignatureScheme::ED25519)
            .find_map(|(_, algorithms)| algorithms.first().copied());
        let algorithm = algorithm.expect("ring has Ed25519");
        if keys.is_empty() { Err(wrong()) } else { Ok(Self { keys, algorithm }) }
    }

    /// Checks a body that was signed at `timestamp`, in seconds since 1970, as it stands in its
    /// header. `now` is in seconds since 1970 too.
    ///
    /// # Errors
    ///
    /// When no key makes this signature, or the times are more than five minutes apart.
    pub fn body(
        &self,
        timestamp: &str,
        body: &[u8],
        signature: &str,
        now: u64,
    ) -> Result<(), SignatureRefusal> {
        let signed_at: u64 = timestamp.parse().map_err(|_| SignatureRefusal::Unreadable)?;
        let signature =
            STANDARD.decode_to_vec(signature).map_err(|_| SignatureRefusal::Unreadable)?;
        let message = [timestamp.as_bytes(), b"|", body].concat();
        let made =
            |key: &Vec<u8>| self.algorithm.verify_signature(key, &message, &signature).is_ok();
        if !self.keys.iter().any(made) {
            return Err(SignatureRefusal::Mismatch);
        }
        let fresh = signed_at.abs_diff(now) <= WINDOW.as_secs();
        fresh.then_some(()).ok_or(SignatureRefusal::Stale)
    }
}

impl CheckSignature for TelnyxSignature {
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        let signature = request.header(HEADER).ok_or(SignatureRefusal::Missing)?;
        let timestamp = request.header(TIMESTAMP_HEADER).ok_or(SignatureRefusal::Missing)?;
        self.body(timestamp, request.body, signature, request.seconds())
    }

    fn hint(&self, refusal: SignatureRefusal) -> &'static str {
        match refusal {
            SignatureRefusal::Missing => "not from Telnyx, or a proxy drops the headers",
            SignatureRefusal::Stale => "a repeated request, or the clock of this machine is wrong",
            SignatureRefusal::Body | SignatureRefusal::Mismatch | SignatureRefusal::Unreadable => {
                "the public key is of another account, or a proxy changes the body"
            }
        }
    }
}

impl fmt::Debug for TelnyxSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelnyxSignature").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    const AT: u64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"data":{"event_type":"call.initiated","id":"e1"}}"#;
    const SIGNATURE: &str =
        "mAMwzdE/9f0hloctqTt3F2HVmehCrisHcw/ZZNhs4m5JLLwkIlaxqd6oOyknxQDvrmBNlKky24Zf+L3W63JiBg==";

    fn check() -> TelnyxSignature {
        let other = STANDARD.encode_to_string([7; 32]);
        TelnyxSignature::new([Secret::new(other), Secret::new(KEY)]).unwrap()
    }

    #[test]
    fn the_vector_holds_for_five_minutes_either_way() {
        let at = |now| check().body("1700000000", BODY, SIGNATURE, now);
        for now in [AT, AT - 300, AT + 300] {
            assert_eq!(at(now), Ok(()), "{now}");
        }
        for now in [0, AT - 301, AT + 301, u64::MAX] {
            assert_eq!(at(now), Err(SignatureRefusal::Stale), "{now}");
        }
    }

    #[test]
    fn a_time_cannot_be_moved() {
        for timestamp in ["1700000001", " 1700000000", "+1700000000", "01700000000"] {
            assert!(check().body(timestamp, BODY, SIGNATURE, AT).is_err(), "{timestamp}");
        }
    }

    #[test]
    fn a_check_without_a_whole_key_cannot_be_made() {
        assert!(TelnyxSignature::new([]).is_err());
        for wrong in ["", "AAAA", "not base64!", &KEY[..42]] {
            assert!(TelnyxSignature::new([Secret::new(wrong)]).is_err(), "{wrong}");
        }
    }
}
