use hmac::Mac;
use voiceagent_core::{Result, Secret};

use super::{
    SignatureRefusal, WINDOW,
    hmac::{Keys, sha256},
};
use crate::hex::{from_hex, hex};

/// Checks the HMAC of what Vapi sends ("Server authentication": HMAC, SHA-256, hexadecimal, over
/// `{timestamp}.{body}`, which are its defaults; the headers are `x-signature` and
/// `x-timestamp`).
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::{SignatureRefusal, VapiSignature};
///
/// let key = Secret::new("secret");
/// let signature = VapiSignature::sign(&key, "1700000000", b"{}");
/// let check = VapiSignature::new([key])?;
/// assert!(check.body("1700000000", b"{}", &signature, 1_700_000_010).is_ok());
/// let late = check.body("1700000000", b"{}", &signature, 1_700_001_000);
/// assert_eq!(late, Err(SignatureRefusal::Stale));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct VapiSignature {
    keys: Keys,
}

impl VapiSignature {
    /// Checks against these secrets.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a secret, or with an empty one.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self> {
        Ok(Self { keys: Keys::new(secrets)? })
    }

    /// Checks a body that was signed at `timestamp`, in seconds since 1970, as it stands in its
    /// header. `now` is in seconds since 1970 too.
    ///
    /// # Errors
    ///
    /// When no secret makes this signature, or the times are more than five minutes apart.
    pub fn body(
        &self,
        timestamp: &str,
        body: &[u8],
        signature: &str,
        now: u64,
    ) -> Result<(), SignatureRefusal> {
        let signed_at: u64 = timestamp.parse().map_err(|_| SignatureRefusal::Unreadable)?;
        let signature = from_hex(signature).ok_or(SignatureRefusal::Unreadable)?;
        if !self.keys.made_sha256(&[timestamp.as_bytes(), b".", body], &signature) {
            return Err(SignatureRefusal::Mismatch);
        }
        let fresh = signed_at.abs_diff(now) <= WINDOW.as_secs();
        fresh.then_some(()).ok_or(SignatureRefusal::Stale)
    }

    /// Makes the signature of a request, for tests.
    #[must_use]
    pub fn sign(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
        hex(&sha256(secret, &[timestamp.as_bytes(), b".", body]).finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac`.
    const SIGNATURE: &str = "d39ea3ba625f691138aa6019c9253c69dbacf974386d0834af2c75d32bb44cb1";
    const BODY: &[u8] = br#"{"message":{"type":"status-update","status":"ended"}}"#;

    #[test]
    fn a_known_signature_holds_and_no_other_does() {
        let check = VapiSignature::new([Secret::new("old"), Secret::new("secret")]).unwrap();
        let now = 1_700_000_000;
        assert_eq!(check.body("1700000000", BODY, SIGNATURE, now), Ok(()));
        let mismatch = Err(SignatureRefusal::Mismatch);
        assert_eq!(check.body("1700000001", BODY, SIGNATURE, now), mismatch);
        assert_eq!(check.body("1700000000", &BODY[1..], SIGNATURE, now), mismatch);
        assert_eq!(check.body("1700000000", BODY, &SIGNATURE[2..], now), mismatch);
        let stale = check.body("1700000000", BODY, SIGNATURE, now + 301);
        assert_eq!(stale, Err(SignatureRefusal::Stale));
        for (timestamp, signature) in [("", SIGNATURE), ("soon", SIGNATURE), ("1700000000", "x")] {
            let unreadable = check.body(timestamp, BODY, signature, now);
            assert_eq!(unreadable, Err(SignatureRefusal::Unreadable));
        }
        assert!(VapiSignature::new([Secret::new("")]).is_err());
    }
}
