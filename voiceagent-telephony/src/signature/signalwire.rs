//! The signatures that SignalWire puts on its requests.
//!
//! Forms of cXML are signed much as Twilio's are, but repeated fields keep their order. JSON
//! bodies are signed as they are, in hexadecimal, with SHA-1 and with SHA-256 in a header of its
//! own. The key is the project's signing key, and not its API token.

use base64_simd::STANDARD;
use hmac::Mac as _;
use voiceagent_core::{Result, Secret};

use super::{
    CheckSignature, Form, SignatureRefusal, SignedRequest,
    form::{spellings, without_fragment},
    hmac::{Keys, sha1, sha256},
    twilio,
};
use crate::hex::{from_hex, hex};

const HEADER: &str = "x-signalwire-signature";
const SHA256_HEADER: &str = "x-signalwire-sha256-signature";

/// Checks signatures against one or more signing keys of a SignalWire project.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::SignalWireSignature;
///
/// let check = SignalWireSignature::new([Secret::new("PSKtest1234567890abcdef")])?;
/// let body = br#"{"call":{"call_id":"abc-123"},"vars":{}}"#;
/// let signature = "9ea7e53bbc460641d3265e42ccfe3bc1f91eb23e";
/// assert!(check.body("https://example.com/swml?x=1", body, signature).is_ok());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignalWireSignature {
    keys: Keys,
}

impl SignalWireSignature {
    /// Makes a check that accepts any of these signing keys.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a key, or with an empty one.
    pub fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self> {
        Ok(Self { keys: Keys::new(keys)? })
    }

    /// Checks a POST with form fields, in the order in which they were sent.
    ///
    /// # Errors
    ///
    /// When no key makes this signature.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        &self,
        url: &str,
        fields: &[(N, V)],
        signature: &str,
    ) -> Result<(), SignatureRefusal> {
        let signature =
            STANDARD.decode_to_vec(signature).map_err(|_| SignatureRefusal::Unreadable)?;
        self.made_sha1(url, tail(fields).as_bytes(), &signature)
    }

    /// Checks a POST with a JSON body.
    ///
    /// # Errors
    ///
    /// When no key makes this signature.
    pub fn body(&self, url: &str, body: &[u8], signature: &str) -> Result<(), SignatureRefusal> {
        self.made_sha1(url, body, &from_hex(signature).ok_or(SignatureRefusal::Unreadable)?)
    }

    /// Checks a POST with a JSON body against its SHA-256 signature
    /// (`X-Signalwire-SHA256-Signature`), which is to be preferred.
    ///
    /// # Errors
    ///
    /// When no key makes this signature.
    pub fn body_sha256(
        &self,
        url: &str,
        body: &[u8],
        signature: &str,
    ) -> Result<(), SignatureRefusal> {
        let signature = from_hex(signature).ok_or(SignatureRefusal::Unreadable)?;
        let made = |url: &str| {
            let url = without_fragment(url);
            self.keys.made_sha256(&[url.as_bytes(), body], &signature)
        };
        spellings(url).iter().any(|url| made(url)).then_some(()).ok_or(SignatureRefusal::Mismatch)
    }

    /// Signs a URL and form fields as SignalWire does, for tests and for tools that play its part.
    #[must_use]
    pub fn sign_form<N: AsRef<str>, V: AsRef<str>>(
        key: &Secret,
        url: &str,
        fields: &[(N, V)],
    ) -> String {
        let (url, tail) = (without_fragment(url), tail(fields));
        let mac = sha1(key, &[url.as_bytes(), tail.as_bytes()]);
        STANDARD.encode_to_string(mac.finalize().into_bytes())
    }

    /// Signs a URL and a JSON body as SignalWire does: with SHA-1, and with SHA-256.
    #[must_use]
    pub fn sign_body(key: &Secret, url: &str, body: &[u8]) -> [String; 2] {
        let url = without_fragment(url).as_bytes();
        [
            hex(&sha1(key, &[url, body]).finalize().into_bytes()),
            hex(&sha256(key, &[url, body]).finalize().into_bytes()),
        ]
    }

    fn made_sha1(&self, url: &str, tail: &[u8], signature: &[u8]) -> Result<(), SignatureRefusal> {
        let made = |url: &str| {
            let url = without_fragment(url);
            self.keys.made_sha1(&[url.as_bytes(), tail], signature)
        };
        spellings(url).iter().any(|url| made(url)).then_some(()).ok_or(SignatureRefusal::Mismatch)
    }
}

