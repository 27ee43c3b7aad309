//! The keys that requests bring.

use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use voiceagent_core::Secret;

/// The key of an `Authorization: Bearer` header (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Compares in a time that tells nothing of where two texts differ: their codes under one key are
/// compared in their place.
pub(crate) fn is_same(known: &Secret, shown: &str) -> bool {
    let code = |text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(b"compare");
        mac.expect("a key of any length will do").chain_update(text.as_bytes())
    };
    let known = code(known.expose()).finalize().into_bytes();
    code(shown).verify_slice(&known).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let key = Secret::new("a".repeat(32));
        assert!(is_same(&key, &"a".repeat(32)));
        for other in ["", "a", &"a".repeat(31), &"a".repeat(33), &"A".repeat(32)] {
            assert!(!is_same(&key, other), "{other}");
        }
    }

    #[test]
    fn a_key_is_read_whatever_the_case_of_its_scheme() {
        let brought = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(str::to_owned)
        };
        for value in ["Bearer key", "bearer  key", "BEARER key "] {
            assert_eq!(brought(value).as_deref(), Some("key"), "{value}");
        }
        for value in ["key", "Basic key", "Bearer"] {
            assert_eq!(brought(value), None, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
