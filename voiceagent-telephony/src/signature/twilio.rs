//! The signature that Twilio puts on its requests ("Webhooks security").
//!
//! `X-Twilio-Signature` is the base64 of an HMAC-SHA1, keyed with the account's auth token, over
//! the URL as Twilio knows it and the form fields of a POST, sorted by name.

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use hmac::Mac as _;
use sha2::{Digest, Sha256};
use voiceagent_core::{Result, Secret};

use super::{
    CheckSignature, SignatureRefusal, SignedRequest,
    form::{spellings, without_fragment},
    hmac::{Keys, sha1},
};
use crate::hex::hex;

/// The header that carries the signature.
pub(super) const HEADER: &str = "x-twilio-signature";

/// Checks signatures against one or more auth tokens, so that tokens can be rotated.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::signature::TwilioSignature;
///
/// let check = TwilioSignature::new([Secret::new("12345")])?;
/// assert!(check.url("wss://mycompany.com/stream", "DlELQE5iuG0XFAEQgMbv2UNcQU4=").is_ok());
/// assert!(check.url("wss://mycompany.com/other", "DlELQE5iuG0XFAEQgMbv2UNcQU4=").is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TwilioSignature {
    keys: Keys,
}

impl TwilioSignature {
    /// Makes a check that accepts any of these tokens.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a token, or with an empty one: a
    /// check that lets everything through must not be made by mistake.
    pub fn new(tokens: impl IntoIterator<Item = Secret>) -> Result<Self> {
        Ok(Self { keys: Keys::new(tokens)? })
    }

    /// Checks a POST with form fields, as they were decoded, in any order.
    ///
    /// # Errors
    ///
    /// When no token makes this signature.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        &self,
        url: &str,
        fields: &[(N, V)],
        signature: &str,
    ) -> Result<(), SignatureRefusal> {
        self.signed(url, &tail(fields), signature)
    }

    /// Checks a POST with another body, such as JSON, whose hash is in the URL as `bodySHA256`.
    ///
    /// # Errors
    ///
    /// When the hash is missing or wrong, or no token makes this signature.
    pub fn body(&self, url: &str, body: &[u8], signature: &str) -> Result<(), SignatureRefusal> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let told = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="));
        let hash = hex(&Sha256::digest(body));
        // Hash and body both come from the sender: there is no secret that timing could reveal.
        if !told.is_some_and(|told| told.eq_ignore_ascii_case(&hash)) {
            return Err(SignatureRefusal::Body);
        }
        self.url(url, signature)
    }

    /// Checks a request that is signed by its URL alone: a GET, or the upgrade of a media socket.
    ///
    /// # Errors
    ///
    /// When no token makes this signature.
    pub fn url(&self, url: &str, signature: &str) -> Result<(), SignatureRefusal> {
        self.signed(url, "", signature)
    }

    fn signed(&self, url: &str, tail: &str, signature: &str) -> Result<(), SignatureRefusal> {
        let signature =
            STANDARD.decode_to_vec(signature).map_err(|_| SignatureRefusal::Unreadable)?;
        let made = |url: &str| {
            let url = without_fragment(url);
            self.keys.made_sha1(&[url.as_bytes(), tail.as_bytes()], &signature)
        };
        let accepted = spellings(url).iter().any(|url| made(url));
        accepted.then_some(()).ok_or(SignatureRefusal::Mismatch)
    }

    /// Signs a URL and form fields as Twilio does, for tests and for tools that play its part.
    #[must_use]
    pub fn sign<N: AsRef<str>, V: AsRef<str>>(
        token: &Secret,
        url: &str,
        fields: &[(N, V)],
    ) -> String {
        let (url, tail) = (without_fragment(url), tail(fields));
        let mac = sha1(token, &[url.as_bytes(), tail.as_bytes()]);
        STANDARD.encode_to_string(mac.finalize().into_bytes())
    }
}

impl CheckSignature for TwilioSignature {
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal> {
        let signature = request.header(HEADER).ok_or(SignatureRefusal::Missing)?;
        match request.form {
            Some(form) => self.form(request.url, &form.0, signature),
            None if request.body.is_empty() => self.url(request.url, signature),
            None => self.body(request.url, request.body, signature),
        }
    }

    fn hint(&self, refusal: SignatureRefusal) -> &'static str {
        if refusal == SignatureRefusal::Missing {
            return "not from Twilio, or a proxy drops the header";
        }
        "the auth token is of another account, or a proxy changes the request"
    }
}

/// The form fields as they are signed. Of repeated fields each value counts once, in order; so
/// does Twilio's own library.
fn tail<N: AsRef<str>, V: AsRef<str>>(fields: &[(N, V)]) -> String {
    let sorted: BTreeSet<_> =
        fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    sorted.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

#[cfg(test)]
mod tests;
