//! The signature that Twilio puts on its requests ("Webhooks security").
//!
//! `X-Twilio-Signature` is the base64 of an HMAC-SHA1, keyed with the account's auth token, over
//! the URL as Twilio knows it and the form fields of a POST, sorted by name.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use voiceagent_core::{Error, Result, Secret};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// Checks signatures against one or more auth tokens, so that tokens can be rotated.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_telephony::twilio::SignatureCheck;
///
/// let check = SignatureCheck::new([Secret::new("12345")])?;
/// assert!(check.url("wss://mycompany.com/stream", "DlELQE5iuG0XFAEQgMbv2UNcQU4=").is_ok());
/// assert!(check.url("wss://mycompany.com/other", "DlELQE5iuG0XFAEQgMbv2UNcQU4=").is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignatureCheck {
    tokens: Vec<Secret>,
}

impl SignatureCheck {
    /// Makes a check that accepts any of these tokens.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a token, or with an empty one: a
    /// check that lets everything through must not be made by mistake.
    pub fn new(tokens: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let tokens: Vec<_> = tokens.into_iter().collect();
        if tokens.is_empty() || tokens.iter().any(Secret::is_empty) {
            return Err(Error::config("auth_token: at least one, and none empty"));
        }
        Ok(Self { tokens })
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
        let hash: [u8; 32] = Sha256::digest(body).into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
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
        let accepted = spellings(url).iter().any(|url| self.made(url, tail, &signature));
        accepted.then_some(()).ok_or(SignatureRefusal::Mismatch)
    }

    /// Whether one of the tokens makes this signature. Compares in constant time.
    fn made(&self, url: &str, tail: &str, signature: &[u8]) -> bool {
        self.tokens.iter().any(|token| mac(token, url, tail).verify_slice(signature).is_ok())
    }
}

/// Signs a URL and form fields as Twilio does, for tests and for tools that play its part.
#[must_use]
pub fn sign<N: AsRef<str>, V: AsRef<str>>(token: &Secret, url: &str, fields: &[(N, V)]) -> String {
    STANDARD.encode_to_string(mac(token, url, &tail(fields)).finalize().into_bytes())
}

/// The form fields as they are signed. Of repeated fields each value counts once, in order; so
/// does Twilio's own library.
fn tail<N: AsRef<str>, V: AsRef<str>>(fields: &[(N, V)]) -> String {
    let sorted: BTreeSet<_> =
        fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    sorted.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

fn mac(token: &Secret, url: &str, tail: &str) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    // Options of a webhook (`#rc=3`) stand behind the address and are not signed.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    mac.update(url.as_bytes());
    mac.update(tail.as_bytes());
    mac
}

/// The URL as it is, and with the default port of its scheme added or left out: Twilio does
/// either, depending on the product. A port that is not the default is never left out.
fn spellings(url: &str) -> Vec<Cow<'_, str>> {
    let mut spellings = vec![Cow::Borrowed(url)];
    let Some((scheme, rest)) = url.split_once("://") else { return spellings };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let port = match scheme {
        "https" | "wss" => ":443",
        "http" | "ws" => ":80",
        _ => return spellings,
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // The colons of an IPv6 address stand before its bracket.
    let has_port = host.rsplit_once(':').is_some_and(|(_, after)| !after.contains(']'));
    if let Some(bare) = authority.strip_suffix(port).filter(|_| has_port) {
        spellings.push(format!("{scheme}://{bare}{tail}").into());
    } else if !has_port {
        spellings.push(format!("{scheme}://{authority}{port}{tail}").into());
    }
    spellings
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignatureRefusal {
    /// The hash of the body is missing from the URL, or is another body's.
    Body,
    /// No auth token makes this signature for this URL and these fields.
    Mismatch,
    /// There is no signature.
    Missing,
    /// The signature is not base64.
    Unreadable,
}

impl fmt::Display for SignatureRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "bodySHA256 is not the hash of the body",
            Self::Mismatch => "the signature does not match",
            Self::Missing => "there is no signature",
            Self::Unreadable => "the signature is not base64",
        })
    }
}

#[cfg(test)]
mod tests;
