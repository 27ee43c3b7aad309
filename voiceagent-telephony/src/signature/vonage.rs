//! The signature that Vonage puts on its requests ("Decoding signed webhooks").
//!
//! A JSON web token (RFC 7519) in `Authorization: Bearer`, signed with HS256 and the account's
//! signature secret, whose claims hold the time and the hash of the body.

use base64_simd::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use voiceagent_core::{Result, Secret};

use super::{
    CheckSignature, SignatureRefusal, SignedRequest, WINDOW,
    hmac::{Keys, sha256},
};
use crate::hex::hex;

/// Checks signatures against one or more signature secrets of a Vonage account.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::VonageSignature;
///
/// let secret = Secret::new("sMnx…");
/// let token = VonageSignature::sign(&secret, b"{}", 1_700_000_000);
/// let check = VonageSignature::new([secret])?;
/// assert!(check.body(b"{}", &token, 1_700_000_100).is_ok());
/// assert!(check.body(b"[]", &token, 1_700_000_100).is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct VonageSignature {
    keys: Keys,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    #[serde(default)]
    exp: Option<u64>,
    #[serde(default)]
    payload_hash: Option<String>,
}

impl VonageSignature {
    /// Makes a check that accepts any of these secrets.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a secret, or with an empty one.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self> {
        Ok(Self { keys: Keys::new(secrets)? })
    }

    /// Checks a body and the token that came with it. `now` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When no secret makes the token's signature, it is more than five minutes off, or it does
    /// not hold the hash of the body.
    pub fn body(&self, body: &[u8], token: &str, now: u64) -> Result<(), SignatureRefusal> {
        let unreadable = SignatureRefusal::Unreadable;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode_to_vec(part).map_err(|_| unreadable);
        let (signed, signature) = token.rsplit_once('.').ok_or(unreadable)?;
        let (header, claims) = signed.split_once('.').ok_or(unreadable)?;
        let (header, signature) = (decode(header)?, decode(signature)?);
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| unreadable)?;
        // A token that says `none`, or names a public key's algorithm, is no token of Vonage's.
        if header.alg != "HS256" || !self.keys.made_sha256(&[signed.as_bytes()], &signature) {
            return Err(SignatureRefusal::Mismatch);
        }
        let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| unreadable)?;
        let expired = claims.exp.is_some_and(|end| end < now);
        if expired || claims.iat.abs_diff(now) > WINDOW.as_secs() {
            return Err(SignatureRefusal::Stale);
        }
        // Vonage's own libraries leave this out; without it, any body fits any token.
        let hash = hex(&Sha256::digest(body));
        let told = claims.payload_hash.is_some_and(|told| told.eq_ignore_ascii_case(&hash));
        told.then_some(()).ok_or(SignatureRefusal::Body)
    }

    /// Makes the token for a body as Vonage does, for tests and for tools that play its part.
    #[must_use]
    pub fn sign(secret: &Secret, body: &[u8], now: u64) -> String {
        let claims = json!({
            "iss": "Vonage",
            "iat": now,
            "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
            "payload_hash": hex(&Sha256::digest(body)),
        });
        Self::sign_claims(secret, r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
    }

    fn sign_claims(secret: &Secret, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode_to_string(part));
        let signed = format!("{header}.{claims}");
        let signature = sha256(secret, &[signed.as_bytes()]).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature))
    }
}

impl CheckSignature for VonageSignature {
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        let header = request.header("authorization").ok_or(SignatureRefusal::Missing)?;
        let (scheme, token) = header.split_once(' ').ok_or(SignatureRefusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(SignatureRefusal::Missing);
        }
        self.body(request.body, token.trim(), request.seconds())
    }

    fn hint(&self, refusal: SignatureRefusal) -> &'static str {
        match refusal {
            SignatureRefusal::Missing => {
                "not from Vonage, signed webhooks are off, or a proxy drops the header"
            }
            SignatureRefusal::Stale => "a repeated request, or the clock of this machine is wrong",
            SignatureRefusal::Body => "a proxy changes the body",
            SignatureRefusal::Mismatch | SignatureRefusal::Unreadable => {
                "the signature secret is of another account"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"uuid":"u-1","from":"15551234567"}"#;

    fn check() -> VonageSignature {
        VonageSignature::new([Secret::new("other"), Secret::new("secret")]).unwrap()
    }

    fn token(header: &str, claims: &str) -> String {
        VonageSignature::sign_claims(&Secret::new("secret"), header, claims)
    }

    #[test]
    fn a_token_that_vonages_library_accepts_holds() {
        // Made by PyJWT 2.15, accepted by vonage-jwt.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6IjgyY2QxNmM0NGMzNmI4ZGUwYmI2ZWI2ZWU1Y2MyZmU5MWViOGI1NWU4NGYxYjAyZTA4NjZmMjlhNTBhOTAxOGUiLCJhcGlfa2V5IjoiYTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkIjoiYWFhYWFhYWEtYmJiYi1jY2NjLWRkZGQtMDEyMzQ1Njc4OWFiIn0.Y291YqkrqlYfhDmrswv0tyR8b1wHwEXacmKJ_lMSp8k";
        let secret = Secret::new("vonage-vector-secret-of-32-bytes!!");
        let check = VonageSignature::new([secret]).unwrap();
        assert_eq!(check.body(BODY, token, AT), Ok(()));
        assert_eq!(check.body(b"{}", token, AT), Err(SignatureRefusal::Body));
    }

    #[test]
    fn a_token_holds_for_its_body_and_five_minutes() {
        let token = VonageSignature::sign(&Secret::new("secret"), BODY, AT);
        assert_eq!(check().body(BODY, &token, AT + 300), Ok(()));
        assert_eq!(check().body(BODY, &token, AT - 301), Err(SignatureRefusal::Stale));
        assert_eq!(check().body(BODY, &token, AT + 301), Err(SignatureRefusal::Stale));
        assert_eq!(check().body(b"{}", &token, AT), Err(SignatureRefusal::Body));
        let stranger = VonageSignature::sign(&Secret::new("guess"), BODY, AT);
        assert_eq!(check().body(BODY, &stranger, AT), Err(SignatureRefusal::Mismatch));
    }

    #[test]
    fn other_algorithms_and_claims_that_say_too_little_are_refused() {
        let claims = format!(r#"{{"iat":{AT},"payload_hash":"{}"}}"#, hex(&Sha256::digest(BODY)));
        let hs256 = r#"{"alg":"HS256"}"#;
        assert_eq!(check().body(BODY, &token(hs256, &claims), AT), Ok(()));
        for alg in [r#"{"alg":"none"}"#, r#"{"alg":"RS256"}"#, r#"{"alg":"hs256"}"#] {
            assert!(check().body(BODY, &token(alg, &claims), AT).is_err(), "{alg}");
        }
        let none = token(r#"{"alg":"none"}"#, &claims);
        let unsigned = &none[..=none.rfind('.').unwrap()];
        assert!(check().body(BODY, unsigned, AT).is_err());
        for claims in [format!(r#"{{"iat":{AT}}}"#), r#"{"payload_hash":""}"#.to_owned()] {
            assert!(check().body(BODY, &token(hs256, &claims), AT).is_err(), "{claims}");
        }
        let expired = claims.replace("{\"iat\"", &format!("{{\"exp\":{},\"iat\"", AT - 1));
        assert_eq!(check().body(BODY, &token(hs256, &expired), AT), Err(SignatureRefusal::Stale));
        for broken in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d"] {
            assert!(check().body(BODY, broken, AT).is_err(), "{broken}");
        }
    }
}
