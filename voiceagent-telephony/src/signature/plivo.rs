//! The signature that Plivo puts on its requests ("Validating requests", version 3).
//!
//! An HMAC-SHA256 in base64 over the URL with its query sorted, the sorted fields of a POST, and a
//! nonce.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use hmac::Mac as _;
use voiceagent_core::{Result, Secret};

use super::{
    CheckSignature, Form, SignatureRefusal, SignedRequest,
    form::{read_pairs, without_fragment},
    hmac::{Keys, sha256},
};

const HEADER: &str = "x-plivo-signature-v3";
/// Signed with the token of the main account, where a subaccount has one of its own.
const MAIN_ACCOUNT_HEADER: &str = "x-plivo-signature-ma-v3";
const NONCE_HEADER: &str = "x-plivo-signature-v3-nonce";

/// Checks signatures against one or more auth tokens of a Plivo account.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::PlivoSignature;
///
/// let token = Secret::new("MA_token");
/// let url = "https://example.com/answer/?a=b";
/// let fields = [("CallUUID", "b1c2"), ("From", "15551234567")];
/// let signature = PlivoSignature::sign(&token, url, &fields, "05429567804466091622");
/// let check = PlivoSignature::new([token])?;
/// assert!(check.form(url, &fields, "05429567804466091622", &signature).is_ok());
/// assert!(check.form(url, &fields, "05429567804466091623", &signature).is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PlivoSignature {
    keys: Keys,
}

impl PlivoSignature {
    /// Makes a check that accepts any of these auth tokens.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a token, or with an empty one.
    pub fn new(tokens: impl IntoIterator<Item = Secret>) -> Result<Self> {
        Ok(Self { keys: Keys::new(tokens)? })
    }

    /// Checks a POST with form fields, as they were decoded, in any order. The header may hold
    /// several signatures between commas, of which one must hold.
    ///
    /// # Errors
    ///
    /// When no token makes any of the signatures.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        &self,
        url: &str,
        fields: &[(N, V)],
        nonce: &str,
        signatures: &str,
    ) -> Result<(), SignatureRefusal> {
        self.signed(&posted(url, fields), nonce, signatures)
    }

    /// Checks a GET, whose fields are in its URL.
    ///
    /// # Errors
    ///
    /// As [`form`](Self::form).
    pub fn url(&self, url: &str, nonce: &str, signatures: &str) -> Result<(), SignatureRefusal> {
        self.signed(&posted::<&str, &str>(url, &[]), nonce, signatures)
    }

    fn signed(&self, text: &str, nonce: &str, signatures: &str) -> Result<(), SignatureRefusal> {
        let mut readable = false;
        for signature in signatures.split(',').map(str::trim) {
            let Ok(signature) = STANDARD.decode_to_vec(signature) else { continue };
            readable = true;
            let pieces = [text.as_bytes(), b".", nonce.as_bytes()];
            if self.keys.made_sha256(&pieces, &signature) {
                return Ok(());
            }
        }
        let why = SignatureRefusal::Mismatch;
        Err(if readable { why } else { SignatureRefusal::Unreadable })
    }

    /// Signs a POST as Plivo does, for tests and for tools that play its part.
    #[must_use]
    pub fn sign<N: AsRef<str>, V: AsRef<str>>(
        token: &Secret,
        url: &str,
        fields: &[(N, V)],
        nonce: &str,
    ) -> String {
        let text = posted(url, fields);
        let mac = sha256(token, &[text.as_bytes(), b".", nonce.as_bytes()]);
        STANDARD.encode_to_string(mac.finalize().into_bytes())
    }
}