impl CheckSignature for SignalWireSignature {
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        let signature = request.header(HEADER);
        match request.form {
            Some(Form(fields)) => {
                let signature = signature.or_else(|| request.header(twilio::HEADER));
                self.form(request.url, fields, signature.ok_or(SignatureRefusal::Missing)?)
            }
            None => match request.header(SHA256_HEADER) {
                Some(signature) => self.body_sha256(request.url, request.body, signature),
                None => {
                    let signature = signature.ok_or(SignatureRefusal::Missing)?;
                    self.body(request.url, request.body, signature)
                }
            },
        }
    }

    fn hint(&self, refusal: SignatureRefusal) -> &'static str {
        if refusal == SignatureRefusal::Missing {
            return "not from SignalWire, or a proxy drops the header";
        }
        "the key is not the project's signing key (nor its API token), or a proxy changes the request"
    }
}

/// The form fields as they are signed. Of repeated fields, each counts, in the order of sending.
fn tail<N: AsRef<str>, V: AsRef<str>>(fields: &[(N, V)]) -> String {
    let mut sorted: Vec<_> =
        fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    sorted.sort_by_key(|(name, _)| *name);
    sorted.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const KEY: &str = "PSKtest1234567890abcdef";

    fn check() -> SignalWireSignature {
        SignalWireSignature::new([Secret::new(KEY)]).unwrap()
    }

    #[test]
    fn the_vectors_of_both_schemes_hold() {
        let (url, body) =
            ("https://example.com/swml?x=1", br#"{"call":{"call_id":"abc-123"},"vars":{}}"#);
        let sha1 = "9ea7e53bbc460641d3265e42ccfe3bc1f91eb23e";
        let sha256 = "2ea96783b644f4c4102c2a44058bac3af507afb05642025225c0e6ce0022bcde";
        assert_eq!(check().body(url, body, sha1), Ok(()));
        assert_eq!(check().body_sha256(url, body, sha256), Ok(()));
        assert_eq!(SignalWireSignature::sign_body(&Secret::new(KEY), url, body), [sha1, sha256]);
        let form = [
            ("CallSid", "b08dacad-2f6c-4de1-93d6-cc732e0c69c5"),
            ("From", "+15551234567"),
            ("To", "+15557654321"),
            ("CallStatus", "ringing"),
        ];
        let url = "https://example.com/voice";
        assert_eq!(check().form(url, &form, "l7Q2LGk1+GhJJmP4/zsot9zIDk8="), Ok(()));
        assert_eq!(
            check().form("https://example.com:443/voice", &form, "l7Q2LGk1+GhJJmP4/zsot9zIDk8="),
            Ok(())
        );
    }

    #[test]
    fn cp26_repeated_fields_keep_their_order_where_twilio_sorts_them() {
        let fields = [("A", "2"), ("A", "1"), ("A", "2")];
        let url = "https://x.y/";
        let key = Secret::new(KEY);
        let signature = SignalWireSignature::sign_form(&key, url, &fields);
        assert_eq!(check().form(url, &fields, &signature), Ok(()));
        let other = [("A", "1"), ("A", "2"), ("A", "2")];
        assert_eq!(check().form(url, &other, &signature), Err(SignatureRefusal::Mismatch));
        assert_ne!(signature, super::super::TwilioSignature::sign(&key, url, &fields));
    }

    #[test]
    fn a_form_is_taken_by_the_header_that_twilio_uses_where_signalwires_own_is_missing() {
        let fields = vec![("CallSid".to_owned(), "a".to_owned())];
        let url = "https://x.y/";
        let good = SignalWireSignature::sign_form(&Secret::new(KEY), url, &fields);
        let form = Form(fields);
        let judge = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            });
            let (headers, now) = (headers.collect(), SystemTime::UNIX_EPOCH);
            check().check(&SignedRequest {
                url,
                headers: &headers,
                body: b"",
                form: Some(&form),
                now,
            })
        };
        assert_eq!(judge(&[(twilio::HEADER, &good)]), Ok(()));
        assert_eq!(judge(&[(HEADER, &good)]), Ok(()));
        let other = SignalWireSignature::sign_form(&Secret::new("other"), url, &form.0);
        let mismatch = Err(SignatureRefusal::Mismatch);
        assert_eq!(judge(&[(twilio::HEADER, &other)]), mismatch);
        assert_eq!(judge(&[(HEADER, &other), (twilio::HEADER, &good)]), mismatch);
        assert_eq!(judge(&[]), Err(SignatureRefusal::Missing));
    }

    #[test]
    fn hexadecimal_is_lower_case_and_complete() {
        let (url, body) = ("https://x.y/", b"{}");
        let [good, _] = SignalWireSignature::sign_body(&Secret::new(KEY), url, body);
        for bad in [&good[1..], &format!("{good}0"), "", "zz"] {
            assert!(check().body(url, body, bad).is_err(), "{bad}");
        }
    }
}