impl CheckSignature for PlivoSignature {
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        let nonce = request.header(NONCE_HEADER).ok_or(SignatureRefusal::Missing)?;
        let empty = Form::default();
        let Form(fields) = match request.form {
            Some(form) => form,
            None if request.body.is_empty() => &empty,
            // Plivo posts forms, and a body that is not signed must not be believed.
            None => return Err(SignatureRefusal::Body),
        };
        let mut refusal = SignatureRefusal::Missing;
        for header in [HEADER, MAIN_ACCOUNT_HEADER] {
            let Some(signatures) = request.header(header) else { continue };
            match self.form(request.url, fields, nonce, signatures) {
                Ok(()) => return Ok(()),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    fn hint(&self, refusal: SignatureRefusal) -> &'static str {
        if refusal == SignatureRefusal::Missing {
            return "not from Plivo, or a proxy drops the headers";
        }
        "the auth token is of another account, or a proxy changes the request"
    }
}

/// What is signed of a POST, but for the nonce.
fn posted<N: AsRef<str>, V: AsRef<str>>(url: &str, fields: &[(N, V)]) -> String {
    let url = without_fragment(url);
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let query = read_pairs(query);
    let query: Vec<_> = sorted(&query).map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = base.to_owned();
    if !query.is_empty() || !fields.is_empty() {
        text.push('?');
    }
    text.push_str(&query.join("&"));
    if !query.is_empty() && !fields.is_empty() {
        text.push('.');
    }
    text.extend(sorted(fields).flat_map(|(name, value)| [name, value]));
    text
}

/// By name, and the values of one name by value.
fn sorted<N: AsRef<str>, V: AsRef<str>>(
    fields: &[(N, V)],
) -> impl Iterator<Item = (&str, &str)> + '_ {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in fields {
        values.entry(name.as_ref()).or_default().push(value.as_ref());
    }
    values.into_iter().flat_map(|(name, mut values)| {
        values.sort_unstable();
        values.into_iter().map(move |value| (name, value))
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NONCE: &str = "05429567804466091622";
    const URL: &str = "https://example.com/answer/?a=b";
    const FIELDS: [(&str, &str); 5] = [
        ("CallUUID", "b1c2"),
        ("From", "15551234567"),
        ("To", "15557654321"),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ];
    const POSTED: &str = "LGPYIbW+cziEUd2ij5Jsm02yZCyzLG1PZ9tW8plP0Aw=";

    fn check() -> PlivoSignature {
        PlivoSignature::new([Secret::new("MA_token")]).unwrap()
    }

    #[test]
    fn the_vectors_of_post_and_get_hold() {
        assert_eq!(check().form(URL, &FIELDS, NONCE, POSTED), Ok(()));
        let query: Vec<_> = FIELDS.map(|(name, value)| format!("{name}={value}")).to_vec();
        let url = format!("{URL}&{}", query.join("&"));
        let got = "tk9/tU1AzQtFF4Mz1tNBfhsIjI5RQy0rzf/pqCUAMCg=";
        assert_eq!(check().url(&url, NONCE, got), Ok(()));
        assert_eq!(check().url(&url, NONCE, POSTED), Err(SignatureRefusal::Mismatch));
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let several = format!("AAAA, {POSTED}");
        assert_eq!(check().form(URL, &FIELDS, NONCE, &several), Ok(()));
        assert_eq!(check().form(URL, &FIELDS, NONCE, "AAAA,BBBB"), Err(SignatureRefusal::Mismatch));
        assert_eq!(check().form(URL, &FIELDS, NONCE, "!,?"), Err(SignatureRefusal::Unreadable));
    }

    #[test]
    fn the_signature_of_the_main_account_is_taken_where_that_of_the_subaccount_does_not_hold() {
        let form = Form(FIELDS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        let judge = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().chain(&[(NONCE_HEADER, NONCE)]);
            let headers = headers.map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let (headers, now) = (headers.collect(), SystemTime::UNIX_EPOCH);
            let form = Some(&form);
            check().check(&SignedRequest { url: URL, headers: &headers, body: b"", form, now })
        };
        assert_eq!(judge(&[(MAIN_ACCOUNT_HEADER, POSTED)]), Ok(()));
        assert_eq!(judge(&[(HEADER, "AAAA"), (MAIN_ACCOUNT_HEADER, POSTED)]), Ok(()));
        assert_eq!(judge(&[(HEADER, POSTED), (MAIN_ACCOUNT_HEADER, "AAAA")]), Ok(()));
        assert_eq!(judge(&[(MAIN_ACCOUNT_HEADER, "AAAA")]), Err(SignatureRefusal::Mismatch));
        assert_eq!(judge(&[]), Err(SignatureRefusal::Missing));
    }

    #[test]
    fn what_is_signed_is_put_together_as_by_plivos_library() {
        let none: [(&str, &str); 0] = [];
        assert_eq!(posted("https://h/x", &none), "https://h/x");
        assert_eq!(posted("https://h/x", &[("b", "2"), ("a", "1")]), "https://h/x?a1b2");
        assert_eq!(posted("https://h/x?z=%2B1&a=", &none), "https://h/x?a=&z=+1");
        assert_eq!(
            posted("https://h/x?q=2&q=1", &[("n", "b"), ("n", "a")]),
            "https://h/x?q=1&q=2.nanb"
        );
    }
}
